"""What a network has been trained on: its classes, and how its images were prepared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alexnet_cy.contracts.records import record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["MeanImage", "TrainedOn"]


@record(frozen=True, slots=True)
class MeanImage:
    """A mean for every pixel, as a value that can be compared and never changes.

    Attributes
    ----------
    shape : (C, H, W)
        H and W are what the preset warps images to; channels in the preset's order.
    data : bytes
        The numbers, float32 of the lowest byte first.
    """

    shape: tuple[int, int, int]
    data: bytes

    @classmethod
    def of(cls, mean: NDArray[np.float32]) -> MeanImage:
        """Make one of an array (C, H, W)."""
        channels, height, width = mean.shape
        return cls((channels, height, width), mean.astype("<f4").tobytes())

    def array(self) -> NDArray[np.float32]:
        """Return it as an array (C, H, W)."""
        import numpy as np

        return np.frombuffer(self.data, "<f4").reshape(self.shape).astype(np.float32)


@record(frozen=True, slots=True)
class TrainedOn:
    """What must be known of a network's training to use it.

    Attributes
    ----------
    classes : tuple of str
        The names of the classes, in the order of the outputs; empty where nobody said them.
    preset : str
        The name of the preset that prepared the images; empty for the variant's own.
    mean : tuple of three float, MeanImage, or None
        What was subtracted in place of the preset's mean, in its channel order.
    exif : bool
        Whether images were turned upright by their Exif orientation.
    """

    classes: tuple[str, ...] = ()
    preset: str = ""
    mean: tuple[float, float, float] | MeanImage | None = None
    exif: bool = False
