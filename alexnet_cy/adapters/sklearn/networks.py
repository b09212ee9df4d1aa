"""The networks of this process by name: estimators have the name and share the network."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from alexnet_cy.model import AlexNet

__all__ = ["Weights", "network_of"]

Weights: TypeAlias = "str | os.PathLike[str] | AlexNet"


def network_of(weights: Weights, variant: str | None = None) -> AlexNet:
    """Return the network of a parameter `weights`, opened at most once.

    Parameters
    ----------
    weights : str, path-like or AlexNet
        A weight file, or the name of a published one; or a network.
    variant : str, optional
        Forces the variant of a file.

    Raises
    ------
    TypeError, ValueError, WeightsError
        As for `AlexNet.load`; or a network came with a variant.
    """
    from alexnet_cy.model import AlexNet
    from alexnet_cy.published.registry import PUBLISHED

    if isinstance(weights, AlexNet):
        if variant is not None:
            raise ValueError("variant: the network that weights= is has one; leave it out")
        return weights
    if not isinstance(weights, (str, os.PathLike)):
        raise TypeError(
            "weights: need a weight file, the name of a published one or an AlexNet, got "
            f"{type(weights).__name__}"
        )
    name = os.fspath(weights)
    if name in PUBLISHED:
        return _opened(name, variant, None)
    try:
        status = os.stat(name)
    except OSError:
        return AlexNet.load(name, variant)  # whose error says what is wrong
    return _opened(os.path.abspath(name), variant, (status.st_mtime_ns, status.st_size))


@lru_cache(maxsize=2)
def _opened(name: str, variant: str | None, stamp: tuple[int, int] | None) -> AlexNet:
    """Open a published file, which has no stamp, or any other; a changed file is another one."""
    from alexnet_cy.model import AlexNet

    if stamp is None and variant is None:
        return AlexNet.from_pretrained(name)
    if stamp is None:
        from alexnet_cy.published.download import fetch

        return AlexNet.load(fetch(name), variant, name=name)
    return AlexNet.load(name, variant)
