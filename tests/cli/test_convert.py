"""`alexnet-cy convert`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexnet_cy import AlexNet
from alexnet_cy.weights.loader import read_file

Run = Callable[..., Any]
WeightsOf = Callable[..., Path]

SUFFIXES = (".safetensors", ".npz", ".onnx", ".caffemodel")


def assert_same_weights(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> None:
    assert list(one) == list(other)
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name, strict=True)


@pytest.mark.parametrize("variant", ["caffe", "caffenet", "torchvision"])
def test_round_trip_through_all_formats(
    run: Run, weights_of: WeightsOf, tmp_path: Path, variant: str
) -> None:
    original = weights_of(variant, seed=3, num_classes=9)
    path = original
    for suffix in (*SUFFIXES[1:], ".safetensors"):
        converted = tmp_path / f"converted{suffix}"
        outcome = run("convert", path, converted, "--json")
        assert (outcome.status, outcome.err) == (0, "")
        assert outcome.json == {
            "source": str(path),
            "source_format": path.suffix[1:],
            "target": str(converted),
            "dtype": "float32",
            "variant": variant,
            "classes": 9,
            "bytes": converted.stat().st_size,
        }
        assert AlexNet.load(converted).variant.name == variant
        assert_same_weights(AlexNet.load(original).weights, AlexNet.load(converted).weights)
        path = converted


def test_float16(run: Run, weights_of: WeightsOf, tmp_path: Path) -> None:
    original = weights_of()
    half, again = tmp_path / "half.safetensors", tmp_path / "again.safetensors"
    outcome = run("convert", original, half, "--dtype", "float16")
    assert outcome.status == 0
    assert "float16" in outcome.out
    assert half.stat().st_size < 0.51 * original.stat().st_size
    rounded = {
        name: array.astype(np.float16).astype(np.float32)
        for name, array in AlexNet.load(original).weights.items()
    }
    assert_same_weights(AlexNet.load(half).weights, rounded)
    assert run("convert", half, again, "--dtype", "float16").status == 0
    assert again.read_bytes() == half.read_bytes()


def test_too_large_for_float16(run: Run, weights_of: WeightsOf, tmp_path: Path) -> None:
    arrays = dict(AlexNet.load(weights_of()).weights)
    arrays["fc6.bias"][0] = -70_000
    np.savez(tmp_path / "large.npz", **arrays)
    outcome = run(
        "convert", tmp_path / "large.npz", tmp_path / "x.safetensors", "--dtype", "float16"
    )
    assert outcome.status == 1
    assert "fc6.bias: 70000 is too large for float16" in outcome.err
    assert not (tmp_path / "x.safetensors").exists()


def test_variant(run: Run, weights_of: WeightsOf, tmp_path: Path) -> None:
    plain = tmp_path / "plain.npz"
    np.savez(plain, **dict(AlexNet.load(weights_of("caffenet")).weights))
    guessed = run("convert", plain, tmp_path / "a.safetensors")
    assert guessed.status == 0
    assert "taken for 'caffe': the file does not tell it from 'caffenet'" in guessed.err
    assert AlexNet.load(tmp_path / "a.safetensors").variant.name == "caffe"
    forced = run("convert", plain, tmp_path / "b.safetensors", "--variant", "caffenet")
    assert forced.err == ""
    assert AlexNet.load(tmp_path / "b.safetensors").variant.name == "caffenet"


def test_source_is_never_written_over(run: Run, weights_of: WeightsOf, tmp_path: Path) -> None:
    source = weights_of()
    link = tmp_path / "link.safetensors"
    link.hardlink_to(source)
    before = source.read_bytes()
    for target in (source, link):
        outcome = run("convert", source, target, "--dtype", "float16")
        assert outcome.status == 1
        assert "is also read; choose another name" in outcome.err
    assert source.read_bytes() == before


def test_failures(run: Run, weights_of: WeightsOf, tmp_path: Path) -> None:
    missing = run("convert", tmp_path / "none.npz", tmp_path / "x.npz")
    assert missing.status == 1
    assert "none.npz': cannot be opened" in missing.err
    no_folder = run("convert", weights_of(), tmp_path / "none" / "x.npz")
    assert no_folder.status == 1
    assert "there is no folder" in no_folder.err
    no_place = run("convert", weights_of("paper"), tmp_path / "x.caffemodel")
    assert no_place.status == 1
    assert "padding" in no_place.err
    assert not list(tmp_path.glob("x.*"))


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".onnx"])
def test_a_part(run: Run, weights_of: WeightsOf, tmp_path: Path, suffix: str) -> None:
    original, part = weights_of("torchvision", seed=3), tmp_path / f"part{suffix}"
    assert run("convert", original, part, "--until", "features.11").status == 0
    tensors = read_file(part).tensors
    expected = AlexNet.load(original).variant.layers[:7]
    assert [layer.name for layer in AlexNet.load(part).variant.layers] == [x.name for x in expected]
    weights = AlexNet.load(original).weights
    assert set(tensors) == {name for name in weights if name.startswith("conv")}
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(tensor.read(), weights[name])


@pytest.mark.parametrize("suffix", [".onnx", ".caffemodel"])
@pytest.mark.parametrize("until", ["norm1", "conv5", "pool5", "fc6", "fc7"])
def test_a_part_computes_what_the_whole_does(
    run: Run, weights_of: WeightsOf, tmp_path: Path, until: str, suffix: str
) -> None:
    original, part = weights_of("caffe", seed=3), tmp_path / f"part{suffix}"
    assert run("convert", original, part, "--until", until).status == 0
    whole, net = AlexNet.load(original), AlexNet.load(part)
    assert [layer.name for layer in net.variant.layers if layer.name != "prob"][-1] == until
    images = np.random.default_rng(0).uniform(-99, 99, (1, 3, 227, 227)).astype(np.float32)
    found, expected = net.forward(images, [until]), whole.forward(images, [until])
    np.testing.assert_array_equal(found[until], expected[until])


def test_onnx_runtime_runs_a_part(run: Run, weights_of: WeightsOf, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    original, part = weights_of("caffe", seed=3), tmp_path / "part.onnx"
    images = np.random.default_rng(0).uniform(-99, 99, (1, 3, 227, 227)).astype(np.float32)
    for until in ("norm1", "conv5", "fc6"):
        assert run("convert", original, part, "--until", until, "--overwrite").status == 0
        session = onnxruntime.InferenceSession(part, providers=["CPUExecutionProvider"])
        (found,) = session.run(None, {"data": images})
        expected = AlexNet.load(original).forward(images, [until])[until]
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() <= 3e-5 * np.abs(expected).max()


def test_a_part_that_there_is_not(run: Run, weights_of: WeightsOf, tmp_path: Path) -> None:
    original = weights_of("torchvision")
    outcome = run("convert", original, tmp_path / "part.npz", "--until", "conv9")
    assert (outcome.status, (tmp_path / "part.npz").exists()) == (1, False)
    assert "has no layer 'conv9'" in outcome.err
