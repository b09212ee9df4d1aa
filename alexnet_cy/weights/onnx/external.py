"""The numbers of a model that are in another file, as torch.onnx.export writes them by default.

Only a file of a plain name is read, in the folder of the model (onnx.proto,
TensorProto.external_data).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.onnx.node import quoted
from alexnet_cy.weights.protobuf.spans import Span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alexnet_cy.weights.files import WeightsFile

__all__ = ["find_external"]

_KEYS = frozenset({"location", "offset", "length", "checksum"})
_MOST_DIGITS = 18


def find_external(
    model: WeightsFile, entries: Iterable[Any], size_bytes: int, where: str
) -> tuple[WeightsFile, Span]:
    """Return where the numbers of a tensor are.

    Parameters
    ----------
    model : WeightsFile
        The model.
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
    try:
        file = model.beside(found["location"])
    except WeightsError as error:
        raise WeightsError(f"{where}: its numbers are in another file; {error}") from error
    if offset + length > file.size_bytes:
        raise WeightsError(
            f"{where}: bytes {offset} to {offset + length} of {file.path!r}, which has "
            f"{file.size_bytes}"
        )
    return file, Span(offset, length)


def _number(text: str, key: str, where: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise WeightsError(f"{where}: {key} {quoted(text)} of its numbers in another file")
    return int(text)
