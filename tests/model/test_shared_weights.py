"""Packed weights in a file that processes share."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.closeness import assert_same_bits
from support.networks import images, narrow, random_weights

import alexnet_cy
from alexnet_cy import AlexNet, WeightsError, shared_weights
from alexnet_cy.network import feature_names

pytestmark = pytest.mark.slow  # whole networks, packed


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ALEXNET_CY_HOME", str(tmp_path / "home"))


@pytest.fixture(params=["caffe", "torchvision"])
def net(request):
    return AlexNet(narrow(request.param), random_weights(narrow(request.param)))


@pytest.fixture
def small():
    return AlexNet(narrow("plain"), random_weights(narrow("plain")))


def test_the_same_bits(net, tmp_path, isa):
    net = AlexNet(net.variant, dict(net.weights))
    path = tmp_path / "net.packed"
    net.save_packed(path)
    shared = AlexNet.load_packed(path)
    assert shared.variant == net.variant
    assert shared.identity() == net.identity()
    layers = feature_names(net.variant)
    for n in (1, 3):
        x = images(net.variant, n)
        expected, got = net.forward(x, layers), shared.forward(x, layers)
        for layer in layers:
            assert_same_bits(got[layer], expected[layer])
    for name, weight in net.weights.items():
        np.testing.assert_array_equal(shared.weights[name], weight)
    # What was not transformed for the file is made when it is needed.
    direct = AlexNet(net.variant, dict(net.weights), algorithm="direct")
    direct.save_packed(path)
    assert_same_bits(AlexNet.load_packed(path).forward(x), direct.forward(x))


def test_pickle(small, tmp_path):
    path = tmp_path / "net.packed"
    small.save_packed(path)
    sent = pickle.dumps(AlexNet.load_packed(path))
    assert len(sent) < 1000
    x = images(small.variant)
    assert_same_bits(pickle.loads(sent).forward(x), small.forward(x))
    AlexNet(small.variant, random_weights(small.variant, 1)).save_packed(path)
    with pytest.raises(WeightsError, match="which has changed since"):
        pickle.loads(sent)


def test_damage(small, tmp_path):
    path = tmp_path / "net.packed"
    small.save_packed(path)
    whole = path.read_bytes()
    for at, message in ((0, "is no file of AlexNet.save_packed"), (60, "its header does not have"),
                        (len(whole) // 2, "its data do not have its SHA-256")):  # fmt: skip
        changed = bytearray(whole)
        changed[at] ^= 1
        path.write_bytes(changed)
        with pytest.raises(WeightsError, match=message):
            AlexNet.load_packed(path)
    path.write_bytes(whole[:-4096])
    with pytest.raises(WeightsError, match="is cut off"):
        AlexNet.load_packed(path)
    path.write_bytes(b"")
    with pytest.raises(WeightsError, match="the file is empty"):
        AlexNet.load_packed(path)
    path.write_bytes(whole[:30])
    with pytest.raises(WeightsError, match="its header does not have"):
        AlexNet.load_packed(path)
    path.write_bytes(whole)  # of another time: its hash is computed once more
    AlexNet.load_packed(path)


def test_the_hash_is_computed_once(small, tmp_path, monkeypatch):
    path = tmp_path / "net.packed"
    small.save_packed(path)
    os.utime(path, ns=(0, 0))
    known, real = [], shared_weights._was_checked

    def watched(*arguments):
        known.append(real(*arguments))
        return known[-1]

    monkeypatch.setattr(shared_weights, "_was_checked", watched)
    AlexNet.load_packed(path)
    AlexNet.load_packed(path)
    assert known == [False, True]


def test_for_this_version_alone(small, tmp_path, monkeypatch):
    path = tmp_path / "net.packed"
    small.save_packed(path)
    monkeypatch.setattr("alexnet_cy.shared_weights.__version__", "9.9")
    with pytest.raises(WeightsError, match=r"and this is version 9\.9 on .*; save it again"):
        AlexNet.load_packed(path)


def test_a_version_whose_files_are_made_otherwise(small, tmp_path, monkeypatch):
    path = tmp_path / "net.packed"
    with monkeypatch.context() as other:
        other.setattr(shared_weights, "__version__", "9.9")
        other.setattr(shared_weights, "_variant_as_json", lambda variant: {"layers": [{"k": 1}]})
        small.save_packed(path)
    with pytest.raises(WeightsError, match=r"is packed by version 9\.9 for .*; save it again"):
        AlexNet.load_packed(path)


def test_what_is_no_regular_file(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path, "/dev/null"):
        with pytest.raises(WeightsError, match=r"not a regular file|cannot be opened"):
            AlexNet.load_packed(path)
    with pytest.raises(WeightsError, match="cannot be opened"):
        AlexNet.load_packed(tmp_path / "nowhere")


@pytest.mark.parametrize("how", ["rewritten", "cut"])
def test_a_file_that_is_changed_while_it_is_used(small, tmp_path, how):
    """A pass with the new bytes would be another network's; one beyond the end, a bus error."""
    path = tmp_path / "net.packed"
    small.save_packed(path)
    net, x = AlexNet.load_packed(path), images(small.variant)
    net.forward(x)
    if how == "cut":
        os.truncate(path, 8192)
    else:
        with open(path, "r+b") as stream:
            stream.seek(200_000)
            stream.write(bytes(1_000_000))
    for use in (
        lambda: net.forward(x),
        lambda: net.profile(x),
        lambda: dict(net.weights),
        lambda: net.save_packed(tmp_path / "other.packed"),
    ):
        with pytest.raises(WeightsError, match="has been changed since it was opened"):
            use()


def test_a_file_that_is_replaced_while_it_is_used(small, tmp_path):
    path = tmp_path / "net.packed"
    small.save_packed(path)
    net, x = AlexNet.load_packed(path), images(small.variant)
    expected = net.forward(x)
    AlexNet(small.variant, random_weights(small.variant, 5)).save_packed(path)
    assert_same_bits(net.forward(x), expected)
    path.unlink()
    assert_same_bits(net.forward(x), expected)


WORKER = """
import sys
import numpy as np
from alexnet_cy import AlexNet
net = AlexNet.load_packed(sys.argv[1])
net.forward(np.ones((1, 3, 227, 227), np.float32), threads=1)
print("ready", flush=True)
sys.stdin.readline()
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/smaps_rollup"), reason="Linux alone has it")
def test_processes_share_one_copy(tmp_path):
    """Three processes use less memory together than two copies of the weights take."""
    path = tmp_path / "net.packed"
    AlexNet.random("caffe").save_packed(path)
    size = path.stat().st_size
    environment = {**os.environ, "PYTHONPATH": str(Path(alexnet_cy.__file__).parents[1])}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(path)],
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    rollups = [Path(f"/proc/{p.pid}/smaps_rollup").read_text() for p in processes]
    together = sum(
        int(line.split()[1]) * 1024 for text in rollups for line in text.splitlines()
        if line.startswith("Pss:")
    )  # fmt: skip
    for process in processes:
        process.communicate("\n")
    assert together < 2 * size
