"""Our own package, from its safetensors file."""

from __future__ import annotations

from peers.interface import Forward, NetworkFolder

__all__ = ["load", "prepare", "version"]


def version() -> str:
    """Return the version of the package."""
    import alexnet_cy

    return alexnet_cy.__version__


def prepare(name: str, folder: NetworkFolder) -> None:
    """Do nothing: the safetensors file is there."""


def load(name: str, folder: NetworkFolder, batch: int, threads: int) -> Forward:
    """Load the network; the level is in the environment."""
    from alexnet_cy import AlexNet
    from alexnet_cy.machine.threads import default_threads

    net = AlexNet.load(folder.safetensors)
    # A number that is the default is not given: so it may go down on a busy machine.
    given = None if threads == default_threads() else threads
    return lambda images: net.forward(images, threads=given)
