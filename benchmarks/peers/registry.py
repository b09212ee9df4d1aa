"""All contenders by name."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

__all__ = ["PEERS", "Peer", "find_peer"]


@dataclass(frozen=True)
class Peer:
    """One way to run the network.

    Attributes
    ----------
    name : str
        What options and files call it.
    title : str
        What tables call it.
    module : str
        The module of this package that runs it; it gets `name` to show_progress its ways apart.
    isa : str or None
        The instruction-set level that alexnet_cy is held to.
    """

    name: str
    title: str
    module: str
    isa: str | None = None

    @property
    def framework(self) -> str:
        """The framework's name, which its module's begins with."""
        return self.module.removesuffix("_peer")

    def load_module(self) -> ModuleType:
        """Import the module; the framework itself is imported by its functions."""
        return import_module(f"peers.{self.module}")


PEERS = (
    Peer("alexnet_cy", "alexnet_cy", "alexnet_cy_peer"),
    Peer("openvino-fp32", "OpenVINO fp32", "openvino_peer"),
    Peer("openvino-fp32-streams", "OpenVINO fp32, a stream a thread", "openvino_peer"),
    Peer("openvino-bf16", "OpenVINO bf16", "openvino_peer"),
    Peer("openvino-int8", "OpenVINO int8", "openvino_peer"),
    Peer("mnn", "MNN", "mnn_peer"),
    Peer("ncnn", "ncnn", "ncnn_peer"),
    Peer("onnxruntime", "ONNX Runtime", "onnxruntime_peer"),
    Peer("torch-compiled", "PyTorch compiled", "torch_peer"),
    Peer("torch-eager", "PyTorch eager", "torch_peer"),
    Peer("opencv", "OpenCV dnn", "opencv_peer"),
    Peer("numpy", "NumPy", "numpy_peer"),
)


def find_peer(name: str) -> Peer:
    """Return the contender called `name`; "alexnet_cy@LEVEL" is held to that level.

    Raises
    ------
    ValueError
        There is none; the message lists those that there are.
    """
    ours = PEERS[0]
    if name.startswith(f"{ours.name}@"):
        level = name.partition("@")[2]
        return Peer(name, f"{ours.title}, {level}", ours.module, level)
    for peer in PEERS:
        if peer.name == name:
            return peer
    raise ValueError(f"no peer {name!r}; there are {', '.join(peer.name for peer in PEERS)}")
