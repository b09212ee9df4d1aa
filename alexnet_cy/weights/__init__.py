"""The weight files: `open_network` opens one of any supported format.

The call path: `loader.open_network` opens the file once (`files`), `detect` tells its format, that
format's module reads its structure into a `NetworkFile` of canonical names and layouts
(`key_names`, `layouts`, `tensors`), `matching` compares every shape with the variant's. A tensor is
read when its `TensorRef` is asked, straight into the array that is returned.
"""

from .files import WeightsFile, open_file
from .loader import LoadedNetwork, open_network, read_file
from .tensors import NetworkFile, TensorRef

__all__ = [
    "LoadedNetwork",
    "NetworkFile",
    "TensorRef",
    "WeightsFile",
    "open_file",
    "open_network",
    "read_file",
]
