"""Features on their way to a file: rows streamed to disk, the file complete or not there.

Every layer's rows go to a .npy file of their own in a folder beside the output, which grows batch
by batch; in the end they are packed into one .npz, or the only one gets the output's name. The
folder is removed whatever happens; if the process is killed, by the next one with this output.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.machine.replace_file import move_into_place, resolve_output
from alexnet_cy.machine.unfinished import hold

__all__ = ["FeatureFile", "written_files"]

FILES_KEY = "files"
METADATA_KEY = "metadata"

# Room for the largest shape, so that the header can be written again once the rows are counted.
HEADER_BYTES = 256


def written_files(output: Path) -> list[Path]:
    """Return all that is written for an output: itself, and what lies beside a .npy file."""
    return [output] if output.suffix == ".npz" else [output, _names_beside(output)]


def _names_beside(output: Path) -> Path:
    return output.with_name(f"{output.name}.json")


class FeatureFile:
    """The file that features are written to; a context manager.

    Parameters
    ----------
    output : Path
        ``.npz``: an array per layer, "files" (N,) of str and "metadata", a str of JSON.
        ``.npy``: the rows of one layer, and a second file beside it, its name that of the output
        and ``.json``, with "files" and "metadata".
    layers : sequence of str
        The keys of the arrays.
    overwrite : bool
        Whether files that are there at the end may be replaced.

    Raises
    ------
    OSError
        The output cannot be written: its folder, or something that is not a file.
    """

    def __init__(self, output: Path, layers: Sequence[str], overwrite: bool = False) -> None:
        self._output, self._overwrite = output, overwrite
        parent, name = os.path.split(resolve_output(output))
        folder = tempfile.mkdtemp(prefix=f".{name}.", suffix=".part", dir=parent)
        self._folder = Path(folder)
        self._held = hold(folder)
        self._rows = {layer: _RowFile(self._folder / f"{i}.npy") for i, layer in enumerate(layers)}

    def __enter__(self) -> FeatureFile:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Remove what is left in the folder, and the folder."""
        for rows in self._rows.values():
            rows.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        os.close(self._held)

    def append(self, values: Mapping[str, Float32Array]) -> None:
        """Write the rows of some images, (images, ...) for every layer."""
        for layer, rows in self._rows.items():
            rows.append(values[layer])

    def finish(self, files: Sequence[str], metadata: Mapping[str, object]) -> dict[str, list[int]]:
        """Write the names of the images and the metadata, and give the file its name.

        Returns
        -------
        dict of str to list of int
            The shape of each layer's array.
        """
        for rows in self._rows.values():
            rows.finish()
        if self._output.suffix == ".npz":
            whole = self._pack(files, metadata)
        else:
            whole = self._only_rows(files, metadata)
        move_into_place(whole, self._output, overwrite=self._overwrite)
        return {layer: list(rows.shape) for layer, rows in self._rows.items()}

    def _pack(self, files: Sequence[str], metadata: Mapping[str, object]) -> Path:
        """Make the .npz, removing every part that is in it."""
        import zipfile

        whole = self._folder / "whole.npz"
        texts = {
            FILES_KEY: np.array(files, dtype=np.str_),
            METADATA_KEY: np.array(json.dumps(metadata)),
        }
        with zipfile.ZipFile(whole, "w") as archive:
            for key, text in texts.items():
                with archive.open(zipfile.ZipInfo(f"{key}.npy"), "w") as member:
                    np.lib.format.write_array(member, text, allow_pickle=False)
            for layer, rows in self._rows.items():
                # A ZipInfo's date is 1980: the same features make the same file.
                info = zipfile.ZipInfo(f"{layer}.npy")
                with (
                    archive.open(info, "w", force_zip64=True) as member,
                    open(rows.path, "rb") as stream,
                ):
                    shutil.copyfileobj(stream, member, 1 << 20)
                rows.path.unlink()
        return whole

    def _only_rows(self, files: Sequence[str], metadata: Mapping[str, object]) -> Path:
        """Put the names beside the output, and return the one layer's rows."""
        (rows,) = self._rows.values()
        names = self._folder / "names.json"
        names.write_text(json.dumps({FILES_KEY: list(files), METADATA_KEY: metadata}, indent=2))
        move_into_place(names, _names_beside(self._output), overwrite=self._overwrite)
        return rows.path


class _RowFile:
    """A .npy file of float32 that grows along its first axis."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shape: tuple[int, ...] = (0,)
        self._stream: BinaryIO = open(path, "wb")
        self._stream.write(b"\0" * HEADER_BYTES)

    def append(self, rows: Float32Array) -> None:
        self._stream.write(np.ascontiguousarray(rows, "<f4").data.cast("B"))
        self.shape = (self.shape[0] + len(rows), *rows.shape[1:])

    def finish(self) -> None:
        self._stream.seek(0)
        self._stream.write(_npy_header(self.shape))
        self.close()

    def close(self) -> None:
        self._stream.close()


def _npy_header(shape: tuple[int, ...]) -> bytes:
    """Return a header of format 1.0 (numpy.lib.format), filled up with spaces to HEADER_BYTES."""
    start = b"\x93NUMPY\x01\x00" + struct.pack("<H", HEADER_BYTES - 10)
    text = repr({"descr": "<f4", "fortran_order": False, "shape": shape}).encode()
    return start + text.ljust(HEADER_BYTES - len(start) - 1) + b"\n"
