"""Files that people try and that are not read: how to tell them, and what to say.

Each signature is that of the format's own documentation or source; the text says what the file is
and how its numbers come into a format that is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

__all__ = ["CHECKPOINT", "TORCH_TAR_MEMBERS", "UNREAD", "Sniff"]

Sniff: TypeAlias = Callable[[bytes], bool]
"""Looks at the first bytes of a file."""

_VARINT_MASK = 0x7F

TORCH_TAR_MEMBERS = (b"sys_info\0", b"pickle\0", b"tensors\0", b"storages\0")
"""The members of the tar files that torch.save wrote until 2016 (torch/serialization.py)."""

_TAR_MAGIC_OFFSET = 257

CHECKPOINT = (
    "a part of a TensorFlow checkpoint (of TF-slim, for example); read it with "
    "tf.train.load_checkpoint, and save its variables by name with numpy.savez"
)
"""What to say of TensorFlow's checkpoints, which nothing at their beginning tells."""


def _starts(*magics: bytes) -> Sniff:
    return lambda head: head.startswith(magics)


def _is_web_page(head: bytes) -> bool:
    """Find HTML."""
    return head.lstrip()[:5].lower() in (b"<!doc", b"<html")


def _is_tar(head: bytes) -> bool:
    """Find a tar file; torch's own have been told before."""
    return head.startswith(b"ustar", _TAR_MAGIC_OFFSET)


def _is_message_pack(head: bytes) -> bool:
    """Find a map of MessagePack whose first key is a short text, as flax writes it."""
    return b"\x80" < head[:1] <= b"\x8f" and b"\xa0" < head[1:2] <= b"\xbf"


def _is_torch7(head: bytes) -> bool:
    """Find Torch7's object (4) or table (3), number 1; an object has the version "V 1" next."""
    return head.startswith((b"4\n1\n3\nV 1", b"3\n1\n")) or (
        head.startswith((b"\x04\0\0\0\x01\0\0\0", b"\x03\0\0\0\x01\0\0\0"))
        and (head[8:15] == b"\x03\0\0\0V 1" or head[:1] == b"\x03")
    )


def _is_caffe2(head: bytes) -> bool:
    """Find Caffe2's NetDef, whose first operators fill in weights."""
    return b"GivenTensorFill" in head


def _is_graph_def(head: bytes) -> bool:
    """Find TensorFlow's GraphDef: node { name, op: "Const" or "Placeholder" }."""
    return head[:1] == b"\x0a" and (b"\x12\x05Const" in head or b"\x12\x0bPlaceholder" in head)


def _is_solver_state(head: bytes) -> bool:
    """Find Caffe's SolverState: iter, then learned_net, the path of a .caffemodel."""
    return head[:1] == b"\x08" and b".caffemodel" in head[:300]


def _has_message_second(head: bytes) -> bool:
    """Find field 1, a number, then field 2, a message whose field 1 comes first."""
    if head[:1] != b"\x08" or head[2:3] != b"\x12":
        return False
    position = 3
    while position < 8 and head[position : position + 1] > bytes([_VARINT_MASK]):
        position += 1
    return head[position + 1 : position + 2] == b"\x0a"


def _is_saved_model(head: bytes) -> bool:
    return head[1:2] == b"\x01" and _has_message_second(head)


def _is_text(head: bytes) -> bool:
    """Find nothing but printable ASCII, tabs and line ends."""
    return all(32 <= byte < 127 or byte in b"\t\n\r" for byte in head)


def _begins_text(*starts: bytes) -> Sniff:
    return lambda head: _is_text(head) and head.lstrip().startswith(starts)


UNREAD: tuple[tuple[Sniff, str], ...] = (
    (_starts(b"\x1f\x8b"), "compressed with gzip; unpack it first"),
    (
        _starts(b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf", b"Rar!"),
        "a compressed file (bzip2, xz, zstd, 7z or rar); unpack it first",
    ),
    (_is_tar, "a tar archive; unpack it first, and load the file of weights in it"),
    (
        _starts(b"version https://git-lfs"),
        "a pointer of git-lfs, not the file it stands for; fetch that with git lfs pull",
    ),
    (_is_web_page, "a web page: the download gave no weights"),
    (_starts(b"GGUF"), "GGUF (llama.cpp), which holds no convolutional network"),
    (
        lambda head: head[4:8] == b"TFL3",
        "a TensorFlow Lite model (.tflite); load the Keras or PyTorch file that it was made from, "
        "or save its tensors by name with numpy.savez",
    ),
    (
        _is_message_pack,
        "MessagePack (flax.serialization); restore it with flax, and save the arrays with "
        "pickle.dump or numpy.savez",
    ),
    (
        _is_torch7,
        "a Torch7 file (.t7); read it with the Python package torchfile, and save the arrays as "
        "conv1.weight, conv1.bias, ... with numpy.savez",
    ),
    (
        _is_caffe2,
        "Caffe2's init_net.pb; use the .caffemodel it was made from, or export the network to ONNX "
        "with caffe2's onnx exporter",
    ),
    (
        _is_graph_def,
        "a frozen TensorFlow graph (.pb); convert it to ONNX with tf2onnx, or save its constants "
        "by name with numpy.savez",
    ),
    (
        _is_solver_state,
        "a .solverstate, which holds the solver's history; the weights are in the .caffemodel that "
        "was saved with it",
    ),
    (
        _is_saved_model,
        "a TensorFlow SavedModel's saved_model.pb, or a CoreML model; convert it to ONNX with "
        "tf2onnx (or coremltools), or use the file that it was made from",
    ),
    (
        _has_message_second,
        "a CoreML model (.mlmodel); use the Caffe, Keras or PyTorch file that it was made from",
    ),
    (
        _begins_text(b"<?xml", b"<net "),
        "an OpenVINO .xml, whose numbers are in the .bin beside it; use the Caffe, ONNX or PyTorch "
        "file that it was made from",
    ),
    (
        _begins_text(b"7767517"),
        "an ncnn .param, whose numbers are in the .bin beside it; use the Caffe, ONNX or PyTorch "
        "file that it was made from",
    ),
    (
        _begins_text(b"(dp", b"(lp", b"ccopy_reg", b"(i", b"cnumpy"),
        "a pickle of protocol 0, as old Python 2 programs wrote it; load it where you trust it, "
        "and write it again with pickle.dump(arrays, file, protocol=2)",
    ),
    (_begins_text(b"model_checkpoint_path:"), CHECKPOINT),
    (
        _begins_text(b"{"),
        "a JSON text (a config.json has no weights); the weights are in the file beside it, .bin "
        "or .safetensors",
    ),
    (_is_text, "a text file (a .prototxt has no weights), not a network"),
)
"""What tells each kind of file, and what to say of it; tried in this order."""
