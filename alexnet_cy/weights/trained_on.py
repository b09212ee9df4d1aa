"""`TrainedOn` as metadata of a weight file, and back."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from alexnet_cy.contracts.trained_on import MeanImage, TrainedOn
from alexnet_cy.errors import WeightsError

__all__ = ["metadata_of", "trained_on"]

CLASSES_KEY = "alexnet_cy.classes"
PRESET_KEY = "alexnet_cy.preset"
MEAN_KEY = "alexnet_cy.mean"
EXIF_KEY = "alexnet_cy.exif"


def metadata_of(trained: TrainedOn) -> dict[str, str]:
    """Return the metadata that say it; nothing for what is not known."""
    metadata = {}
    if trained.classes:
        metadata[CLASSES_KEY] = json.dumps(trained.classes, ensure_ascii=False)
    if trained.preset:
        metadata[PRESET_KEY] = trained.preset
    if isinstance(trained.mean, MeanImage):
        numbers = base64.b64encode(trained.mean.data).decode("ascii")
        metadata[MEAN_KEY] = json.dumps({"shape": trained.mean.shape, "float32": numbers})
    elif trained.mean is not None:
        metadata[MEAN_KEY] = json.dumps(trained.mean)
    if trained.exif:
        metadata[EXIF_KEY] = "true"
    return metadata


def trained_on(path: str, metadata: Mapping[str, str], n_classes: int) -> TrainedOn:
    """Return what the metadata of a file say.

    Parameters
    ----------
    path : str
        What errors call the file.
    metadata : mapping of str to str
        The classes are a JSON list of names, the mean one of three numbers, or an object with the
        shape of a mean image and its numbers in base 64.
    n_classes : int
        The outputs of the network.

    Raises
    ------
    WeightsError
        One of them is not what it should be, or there are more or fewer names than outputs.
    """
    names = _read(path, metadata, CLASSES_KEY, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise WeightsError(f"{path!r}: {CLASSES_KEY} must be a list of names")
    if names and len(names) != n_classes:
        raise WeightsError(
            f"{path!r}: {CLASSES_KEY} has {len(names)} names; the network has {n_classes} outputs"
        )
    return TrainedOn(
        tuple(names),
        metadata.get(PRESET_KEY, ""),
        _mean(path, _read(path, metadata, MEAN_KEY, None)),
        metadata.get(EXIF_KEY) == "true",
    )


def _mean(path: str, values: object) -> tuple[float, float, float] | MeanImage | None:
    match values:
        case None:
            return None
        case {
            "shape": [int() as channels, int() as height, int() as width],
            "float32": str() as data,
        }:
            return _mean_image(path, (channels, height, width), data)
        case [int() | float() as a, int() | float() as b, int() | float() as c]:
            if all(map(math.isfinite, (a, b, c))):
                return float(a), float(b), float(c)
    raise WeightsError(f"{path!r}: {MEAN_KEY} must be three numbers or a mean image")


def _mean_image(path: str, shape: tuple[int, int, int], text: str) -> MeanImage:
    """Return a mean image; WeightsError if its numbers do not fit its shape, or are not finite."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise WeightsError(f"{path!r}: {MEAN_KEY}: no base 64: {error}") from error
    if min(shape) < 1 or len(data) != 4 * math.prod(shape):
        raise WeightsError(f"{path!r}: {MEAN_KEY}: {len(data)} bytes for the shape {shape}")
    image = MeanImage(shape, data)
    if not np.isfinite(image.array()).all():
        raise WeightsError(f"{path!r}: {MEAN_KEY}: holds NaN or infinity")
    return image


def _read(path: str, metadata: Mapping[str, str], key: str, default: object) -> Any:
    """Return what the JSON of a key stands for."""
    if key not in metadata:
        return default
    try:
        return json.loads(metadata[key])
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path!r}: {key} is no JSON: {error}") from error
