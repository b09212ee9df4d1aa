"""The published files as data, and where they are kept."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from alexnet_cy.machine.cache_folder import cache_folder
from alexnet_cy.network import VARIANTS
from alexnet_cy.published.checksum import file_hash
from alexnet_cy.published.download import how_to_get
from alexnet_cy.published.registry import (
    PUBLISHED,
    SMALLEST,
    PublishedFile,
    get_published,
    torch_checkpoints,
)


@pytest.mark.parametrize("file", PUBLISHED.values(), ids=lambda file: file.name)
def test_published_file_is_sound(file: PublishedFile) -> None:
    digits = {"sha256": 64, "sha1": 40, "git-blob": 40}[file.hash_name]
    assert re.fullmatch(f"[0-9a-f]{{{digits}}}", file.hash_hex)
    assert file.variant in VARIANTS
    assert file.urls
    # Over plain http the content is known by its hash alone, which every file has.
    assert all(re.match("https?://", url) for url in file.urls)
    assert all(url.endswith("/" + file.file_name) for url in file.urls)
    assert "/" not in file.file_name
    assert 50 < file.top1 < 60 < 75 < file.top5 < 85
    if file.size_bytes is not None:
        assert file.size_mb == round(file.size_bytes / 1e6, 1)
        weights_bytes = 4 * VARIANTS[file.variant].parameter_count
        assert weights_bytes < file.size_bytes < weights_bytes + 10_000
    assert file.max_bytes >= file.size_mb * 1e6 - 50_000


def test_torchvision_file_is_named_after_its_hash() -> None:
    file = get_published("torchvision")
    assert file.file_name == f"alexnet-owt-{file.hash_hex[:8]}.pth"


def test_smallest() -> None:
    assert min(PUBLISHED.values(), key=lambda file: file.size_mb).name == SMALLEST


def test_unknown_name() -> None:
    with pytest.raises(ValueError, match=r"need one of the published deep-compression, .* 'vgg'"):
        get_published("vgg")


def test_torch_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCH_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert torch_checkpoints() == Path("/somewhere/torch/hub/checkpoints")
    monkeypatch.setenv("TORCH_HOME", "~/t")
    assert torch_checkpoints() == Path.home() / "t" / "hub" / "checkpoints"


# ------------------------------------------------------------------------------------ hashes


def test_file_hash(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"what is up, doc?")
    # The example of "Pro Git", section 10.2, Object Storage.
    assert file_hash(path, "git-blob") == "bd9dbf5aae1a3862dd1526723246b20206e5fc37"
    assert file_hash(path, "sha256") == hashlib.sha256(b"what is up, doc?").hexdigest()
    with pytest.raises(ValueError, match="unsupported hash"):
        file_hash(path, "crc")


def test_git_hash_is_gits(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 40)
    try:
        run = subprocess.run(
            ["git", "hash-object", "--no-filters", str(path)],
            capture_output=True,
            text=True,
            check=True,
        )
    except FileNotFoundError:
        pytest.skip("git is not installed")
    assert file_hash(path, "git-blob") == run.stdout.strip()


def test_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ALEXNET_CY_HOME", "~/weights")
    assert cache_folder() == Path.home() / "weights"
    monkeypatch.delenv("ALEXNET_CY_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if sys.platform == "linux":
        assert cache_folder() == tmp_path / "alexnet_cy"
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setenv("HOME", str(tmp_path))
        assert cache_folder() == tmp_path / ".cache" / "alexnet_cy"
    assert cache_folder().name == "alexnet_cy"


def test_how_to_get(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALEXNET_CY_HOME", "/my weights")
    assert how_to_get(get_published("caffe")).splitlines() == [
        "mkdir -p '/my weights'",
        "curl -L -o '/my weights/bvlc_alexnet.caffemodel' "
        "http://dl.caffe.berkeleyvision.org/bvlc_alexnet.caffemodel",
        "sha1sum '/my weights/bvlc_alexnet.caffemodel'    "
        "# 9116a64c0fbe4459d18f4bb6b56d647b63920377",
    ]
