"""Where the weights of a network come from, and how a network travels between processes."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING

from alexnet_cy.contracts.records import record
from alexnet_cy.errors import WeightsError
from alexnet_cy.machine.file_stamp import FileStamp

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from alexnet_cy.contracts.tensors import TensorRef
    from alexnet_cy.network import Variant

__all__ = ["Origin", "WeightsOfFile", "hash_of_weights"]


@record(frozen=True, slots=True)
class Origin:
    """Where weights come from.

    Attributes
    ----------
    name : str
        For people: a path, the name of a published file, "random, seed 0", "arrays".
    format : str
        Of the file: "safetensors", "caffemodel", ...; or "random", or "arrays".
    note : str
        Which variants the file fits besides the one that was taken; empty if none.
    """

    name: str
    format: str
    note: str = ""


@record(frozen=True, slots=True)
class WeightsOfFile:
    """An opened weight file, as a pickle carries it: its stamp and what `open_network` was told.

    Attributes
    ----------
    stamp : FileStamp
    allow_nonfinite : bool
    published : str
        The name of the published file that it is, whose hash is known; empty for any other.
    """

    stamp: FileStamp
    allow_nonfinite: bool
    published: str = ""

    @classmethod
    def of(
        cls, path: str | PathLike[str], allow_nonfinite: bool, published: str = ""
    ) -> WeightsOfFile:
        """Return what a file is at this moment; OSError if there is none."""
        return cls(FileStamp.of(path), allow_nonfinite, published)

    def tensors(self, variant: Variant) -> dict[str, TensorRef]:
        """Open the file again, in this process.

        Raises
        ------
        WeightsError
            The file is gone, or is no longer the one that was opened first. A published file may
            be another copy of it, of another time, if its hash is right.
        """
        if not self.stamp.is_current() and not self._has_its_hash():
            raise WeightsError(
                f"{self.stamp.path!r}: a network was sent as this file of {self.stamp.size_bytes} "
                "bytes, and the file is gone or has been changed since; load it anew, or send "
                "arrays: AlexNet(net.variant, dict(net.weights))"
            )
        from alexnet_cy.weights import open_network

        opened = open_network(self.stamp.path, variant, allow_nonfinite=self.allow_nonfinite)
        return dict(opened.tensors)

    def _has_its_hash(self) -> bool:
        """Whether the file is there and has the hash of the published one."""
        from alexnet_cy.published.checksum import file_hash
        from alexnet_cy.published.registry import PUBLISHED

        if self.published not in PUBLISHED:
            return False
        wanted = PUBLISHED[self.published]
        try:
            return file_hash(self.stamp.path, wanted.hash_name) == wanted.hash_hex
        except OSError:
            return False


def hash_of_weights(
    origin: Origin, file: WeightsOfFile | None, weights: Mapping[str, NDArray[np.float32]]
) -> str:
    """Return the SHA-256 of a weight file, as sha256sum prints it; or of arrays by their names.

    Of random weights it is that of the seed, which says which weights they are.

    Raises
    ------
    OSError
        The file cannot be read any more.
    """
    if file is not None:
        from alexnet_cy.published.checksum import file_hash

        return file_hash(file.stamp.path, "sha256")
    from hashlib import sha256

    if origin.format == "random":
        return sha256(origin.name.encode()).hexdigest()
    digest = sha256()
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(weights[name].astype("<f4", copy=False).tobytes())
    return digest.hexdigest()
