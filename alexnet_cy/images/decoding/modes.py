"""Every Pillow mode to 8-bit RGB, or a reason why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from alexnet_cy.errors import ImageError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["BACKGROUND", "to_rgb"]

BACKGROUND = (255, 255, 255)
"""The colour under transparent pixels: white, on which cut-out pictures are shown and printed."""

# Formats whose mode "I" holds 16-bit samples over the full range 0..65535: Pillow scales a PGM of
# any maxval above 255 to it (PpmImagePlugin), and its versions before 11 read a 16-bit grey PNG so.
_SIXTEEN_BIT_FORMATS = ("PPM", "PNG")


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert an image of any mode to mode RGB.

    Parameters
    ----------
    image : PIL.Image.Image
        Any mode. 16-bit grey is divided by 256 (``>> 8``); pixels with alpha, in any form, are
        laid over `BACKGROUND`; ICC profiles are ignored.

    Returns
    -------
    PIL.Image.Image
        Mode RGB, same size; `image` itself where it is opaque RGB already.

    Raises
    ------
    ImageError
        Modes I and F, whose values have no agreed range.
    """
    if image.mode.startswith("I;16") or (
        image.mode == "I" and image.format in _SIXTEEN_BIT_FORMATS
    ):
        image = _high_bytes(image)
    elif image.mode in ("I", "F"):
        kind = "32-bit integers" if image.mode == "I" else "floating point numbers"
        raise ImageError(
            f"mode {image.mode} holds {kind}, whose range is not recorded; "
            "scale it to 0..255 and pass a uint8 array"
        )
    elif image.mode == "La":  # Pillow converts premultiplied grey to LA only
        image = image.convert("LA")
    if image.has_transparency_data:
        return _over_background(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _high_bytes(image: Image.Image) -> Image.Image:
    """16-bit grey to L, or to LA where a PNG names one grey as transparent.

    Pillow's own conversion clipped at 255 for years (python-pillow/Pillow#3011), so that nearly
    every 16-bit image came out white.
    """
    from PIL import Image

    samples = np.asarray(image)
    grey = Image.fromarray((samples >> 8).astype(np.uint8))
    transparent = image.info.get("transparency")
    if transparent is None:
        return grey
    alpha = np.where(samples == transparent, 0, 255).astype(np.uint8)
    return Image.merge("LA", (grey, Image.fromarray(alpha)))


def _over_background(image: Image.Image) -> Image.Image:
    """Return alpha * colour + (1 - alpha) * BACKGROUND, rounded; opaque pixels stay exact."""
    from PIL import Image

    rgba = image if image.mode == "RGBA" else image.convert("RGBA")
    canvas = Image.new("RGB", image.size, BACKGROUND)
    canvas.paste(rgba, mask=rgba)
    return canvas
