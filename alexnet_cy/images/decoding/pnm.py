"""What makes Pillow slow at PNM files: headers, which it reads byte by byte, and comments."""

from __future__ import annotations

import re
from typing import IO

from alexnet_cy.errors import ImageError

__all__ = ["MAX_COMMENTS", "MAX_HEADER_BYTES", "check_pnm"]

MAX_HEADER_BYTES = 2**16
"""Longest header that is read. What programs write is 20 bytes, and a comment or two."""

MAX_COMMENTS = 1000
"""Most comments of a plain (P1 to P3) file. Pillow copies what is left of a piece of 1 MiB for each
of those in it, which takes 3 s for a piece of nothing else."""

# A letter and a digit or letter, as Pillow's reader knows them; bitmaps have no largest value.
_MAGIC = re.compile(rb"P[1-6fFyY]")
_NUMBERS = {b"P1": 2, b"P4": 2}
_PLAIN = (b"P1", b"P2", b"P3")
_PIECE_BYTES = 1 << 20

_COMMENT = re.compile(rb"#[^\r\n]*(?:[\r\n]|$)")


def check_pnm(file: IO[bytes]) -> None:
    """Raise ImageError for a PNM file that would take Pillow long; leave others alone.

    Parameters
    ----------
    file : binary file object
        Read from its beginning, and set back there.
    """
    file.seek(0)
    magic = file.read(2)
    if _MAGIC.fullmatch(magic):
        header = file.read(MAX_HEADER_BYTES)
        numbers = _COMMENT.sub(b" ", header).split()
        if len(header) == MAX_HEADER_BYTES and len(numbers) < _NUMBERS.get(magic, 3):
            raise ImageError(f"the header of the PNM file has more than {MAX_HEADER_BYTES} bytes")
    if magic in _PLAIN:
        file.seek(0)
        count = 0
        while piece := file.read(_PIECE_BYTES):
            count += piece.count(b"#")
            if count > MAX_COMMENTS:
                raise ImageError(f"the PNM file has more than {MAX_COMMENTS} comments")
    file.seek(0)
