"""A network that learns: fine-tuning, training, evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from alexnet_cy.contracts.trained_on import TrainedOn
from alexnet_cy.errors import ImageError
from alexnet_cy.model.describing import Describing
from alexnet_cy.network import Variant, get_variant

if TYPE_CHECKING:
    from alexnet_cy.images.batches import SkippedImage
    from alexnet_cy.images.mean import Mean
    from alexnet_cy.images.preparation import Preparation
    from alexnet_cy.images.preset import Preset
    from alexnet_cy.model.network import AlexNet
    from alexnet_cy.training.data.augment import Augment
    from alexnet_cy.training.data.folder import ImageFolder
    from alexnet_cy.training.finetuning import FineTuned
    from alexnet_cy.training.head.features import Progress
    from alexnet_cy.training.head.finetune import ClassWeight
    from alexnet_cy.training.loop.recipes import Recipe
    from alexnet_cy.training.loop.schedules import EarlyStopping
    from alexnet_cy.training.loop.telling import StepReport
    from alexnet_cy.training.report.evaluation import Evaluation

__all__ = ["Learning"]

Trainable: TypeAlias = Literal["head", "fc", "all"]


class Learning(Describing):
    """Adds learning from folders of photographs."""

    def finetune(
        self,
        folder: str | PathLike[str] | ImageFolder,
        *,
        val: float = 0.2,
        val_folder: str | PathLike[str] | None = None,
        views: int = 1,
        augment: Augment | None = None,
        class_weight: ClassWeight | None = None,
        c: float | None = None,
        group_by: str | None = None,
        seed: int = 0,
        preset: str | Preset | Preparation | None = None,
        mean: object = None,
        exif: bool = False,
        threads: int | None = None,
        on_error: Literal["skip", "raise"] = "skip",
        progress: Progress | None = None,
        trainable: Trainable = "head",
        epochs: int | None = None,
        lr: float | None = None,
        batch_size: int | None = None,
        checkpoints: str | PathLike[str] | None = None,
        resume: bool = False,
        time_limit_s: float | None = None,
        on_step: Callable[[StepReport], None] | None = None,
    ) -> FineTuned[AlexNet]:
        """Learn other classes from a folder of photographs, with a new last layer.

        The network computes the features of every image once, those that its last layer reads; a
        multinomial logistic regression on them is the new last layer. With `trainable` "head" the
        rest does not change; otherwise training goes on from there.

        Parameters
        ----------
        folder : path-like or ImageFolder
            A folder for each class, called like it, with its images at any depth.
        val : float
            The share of each class that is not learnt from but measured with.
        val_folder : path-like, optional
            A folder of folders to measure with, in place of a share of `folder`.
        views : int
            Views of each image to learn from: itself as `preset` prepares it, and others by
            `augment`.
        augment : Augment, optional
            ``Augment()``, random crops and mirror images, if left out.
        class_weight : {"balanced"}, optional
            Count all classes the same, however many images they have.
        c : float, optional
            scikit-learn's C of the regression, the larger the less the weights are held back;
            chosen among three on a fifth of the images that are learnt from if left out.
        group_by : str, optional
            As for `ImageFolder`.
        seed : int
            Of the split and of the views.
        preset, mean, exif
            As for `preprocess`; with one view of an image.
        threads : int, optional
        on_error : {"skip", "raise"}
            An image that cannot be read is left out and named in the result, or is an error.
        progress : callable, optional
            Called with what is being done, how much of it is done, and how much there is.
        trainable : {"head", "fc", "all"}
            What learns: the last layer; all fully connected layers, on features of the last
            pooling that are computed once; or every layer.
        epochs, lr, batch_size : optional
            For "fc" and "all", in place of the values of the recipe "finetune".
        checkpoints : path-like, optional
            For "fc" and "all", a folder for what `train` writes to `out`.
        resume : bool
            Go on from the state in `checkpoints`, if there is one. The head is fitted again before;
            with the same images, settings and network the result has the same bits.
        time_limit_s : float, optional
            For "fc" and "all", save and return after the step that goes beyond it.
        on_step : callable, optional
            For "fc" and "all", called after each step.

        Returns
        -------
        FineTuned
            Its `net` names the new classes, and prepares images as here; its `evaluation` is of
            images that were not learnt from.

        Raises
        ------
        ImageError
            As of `ImageFolder`; no image of a class can be read; with "raise", one cannot.
        TypeError, ValueError
            An argument does not fit; the message names it.
        TrainingError, KeyboardInterrupt, WeightsError, OSError
            For "fc" and "all", as for `train`.
        """
        from alexnet_cy.model.network import AlexNet
        from alexnet_cy.training.finetune import LoopArguments, finetune, no_progress

        if on_error not in ("skip", "raise"):
            raise ValueError(f"on_error: need 'skip' or 'raise', got {on_error!r}")

        def make(variant: Variant, weights: Mapping[str, Any], trained: TrainedOn) -> AlexNet:
            runner = self._runner
            return AlexNet(
                variant,
                weights,
                algorithm=runner.algorithm,
                exact=runner.exact,
                source=f"{self._origin.name}, fine-tuned",
                trained_on=trained,
            )

        return finetune(
            cast("AlexNet", self),
            folder,
            self.preparation(preset, mean=mean, exif=exif),
            make,
            val=val,
            val_folder=val_folder,
            views=views,
            augment=augment,
            class_weight=class_weight,
            c=c,
            group_by=group_by,
            seed=seed,
            threads=threads,
            strict=on_error == "raise",
            progress=progress or no_progress,
            loop=LoopArguments(
                trainable, epochs, lr, batch_size, checkpoints, resume, time_limit_s, on_step
            ),
        )

    @classmethod
    def train(
        cls,
        folder: str | PathLike[str] | ImageFolder,
        out: str | PathLike[str] | None = None,
        *,
        variant: str | Variant = "caffe",
        recipe: str | Recipe = "he",
        epochs: int | None = None,
        lr: float | None = None,
        batch_size: int | None = None,
        warmup: int | None = None,
        init: str | None = None,
        augment: Augment | None = None,
        val: float = 0.2,
        val_folder: str | PathLike[str] | None = None,
        class_weight: ClassWeight | None = None,
        group_by: str | None = None,
        early_stopping: EarlyStopping | None = None,
        seed: int = 0,
        preset: str | Preset | None = None,
        mean: object = None,
        exif: bool = False,
        threads: int | None = None,
        batch_block: int | None = None,
        resume: bool = False,
        time_limit_s: float | None = None,
        on_error: Literal["skip", "raise"] = "skip",
        progress: Progress | None = None,
        on_step: Callable[[StepReport], None] | None = None,
    ) -> FineTuned[AlexNet]:
        """Train a network from its first weights on.

        For a few thousand images, `finetune` of a network that has seen many is better and takes a
        thousandth of the time; see docs/training.md.

        Parameters
        ----------
        folder, val, val_folder, class_weight, group_by, seed, threads, on_error, progress
            As for `finetune`.
        out : path-like, optional
            A folder for checkpoints and logs: ``best.safetensors``, ``last.safetensors``,
            ``last.state.safetensors``, ``log.jsonl``, ``log.csv``, and ``curves.png`` where
            matplotlib is installed.
        variant : str or Variant
        recipe : str or Recipe
            "he", or as others did it: "paper", "caffe", "caffenet", "torchvision".
        epochs, lr, batch_size, warmup, init, augment : optional
            In place of the recipe's; `init` is "he", "paper", "caffe", "caffenet" or "torch",
            `warmup` the steps in which the rate grows to `lr`.
        early_stopping : EarlyStopping, optional
        preset, mean, exif
            As for `preprocess`.
        batch_block : int, optional
            Images whose activations are held at once, for less memory; the bits are the same.
        resume : bool
            Go on from the state in `out`, if there is one.
        time_limit_s : float, optional
            Save and return after the step that goes beyond it.
        on_step : callable, optional
            Called with a `StepReport` after each step.

        Raises
        ------
        TrainingError
            The loss is no number any more.
        KeyboardInterrupt
            Ctrl-C: after the step, and after saving.
        ImageError, TypeError, ValueError, WeightsError, OSError
            As for `finetune`; the state cannot be read; a file cannot be written.
        """
        from alexnet_cy.images.preparation import make_preparation
        from alexnet_cy.images.presets import get_preset
        from alexnet_cy.training.finetune import no_progress
        from alexnet_cy.training.loop.recipes import get_recipe
        from alexnet_cy.training.loop.train import TrainArguments, train
        from alexnet_cy.weights.caffe.mean import read_mean

        if on_error not in ("skip", "raise"):
            raise ValueError(f"on_error: need 'skip' or 'raise', got {on_error!r}")
        known = get_variant(variant) if isinstance(variant, str) else variant
        base = get_recipe(recipe) if isinstance(recipe, str) else recipe
        arguments = TrainArguments(
            base.changed(
                lr=lr,
                epochs=epochs,
                batch_size=batch_size,
                warmup=warmup,
                init=init,
                augment=augment,
            ),
            out,
            val,
            val_folder,
            class_weight,
            group_by,
            early_stopping,
            seed,
            threads,
            batch_block,
            resume,
            on_error == "raise",
            time_limit_s,
        )
        if preset == "as-is":
            preset = get_preset(known.preset).as_is()
        preparation = make_preparation(
            known.preset if preset is None else preset,
            mean=cast("Mean", read_mean(mean)),
            exif=exif,
            input_size=known.input_size,
            channels=known.in_channels,
        )

        def make(network: Variant, weights: Mapping[str, Any], trained: TrainedOn) -> AlexNet:
            return cast("AlexNet", cls(network, weights, source="trained", trained_on=trained))

        return train(folder, known, preparation, make, arguments, progress or no_progress, on_step)

    def evaluate(
        self,
        folder: str | PathLike[str] | ImageFolder,
        *,
        preset: str | Preset | Preparation | None = None,
        mean: object = None,
        exif: bool = False,
        threads: int | None = None,
        on_skipped: Callable[[SkippedImage], None] | None = None,
        progress: Progress | None = None,
    ) -> Evaluation:
        """Measure the network with images whose classes are known.

        Parameters
        ----------
        folder : path-like or ImageFolder
            A folder for each class, called as in `classes`, or by WordNet id for ImageNet's. Not
            every class needs one.
        preset, mean, exif
            As for `preprocess`; of ten crops the mean of the probabilities counts.
        threads : int, optional
        on_skipped : callable, optional
            Called with each image that cannot be read; without it such an image is an error.
        progress : callable, optional
            As for `finetune`.

        Raises
        ------
        ImageError
            As of `ImageFolder`; an image cannot be read; a folder is no class of the network.
        TypeError, ValueError
            An argument does not fit, or nobody said the names of the classes.
        """
        from alexnet_cy.training.finetune import evaluate, no_progress

        prepared = self.preparation(preset, mean=mean, exif=exif)
        evaluation, skipped = evaluate(
            self, folder, prepared, threads=threads, progress=progress or no_progress
        )
        for image in skipped:
            if on_skipped is None:
                raise ImageError(image.error)
            on_skipped(image)
        return evaluation
