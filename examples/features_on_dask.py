"""Features of many images on a Dask cluster: a file for each shard, and each image in it once.

pip install "dask[distributed]"
python examples/features_on_dask.py photos/ -o features.npz --shards 8 --weights alexnet.pth
"""

from __future__ import annotations

import argparse
from functools import lru_cache

from distributed import Client, as_completed

from alexnet_cy import AlexNet
from alexnet_cy.images import find_images


@lru_cache(1)
def network(weights: str | None) -> AlexNet:
    """Load the network once in each process; a path that every machine sees."""
    return AlexNet.load(weights) if weights else AlexNet.random()


def write_shard(shard: int, shards: int, paths: list[str], output: str, options: dict) -> str:
    """Write one file; one that is there already, of the same job, is left alone."""
    done = network(options["weights"]).write_features(
        paths, output, options["layer"], shard=(shard, shards), on_error="nan"
    )
    skipped = "".join(f"; {image.name}: {image.error}" for image in done.skipped)
    return f"{done.output}: {next(iter(done.shapes.values()))}{skipped}"


def main() -> None:
    """Cut the list into shards and write each wherever a worker is free."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", help="of images, on a disk that every worker sees")
    parser.add_argument("-o", "--output", required=True, help="x.npz gives x-1-of-8.npz, ...")
    parser.add_argument("--weights", help="a weight file; without it the weights are random")
    parser.add_argument("--layer", default="fc7")
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--scheduler", help="its address; without it a cluster of this machine")
    parser.add_argument("--workers", type=int, default=2, help="of the cluster of this machine")
    arguments = parser.parse_args()

    # Dask sets OMP_NUM_THREADS to 1 in its workers, so one of them a core is right.
    local = {"n_workers": arguments.workers, "threads_per_worker": 1, "dashboard_address": None}
    with Client(arguments.scheduler, **({} if arguments.scheduler else local)) as client:
        paths = [str(path) for path in find_images(arguments.folder)]
        [everywhere] = client.scatter([paths], broadcast=True)  # once, not with every task
        options = {"weights": arguments.weights, "layer": arguments.layer}
        tasks = client.map(
            write_shard,
            range(1, arguments.shards + 1),
            shards=arguments.shards,
            paths=everywhere,
            output=arguments.output,
            options=options,
            pure=False,
        )
        for task in as_completed(tasks):
            print(task.result())


if __name__ == "__main__":
    main()
