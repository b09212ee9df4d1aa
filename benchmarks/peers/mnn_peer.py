"""MNN in fp32, from its own file format."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version as version_of_package

from peers.interface import Float32Array, Forward, NetworkFolder

__all__ = ["load", "prepare", "version"]

FILE_NAME = "network.mnn"


def version() -> str:
    """Return the version of MNN."""
    return version_of_package("MNN")


def prepare(name: str, folder: NetworkFolder) -> None:
    """Convert the ONNX file with MNN's own converter."""
    import MNN  # noqa: F401  # an ImportError is the answer where it is not installed

    path = folder.path / FILE_NAME
    if path.exists():
        return
    unfinished = path.with_suffix(".unfinished")
    files = ["--modelFile", str(folder.onnx), "--MNNModel", str(unfinished)]
    convert = [sys.executable, "-m", "MNN.tools.mnnconvert", "-f", "ONNX", "--bizCode", "alexnet"]
    subprocess.run([*convert, *files], check=True)
    unfinished.replace(path)


def load(name: str, folder: NetworkFolder, batch: int, threads: int) -> Forward:
    """Load the network; precision "high" is fp32 throughout."""
    from MNN import expr, nn

    runtime = nn.create_runtime_manager(
        ({"backend": "CPU", "numThread": threads, "precision": "high"},)
    )
    module = nn.load_module_from_file(
        str(folder.path / FILE_NAME), ["data"], ["prob"], runtime_manager=runtime
    )

    def forward(images: Float32Array) -> Float32Array:
        x = expr.const(images, list(images.shape), expr.NCHW)
        (probabilities,) = module.forward([x])
        return probabilities.read().reshape(len(images), -1)  # type: ignore[no-any-return]

    return forward
