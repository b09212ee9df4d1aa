"""What the tests of the command line share: small networks, photographs made on the spot."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alexnet_cy.cli import main
from alexnet_cy.model import AlexNet
from alexnet_cy.network import VARIANTS, Conv, Layer, Linear, Variant

# Modules that look variants up and would otherwise have the large ones.
HOLDERS = (
    *("network.variants", "network.templates", "network.recognition", "weights.variant_choice"),
    "weights.writing",
)


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, which must be JSON and nothing else."""
        return json.loads(self.out)


Run = Callable[..., Outcome]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process: ``run("summary", "--json")``."""

    def run_command(*arguments: str | Path) -> Outcome:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        return Outcome(status, *capsys.readouterr())

    return run_command


def shrunk(variant: Variant) -> Variant:
    """The same layers with a sixteenth of the filters and 12 neurons, but all classes."""

    def shrink(layer: Layer) -> Layer:
        if isinstance(layer, Conv):
            return replace(layer, out_channels=layer.out_channels // 16)
        if isinstance(layer, Linear) and layer.relu:
            return replace(layer, out_features=12)
        return layer

    return replace(variant, layers=tuple(map(shrink, variant.layers)))


@pytest.fixture
def small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every variant small, so that a test takes milliseconds."""
    for module in HOLDERS:  # before any is patched, or its own value would be a patched one
        import_module(f"alexnet_cy.{module}")
    small = MappingProxyType({name: shrunk(variant) for name, variant in VARIANTS.items()})
    for module in HOLDERS:
        monkeypatch.setattr(f"alexnet_cy.{module}.VARIANTS", small)


WeightsOf = Callable[..., Path]


@pytest.fixture
def weights_of(small_networks: None, tmp_path: Path) -> WeightsOf:
    """Save random weights: ``weights_of("caffenet", num_classes=7)``."""

    def save(variant: str = "caffe", **options: int) -> Path:
        path = tmp_path / f"{variant}-{len(list(tmp_path.iterdir()))}.safetensors"
        AlexNet.random(variant, **options).save(path)
        return path

    return save


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A folder with three images: one grey, one in a folder of its own, and a text file."""
    folder = tmp_path / "photographs"
    (folder / "inner").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, shape in (("a.png", (90, 120, 3)), ("b.jpg", (70, 60)), ("inner/c.png", (64, 64, 3))):
        waves = 128 + 100 * np.sin(np.linspace(0, 20, int(np.prod(shape)))).reshape(shape)
        noisy = waves + rng.normal(0, 10, shape)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / name)
    (folder / "notes.txt").write_text("no image")
    return folder


@pytest.fixture
def empty_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty caches of ours and of torch, and no way to the network."""
    monkeypatch.setenv("ALEXNET_CY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


if sys.platform == "win32":  # the signals below are POSIX's
    collect_ignore = ["program/test_processes.py", "program/test_streams.py"]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A name in a folder of its own, so that leftovers show."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "features.npz"
