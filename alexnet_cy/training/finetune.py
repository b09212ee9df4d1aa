"""`AlexNet.finetune` and `AlexNet.evaluate`: arguments checked, and who does the work."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from alexnet_cy.contracts.records import record
from alexnet_cy.contracts.scalars import as_count, as_real
from alexnet_cy.errors import ImageError
from alexnet_cy.images.batches import SkippedImage
from alexnet_cy.images.preparation import Preparation
from alexnet_cy.labels import imagenet_classes
from alexnet_cy.machine.threads import resolve_threads
from alexnet_cy.training.data.augment import Augment, squares_preparation
from alexnet_cy.training.data.folder import ImageFolder
from alexnet_cy.training.data.parts import TrainingImages
from alexnet_cy.training.finetuning import FineTuned
from alexnet_cy.training.head.features import Progress
from alexnet_cy.training.head.finetune import ClassWeight, HeadSettings, finetune_head
from alexnet_cy.training.network import AnyNetwork, MakeNetwork, Network
from alexnet_cy.training.report.evaluation import Evaluation, measure

if TYPE_CHECKING:
    from alexnet_cy.training.loop.telling import StepReport

__all__ = ["LoopArguments", "evaluate", "finetune", "no_progress"]

Folder = str | os.PathLike[str] | ImageFolder


@record(frozen=True, slots=True)
class LoopArguments:
    """What `AlexNet.finetune` was given for more layers than the last.

    Attributes
    ----------
    trainable : {"head", "fc", "all"}
    epochs, batch_size : int or None
    lr : float or None
    checkpoints : path-like or None
    resume : bool
    time_limit_s : float or None
    on_step : callable or None
    """

    trainable: str = "head"
    epochs: int | None = None
    lr: float | None = None
    batch_size: int | None = None
    checkpoints: str | os.PathLike[str] | None = None
    resume: bool = False
    time_limit_s: float | None = None
    on_step: Callable[[StepReport], None] | None = None

    def check(self) -> None:
        """Raise ValueError for what is none, and for what would have no effect."""
        if self.trainable not in ("head", "fc", "all"):
            raise ValueError(f"trainable: need 'head', 'fc' or 'all', got {self.trainable!r}")
        if self.trainable == "head":
            for name in ("epochs", "lr", "batch_size", "checkpoints", "resume", "time_limit_s"):
                if getattr(self, name) not in (None, False):
                    raise ValueError(f"{name}: without effect with trainable='head'")
        if self.resume and self.checkpoints is None:
            raise ValueError("resume: needs checkpoints, the folder of the training")


def no_progress(what: str, done: int, total: int) -> None:
    """Show nothing."""


def finetune(
    net: AnyNetwork,
    folder: Folder,
    preparation: Preparation,
    make_network: MakeNetwork[AnyNetwork],
    *,
    val: float,
    val_folder: str | os.PathLike[str] | None,
    views: int,
    augment: Augment | None,
    class_weight: ClassWeight | None,
    c: float | None,
    group_by: str | None,
    seed: int,
    threads: int | None,
    strict: bool,
    progress: Progress,
    loop: LoopArguments,
) -> FineTuned[AnyNetwork]:
    """Check the arguments of `AlexNet.finetune`, and do it."""
    loop.check()
    if class_weight not in (None, "balanced"):
        raise ValueError(f"class_weight: need None or 'balanced', got {class_weight!r}")
    if c is not None and not 0 < as_real(c, "c") < float("inf"):
        raise ValueError(f"c: need a number above 0, got {c!r}")
    if not 0 < as_real(val, "val") < 1:
        raise ValueError(f"val: need a share above 0 and below 1, got {val!r}")
    settings = HeadSettings(
        val,
        as_count(views, "views"),
        (Augment() if augment is None else augment).check(),
        class_weight,
        c,
        as_count(seed, "seed", minimum=0),
        resolve_threads(threads),
        strict,
    )
    squares_preparation(preparation, settings.augment)  # refuses what training cannot have
    images = TrainingImages(folder, val_folder, group_by=group_by)
    images.check_apart(loop.checkpoints, "checkpoints")
    frozen = finetune_head(net, images, preparation, settings, make_network, progress)
    if loop.trainable == "head":
        return frozen
    from alexnet_cy.training.loop.finetune import finetune_layers
    from alexnet_cy.training.loop.recipes import get_recipe
    from alexnet_cy.training.loop.session import LoopSettings

    recipe = get_recipe("finetune").changed(
        lr=loop.lr, epochs=loop.epochs, batch_size=loop.batch_size, augment=settings.augment
    )
    loop_settings = LoopSettings(
        recipe,
        "fc" if loop.trainable == "fc" else "all",
        settings.class_weight,
        seed=settings.seed,
        threads=settings.threads,
        folder=loop.checkpoints,
        resume=loop.resume,
        time_limit_s=loop.time_limit_s,
        on_step=loop.on_step,
    )
    return finetune_layers(frozen, images, preparation, loop_settings, val, make_network, progress)


def evaluate(
    net: Network,
    folder: Folder,
    preparation: Preparation,
    *,
    threads: int | None,
    progress: Progress,
) -> tuple[Evaluation, tuple[SkippedImage, ...]]:
    """Do `AlexNet.evaluate`, and say which images could not be read."""
    classes = known_classes(net)
    images = folder if isinstance(folder, ImageFolder) else ImageFolder(folder, classes=classes)
    last = net.variant.layers[-1].name
    paths = [sample.path for sample in images.samples]
    rows: list[Any] = []
    indices: list[int] = []
    skipped: list[SkippedImage] = []
    for batch in net.iter_features(
        paths, last, preset=preparation, threads=threads, on_error="skip"
    ):
        found = batch.values[last]
        rows.append(found.mean(axis=1) if found.ndim == 3 else found)  # of ten crops the mean
        indices += batch.indices
        skipped += batch.skipped
        progress("images", len(indices) + len(skipped), len(paths))
    if not indices:
        raise ImageError(f"{images.root!r}: none of the images could be read")
    labels = np.array([images.samples[i].label for i in indices], np.intp)
    names = [paths[i] for i in indices]
    return measure(np.concatenate(rows), labels, names, classes), tuple(skipped)


def known_classes(net: Network) -> tuple[str, ...]:
    """Return the names that the folders of a network's classes have: ImageNet's are WordNet ids.

    Raises
    ------
    ValueError
        Nobody said the names of the network's classes.
    """
    if net.trained_on.classes:
        return net.trained_on.classes
    ids = tuple(known.wnid for known in imagenet_classes())
    if net.variant.num_classes == len(ids):
        return ids
    if not net.variant.num_classes:
        raise ValueError(
            f"variant {net.variant.name!r} ends with {net.variant.layers[-1].name}, which is no "
            "probability of classes; finetune gives it some"
        )
    raise ValueError(
        f"folder: the network does not know the names of its {net.variant.num_classes} classes, so "
        "folders cannot be told apart; AlexNet(..., trained_on=TrainedOn(classes)) gives it names"
    )
