"""The former name of `alexnet_cy.weights.caffe.mean`, kept for one release."""

from warnings import warn

from alexnet_cy.weights.caffe.mean import *  # noqa: F403
from alexnet_cy.weights.caffe.mean import __all__  # noqa: F401

warn(
    "alexnet_cy.weights.binaryproto is now alexnet_cy.weights.caffe.mean",
    DeprecationWarning,
    stacklevel=2,
)
