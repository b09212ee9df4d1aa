"""The exceptions of the package: everything that is not a plain TypeError or ValueError."""

__all__ = ["AlexNetError", "ImageError", "WeightsError"]


class AlexNetError(Exception):
    """Base class of the errors that are ours."""


class ImageError(AlexNetError):
    """An image cannot be read, or is of a kind that is refused; the message names it."""


class WeightsError(AlexNetError):
    """A weight file cannot be read, is not an AlexNet, or does not fit the variant."""
