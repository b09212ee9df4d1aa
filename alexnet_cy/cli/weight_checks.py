"""Whether a weight file is what it should be: its hash, its structure, every value."""

from __future__ import annotations

import os
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from alexnet_cy.errors import WeightsError

if TYPE_CHECKING:
    from alexnet_cy.published.registry import PublishedFile

__all__ = ["Check", "check_file", "check_published"]


@dataclass(frozen=True, slots=True)
class Check:
    """The findings about a file.

    Attributes
    ----------
    name : str
        The name or path that was given.
    path : str or None
        Where the file is.
    error : str or None
        The fault; None if there is none. The rest is then known.
    format, variant : str or None
    classes, parameters : int or None
    published : str or None
        The name of the published file that this one is, by its hash.
    """

    name: str
    path: str | None = None
    error: str | None = None
    format: str | None = None
    variant: str | None = None
    classes: int | None = None
    parameters: int | None = None
    published: str | None = None


def check_published(file: PublishedFile) -> Check:
    """Check the published file on this machine."""
    from alexnet_cy.published.download import places

    path = next((str(path) for path in places(file) if path.is_file()), None)
    if path is None:
        return Check(file.name, error="not on this machine")
    check = check_file(path, file.name)
    if check.error is None and check.published != file.name:
        error = f"{path} is not the published file: its {file.hash_name} hash differs"
        return Check(file.name, path, error)
    return check


def check_file(path: str, name: str | None = None) -> Check:
    """Open a file of any format, read every tensor, and see whether it is a published one."""
    from alexnet_cy.weights import open_network

    name = path if name is None else name
    try:
        network = open_network(path)
        for tensor in network.tensors.values():
            tensor.read()  # refuses NaN and infinity
        published = _published_name(path)
    except (WeightsError, OSError) as error:
        return Check(name, path, str(error))
    return Check(
        name,
        path,
        None,
        network.format,
        network.variant.name,
        network.variant.num_classes,
        sum(prod(tensor.shape) for tensor in network.tensors.values()),
        published,
    )


def _published_name(path: str) -> str | None:
    """Compare the hash with those of the published files that may have this size."""
    from alexnet_cy.published.checksum import file_hash
    from alexnet_cy.published.registry import PUBLISHED

    size_bytes = os.stat(path).st_size
    for file in PUBLISHED.values():
        if file.size_bytes not in (None, size_bytes) or size_bytes > file.max_bytes:
            continue
        if file_hash(path, file.hash_name) == file.hash_hex:
            return file.name
    return None
