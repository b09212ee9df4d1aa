"""OpenCV's dnn module, from the ONNX file."""

from __future__ import annotations

import numpy as np

from peers.interface import Float32Array, Forward, NetworkFolder

__all__ = ["load", "prepare", "version"]


def version() -> str:
    """Return the version of OpenCV."""
    import cv2

    return str(cv2.__version__)


def prepare(name: str, folder: NetworkFolder) -> None:
    """Do nothing: the ONNX file is there."""


def load(name: str, folder: NetworkFolder, batch: int, threads: int) -> Forward:
    """Read the network for OpenCV's own backend."""
    import cv2

    cv2.setNumThreads(threads)
    net = cv2.dnn.readNetFromONNX(str(folder.onnx))
    net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
    net.setPreferableTarget(cv2.dnn.DNN_TARGET_CPU)

    def forward(images: Float32Array) -> Float32Array:
        net.setInput(images, "data")
        probabilities: Float32Array = np.asarray(net.forward("prob"), np.float32)
        return probabilities

    return forward
