"""Caffe's mean images as an argument: where the readers of weights and the presets meet."""

from __future__ import annotations

import os

__all__ = ["read_mean"]


def read_mean(mean: object) -> object:
    """Return the array of a ``.binaryproto`` file, and any other mean as it is.

    Parameters
    ----------
    mean : object
        The `mean` argument of `AlexNet.preprocess`.

    Returns
    -------
    float32 array (3, H, W) in the file's order of channels, B, G, R; or `mean`

    Raises
    ------
    WeightsError
        A path that ends in ``.binaryproto`` is not of a mean image.
    """
    if not isinstance(mean, (str, os.PathLike)):
        return mean
    path = os.fsdecode(mean)
    if os.path.splitext(path)[1].lower() != ".binaryproto":
        return mean
    from alexnet_cy.weights.caffe.mean import read

    return read(path)
