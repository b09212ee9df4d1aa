"""Documented imports that have moved still work for one release, and say where to."""

import importlib
import sys

import pytest

MOVED = {
    "alexnet_cy.reference": "alexnet_cy.oracle.network",
    "alexnet_cy.weights.binaryproto": "alexnet_cy.weights.caffe.mean",
}


@pytest.mark.parametrize("former", MOVED)
def test_a_former_name_warns_and_has_everything(former):
    sys.modules.pop(former, None)
    with pytest.warns(DeprecationWarning, match=f"is now {MOVED[former]}"):
        module = importlib.import_module(former)
    home = importlib.import_module(MOVED[former])
    assert module.__all__ == home.__all__
    for name in home.__all__:
        assert getattr(module, name) is getattr(home, name)
