"""Read and write Caffe's mean images, ``.binaryproto``.

The file is one BlobProto and nothing else. ``imagenet_mean.binaryproto``, from
caffe_ilsvrc12.tar.gz, has the legacy shape (1, 3, 256, 256); its channels are B, G, R, its values
0 to 255. A mean that is no such file passes `read_mean` without google.protobuf being imported.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from alexnet_cy.errors import WeightsError
from alexnet_cy.machine.replace_file import replace_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["read", "read_mean", "write"]

CHANNELS = (1, 3)  # of grey and of colour images


def read(path: str | os.PathLike[str]) -> NDArray[np.float32]:
    """Read a mean image.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    float32 array (3, H, W)
        In the file's order of channels, which is B, G, R in all files that Caffe has made.

    Raises
    ------
    WeightsError
        The file is no BlobProto of shape (3, H, W) or (1, 3, H, W), or holds NaN or infinity.
    """
    from alexnet_cy.weights.caffe.blobs import blob_array
    from alexnet_cy.weights.caffe.messages import CAFFE
    from alexnet_cy.weights.files import open_file
    from alexnet_cy.weights.protobuf.wire import read_message

    file = open_file(path)
    where = f"{file.path!r}: mean image"
    mean = blob_array(file, read_message(file, CAFFE, "BlobProto"), where)
    if (
        mean.ndim not in (3, 4)
        or mean.shape[:-3] not in ((), (1,))
        or mean.shape[-3] not in CHANNELS
    ):
        raise WeightsError(f"{where}: shape {mean.shape}; (3, H, W) or (1, 3, H, W) is needed")
    if not np.isfinite(mean).all():
        raise WeightsError(f"{where}: holds NaN or infinity")
    return mean.reshape(mean.shape[-3:])


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
    return read(path)


def write(path: str | os.PathLike[str], mean: NDArray[np.float32]) -> None:
    """Write a mean image as Caffe's ``compute_image_mean`` does, with the legacy shape.

    Parameters
    ----------
    path : path-like
        The file; it is replaced only once the new one is complete.
    mean : float32 array (3, H, W)
        Channels B, G, R; values 0 to 255.

    Raises
    ------
    TypeError
        `mean` is no float32 array.
    ValueError
        Its shape is another one.
    OSError
        The file cannot be written.
    """
    from alexnet_cy.weights.caffe.messages import CAFFE

    if not isinstance(mean, np.ndarray) or mean.dtype != np.float32:
        got = getattr(mean, "dtype", type(mean).__name__)
        raise TypeError(f"mean must be a float32 array, got {got}")
    if mean.ndim != 3 or len(mean) not in CHANNELS or not mean.size:
        raise ValueError(f"mean must have shape (3, H, W), got {mean.shape}")
    _, height, width = mean.shape
    blob = CAFFE.message_class("BlobProto")(
        num=1, channels=len(mean), height=height, width=width, data=[mean.astype("<f4").tobytes()]
    )
    with replace_file(path) as temporary, open(temporary, "wb") as stream:
        stream.write(blob.SerializeToString())
