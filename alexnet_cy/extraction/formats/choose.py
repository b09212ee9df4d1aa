"""Which format an output's name asks for, and what the format needs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType, ModuleType

from alexnet_cy.extraction.extras import import_extra

__all__ = ["FORMATS", "Format", "format_of"]


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    Attributes
    ----------
    module_name : str
        Of this folder, with ``write(finished, path)`` and ``read_metadata(path)``; ``beside``,
        ``write_beside`` and ``check`` where there is something beside the file or to check.
    copies : float
        Room that the output needs beside the rows themselves, as a multiple of them.
    library, extra : str
        What has to be installed, and the extra of the package that installs it; or empty.
    one_layer : bool
        Whether it holds one layer only.
    """

    module_name: str
    copies: float
    library: str = ""
    extra: str = ""
    one_layer: bool = False

    @property
    def module(self) -> ModuleType:
        """The module that writes it."""
        return import_module(f"alexnet_cy.extraction.formats.{self.module_name}")

    @property
    def is_folder(self) -> bool:
        """Whether the output is a folder."""
        return self.module_name == "folder"

    def files(self, output: str) -> list[str]:
        """Return all that is written: the output, and what lies beside it."""
        beside = getattr(self.module, "beside", None)
        return [output] if beside is None else [output, beside(output)]

    def check_library(self) -> None:
        """Import what has to be installed; ImportError says how to get it."""
        if self.library:
            import_extra(self.library, self.extra)


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        ".npz": Format("npz", 1),
        ".npy": Format("npy", 0, one_layer=True),
        "": Format("folder", 0),
        ".h5": Format("hdf5", 1, "h5py", "hdf5"),
        ".hdf5": Format("hdf5", 1, "h5py", "hdf5"),
        ".mat": Format("mat", 1, "scipy.io", "mat"),
        # Nine digits, a sign, a point, an exponent and a comma for each four bytes, at the most.
        ".csv": Format("csv_table", 4),
        ".parquet": Format("parquet", 1, "pyarrow.parquet", "parquet"),
    }
)
"""By the ending of the output's name; without one it is a folder."""


def format_of(output: str | os.PathLike[str], layers: Sequence[str]) -> Format:
    """Choose the format.

    Raises
    ------
    ValueError
        No format has this ending, or it cannot hold these layers.
    """
    name = os.fsdecode(output)
    ending = "" if name.endswith(os.sep) else os.path.splitext(name)[1].lower()
    if ending not in FORMATS:
        known = ", ".join(key for key in FORMATS if key)
        raise ValueError(
            f"output: need a name that ends in {known}, or in none of them for a folder, got {name}"
        )
    chosen = FORMATS[ending]
    if chosen.one_layer and len(layers) != 1:
        raise ValueError(
            f"output: a {ending} file holds one layer, {len(layers)} are asked for; a folder has "
            "a .npy file for each"
        )
    return chosen
