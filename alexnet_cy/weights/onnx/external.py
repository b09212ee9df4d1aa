"""The numbers of a model that are in another file, as torch.onnx.export writes them by default.

Only a file of a plain name is read, in the folder of the model; no link, so that no other place can
be meant (onnx.proto, TensorProto.external_data).
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.files import WeightsFile
from alexnet_cy.weights.onnx.node import quoted
from alexnet_cy.weights.protobuf.spans import Span

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ExternalFiles"]

_KEYS = frozenset({"location", "offset", "length", "checksum"})
_MOST_DIGITS = 18
_MAX_FILES = 64


class ExternalFiles:
    """The files beside a model, opened once each.

    Parameters
    ----------
    model : WeightsFile
        The model.
    """

    def __init__(self, model: WeightsFile) -> None:
        self._model = model
        self._opened: dict[str, WeightsFile] = {}

    def find(self, entries: Iterable[Any], size_bytes: int, where: str) -> tuple[WeightsFile, Span]:
        """Return where the numbers of a tensor are.

        Parameters
        ----------
        entries : iterable of StringStringEntryProto
            ``external_data`` of the tensor.
        size_bytes : int
            Bytes that the tensor needs.
        where : str
            What errors call the tensor.

        Raises
        ------
        WeightsError
            The place is not a regular file beside the model, or does not have so many bytes.
        """
        found = {entry.key: entry.value for entry in entries}
        if not found.keys() <= _KEYS or "location" not in found:
            raise WeightsError(f"{where}: its numbers are in another file, with no clear place")
        offset = _number(found.get("offset", "0"), "offset", where)
        length = _number(found.get("length", str(size_bytes)), "length", where)
        if length != size_bytes:
            raise WeightsError(f"{where}: {length} bytes in another file, it needs {size_bytes}")
        file = self._open(found["location"], where)
        if offset + length > file.size_bytes:
            raise WeightsError(
                f"{where}: bytes {offset} to {offset + length} of {file.path!r}, which has "
                f"{file.size_bytes}"
            )
        return file, Span(offset, length)

    def _open(self, name: str, where: str) -> WeightsFile:
        if name in self._opened:
            return self._opened[name]
        is_plain = name not in ("", ".", "..") and not any(c in name for c in "/\\:\0")
        if not is_plain:
            raise WeightsError(
                f"{where}: its numbers are in the file {quoted(name)}; only a file in the folder "
                "of the model is read"
            )
        if len(self._opened) >= _MAX_FILES:
            raise WeightsError(f"{where}: numbers in more than {_MAX_FILES} files")
        path = os.path.join(os.path.dirname(self._model.path), name)
        try:
            mode = os.lstat(path).st_mode
        except (OSError, ValueError) as error:
            raise WeightsError(
                f"{where}: its numbers are in another file, {path!r}, which is not there: it "
                f"belongs beside the model ({error})"
            ) from error
        if not stat.S_ISREG(mode):
            raise WeightsError(f"{where}: its numbers are in {path!r}, which is no regular file")
        file = WeightsFile(path)
        self._opened[name] = file
        return file


def _number(text: str, key: str, where: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise WeightsError(f"{where}: {key} {quoted(text)} of its numbers in another file")
    return int(text)
