"""Features of a collection to files: `AlexNet.write_features`."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from alexnet_cy.errors import ImageError
from alexnet_cy.extraction import place
from alexnet_cy.extraction.form import RowForm
from alexnet_cy.extraction.formats.choose import Format, format_of
from alexnet_cy.extraction.items import Collection
from alexnet_cy.extraction.journal import read_progress
from alexnet_cy.extraction.manifest import check_same_job, describe_preparation
from alexnet_cy.extraction.space import check_space, size_text, space_needed
from alexnet_cy.extraction.unfinished import (
    MANIFEST,
    Unfinished,
    clear_remains,
    remove_folder,
    unfinished_folder,
)
from alexnet_cy.images.batches import SkippedImage
from alexnet_cy.network import Variant, feature_names, is_flat_name, layer_of_feature, resolve_layer
from alexnet_cy.version import __version__

if TYPE_CHECKING:
    from alexnet_cy.extraction.formats.finished import Finished
    from alexnet_cy.image_stream import FeatureBatch
    from alexnet_cy.images.batches import OnError
    from alexnet_cy.images.preparation import Preparation

__all__ = [
    "RANDOM_NOTE",
    "FeatureNetwork",
    "Job",
    "WrittenFeatures",
    "resolve_layers",
    "shard_name",
    "write",
]

RANDOM_NOTE = "random weights: for tests and timing, the values mean nothing"

Report = Callable[[int, int], None]


class FeatureNetwork(Protocol):
    """What of an `AlexNet` is needed here."""

    @property
    def variant(self) -> Variant:
        """The network as data."""

    def iter_features(
        self,
        images: Any,
        layers: str | Sequence[str],
        *,
        preset: Preparation,
        threads: int | None,
        on_error: OnError,
    ) -> Iterator[FeatureBatch]:
        """Run over images, batch by batch."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be written, all of it checked.

    Attributes
    ----------
    net : FeatureNetwork
    identity : mapping
        The network in JSON: weights, their hash, variant, level, algorithms.
    collection : Collection
        The images, or the shard of them.
    output : str
    layers : mapping of str to str
        For each key of the output, the canonical name of the value.
    preparation : Preparation
    form : RowForm
    threads : int or None
    on_error : {"raise", "skip", "nan"}
    shard : (int, int) or None
    overwrite, restart : bool
    """

    net: FeatureNetwork
    identity: Mapping[str, object]
    collection: Collection
    output: str
    layers: Mapping[str, str]
    preparation: Preparation
    form: RowForm
    threads: int | None
    on_error: OnError
    shard: tuple[int, int] | None
    overwrite: bool
    restart: bool

    @property
    def unfinished_folder(self) -> str:
        """Where the rows grow."""
        return unfinished_folder(self.output)

    def row_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of a row of each layer; ValueError if the images are too small."""
        variant = self.net.variant
        shapes = {}
        for key, canonical in self.layers.items():
            last = layer_of_feature(canonical)
            shape = variant.shapes(*self.preparation.preset.crop_size, last=last)[-1].output_shape
            if is_flat_name(key):
                shape = RowForm(flatten=True).shape(shape)
            shapes[key] = self.form.shape(shape)
        return shapes

    def manifest(self) -> dict[str, object]:
        """Return what makes another job the same."""
        return {
            **self.identity,
            **describe_preparation(self.preparation),
            "layers": list(self.layers),
            "values": dict(self.layers),
            **self.form.describe(),
            "on_error": self.on_error,
            "shard": None if self.shard is None else list(self.shard),
            "images": len(self.collection.items),
            "list_sha256": self.collection.list_hash,
            "alexnet_cy": __version__,
        }


@dataclass(frozen=True, slots=True)
class WrittenFeatures:
    """What `AlexNet.write_features` has done.

    Attributes
    ----------
    output : str
        The file or the folder.
    shapes : dict of str to tuple of int
        Of each layer's array.
    skipped : list of SkippedImage
        Images that could not be read; the output lists them too.
    left_out : list of LeftOut
        What lies in the folders and is no image.
    resumed : int
        Images that an earlier run had done.
    metadata : dict
        As the output has them.
    """

    output: str
    shapes: dict[str, tuple[int, ...]]
    skipped: list[SkippedImage]
    left_out: list[Any]
    resumed: int
    metadata: dict[str, Any] = field(repr=False)


def resolve_layers(
    variant: Variant, layers: str | Sequence[str], names: str | None = None
) -> dict[str, str]:
    """Return the canonical name of each layer asked for; "all" is every value of the network.

    Raises
    ------
    TypeError, ValueError
        As for `network.resolve_layer`; or there is none.
    """
    asked = (layers,) if isinstance(layers, str) else tuple(layers)
    if not asked:
        raise ValueError("layers: need at least one name, got none")
    resolved: dict[str, str] = {}
    for name in asked:
        if name == "all":
            resolved.update((own, own) for own in feature_names(variant))
        else:
            resolved[name] = resolve_layer(variant, name, names)
    return resolved


def shard_name(output: str, shard: tuple[int, int] | None) -> str:
    """Return the output of one shard: "features.npz" becomes "features-003-of-100.npz"."""
    if shard is None:
        return output
    number, count = shard
    stem, ending = os.path.splitext(output.rstrip(os.sep))
    return f"{stem}-{number:0{len(str(count))}}-of-{count}{ending}"


