"""Features of a collection on a Ray cluster: shards, each written whole by one actor of a pool.

The list of images is cut into consecutive shards, as `AlexNet.write_features` cuts it, and an actor
writes one shard after the other. A shard is a file of its own, renamed when it is whole; one that
is there is left alone, and one that was cut off is continued. So an actor that is killed, a shard
that is computed twice, and a run that is given again leave each row once, with the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from alexnet_cy.contracts.scalars import as_count
from alexnet_cy.extraction.extras import import_extra
from alexnet_cy.extraction.items import Collection, collect

if TYPE_CHECKING:
    from alexnet_cy.images.decoding.decode import ImageSource
    from alexnet_cy.model import AlexNet

__all__ = ["ShardWriter", "write_features"]


class ShardWriter:
    """Writes shards, given by their numbers; for ``map_batches`` of Ray Data, one an actor.

    Parameters
    ----------
    net : AlexNet
    collection : Collection
    output : str
    layers : str or sequence of str
    shards : int
        How many there are.
    options : dict
        Of `AlexNet.write_features`.
    """

    def __init__(
        self,
        net: AlexNet,
        collection: Collection,
        output: str,
        layers: str | Sequence[str],
        shards: int,
        options: dict[str, Any],
    ) -> None:
        self._net, self._collection = net, collection
        self._output, self._layers = output, layers
        self._shards, self._options = shards, options

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Write the shards of ``batch["shard"]``; return a row for each of them."""
        rows = [self._write(int(number)) for number in batch["shard"]]
        return {key: np.array([row[key] for row in rows]) for key in rows[0]}

    def _write(self, number: int) -> dict[str, Any]:
        written = self._net.write_features(
            self._collection,
            self._output,
            self._layers,
            shard=(number, self._shards),
            **self._options,
        )
        n_rows = next(iter(written.shapes.values()))[0]
        return {
            "shard": number,
            "output": written.output,
            "rows": n_rows,
            "skipped": len(written.skipped),
        }


def write_features(
    net: AlexNet,
    images: ImageSource | Iterable[ImageSource],
    output: str | os.PathLike[str],
    layers: str | Sequence[str] = "fc7",
    *,
    shards: int,
    actors: int | None = None,
    cpus_per_actor: int = 1,
    **options: Any,
) -> list[dict[str, Any]]:
    """Write features on the Ray cluster that this process is connected to, or on a local one.

    Parameters
    ----------
    net : AlexNet
        Sent to each actor: a network from a file, or of packed weights, travels as its path, which
        every machine must be able to open.
    images, layers
        As for `AlexNet.write_features`; paths that every machine can open.
    output : path
        On a disk that all machines share. A shard's name is made of it: "features.parquet" becomes
        "features-003-of-100.parquet".
    shards : int
        Some thousand images each are few enough to lose little when a machine dies.
    actors : int, optional
        Processes; as many as the cluster has room for if left out.
    cpus_per_actor : int
        Ray sets OMP_NUM_THREADS to it, and the network uses so many threads. At most what the
        largest machine has that is in the cluster already.
    **options
        The other arguments of `AlexNet.write_features`. `on_error` is "nan" if left out: a bad
        image keeps its row, and its message is in the file.

    Returns
    -------
    list of dict
        For each shard, "shard" (from 1), "output", "rows" and "skipped".

    Raises
    ------
    ImportError
        Ray is not installed.
    TypeError, ValueError, ImageError
        As for `AlexNet.write_features`; those of a shard come from Ray.
    """
    ray, data = import_extra("ray", "ray"), import_extra("ray.data", "ray")
    count = as_count(shards, "shards")
    as_count(cpus_per_actor, "cpus_per_actor")
    collection = collect(images, options.pop("order", "name"))
    if not ray.is_initialized():
        ray.init()
    most = max((_cpus(node) for node in ray.nodes() if node["Alive"]), default=0)
    if cpus_per_actor > most:  # Ray would wait for such a machine for ever
        raise ValueError(
            f"cpus_per_actor: no machine of the cluster has {cpus_per_actor} CPUs; the largest "
            f"has {most}"
        )
    n_cpus = int(ray.cluster_resources().get("CPU", 1))
    size = max(1, n_cpus // cpus_per_actor) if actors is None else as_count(actors, "actors")
    # Absolute: an actor works in a folder of its own.
    target = os.path.abspath(os.fsdecode(output))
    numbers = data.from_items(
        [{"shard": i} for i in range(1, count + 1)], override_num_blocks=count
    )
    rows = numbers.map_batches(
        ShardWriter,
        fn_constructor_args=(
            net,
            collection,
            target,
            layers,
            count,
            {"on_error": "nan", **options},
        ),
        compute=data.ActorPoolStrategy(size=min(size, count)),
        num_cpus=cpus_per_actor,
        batch_size=1,
    ).take_all()
    return sorted(rows, key=lambda row: int(row["shard"]))


def _cpus(node: dict[str, Any]) -> int:
    return int(node["Resources"].get("CPU", 0))
