"""What Ray's actors do, without Ray; scripts/try_ray.py tries the cluster itself."""

from __future__ import annotations

import pickle
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from support.networks import narrow, random_weights

from alexnet_cy import AlexNet
from alexnet_cy.adapters import ray as adapter
from alexnet_cy.extraction.items import collect


@pytest.fixture(scope="module")
def net():
    return AlexNet(narrow("plain"), random_weights(narrow("plain")))


@pytest.fixture
def paths(tmp_path):
    rng = np.random.default_rng(0)
    found = []
    for i in range(5):
        found.append(str(tmp_path / f"{i}.png"))
        Image.fromarray(rng.integers(0, 256, (30, 30, 3)).astype(np.uint8)).save(found[-1])
    (tmp_path / "2.png").write_bytes(b"bad")
    return found


@pytest.mark.slow
def test_an_actor_writes_the_shards_it_is_given(net, paths, tmp_path):
    output, options = str(tmp_path / "f.npz"), {"on_error": "nan"}
    writer = adapter.ShardWriter(net, collect(paths), output, "fc7", 2, options)
    first = writer({"shard": np.array([1])})
    second = pickle.loads(pickle.dumps(writer))({"shard": np.array([2, 1])})
    assert first["rows"].tolist() == [2]
    assert second["shard"].tolist() == [2, 1]
    assert second["rows"].tolist() == [3, 2]
    assert second["skipped"].tolist() == [1, 0]
    rows = np.concatenate([np.load(tmp_path / f"f-{i}-of-2.npz")["fc7"] for i in (1, 2)])
    expected = net.features([path for path in paths if not path.endswith("2.png")], "fc7")
    np.testing.assert_array_equal(rows[[0, 1, 3, 4]], expected)
    assert np.isnan(rows[2]).all()


def test_without_ray(net, paths, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"pip install 'alexnet-cy\[ray\]'"):
        adapter.write_features(net, paths, tmp_path / "f.npz", shards=2)


def test_actors_that_fit_on_no_machine(net, paths, tmp_path, monkeypatch):
    """Ray itself waits for ever for a machine that is large enough."""
    machines = [("a", True, {"CPU": 2.0}), ("b", True, {}), ("c", False, {"CPU": 64.0})]
    cluster = SimpleNamespace(
        is_initialized=lambda: True,
        nodes=lambda: [{"NodeID": a, "Alive": b, "Resources": c} for a, b, c in machines],
    )
    monkeypatch.setattr("alexnet_cy.adapters.ray.shards.import_extra", lambda *names: cluster)
    with pytest.raises(ValueError, match=r"^cpus_per_actor: no machine .* has 3 CPUs.* has 2"):
        adapter.write_features(net, paths, tmp_path / "f.npz", shards=1, cpus_per_actor=3)
