"""Features of the images of a PyTorch data set, read by the processes of a DataLoader.

pip install torch
python examples/torch_dataloader.py photos/*.jpg --weights alexnet.pth --workers 4
"""

from __future__ import annotations

import argparse

import numpy as np
from torch.utils.data import DataLoader, Dataset

from alexnet_cy import AlexNet


class Photographs(Dataset):
    """Images as the network takes them, with their numbers."""

    def __init__(self, paths: list[str], net: AlexNet) -> None:
        self.paths = paths
        self.net = net

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        # Only the preprocessing runs here; the pass over the network stays in the main process,
        # which has all the processors for it.
        return self.net.preprocess(self.paths[index])[0], index


def main() -> None:
    """Read on several processes, run the network on each batch."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", nargs="+")
    parser.add_argument("--weights", help="a weight file; without it the weights are random")
    parser.add_argument("--layer", default="fc7")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()

    net = AlexNet.load(arguments.weights) if arguments.weights else AlexNet.random()
    loader = DataLoader(
        Photographs(arguments.photos, net),
        batch_size=arguments.batch,
        num_workers=arguments.workers,
    )
    for x, indices in loader:
        # Tensors go in as they are; arrays come out, and torch.from_numpy takes them on.
        values = net.forward(x, [arguments.layer])[arguments.layer]
        for index, row in zip(indices.tolist(), values, strict=True):
            print(f"{arguments.photos[index]}: {row.shape}, largest {row.max():.4f}")


if __name__ == "__main__":
    main()
