"""ONNX Runtime on its CPU provider, with all graph optimisations."""

from __future__ import annotations

from peers.interface import Float32Array, Forward, NetworkFolder

__all__ = ["load", "prepare", "version"]


def version() -> str:
    """Return the version of ONNX Runtime."""
    import onnxruntime

    return str(onnxruntime.__version__)


def prepare(name: str, folder: NetworkFolder) -> None:
    """Do nothing: the ONNX file is there."""


def load(name: str, folder: NetworkFolder, batch: int, threads: int) -> Forward:
    """Make a session."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(
        str(folder.onnx), options, providers=["CPUExecutionProvider"]
    )

    def forward(images: Float32Array) -> Float32Array:
        (probabilities,) = session.run(["prob"], {"data": images})
        return probabilities  # type: ignore[no-any-return]

    return forward