def write(job: Job, progress: Report | None, announce: Callable[[str], None]) -> WrittenFeatures:
    """Do a job, or what is left of it.

    Parameters
    ----------
    job : Job
    progress : callable, optional
        Called with the images done and all images after each batch.
    announce : callable
        Called with what people may want to know before it begins.

    Raises
    ------
    DifferentJobError, FileExistsError, ImageError, OSError, ValueError, ImportError
        As for `AlexNet.write_features`.
    """
    kind = format_of(job.output, list(job.layers))
    kind.check_library()
    manifest, shapes = job.manifest(), job.row_shapes()
    n_images = len(job.collection.items)
    check = getattr(kind.module, "check", None)
    if check is not None:
        check(shapes, n_images, 4)
    if kind.is_folder:
        kind.module.check_names(job.collection.names)
    folder = job.unfinished_folder
    place.check_unfinished(folder)
    if job.restart and os.path.exists(os.path.join(folder, MANIFEST)):
        remove_folder(folder)
    clear_remains(folder)
    packed = read_progress(folder)[0].packed  # then what lies there may be of this very job
    may_exist = job.overwrite or packed or job.shard is not None
    there = place.check_place(job.output, kind, job.collection, may_exist)
    if there and job.shard is not None and not packed and not job.overwrite:
        metadata = place.metadata_of(kind, job.output)
        old = {key: metadata.get(key) for key in manifest}
        check_same_job(old, manifest, job.output, "take another output, or overwrite=True")
        announce(f"{job.output}: is there already, of the same job")
        return _result(job, shapes, metadata, n_images)
    if kind.is_folder and place.finish_folder(job.output, folder, manifest, job.overwrite):
        return _result(job, shapes, place.metadata_of(kind, job.output), n_images)
    _announce_space(job, kind, shapes, announce)
    with Unfinished(folder, manifest, shapes, job.form.dtype) as unfinished:
        resumed = unfinished.progress.done
        if resumed:
            announce(f"{resumed} of {n_images} images are done already, in {folder}")
        if not unfinished.progress.packed:
            try:
                _extract(job, unfinished, progress)
            except BaseException as error:
                if not isinstance(error, (OSError, MemoryError)) and unfinished.is_even:
                    unfinished.commit()
                if unfinished.kept <= 0:
                    unfinished.remove()
                raise
        if not unfinished.progress.rows and n_images and job.shard is None:
            unfinished.remove()
            raise ImageError("none of the images could be read: nothing is written")
        metadata = _metadata(job, manifest, unfinished)
        finished = _finished(job, unfinished, metadata)
        place.finish(unfinished, kind, job.output, job.overwrite, finished)
    return _result(job, shapes, metadata, resumed)


def _announce_space(
    job: Job, kind: Format, shapes: Mapping[str, tuple[int, ...]], announce: Callable[[str], None]
) -> None:
    """Say how much room the output takes; refuse to begin what cannot be finished."""
    folder, parent = job.unfinished_folder, os.path.dirname(os.path.abspath(job.output))
    n_images = len(job.collection.items)
    needed = space_needed(shapes, n_images, job.form.dtype, kind.copies)
    written = 0
    if os.path.isdir(folder):
        written = sum(entry.stat().st_size for entry in os.scandir(folder))
    free = check_space(parent, max(0, needed - written), job.output)
    announce(
        f"{n_images} image{'s' * (n_images != 1)}: needs {size_text(needed)} on the disk, "
        f"{size_text(free)} are free"
    )


def _extract(job: Job, unfinished: Unfinished, progress: Report | None) -> None:
    """Run the network over what is not done yet, and append its rows."""
    n_images, start = len(job.collection.items), unfinished.progress.done
    # What a scheme calls a layer is for the output alone.
    names = {key: key if is_flat_name(key) else own for key, own in job.layers.items()}
    batches = job.net.iter_features(
        job.collection.sources(start),
        list(dict.fromkeys(names.values())),
        preset=job.preparation,
        threads=job.threads,
        on_error=job.on_error,
    )
    try:
        for batch in batches:
            rows = {key: job.form.rows(key, batch.values[own]) for key, own in names.items()}
            skipped = [(start + image.index, image.error) for image in batch.skipped]
            n_read = len(batch.names) + (len(skipped) if job.on_error == "skip" else 0)
            unfinished.append(rows, n_read, skipped)
            if progress is not None:
                progress(unfinished.progress.done, n_images)
        unfinished.commit()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OSError(
                error.errno,
                f"{error.strerror}; what is done is kept in {unfinished.folder}: make room, and "
                "the same call goes on",
                error.filename,
            ) from error
        raise


def _metadata(job: Job, manifest: Mapping[str, object], unfinished: Unfinished) -> dict[str, Any]:
    names = job.collection.names
    note = {"note": RANDOM_NOTE} if manifest["format"] == "random" else {}
    return {
        **manifest,
        **note,
        "skipped": [
            {"index": job.collection.first + index, "file": names[index], "error": error}
            for index, error in unfinished.progress.skipped
        ],
        "left_out": [{"path": path, "reason": why} for path, why in job.collection.left_out],
    }


def _finished(job: Job, unfinished: Unfinished, metadata: Mapping[str, Any]) -> Finished:
    from alexnet_cy.extraction.formats.finished import Finished

    skipped = dict(unfinished.progress.skipped)
    kept = [
        i for i in range(len(job.collection.items)) if job.on_error == "nan" or i not in skipped
    ]
    names = job.collection.names
    paths = {layer: unfinished.path(f"{layer}.npy") for layer in job.layers}
    return Finished(paths, [names[i] for i in kept], [skipped.get(i) for i in kept], metadata)


def _result(
    job: Job, shapes: Mapping[str, tuple[int, ...]], metadata: dict[str, Any], resumed: int
) -> WrittenFeatures:
    skipped = place.skipped_of(metadata)
    n_rows = len(job.collection.items) - (len(skipped) if job.on_error == "skip" else 0)
    return WrittenFeatures(
        job.output,
        {layer: (n_rows, *shape) for layer, shape in shapes.items()},
        skipped,
        job.collection.left_out,
        resumed,
        metadata,
    )
