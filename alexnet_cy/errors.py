"""The exceptions and warnings of the package that are no plain TypeError or ValueError."""

__all__ = ["AlexNetError", "AmbiguousVariantWarning", "ImageError", "WeightsError"]


class AlexNetError(Exception):
    """Base class of the errors that are ours."""


class ImageError(AlexNetError):
    """An image cannot be read, or is of a kind that is refused; the message names it."""


class WeightsError(AlexNetError):
    """A weight file cannot be read, is not an AlexNet, or does not fit the variant."""


class AmbiguousVariantWarning(UserWarning):
    """A weight file fits several variants, tells none, and none was asked for.

    The networks have tensors of the same shapes and give different results; the message names
    them all, and the one that was taken. ``variant=`` chooses, and silences the warning.
    """


class TrainingError(AlexNetError):
    """A training cannot go on: its loss is no number any more; the message says what to change."""
