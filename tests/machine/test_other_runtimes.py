"""Libraries that bring an OpenMP of their own, loaded before and after ours: the same bits."""

from importlib.util import find_spec

import pytest

pytestmark = pytest.mark.slow

PROGRAM = """
import sys
from importlib import import_module

ours, theirs = "alexnet_cy", sys.argv[1]
for name in (ours, theirs) if sys.argv[2] == "after" else (theirs, ours):
    import_module(name)

import numpy as np
from support.networks import images, narrow, random_weights

def work():
    "Something that the library does in parallel."
    if theirs == "torch":
        import torch
        return torch.ones(400, 400).exp().sum().item()
    if theirs == "sklearn.ensemble":
        from sklearn.ensemble import HistGradientBoostingClassifier
        x = np.random.default_rng(0).normal(size=(200, 4))
        return HistGradientBoostingClassifier(max_iter=3).fit(x, x[:, 0] > 0).predict(x).sum()

from hashlib import sha256
from alexnet_cy import AlexNet
net = AlexNet(narrow(), random_weights(narrow()))
x = images(net.variant, 2)
before = work()
first = net.forward(x, ["conv5", "fc8"], threads=2)
assert work() == before
second = net.forward(x, ["conv5", "fc8"], threads=2)
for name, values in first.items():
    assert values.tobytes() == second[name].tobytes()
    print(name, sha256(values.tobytes()).hexdigest())
"""


@pytest.fixture(scope="module")
def alone(run_python):
    done = run_python("-c", PROGRAM, "numpy", "after")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("library", ["torch", "sklearn.ensemble", "cv2", "onnxruntime"])
def test_the_same_bits_beside_another_runtime(run_python, alone, library, when):
    if find_spec(library.partition(".")[0]) is None:
        pytest.skip(f"{library} is not installed")
    done = run_python("-c", PROGRAM, library, when)
    assert done.returncode == 0, done.stderr
    assert done.stdout == alone
