"""`alexnet-cy weights`, and published weights by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from support.http_server import FileServer, serving

from alexnet_cy import AlexNet
from alexnet_cy.published import registry
from alexnet_cy.published.checksum import file_hash
from alexnet_cy.published.registry import PUBLISHED, get_published

Run = Callable[..., Any]
WeightsOf = Callable[..., Path]


@pytest.fixture
def server(weights_of: WeightsOf, empty_caches: Path) -> Iterator[FileServer]:
    """Serve a small network under the name of the smallest published one."""
    with serving(weights_of("caffe").read_bytes()) as behaviour:
        yield behaviour


@pytest.fixture
def published(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> registry.PublishedFile:
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(variable, "127.0.0.1")
    (tmp_path / "original").write_bytes(server.content)
    file = replace(
        get_published("deep-compression"),
        urls=(server.url("/AlexNet_compressed.net"),),
        hash_hex=file_hash(tmp_path / "original", "git-blob"),
    )
    files = {**PUBLISHED, file.name: file}
    monkeypatch.setattr(registry, "PUBLISHED", MappingProxyType(files))
    return file


def test_list(run: Run, empty_caches: Path) -> None:
    outcome = run("weights", "list")
    assert (outcome.status, outcome.err) == (0, "")
    rows = outcome.out.splitlines()
    for row, file in zip(rows[2:], PUBLISHED.values(), strict=False):
        assert row.split()[:2] == [file.name, file.variant]
        assert not row.rstrip().endswith("yes")
    assert str(empty_caches) in outcome.out
    document = run("weights", "list", "--json").json
    assert document["folder"] == str(empty_caches)
    expected = [{**asdict(file), "urls": list(file.urls)} for file in PUBLISHED.values()]
    assert document["files"] == [{**entry, "path": None} for entry in expected]


def test_offline(run: Run, empty_caches: Path) -> None:
    outcome = run("weights", "get", "torchvision", "caffenet", "--offline")
    assert (outcome.status, outcome.err) == (0, "")
    for name in ("torchvision", "caffenet"):
        file = get_published(name)
        path = empty_caches / file.file_name
        assert f"curl -L -o {path} {file.urls[0]}\n" in outcome.out
        assert f"{file.hash_name}sum {path}    # {file.hash_hex}\n" in outcome.out
    assert not empty_caches.exists()


def test_get_path_list_verify(
    run: Run, published: registry.PublishedFile, server: FileServer, empty_caches: Path
) -> None:
    path = empty_caches / "AlexNet_compressed.net"
    absent = run("weights", "path", published.name)
    assert (absent.status, absent.out) == (1, "")
    assert f"alexnet-cy weights get {published.name} fetches it" in absent.err
    fetched = run("weights", "get", published.name)
    assert (fetched.status, fetched.out) == (0, f"{path}\n")
    assert fetched.err == (
        f"alexnet-cy: fetching {published.name} (8.9 MB, license: BSD-2-Clause) from "
        f"{server.url('/AlexNet_compressed.net')} to {path}\n"
    )
    again = run("weights", "get", published.name)
    assert (again.out, again.err) == (f"{path}\n", "")
    assert run("weights", "path", published.name).out == f"{path}\n"
    rows = run("weights", "list").out.splitlines()
    assert rows[2].split()[-1] == "yes"
    assert run("weights", "list", "--json").json["files"][0]["path"] == str(path)
    good = run("weights", "verify", "--json")
    assert good.status == 0
    assert [entry["published"] for entry in good.json] == [published.name]
    assert good.json[0]["error"] is None
    # Whole, readable, and not what was published:
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    bad = run("weights", "verify")
    assert bad.status == 1
    assert "is not the published file: its git-blob hash differs" in bad.out


def test_verify_any_file(run: Run, weights_of: WeightsOf, tmp_path: Path) -> None:
    good = weights_of("caffenet", num_classes=7)
    nan = tmp_path / "nan.npz"
    arrays = dict(AlexNet.load(good).weights)
    arrays["fc8.bias"][3] = np.nan
    np.savez(nan, **arrays)
    outcome = run("weights", "verify", good)
    assert (outcome.status, outcome.err) == (0, "")
    parameters = sum(array.size for array in arrays.values())
    assert outcome.out == (
        f"{good}: good: safetensors, variant caffenet, 7 classes, {parameters:,} parameters\n"
    )
    outcome = run("weights", "verify", good, nan, "none", "--json")
    assert outcome.status == 1
    fine, not_finite, missing = outcome.json
    assert (fine["error"], fine["published"]) == (None, None)
    assert "fc8.bias: the value at [3] is nan" in not_finite["error"]
    assert "cannot be opened" in missing["error"]


def test_verify_what_is_not_here(run: Run, empty_caches: Path) -> None:
    outcome = run("weights", "verify", "caffe")
    assert (outcome.status, outcome.out) == (1, "caffe: bad: not on this machine\n")
    outcome = run("weights", "verify")
    assert outcome.status == 1
    assert "no published file is on this machine" in outcome.err


@pytest.mark.parametrize("action", ["get", "path"])
def test_unknown_name(run: Run, empty_caches: Path, action: str) -> None:
    outcome = run("weights", action, "vgg16")
    assert outcome.status == 1
    assert "need one of the published deep-compression, caffe, " in outcome.err


def test_get_that_fails(
    run: Run, published: registry.PublishedFile, server: FileServer, empty_caches: Path
) -> None:
    server.status = 503
    outcome = run("weights", "get", published.name)
    assert (outcome.status, outcome.out) == (1, "")
    assert "the server answers 503 Service Unavailable" in outcome.err
    assert f"curl -L -o {empty_caches / 'AlexNet_compressed.net'}" in outcome.err


def test_classify_fetches_the_smallest_network(
    run: Run, published: registry.PublishedFile, server: FileServer, photographs: Path
) -> None:
    outcome = run("classify", photographs / "a.png", "--json")
    assert outcome.status == 0
    assert outcome.json["weights"] == "deep-compression"
    assert outcome.err.startswith("alexnet-cy: fetching deep-compression (8.9 MB, ")
    again = run("classify", photographs / "a.png", "--json", "--weights", "deep-compression")
    assert again.err == ""
    assert again.json["images"] == outcome.json["images"]
    assert len(server.requests) == 1


def test_from_pretrained(published: registry.PublishedFile, server: FileServer) -> None:
    net = AlexNet.from_pretrained("deep-compression")
    assert repr(net) == "<AlexNet caffe, 1000 classes, weights: deep-compression>"
    assert net.weights["fc7.weight"].shape == (12, 12)
    with pytest.raises(ValueError, match="'alexnet'"):
        AlexNet.from_pretrained("alexnet")
