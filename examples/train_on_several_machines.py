"""Train the last layer on two processes that share every batch, with mpi4py.

    pip install mpi4py mpich
    mpiexec -n 2 python train_on_several_machines.py

Every process has all data and computes its share of each batch; the gradients are added up, and all
take the same step. Without mpi4py it runs alone. docs/training.md says from which network on it
pays.
"""

from collections.abc import Mapping

import numpy as np

from alexnet_cy import AlexNet
from alexnet_cy.training import SGD, FeatureSource, Trainer, TrainingNetwork

try:
    from mpi4py import MPI
except ModuleNotFoundError:
    MPI = None

CLASSES = 4


def add_up(gradients: Mapping[str, np.ndarray]) -> None:
    """Put the sum over all processes in the place of the gradients of this one."""
    for array in gradients.values():
        MPI.COMM_WORLD.Allreduce(MPI.IN_PLACE, array, MPI.SUM)


def make_data(count: int, seed: int) -> FeatureSource:
    """Draw features of four classes that a network can tell."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % CLASSES
    values = rng.standard_normal((count, 4096)) + 20 * np.eye(CLASSES, 4096)[labels]
    return FeatureSource(values.astype(np.float32), labels)


def main() -> None:
    """Train, and print what every process has."""
    number, count = 0, 1
    if MPI is not None:
        number, count = MPI.COMM_WORLD.rank, MPI.COMM_WORLD.size
    net = AlexNet.random("torchvision", num_classes=CLASSES)
    head = {name: net.weights[name] for name in ("fc8.weight", "fc8.bias")}
    network = TrainingNetwork(net.variant, head, start="fc8", threads=1)
    trainer = Trainer(
        network,
        SGD(0.001),
        batch_size=16,
        reduce=add_up if count > 1 else None,
        worker=(number, count),
    )
    history = trainer.fit(make_data(128, 0), make_data(64, 1), 5)
    total = float(np.abs(network.weights()["fc8.weight"]).sum(dtype=np.float64))
    print(
        f"process {number} of {count}: {100 * history['val_accuracy'][-1]:.1f} % of the unseen are "
        f"known, sum of the weights {total:.9g}"
    )


if __name__ == "__main__":
    main()
