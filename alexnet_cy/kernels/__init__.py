"""The extension modules, built from `src/`: kernels bound to arrays, tiles, `prange`.

They know arrays and threads, but no layers, networks or files. Each has a stub beside this file.
`_runtime` holds the C kernels of every instruction-set level and hands them to the others.
"""

try:
    import alexnet_cy.kernels._runtime  # noqa: F401  # without it the package is of no use
except ModuleNotFoundError as error:
    if error.name != "alexnet_cy.kernels._runtime":
        raise
    raise ImportError(
        f"{__file__}: these are the sources of alexnet_cy, without their compiled modules.\n"
        "Run `pip install .` there; or start Python elsewhere, to import an installed one."
    ) from None
