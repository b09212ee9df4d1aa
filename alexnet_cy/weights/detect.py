"""Which format a weight file has, told by its first bytes and never by its name.

The signatures are tried from the longest to the shortest: a safetensors file may begin with any
byte, as its header may be of any length, and is known by nine of them; ONNX by one. What no reader
takes but people try all the same is among them, with what to say about it.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, NamedTuple

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.frameworks.unread import CHECKPOINT, TORCH_TAR_MEMBERS, UNREAD, Sniff

if TYPE_CHECKING:
    from alexnet_cy.weights.files import WeightsFile

__all__ = ["FORMATS", "Format", "detect"]

_HEAD_BYTES = 512  # a tar header

# APPNOTE.TXT 4.3.7: where the local header of a zip member has the length of its name, and it.
_ZIP_MAGIC = b"PK\x03\x04"
_ZIP_NAME_LENGTH = struct.Struct("<26xH")
_ZIP_NAME_OFFSET = 30

# Deep Compression: the number of stored weights of each of the eight layers; fc6, the largest,
# has 37,748,736 weights.
_LAYER_COUNTS = struct.Struct("<8I")
_MAX_LAYER_COUNT = 1 << 26

# The keys, field number and wire type, that can begin a caffemodel: name, layers, input, input_dim
# (single, packed), force_backward, state, debug_info, input_shape; and layer, 100, which takes two
# bytes (caffe.proto, NetParameter).
_NET_PARAMETER_KEYS = tuple(bytes.fromhex(key) for key in "0a 12 1a 20 22 28 32 38 42 a206".split())

# torch/serialization.py: MAGIC_NUMBER as LONG1 writes it, behind PROTO and perhaps FRAME.
_TORCH_MAGIC = b"\x8a\x0a" + 0x1950A86A20F9469CFC6C.to_bytes(10, "little")
_TORCH_MAGIC_END = 32


# tensorflow/core/lib/io/format.h, kTableMagicNumber: the end of a checkpoint of version 1, and of
# the .index of version 2; its .data file has the numbers one after the other, and no more.
_TABLE_MAGIC = 0xDB4775248B80FB57.to_bytes(8, "little")
_SHARD = re.compile(r"\.data-\d{5}-of-\d{5}$")


class Format(NamedTuple):
    """A format that is read.

    Attributes
    ----------
    name : str
        What `NetworkFile.format` says.
    module : str
        The module below `alexnet_cy.weights` whose ``read`` reads it.
    takes_variant : bool
        Whether ``read`` takes a variant, because the file has no shapes.
    takes_head : bool
        Whether ``read`` takes the layer to end with, because there may be several ends.
    """

    name: str
    module: str
    takes_variant: bool = False
    takes_head: bool = False


def detect(file: WeightsFile) -> Format:
    """Tell a file's format.

    Parameters
    ----------
    file : WeightsFile
        The file.

    Returns
    -------
    Format
        One of `FORMATS`.

    Raises
    ------
    WeightsError
        The content is of no format that is read; the message says what it is, if that is known.
    """
    head = file.head(_HEAD_BYTES)
    found = next((kind for matches, kind in _SIGNATURES if matches(head)), None)
    if isinstance(found, Format):
        return found
    if found is None and _is_tensorflow_checkpoint(file):
        found = CHECKPOINT
    if found is None:
        known = ", ".join(candidate.name for candidate in FORMATS)
        found = f"no weight file that is known ({known}); it begins with {head[:8]!r}"
    raise WeightsError(f"{file.path!r}: {found}")


def _is_tensorflow_checkpoint(file: WeightsFile) -> bool:
    """Find a table of tensors by its end, or raw numbers by the name that TensorFlow gives them."""
    size = len(_TABLE_MAGIC)
    is_table = file.size_bytes > size and file.read_bytes(file.size_bytes - size, size) == (
        _TABLE_MAGIC
    )
    return is_table or _SHARD.search(file.path) is not None


def _starts(*magics: bytes) -> Sniff:
    return lambda head: head.startswith(magics)


def _is_npz(head: bytes) -> bool:
    """Find a zip file whose first member is an array."""
    if not head.startswith(_ZIP_MAGIC) or len(head) < _ZIP_NAME_OFFSET:
        return False
    (length,) = _ZIP_NAME_LENGTH.unpack_from(head)
    return head[_ZIP_NAME_OFFSET : _ZIP_NAME_OFFSET + length].endswith(b".npy")


def _is_torch(head: bytes) -> bool:
    """Find a zip file, a pickle that begins with torch's magic number, or the tar file of 2016."""
    is_legacy = _is_pickle(head) and _TORCH_MAGIC in head[:_TORCH_MAGIC_END]
    is_tar = head.startswith(b"ustar", 257) and head.startswith(TORCH_TAR_MEMBERS)
    return head.startswith(_ZIP_MAGIC) or is_legacy or is_tar


def _is_safetensors(head: bytes) -> bool:
    """Find a 64-bit length, of which AlexNet needs 11 bits, and JSON."""
    return head[4:9] == b"\0\0\0\0{"


def _is_deep_compression(head: bytes) -> bool:
    """Find eight counts of weights."""
    if len(head) < _LAYER_COUNTS.size:
        return False
    return all(0 < count <= _MAX_LAYER_COUNT for count in _LAYER_COUNTS.unpack_from(head))


def _is_darknet(head: bytes) -> bool:
    """Find Darknet's version 0.1.0 or 0.2.0."""
    return head[:12] in (struct.pack("<3i", 0, 1, 0), struct.pack("<3i", 0, 2, 0))


def _is_blob(head: bytes) -> bool:
    """Find Caffe's BlobProto: num and channels, or the data, or the shape first."""
    return (head[:1] == b"\x08" and head[2:3] == b"\x10") or head[:1] in (b"\x2a", b"\x3a")


def _is_pickle(head: bytes) -> bool:
    """Find a pickle of protocol 2 to 5."""
    return head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")


_SIGNATURES: tuple[tuple[Sniff, Format | str], ...] = (
    (_starts(b"\x93NUMPY"), Format("npy", "arrays.npy")),
    (_is_npz, Format("npz", "arrays.npz")),
    (_is_safetensors, Format("safetensors", "safetensors")),
    (_starts(b"\x89HDF\r\n\x1a\n"), Format("hdf5", "hdf5.read")),
    (_starts(b"MATLAB "), Format("matconvnet", "frameworks.matconvnet")),
    (_starts(struct.pack("<Q", 0x112)), Format("mxnet", "frameworks.mxnet")),
    (
        _is_deep_compression,
        Format("deep-compression", "deep_compression", takes_variant=True),
    ),
    (_is_darknet, Format("darknet", "frameworks.darknet", takes_variant=True)),
    (_is_torch, Format("torch", "pytorch.read")),
    (_is_pickle, Format("pickle", "arrays.pickled")),
    (_is_blob, "a mean image (binaryproto), not a network"),
    *UNREAD,
    (_starts(b"\x08"), Format("onnx", "onnx.read")),
    (_starts(*_NET_PARAMETER_KEYS), Format("caffemodel", "caffe.read", takes_head=True)),
)

FORMATS = tuple(kind for _, kind in _SIGNATURES if isinstance(kind, Format))
"""The formats that are read, in the order in which they are tried."""
