"""The former name of `alexnet_cy.oracle.network`, kept for one release."""

from warnings import warn

from alexnet_cy.oracle.network import *  # noqa: F403
from alexnet_cy.oracle.network import __all__  # noqa: F401

warn("alexnet_cy.reference is now alexnet_cy.oracle.network", DeprecationWarning, stacklevel=2)
