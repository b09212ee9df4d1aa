"""The hashes by which published files are known."""

from __future__ import annotations

import hashlib
import os

__all__ = ["GIT_BLOB", "file_hash"]

GIT_BLOB = "git-blob"

_PIECE_BYTES = 1 << 20


def file_hash(path: str | os.PathLike[str], hash_name: str) -> str:
    r"""Compute the hash of a file's content.

    Parameters
    ----------
    path : path-like
        A regular file.
    hash_name : str
        A name that hashlib knows, such as "sha256"; or "git-blob", SHA-1 over ``b"blob <size>\0"``
        and the content, which is what git calls the content (``git hash-object``).

    Returns
    -------
    str
        Hexadecimal digits.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        There is no such hash.
    """
    with open(path, "rb") as stream:
        if hash_name == GIT_BLOB:
            size_bytes = os.fstat(stream.fileno()).st_size
            digest = hashlib.sha1(b"blob %d\0" % size_bytes)
        else:
            digest = hashlib.new(hash_name)
        while piece := stream.read(_PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()
