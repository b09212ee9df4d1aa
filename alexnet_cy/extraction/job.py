"""From the arguments of `AlexNet.write_features` to a job, all of it checked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, get_args

from alexnet_cy.contracts.scalars import as_count
from alexnet_cy.extraction.form import DType, Pool, RowForm
from alexnet_cy.extraction.items import Collection, collect, shard_of
from alexnet_cy.extraction.write import FeatureNetwork, Job, resolve_layers, shard_name
from alexnet_cy.images.batches import OnError
from alexnet_cy.images.folder import Order

if TYPE_CHECKING:
    from alexnet_cy.images.decoding.decode import ImageSource
    from alexnet_cy.images.preparation import Preparation

__all__ = ["make_job"]


def make_job(
    net: FeatureNetwork,
    identity: Mapping[str, object],
    preparation: Preparation,
    images: ImageSource | Iterable[ImageSource] | Collection,
    output: str | os.PathLike[str],
    layers: str | Sequence[str],
    *,
    names: str | None,
    threads: int | None,
    on_error: OnError,
    pool: Pool | None,
    flatten: bool,
    dtype: DType,
    order: Order,
    shard: tuple[int, int] | None,
    overwrite: bool,
    restart: bool,
) -> Job:
    """Check the arguments; they are those of `AlexNet.write_features`.

    Raises
    ------
    TypeError, ValueError
        An argument does not fit; the message names it.
    ImageError
        A folder or an HDF5 file cannot be read, or there is no image.
    """
    if on_error not in get_args(OnError):
        raise ValueError(f"on_error: need 'raise', 'skip' or 'nan', got {on_error!r}")
    form = RowForm(pool, bool(flatten), dtype, preparation.preset.views)
    resolved = resolve_layers(net.variant, layers, names)
    whole = images if isinstance(images, Collection) else collect(images, order)
    number_and_count = _shard(shard)
    part = whole if number_and_count is None else shard_of(whole, *number_and_count)
    return Job(
        net=net,
        identity=identity,
        collection=part,
        output=shard_name(os.fsdecode(output), number_and_count),
        layers=resolved,
        preparation=preparation,
        form=form,
        threads=threads,
        on_error=on_error,
        shard=number_and_count,
        overwrite=overwrite,
        restart=restart,
    )


def _shard(shard: tuple[int, int] | None) -> tuple[int, int] | None:
    if shard is None:
        return None
    try:
        number, count = shard
    except (TypeError, ValueError):
        raise TypeError(f"shard: need (number, count), got {shard!r}") from None
    return as_count(number, "shard: number"), as_count(count, "shard: count")
