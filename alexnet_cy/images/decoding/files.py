"""Opening an image file, bytes or a file object with Pillow, within stated limits."""

from __future__ import annotations

import contextlib
import io
import os
import stat
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

from alexnet_cy.errors import ImageError
from alexnet_cy.images.decoding.pnm import check_pnm

if TYPE_CHECKING:
    from PIL import Image, ImageFile

__all__ = ["FORMATS", "MAX_PIXELS", "MAX_PIXELS_IN_PYTHON", "MAX_SIDE", "check_size", "open_image"]

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "WEBP")
"""The formats that are tried, by Pillow's names, besides TIFF, which is tried alone. WEBP is last
because Pillow imports every one of its readers when it comes to a format that it has not loaded
yet."""

TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How a TIFF file begins: the order of bytes, then 42, or 43 for BigTIFF (TIFF 6.0, section 2)."""

TIFF_COMPRESSIONS = frozenset({"raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "jpeg"})
"""Compressions of TIFF that are read, by Pillow's names: those of pictures. The codecs of fax, the
JPEG of before 1995 and the rest of libtiff's see no file."""

MAX_PIXELS = 2**26
"""Largest image that is decoded, in pixels: 67,108,864, which is 256 MiB in Pillow's RGB."""

MAX_PIXELS_IN_PYTHON = 2**20
"""The same for what Pillow decodes in Python (plain or rescaled PNM, run-length BMP), at 1 to 2 s
per million pixels where this was measured."""

MAX_SIDE = 65_535
"""Longest side, in pixels: JPEG's own limit (ITU-T T.81, B.2.2: 16-bit X and Y). A resize holds one
row or column per source pixel of the longer side, so the pixel count alone does not bound it."""


def check_size(width: int, height: int, max_pixels: int | None) -> None:
    """Raise ImageError for an image without pixels or beyond the limits (pixels, None: any)."""
    if width < 1 or height < 1:
        raise ImageError(f"{width} x {height} pixels: the image is empty")
    if max(width, height) > MAX_SIDE:
        raise ImageError(f"{width} x {height} pixels: sides up to {MAX_SIDE} are read")
    if max_pixels is not None and width * height > max_pixels:
        raise ImageError(f"{width} x {height} pixels: up to {max_pixels} pixels are read")


@contextlib.contextmanager
def open_image(
    source: str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes], max_pixels: int
) -> Iterator[Image.Image]:
    """Open a file and check its size; nothing is decoded yet, and only the first frame ever is.

    A path's file is closed at the end of the block, a file object is left open.

    Raises
    ------
    ImageError
        Anything but a regular file; a format that is not in `FORMATS`; beyond a limit.
    OSError
        The file cannot be opened; Pillow's own errors pass through.
    """
    with contextlib.ExitStack() as stack:
        if isinstance(source, (bytes, bytearray, memoryview)):
            file: IO[bytes] = io.BytesIO(source)
        elif isinstance(source, (str, os.PathLike)):
            file = stack.enter_context(_open_regular(source))
        else:
            file = source
        image = _identify(_seekable_within(file, _max_file_bytes(max_pixels)))
        check_size(*image.size, max_pixels)
        _check_decoder(image)
        yield image


def _max_file_bytes(max_pixels: int) -> int:
    # The largest form read is four bytes per pixel, uncompressed; 16 MiB for all metadata.
    return 4 * max_pixels + 2**24


def _open_regular(path: str | os.PathLike[str]) -> IO[bytes]:
    """Open a path and make sure that it is a regular file: a pipe or device could block for ever.

    O_NONBLOCK lets the open of a pipe without a writer return; the check is on the open
    descriptor, so that nothing can be swapped in between.
    """
    nonblock = getattr(os, "O_NONBLOCK", 0)  # not on Windows, which has no such files either
    try:
        file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | nonblock))
    except IsADirectoryError as error:
        raise ImageError(
            "Is a directory; alexnet_cy.images.find_images lists the images in it"
        ) from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ImageError("not a regular file")
    return file


def _seekable_within(file: IO[bytes], max_bytes: int) -> IO[bytes]:
    """Check the length of a file; what cannot seek is read into memory up to the limit."""
    try:
        length_bytes = file.seek(0, os.SEEK_END)
    except (AttributeError, OSError):  # io.UnsupportedOperation is an OSError
        data = file.read(max_bytes + 1)
        length_bytes = len(data)
        file = io.BytesIO(data)
    if length_bytes > max_bytes:
        raise ImageError(f"the file is larger than {max_bytes} bytes")
    return file


def _identify(file: IO[bytes]) -> ImageFile.ImageFile:
    from PIL import Image, UnidentifiedImageError, WebPImagePlugin  # noqa: F401  (registers WEBP)

    check_pnm(file)
    formats: tuple[str, ...] = FORMATS
    if file.read(4) in TIFF_STARTS:
        from PIL import TiffImagePlugin  # noqa: F401  (registers TIFF; slow to import)

        formats = ("TIFF",)
    file.seek(0)
    try:
        return Image.open(file, formats=formats)
    except UnidentifiedImageError as error:
        file.seek(0)
        start = file.read(8)
        if not start:
            raise ImageError("the file is empty") from error
        raise ImageError(
            f"no JPEG, PNG, WebP, BMP, GIF, PNM or TIFF image can be read from it (it begins with "
            f"{start!r}); open other formats with PIL.Image.open and pass the image"
        ) from error


def _check_decoder(image: ImageFile.ImageFile) -> None:
    from PIL import Image

    compression = image.info.get("compression")
    if image.format == "TIFF" and compression not in TIFF_COMPRESSIONS:
        raise ImageError(
            f"TIFF with compression {compression!r}; save it with LZW, deflate or none"
        )
    width, height = image.size
    in_python = any(tile[0] in Image.DECODERS for tile in image.tile)
    if in_python and width * height > MAX_PIXELS_IN_PYTHON:
        raise ImageError(
            f"{width} x {height} pixels: up to {MAX_PIXELS_IN_PYTHON} are read of this kind of "
            f"{image.format} file, which Pillow decodes slowly; convert it to PNG"
        )
