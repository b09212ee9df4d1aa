"""What a network has been trained on: its classes, and how its images were prepared."""

from __future__ import annotations

from alexnet_cy.contracts.records import record

__all__ = ["TrainedOn"]


@record(frozen=True, slots=True)
class TrainedOn:
    """What must be known of a network's training to use it.

    Attributes
    ----------
    classes : tuple of str
        The names of the classes, in the order of the outputs; empty where nobody said them.
    preset : str
        The name of the preset that prepared the images; empty for the variant's own.
    mean : tuple of three float, or None
        What was subtracted in place of the preset's mean, in its channel order.
    exif : bool
        Whether images were turned upright by their Exif orientation.
    """

    classes: tuple[str, ...] = ()
    preset: str = ""
    mean: tuple[float, float, float] | None = None
    exif: bool = False
