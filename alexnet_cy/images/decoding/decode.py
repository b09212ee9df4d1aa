"""One image of any accepted kind to a PIL image of mode RGB."""

from __future__ import annotations

import contextlib
import io
import operator
import os
import re
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, TypeAlias

import numpy as np

from alexnet_cy.errors import ImageError
from alexnet_cy.images.decoding.files import MAX_PIXELS, check_size, open_image
from alexnet_cy.images.decoding.modes import to_rgb
from alexnet_cy.images.decoding.muted_warnings import muted_pillow_warnings

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL import Image

__all__ = ["ImageSource", "decode"]

ImageSource: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image "
    "| npt.NDArray[np.uint8]"
)

# Two letters at least before the colon: C:// is a path on Windows.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://|data:")

_EXIF_ORIENTATION = 0x0112  # TIFF 6.0 and Exif 2.3, tag 274


def decode(source: ImageSource, *, exif: bool = False, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decode one image to 8-bit RGB.

    Parameters
    ----------
    source : path, bytes-like, binary file object, PIL.Image.Image or uint8 array
        A path is a str or PathLike; bytes are the contents of a file; a file object is read from
        its beginning and left open. Arrays are (H, W) grey or (H, W, C) with C = 1 grey, 3 RGB or
        4 RGBA. Files are JPEG, PNG, WebP, BMP, GIF or PNM, recognised by content; of animations
        the first frame is read. URLs are not fetched.
    exif : bool, default False
        Turn the image upright by its Exif orientation. Off by default because neither Caffe nor
        torchvision do so. An orientation that cannot be read counts as none.
    max_pixels : int, default 67,108,864
        Largest width times height, in pixels, that is decoded from a file, bytes or file object.
        A PIL image or an array is the caller's own, and only its sides are checked.

    Returns
    -------
    PIL.Image.Image
        Mode RGB; the given PIL image itself where nothing had to change.

    Raises
    ------
    ImageError
        The image cannot be read, is of a format or mode that is refused, or exceeds a limit: the
        pixels, 65,535 pixels a side, or a file of 4 * `max_pixels` bytes + 16 MiB. The message
        names the source, and ``__cause__`` is the underlying error.
    TypeError
        `source` is none of the kinds above, or an array that is not uint8.
    ValueError
        An array of another layout, such as (3, H, W); `max_pixels` below 1.
    """
    from PIL import Image

    if operator.index(max_pixels) < 1:
        raise ValueError(f"max_pixels: expected at least 1, got {max_pixels}")
    if isinstance(source, np.ndarray):
        _check_array(source)
    elif not isinstance(source, Image.Image):
        _check_type(source)
    with _named_errors(_describe(source)), muted_pillow_warnings():
        if isinstance(source, np.ndarray):
            return to_rgb(_from_array(source))
        if isinstance(source, Image.Image):
            check_size(*source.size, max_pixels=None)
            return _loaded_rgb(source, exif)
        if isinstance(source, str) and _URL.match(source):
            raise ImageError("URLs are not fetched; pass the path of a file or its bytes")
        with open_image(source, max_pixels) as image:
            return _loaded_rgb(image, exif)


def _check_type(source: object) -> None:
    if isinstance(source, io.TextIOBase):
        raise TypeError(f"{_describe(source)}: the file is open as text; open it in mode 'rb'")
    if not (
        isinstance(source, (str, os.PathLike, bytes, bytearray, memoryview))
        or callable(getattr(source, "read", None))
    ):
        raise TypeError(
            f"{type(source).__name__} is not an image; expected a path, bytes, a binary file "
            "object, a PIL image or a uint8 array (H, W) or (H, W, 3)"
        )


def _check_array(array: npt.NDArray[np.generic]) -> None:
    if array.dtype != np.uint8:
        hint = (
            "; float arrays (N, 3, H, W) that are preprocessed already go to AlexNet.forward"
            if array.dtype.kind == "f"
            else ""
        )
        raise TypeError(
            f"{_describe(array)}: images are uint8 arrays (H, W) or (H, W, 3) of 0..255{hint}"
        )
    if array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4)):
        return
    if array.ndim == 3 and array.shape[0] in (1, 3, 4):
        raise ValueError(
            f"{_describe(array)}: channels come last, (H, W, C); this looks like (C, H, W): "
            "pass array.transpose(1, 2, 0)"
        )
    raise ValueError(
        f"{_describe(array)}: expected shape (H, W) or (H, W, C) with 1, 3 or 4 channels"
    )


def _from_array(array: npt.NDArray[np.uint8]) -> Image.Image:
    from PIL import Image

    height, width = array.shape[:2]
    check_size(width, height, max_pixels=None)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    return Image.fromarray(np.ascontiguousarray(array))


def _loaded_rgb(image: Image.Image, exif: bool) -> Image.Image:
    image.load()
    rgb = to_rgb(image)
    return _upright(rgb, _orientation(image)) if exif else rgb


def _orientation(image: Image.Image) -> int:
    """Read the Exif orientation, 1 to 8; 1 (upright) where there is none that can be read."""
    try:
        orientation = image.getexif().get(_EXIF_ORIENTATION)
    except Exception:  # whatever the parser makes of malformed metadata: the pixels are sound
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    from PIL.Image import Transpose

    # Exif 2.3, table 6: where row 0 and column 0 of the stored image lie in the upright one.
    transpositions = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return image if orientation == 1 else image.transpose(transpositions[orientation])


def _describe(source: object) -> str:
    """Return how an error message names the source."""
    from PIL import Image

    if isinstance(source, (str, os.PathLike)):
        return repr(os.fsdecode(source))
    if isinstance(source, np.ndarray):
        return f"{source.dtype} array of shape {source.shape}"
    if isinstance(source, (bytes, bytearray, memoryview)):
        return f"{memoryview(source).nbytes} bytes"
    if isinstance(source, Image.Image):
        filename = getattr(source, "filename", "")
        if filename:
            return repr(os.fsdecode(filename))
        return f"PIL image of mode {source.mode}, {source.width} x {source.height}"
    name = getattr(source, "name", None)
    return repr(name) if isinstance(name, str) else f"{type(source).__name__} object"


@contextlib.contextmanager
def _named_errors(name: str) -> Iterator[None]:
    """Turn everything that goes wrong inside the block into an ImageError that names the source.

    Pillow raises OSError, ValueError, SyntaxError, struct.error, EOFError, KeyError, MemoryError
    and more for broken files, so the class says little, and all of them are caught.
    """
    try:
        yield
    except ImageError as error:
        raise ImageError(f"{name}: {error}") from error.__cause__
    except OSError as error:
        raise ImageError(f"{name}: {error.strerror or error}") from error
    except Exception as error:
        detail = str(error) or type(error).__name__
        raise ImageError(f"{name}: cannot be decoded: {detail}") from error
