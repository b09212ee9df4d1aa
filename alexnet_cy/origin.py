"""Where the weights of a network come from, and how a network travels between processes."""

from __future__ import annotations

from collections.abc import Mapping
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
    """An opened weight file, as a pickle carries it: stamps and the arguments of `open_network`.

    Attributes
    ----------
    stamps : tuple of FileStamp
        Its own, and those of the files beside it that hold numbers of it.
    allow_nonfinite : bool
    published : str
        The name of the published file that it is, whose hash is known; empty for any other.
    head : str or None
        The layer that the network ends with, where that was chosen.
    """

    stamps: tuple[FileStamp, ...]
    allow_nonfinite: bool
    published: str = ""
    head: str | None = None

    @property
    def stamp(self) -> FileStamp:
        """That of the weight file itself."""
        return self.stamps[0]

    def is_current(self) -> bool:
        """Whether all files are as they were."""
        return all(stamp.is_current() for stamp in self.stamps)

    def tensors(self, variant: Variant) -> dict[str, TensorRef]:
        """Open the file again, in this process.

        Raises
        ------
        WeightsError
            The file, or one beside it, is gone or no longer the one that was opened first. A
            published file may be another copy of it, of another time, if its hash is right.
        """
        from alexnet_cy.weights import open_file, open_network

        problem = WeightsError(
            f"{self.stamp.path!r}: a network was sent as this file of {self.stamp.size_bytes} "
            "bytes, and the file is gone or has been changed since; load it anew, or send "
            "arrays: AlexNet(net.variant, dict(net.weights))"
        )
        try:
            file = open_file(self._stamp_now())
        except (OSError, WeightsError) as error:
            raise problem from error
        opened = open_network(file, variant, allow_nonfinite=self.allow_nonfinite, head=self.head)
        if file.stamps[1:] != self.stamps[1:]:
            raise problem
        return dict(opened.tensors)

    def _stamp_now(self) -> FileStamp:
        """Return the stamp that the file must have: its own, or that of another right copy."""
        from alexnet_cy.published.checksum import file_hash
        from alexnet_cy.published.registry import PUBLISHED

        if self.stamp.is_current() or self.published not in PUBLISHED:
            return self.stamp
        wanted, now = PUBLISHED[self.published], FileStamp.of(self.stamp.path)
        is_right = file_hash(now.path, wanted.hash_name) == wanted.hash_hex
        return now if is_right else self.stamp


def hash_of_weights(
    origin: Origin, file: WeightsOfFile | None, weights: Mapping[str, NDArray[np.float32]]
) -> str:
    """Return the SHA-256 of a weight file, as sha256sum prints it; or of arrays by their names.

    Of a file with others beside it, it is that of all their hashes; of random weights that of the
    seed, which says which weights they are.

    Raises
    ------
    OSError
        The file cannot be read any more.
    """
    from hashlib import sha256

    if file is not None:
        from alexnet_cy.published.checksum import file_hash

        hashes = [file_hash(stamp.path, "sha256") for stamp in file.stamps]
        return hashes[0] if len(hashes) == 1 else sha256("".join(hashes).encode()).hexdigest()
    if origin.format == "random":
        return sha256(origin.name.encode()).hexdigest()
    digest = sha256()
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(weights[name].astype("<f4", copy=False).tobytes())
    return digest.hexdigest()
