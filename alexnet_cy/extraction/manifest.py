"""What makes two jobs the same: the manifest, which a rerun must match."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from alexnet_cy.errors import AlexNetError

if TYPE_CHECKING:
    from alexnet_cy.images.preparation import Preparation

__all__ = [
    "DifferentJobError",
    "check_same_job",
    "describe_preparation",
    "hash_of_list",
    "read_manifest",
]

NAME_KEY = "weights"
"""The key of a name for people, which may change: the weights are told by their hash."""


class DifferentJobError(AlexNetError):
    """What lies there was begun by a job of other weights, images or settings."""


def hash_of_list(names: Sequence[str], contents: Iterable[bytes] = ()) -> str:
    """Return the SHA-256 of the images' names in their order, and of images that have no file."""
    digest = hashlib.sha256()
    for part in (*(name.encode("utf-8", "surrogateescape") for name in names), *contents):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def describe_preparation(preparation: Preparation) -> dict[str, object]:
    """Return everything that decides the pixels' way to the network's input."""
    preset, mean = preparation.preset, preparation.mean
    return {
        "preset": preset.name,
        "resize": preset.resize,
        "resize_size": preset.resize_size,
        "resampling": preset.resampling,
        "input_size": list(preset.crop_size),
        "crops": preset.crops,
        "crop_rounding": preset.crop_rounding,
        "channel_order": preset.channel_order,
        "divisor": preset.divisor,
        "mean": mean.reshape(3).tolist()
        if mean.size == 3
        else f"an image, sha256 {hashlib.sha256(mean.tobytes()).hexdigest()}",
        "std": list(preset.std),
        "exif": preparation.exif,
    }


def read_manifest(path: str) -> dict[str, Any]:
    """Read a manifest; OSError if there is none, or it is damaged."""
    try:
        with open(path, encoding="utf-8") as stream:
            manifest = json.load(stream)
    except (ValueError, RecursionError) as error:
        raise OSError(f"{path}: is damaged: {error}; delete the folder that it is in") from error
    if not isinstance(manifest, dict):
        raise OSError(f"{path}: is damaged; delete the folder that it is in")
    return manifest


def check_same_job(
    old: Mapping[str, object], new: Mapping[str, object], place: str, advice: str
) -> None:
    """Compare two manifests.

    Parameters
    ----------
    old, new : mapping
        As they are in JSON.
    place : str
        Where the old one lies.
    advice : str
        What to do if they differ.

    Raises
    ------
    DifferentJobError
        They differ; the message says in what.
    """
    changed = [key for key in {**old, **new} if old.get(key) != new.get(key) and key != NAME_KEY]
    if changed:
        differences = "; ".join(
            f"{key}: {_short(old.get(key))} there, {_short(new.get(key))} now" for key in changed
        )
        raise DifferentJobError(f"{place}: is of another job ({differences}); {advice}")


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
