"""The self-check: ``alexnet_cy.self_check.check_kernels()``, or ``alexnet-cy config --check``.

A wrong compiler, processor or build gives wrong numbers without a word. This compares the compiled
kernels with the float64 definitions of `alexnet_cy.oracle`, within the bounds of docs/numerics.md,
in a few seconds and without the tests.
"""

from alexnet_cy.self_check.checks import KernelCheck, check_kernels

__all__ = ["KernelCheck", "check_kernels"]
