"""Writing a weight file: which writer, what it is given, and what the writers have in common."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.errors import WeightsError
from alexnet_cy.network.architecture import Variant
from alexnet_cy.network.description import describe_network, described_network
from alexnet_cy.network.variants import VARIANTS

__all__ = [
    "NETWORK_KEY",
    "VARIANT_KEY",
    "WRITERS",
    "Writer",
    "checked_tensors",
    "file_metadata",
    "find_writer",
    "noted_network",
    "write_network",
    "writer_of_ending",
]

VARIANT_KEY = "alexnet_cy.variant"
"""The piece of metadata that names the variant."""

NETWORK_KEY = "alexnet_cy.network"
"""The piece of metadata that describes a network that is none of the named ones."""

Writer: TypeAlias = Callable[
    [
        "str | os.PathLike[str]",
        "str | Variant",
        Mapping[str, NDArray[np.float32]],
        "Mapping[str, str] | None",
    ],
    None,
]
"""Writes a network to a file: ``write(path, variant, tensors, metadata)``.

Parameters
----------
path : path-like
    The file; it is replaced only once the new one is complete. See `replace_file`, which all
    writers use, for links, modes and what is no regular file.
variant : str or Variant
    Noted in the file. A format that describes the whole network takes the settings and the order
    of the layers from this variant, but for an adaptive pool, which changes nothing at the
    variant's own input size and is left out.
tensors : mapping of str to float32 array
    By canonical name, in canonical layout. A format that describes the whole network needs the
    weight and the bias of every layer.
metadata : mapping of str to str, or None
    Noted in the file as well.

Raises
------
TypeError
    A tensor is not float32, or a piece of metadata no str.
ValueError
    The format describes the whole network, and there is no such variant or a tensor is missing.
WeightsError
    The format has no place for what the network is.
OSError
    The file cannot be written.
"""

WRITERS: Mapping[tuple[str, str], tuple[str, str]] = MappingProxyType(
    {
        (".safetensors", "float32"): ("safetensors", "write"),
        (".safetensors", "float16"): ("safetensors", "write_halves"),
        (".npz", "float32"): ("arrays.npz", "write"),
        (".onnx", "float32"): ("onnx.write", "write"),
        (".caffemodel", "float32"): ("caffe.write", "write"),
        (".pth", "float32"): ("pytorch.write", "write"),
    }
)
"""The `Writer` of each ending and type of number: its module here, imported when it is needed, and
its name."""


def find_writer(path: str | os.PathLike[str], dtype: str = "float32") -> Writer:
    """Return what writes a file of this name.

    Parameters
    ----------
    path : path-like
        Its ending says the format.
    dtype : str
        The numbers in the file, "float32" or "float16".

    Raises
    ------
    ValueError
        There is no such writer; the message says which endings there are.
    """
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    place = WRITERS.get((suffix, dtype))
    if place is None:
        suffixes = " or ".join(ending for ending, numbers in WRITERS if numbers == dtype)
        raise ValueError(
            f"need a name that ends in {suffixes} for {dtype}, got {os.fspath(path)!r}"
        )
    module, name = place
    writer: Writer = getattr(import_module(f"alexnet_cy.weights.{module}"), name)
    return writer


def writer_of_ending(path: str | os.PathLike[str]) -> Writer:
    """Return what writes a file of this name as float32: safetensors under any other ending."""
    ending = os.path.splitext(os.fspath(path))[1].lower()
    return find_writer(path if (ending, "float32") in WRITERS else "network.safetensors")


def write_network(
    path: str | os.PathLike[str],
    variant: str | Variant,
    tensors: Mapping[str, NDArray[np.float32]],
    metadata: Mapping[str, str] | None = None,
    *,
    dtype: str = "float32",
) -> None:
    """Write a network in the format that the ending of the path says.

    Parameters
    ----------
    path, variant, tensors, metadata
        As of a `Writer`.
    dtype : str
        As of `find_writer`.

    Raises
    ------
    ValueError
        Of `find_writer`; this and the other errors as of a `Writer`.
    """
    find_writer(path, dtype)(path, variant, tensors, metadata)


def checked_tensors(
    tensors: Mapping[str, NDArray[np.float32]], variant: Variant | None = None
) -> dict[str, NDArray[np.float32]]:
    """Return the tensors C-contiguous and little-endian; copies only of those that are not.

    Parameters
    ----------
    tensors : mapping of str to float32 array
    variant : Variant, optional
        Its tensors are returned, in its order.

    Raises
    ------
    TypeError
        A tensor is not a float32 array.
    ValueError
        One of the variant's is missing.
    """
    checked = {}
    if variant is not None:
        names = variant.parameter_shapes()
        missing = [name for name in names if name not in tensors]
        if missing:
            raise ValueError(f"tensors has no {' and no '.join(missing)}")
        tensors = {name: tensors[name] for name in names}
    for name, tensor in tensors.items():
        if not isinstance(tensor, np.ndarray) or tensor.dtype != np.float32:
            got = getattr(tensor, "dtype", type(tensor).__name__)
            raise TypeError(f"tensors[{name!r}] must be a float32 array, got {got}")
        checked[name] = np.ascontiguousarray(tensor, dtype="<f4")
    return checked


def file_metadata(variant: str | Variant, metadata: Mapping[str, str] | None) -> dict[str, str]:
    """Return the metadata to write, the variant among it.

    A network that is none of the named ones is described as well.

    Raises
    ------
    TypeError
        A key or a value is not a str.
    """
    noted = dict(metadata or {})
    if isinstance(variant, Variant):
        noted[VARIANT_KEY] = variant.name
        if not _is_named(variant):
            noted[NETWORK_KEY] = describe_network(variant)
    else:
        noted[VARIANT_KEY] = variant
    for key, value in noted.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"metadata must map str to str, got {key!r}: {value!r}")
    return noted


def noted_network(path: str, metadata: dict[str, str]) -> tuple[str | None, Variant | None]:
    """Take what `file_metadata` noted out of the metadata of a file.

    Parameters
    ----------
    path : str
        What errors call the file.
    metadata : dict of str to str
        The two pieces are taken out of it.

    Returns
    -------
    str or None
        The name of the variant.
    Variant or None
        The network, if it was described.

    Raises
    ------
    WeightsError
        The description is not sound.
    """
    name, description = metadata.pop(VARIANT_KEY, None), metadata.pop(NETWORK_KEY, None)
    if description is None:
        return name, None
    try:
        return name, described_network(description)
    except ValueError as error:
        raise WeightsError(f"{path!r}: {error}") from error


def _is_named(variant: Variant) -> bool:
    """Tell whether the name and the number of classes say all about a network."""
    named = VARIANTS.get(variant.name)
    return named is not None and named.with_num_classes(max(1, variant.num_classes)) == variant
