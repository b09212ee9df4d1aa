"""AlexNet, the class that users hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, overload

import numpy as np
from numpy.typing import ArrayLike

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.pixel_batch import PixelBatch
from alexnet_cy.contracts.scalars import as_count
from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.contracts.trained_on import TrainedOn
from alexnet_cy.engine.runner import Runner
from alexnet_cy.errors import ImageError
from alexnet_cy.machine.threads import resolve_threads
from alexnet_cy.network import Variant, feature_names, get_variant

if TYPE_CHECKING:
    from alexnet_cy.engine.plan.plan import Plan
    from alexnet_cy.engine.run.profile import Profile
    from alexnet_cy.engine.tune.tuning import Tuning
    from alexnet_cy.extraction.form import DType, Pool
    from alexnet_cy.extraction.items import Collection
    from alexnet_cy.extraction.write import WrittenFeatures
    from alexnet_cy.image_stream import FeatureBatch, PredictionBatch
    from alexnet_cy.images.batches import Batch, OnError, SkippedImage
    from alexnet_cy.images.decode import ImageSource
    from alexnet_cy.images.folder import Order
    from alexnet_cy.images.mean import Mean
    from alexnet_cy.images.preparation import Preparation
    from alexnet_cy.images.presets import Preset
    from alexnet_cy.labels import Prediction
    from alexnet_cy.origin import Origin, WeightsOfFile
    from alexnet_cy.training.data.augment import Augment
    from alexnet_cy.training.data.folder import ImageFolder
    from alexnet_cy.training.finetuning import FineTuned
    from alexnet_cy.training.head.features import Progress
    from alexnet_cy.training.head.finetune import ClassWeight
    from alexnet_cy.training.loop.recipes import Recipe
    from alexnet_cy.training.loop.schedules import EarlyStopping
    from alexnet_cy.training.loop.telling import StepReport
    from alexnet_cy.training.report.evaluation import Evaluation

__all__ = ["AlexNet"]

Trainable: TypeAlias = Literal["head", "fc", "all"]


class AlexNet:
    """One of the AlexNets with its weights, ready to run.

    Made by `AlexNet.random`, `AlexNet.load` or `AlexNet.from_pretrained`, or from arrays. A model
    does not change once it is made, but for the algorithms that `tune` chooses, and may be used
    from several threads at once.

    Parameters
    ----------
    variant : str or Variant
        "caffe", "caffenet", "torchvision", "paper", "ungrouped", "plain" or "darknet"; or any other
        network, as data.
    weights : mapping of str to array_like or TensorRef
        "conv1.weight" (O, I / groups, R, S), "conv1.bias" (O,), ..., "fc8.weight" (out, in),
        "fc8.bias" (out,), as `Variant.parameter_shapes` has them. Arrays are copied at once;
        tensors in a file are read when their layer first runs.
    algorithm : {"auto", "winograd", "direct", "im2col"}
        The algorithm of the convolutions.
    exact : bool
        Leave out Winograd's algorithm, whose rounding errors are larger (docs/numerics.md).
    source : str
        Where the weights come from, for people to read.
    allow_nonfinite : bool
        Take arrays with NaN or infinity, which are an error otherwise; see `load` for files.
    trained_on : TrainedOn, optional
        The names of the classes, and how images were prepared in training; `save` notes it in the
        file and `load` reads it.

    Raises
    ------
    TypeError, ValueError
        A tensor is missing, superfluous or of another shape; the message lists all of them. Or a
        number is not finite; the message names the tensor. Or `trained_on` has more or fewer
        classes than the network.
    """

    def __init__(
        self,
        variant: str | Variant,
        weights: Mapping[str, ArrayLike | TensorRef],
        *,
        algorithm: str = "auto",
        exact: bool = False,
        source: str = "arrays",
        allow_nonfinite: bool = False,
        trained_on: TrainedOn | None = None,
    ) -> None:
        from alexnet_cy.origin import Origin

        known = get_variant(variant)
        self._runner = Runner(
            known, weights, algorithm=algorithm, exact=exact, allow_nonfinite=allow_nonfinite
        )
        self._origin = Origin(source, "arrays")
        self._file: WeightsOfFile | None = None
        self._trained_on = TrainedOn() if trained_on is None else trained_on
        names = self._trained_on.classes
        if names and len(names) != known.num_classes:
            raise ValueError(
                f"trained_on: {len(names)} classes; the network has {known.num_classes}"
            )
        self._weights_sha256: str | None = None
        self._packed_path = ""

    @classmethod
    def random(
        cls,
        variant: str | Variant = "caffe",
        *,
        seed: int = 0,
        num_classes: int | None = None,
        algorithm: str = "auto",
        exact: bool = False,
    ) -> AlexNet:
        """Make a network of random weights: for timing, testing and teaching.

        Weights are He-normal, of variance 2 / inputs of the neuron (He et al. 2015, equation 10);
        biases are zero. Each tensor has a random stream of its own, so a layer's weights do not
        depend on which others have been drawn.

        Parameters
        ----------
        variant : str or Variant
        seed : int
            The same seed gives the same weights.
        num_classes : int, optional
            Neurons of the classifier; the variant's own number if left out, 1000 of a named one.
        algorithm, exact
            As for the class.

        Raises
        ------
        TypeError, ValueError
            The variant is unknown, or `seed` is negative or `num_classes` less than 1.
        """
        from alexnet_cy.network.random_weights import random_tensors
        from alexnet_cy.origin import Origin

        network = get_variant(variant)
        if num_classes is not None:
            network = network.with_num_classes(num_classes)
        weights = random_tensors(network, seed)
        net = cls(network, weights, algorithm=algorithm, exact=exact)
        net._origin = Origin(f"random, seed {seed}", "random")
        return net

    @classmethod
    def load(
        cls,
        path: str | PathLike[str],
        variant: str | Variant | None = None,
        *,
        algorithm: str = "auto",
        exact: bool = False,
        allow_nonfinite: bool = False,
        name: str | None = None,
        head: str | None = None,
    ) -> AlexNet:
        """Load a weight file of any supported format; see docs/weights.md.

        The format is told by the file's content. A file that describes its network (Caffe's,
        ONNX) is taken as it is: any number of layers, of channels of an image, of classes. Of
        others the shapes of the tensors tell the variant nearest to them, as far as they can, and
        where the network ends. Tensors are read when their layer first runs: a network used up to
        conv5 never reads the others.

        Parameters
        ----------
        path : str or PathLike
        variant : str or Variant, optional
            Chooses the variant, for files that do not record it. A name gives the settings that
            the shapes leave open, and the file the layers; a `Variant` of your own may have other
            strides, pools or sizes than the named ones, and is what the file has, layer by layer::

                tiny = replace(VARIANTS["torchvision"], name="tiny", input_size=64, layers=...)
                net = AlexNet.load("tiny.pth", variant=tiny)
        algorithm, exact
            As for the class.
        allow_nonfinite : bool
            Take weights that are NaN or infinite, which are an error otherwise.
        name : str, optional
            The name of the weights in `origin` and `repr`; the path if left out.
        head : str, optional
            The layer to end with, by its name in a Caffe file that has several ends: "fc8_age".

        Raises
        ------
        WeightsError
            The file cannot be read, is no AlexNet, or does not fit the variant. A file that is
            changed later is an error of the pass that reads from it; one that is replaced, as
            `save` does it, is not: the network stays what was opened.

        Warns
        -----
        AmbiguousVariantWarning
            Several variants fit the file, it does not record which, and none was given; the
            message names them.
        """
        from alexnet_cy.origin import Origin, WeightsOfFile
        from alexnet_cy.weights import open_file, open_network
        from alexnet_cy.weights.trained_on import trained_on

        file = open_file(path)
        opened = open_network(file, variant, allow_nonfinite=allow_nonfinite, head=head)
        trained = trained_on(opened.path, opened.metadata, opened.variant.num_classes)
        net = cls(
            opened.variant, opened.tensors, algorithm=algorithm, exact=exact, trained_on=trained
        )
        note = opened.metadata.get("variant_note", "")
        net._origin = Origin(file.path if name is None else name, opened.format, note)
        net._file = WeightsOfFile(file.stamp, allow_nonfinite, head=head)
        return net

    @classmethod
    def from_pretrained(
        cls, name: str = "deep-compression", *, algorithm: str = "auto", exact: bool = False
    ) -> AlexNet:
        """Load a published weight file, downloading it on first use.

        It is kept in ``$ALEXNET_CY_HOME`` or this user's cache folder and checked by its hash every
        time. On a terminal a bar on stderr shows the download; one that broke off is continued.

        Parameters
        ----------
        name : str
            "deep-compression" (8.9 MB), "caffe", "caffenet", "torchvision", "bvlcalexnet-12" or
            "caffenet-12" (244 MB each); ``alexnet-cy weights list`` describes them.
        algorithm, exact
            As for the class.

        Raises
        ------
        ValueError
            There is no published file of this name.
        WeightsError
            The file cannot be fetched, or is not what it should be.
        OSError
            The cache folder cannot be written to.
        """
        from alexnet_cy.origin import WeightsOfFile
        from alexnet_cy.published.bar import download_bar
        from alexnet_cy.published.download import fetch_stamp

        with download_bar(name) as progress:
            stamp = fetch_stamp(name, progress=progress)
        net = cls.load(stamp, algorithm=algorithm, exact=exact, name=name)
        net._file = WeightsOfFile(stamp, False, published=name)
        return net

    @property
    def variant(self) -> Variant:
        """The network as data."""
        return self._runner.variant

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the values that can be asked for, in the order of the pass."""
        return feature_names(self.variant)

    @property
    def weights(self) -> Mapping[str, Float32Array]:
        """The weights by name, in their public layout; every access returns a fresh array."""
        return self._runner.weights

    @property
    def trained_on(self) -> TrainedOn:
        """How the network was trained, as far as its weight file says."""
        return self._trained_on

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes; none where the weights came without, as ImageNet's do."""
        return self._trained_on.classes

    @property
    def origin(self) -> Origin:
        """Where the weights come from."""
        return self._origin

    def __repr__(self) -> str:
        variant = self.variant
        n_classes = variant.num_classes
        end = f"{n_classes} classes" if n_classes else f"up to {variant.layers[-1].name}"
        return f"<{type(self).__name__} {variant.name}, {end}, weights: {self._origin.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle a file that has not changed as its path, size and time; other weights whole.

        Of packed weights, the path and the hash travel.
        """
        if self._packed_path:
            return _restore_packed, (type(self), self._packed_path, self._weights_sha256)
        runner, file = self._runner, self._file
        weights: object = dict(runner.weights.items())
        if file is not None and file.stamp.is_current():
            weights = file
        settings = runner.algorithm, runner.exact, dict(runner.tuned), self._trained_on
        return _restore, (type(self), runner.variant, weights, self._origin, *settings)

    @overload
    def forward(
        self, x: ArrayLike | PixelBatch, layers: None = None, *, threads: int | None = None
    ) -> Float32Array: ...
    @overload
    def forward(
        self, x: ArrayLike | PixelBatch, layers: Sequence[str], *, threads: int | None = None
    ) -> dict[str, Float32Array]: ...
    def forward(
        self,
        x: ArrayLike | PixelBatch,
        layers: Sequence[str] | None = None,
        *,
        threads: int | None = None,
    ) -> Float32Array | dict[str, Float32Array]:
        """Run the network on preprocessed images.

        Parameters
        ----------
        x : array_like, shape (N, C, H, W), or PixelBatch
            As `preprocess` makes them, or `images.prepare`; N may be 0; C is 3 of all named
            variants. For layers up to pool5 any size works that the kernels fit; the fully
            connected layers need the size their weights were made for (the torchvision variant
            takes any from 63 pixels up), unless they are convolutions.
        layers : sequence of str, optional
            Names of values inside the network: "conv5", "fc7", "fc7_pre" (before the ReLU), or
            torchvision's node names. The pass ends with the last of them.
        threads : int, optional
            None for the default. The result has the same bits for any number of threads and any
            number of images.

        Returns
        -------
        ndarray of float32, shape (N, classes), or dict of str to ndarray
            Probabilities, or the last layer's value if the network ends before them; or, for each
            name in `layers`, (N, C, H, W) or (N, F).

        Raises
        ------
        TypeError, ValueError
            `x` or a name does not fit; the message says what is needed.
        WeightsError
            The file that the weights come from cannot be read any more.
        """
        results = self._runner.forward(x, layers, threads)
        return next(iter(results.values())) if layers is None else results

    def gradients(
        self,
        x: ArrayLike | PixelBatch,
        labels: ArrayLike,
        *,
        wrt: str | Sequence[str] = "weights",
        threads: int | None = None,
    ) -> tuple[float, dict[str, Float32Array]]:
        """Compute the loss of a batch, and its gradients by the weights or by the images.

        The loss is the mean softmax cross-entropy; nothing is dropped. The network does not change:
        `alexnet_cy.training` has what learns.

        Parameters
        ----------
        x : array_like, shape (N, 3, H, W), or PixelBatch
            As for `forward`; N at least 1.
        labels : array_like of int, shape (N,)
            The class of each image, from 0 up.
        wrt : str or sequence of str
            "weights" for those of all layers, "input" for the images (a saliency map), or names of
            layers such as "fc8" for their weights and biases.
        threads : int, optional

        Returns
        -------
        loss : float
        gradients : dict of str to ndarray of float32
            "conv1.weight", ..., in the shapes of the weights; "input" in that of x. Within 1e-4 of
            each array's largest value, and with `exact` within 3e-5 (docs/numerics.md).

        Raises
        ------
        TypeError, ValueError
            An argument does not fit, or the network does not end with a fully connected layer and
            a softmax; the message says what is needed.
        WeightsError
            The file that the weights come from cannot be read any more.
        """
        from alexnet_cy.training.step.gradients_of import gradients_of

        return gradients_of(
            self.variant, self.weights, x, labels, wrt, exact=self._runner.exact, threads=threads
        )

    def profile(
        self,
        x: ArrayLike | PixelBatch,
        layers: Sequence[str] | None = None,
        *,
        threads: int | None = None,
        repeats: int = 10,
    ) -> Profile:
        """Time every layer of a pass.

        Parameters
        ----------
        x : array_like, shape (N, C, H, W), or PixelBatch; N at least 1
        layers, threads
            As for `forward`.
        repeats : int
            Passes that count, after two to warm up.

        Returns
        -------
        Profile
            Prints as a table.
        """
        return self._runner.profile(x, layers, threads, repeats)

    def plan(
        self,
        batch: int = 1,
        layers: Sequence[str] | None = None,
        *,
        height: int | None = None,
        width: int | None = None,
        threads: int | None = None,
    ) -> Plan:
        """Say what a pass will do: steps, algorithms, sizes, memory, costs. Prints as a table.

        Parameters
        ----------
        batch : int
            Number of images that the sizes and the expected times are for.
        layers : sequence of str, optional
            As for `forward`.
        height, width : int, optional
            Of the images, in pixels; the variant's own size if left out.
        threads : int, optional
            Threads that the expected times assume, one a processor; None for the default.
            Neither it nor `batch` changes what is done.
        """
        return self._runner.plan(batch, layers, height, width, threads)

    def tune(
        self,
        batch: int = 1,
        *,
        threads: int | None = None,
        height: int | None = None,
        width: int | None = None,
        fresh: bool = False,
    ) -> Tuning:
        """Time every algorithm on every convolution; from then on use the fastest of each.

        That takes a second or two, once: the times are kept in ``tuning.json`` in
        ``$ALEXNET_CY_HOME`` or this user's cache folder, and another call for the same processor,
        instruction-set level, version, convolutions, batch and threads answers from there.

        The choice holds for passes of any batch, any number of threads and any size of image, so
        these still do not change a bit of a result. The choice itself may change the last bits
        (docs/numerics.md). ALEXNET_CY_CONV has precedence over it.

        Parameters
        ----------
        batch : int
            Number of images to time, at least 1.
        threads : int, optional
            None for the default.
        height, width : int, optional
            Of the images, in pixels; the variant's own size if left out.
        fresh : bool
            Measure anew, whatever was kept.

        Returns
        -------
        Tuning
            Prints as a table: what every candidate took, and the choice.

        Raises
        ------
        TypeError, ValueError
            An argument does not fit, or `algorithm` or ALEXNET_CY_CONV leaves nothing to choose.

        Warns
        -----
        UserWarning
            The times cannot be kept, or the file of kept ones cannot be used.
        """
        from alexnet_cy.engine.tune.tuning import tune
        from alexnet_cy.engine.tune.tuning_cache import times_file

        runner = self._runner
        height, width = runner.image_size(height, width)
        batch, threads = as_count(batch, "batch"), resolve_threads(threads)
        kept_in = times_file()

        def measure() -> Tuning:
            return tune(
                runner.variant,
                height,
                width,
                batch=batch,
                threads=threads,
                level=runner.level,
                algorithm=runner.algorithm,
                exact=runner.exact,
                kept_in=kept_in,
                fresh=fresh,
            )

        tuning = runner.tuning_turns.do(measure)  # two at once would time each other
        runner.use_algorithms(tuning.choices)
        return tuning

    def save(self, path: str | PathLike[str]) -> None:
        """Write the weights as safetensors; the metadata name the variant, and say `trained_on`.

        The file is written beside `path` and then renamed, so `path` is never half a file. A
        file that is there is replaced, and the new one has its mode; a new file has the mode that
        the umask leaves. Of a symbolic link the target is replaced, and the link stays.

        Raises
        ------
        OSError
            It cannot be written: no such folder, no permission; or there is a folder, a device, a
            FIFO or a socket, which is left as it is.
        """
        from alexnet_cy.weights import safetensors
        from alexnet_cy.weights.trained_on import metadata_of

        safetensors.write(path, self.variant, self.weights, metadata_of(self._trained_on))

    def save_packed(self, path: str | PathLike[str]) -> None:
        """Write the weights as the kernels take them, for `load_packed` on this machine.

        Processes that load the file share one copy of it, read-only: eight of them hold 300 MB
        together, where each would hold as much. It is a cache: for this version and this
        instruction-set level alone, and no format to keep weights in.

        Parameters
        ----------
        path : path-like
            Written whole or not at all, as by `save`. Processes that use a former file keep it.

        Raises
        ------
        OSError
            It cannot be written.
        WeightsError
            The file that the weights come from cannot be read.
        """
        from alexnet_cy.shared_weights import save_packed
        from alexnet_cy.weights.trained_on import metadata_of

        more = {
            "network": self.identity(),
            "note": self._origin.note,
            "trained_on": metadata_of(self._trained_on),
        }
        save_packed(self._runner, path, more)

    @classmethod
    def load_packed(cls, path: str | PathLike[str]) -> AlexNet:
        """Load a network that `save_packed` has written, in milliseconds and without copying it.

        The file is mapped into memory: nobody may write into it meanwhile. Its SHA-256 is checked
        when it is loaded for the first time, and its size and time from then on.

        Raises
        ------
        WeightsError
            It is no such file, is damaged, or is for another version or instruction-set level.
        OSError
            It cannot be opened.
        """
        from os import fsdecode
        from os.path import abspath

        from alexnet_cy.origin import Origin
        from alexnet_cy.shared_weights import open_packed
        from alexnet_cy.weights.trained_on import trained_on

        runner, header = open_packed(path)
        name, network = fsdecode(path), header["network"]
        net = cls.__new__(cls)
        net._runner, net._file = runner, None
        net._origin = Origin(network["weights"], network["format"], header["note"])
        net._trained_on = trained_on(name, header["trained_on"], runner.variant.num_classes)
        net._weights_sha256 = network["weights_sha256"]
        net._packed_path = abspath(name)
        return net

    def preprocess(
        self,
        images: ImageSource | Iterable[ImageSource],
        preset: str | Preset | Preparation | None = None,
        *,
        mean: object = None,
        exif: bool = False,
        input_size: int | tuple[int, int] | None = None,
    ) -> Float32Array:
        """Turn images into what `forward` takes.

        Parameters
        ----------
        images : path, bytes, file, PIL image, uint8 array (H, W, 3), or an iterable of them
            An array of strings, (N,) or (N, 1), is an iterable of paths.
        preset : str or Preset, optional
            The one that the weights were trained with if left out: as the file says, or else the
            variant's own; see docs/images.md. "as-is" is the variant's own arithmetic on images
            that are neither resized nor cropped.
        mean : optional
            Three numbers, or the per-pixel mean as an array or a .npy or .binaryproto file, instead
            of that of the training or of the preset.
        exif : bool
            Turn photographs upright as their EXIF data says; so it is too where the file says that
            the training did.
        input_size : int or (int, int), optional
            Pixels, square or (height, width), in place of the variant's; with "as-is" the size
            that the images must have. Layers up to pool5 take any that their kernels fit.

        Returns
        -------
        ndarray of float32, shape (N, 3, height, width)
            Ten rows per image for the 10-crop presets; (N, 1, height, width) for a network of grey
            images.

        Raises
        ------
        ImageError
            An image cannot be read or is refused; the message names it.
        TypeError, ValueError
            An argument does not fit.
        WeightsError
            The .binaryproto file of `mean` cannot be read.
        """
        from alexnet_cy.images.preprocess import floats_of

        prepared = self.preparation(preset, mean=mean, exif=exif, input_size=input_size)
        return floats_of(images, prepared)

    def preparation(
        self,
        preset: str | Preset | Preparation | None = None,
        *,
        mean: object = None,
        exif: bool = False,
        input_size: int | tuple[int, int] | None = None,
    ) -> Preparation:
        """Check once how images are prepared, for several calls of the methods that take images.

        Parameters
        ----------
        preset, mean, exif, input_size
            As for `preprocess`. A Preparation is returned unchanged, and leaves nothing to say
            about the others.

        Raises
        ------
        TypeError, ValueError, WeightsError
            As for `preprocess`.
        """
        from alexnet_cy.images.preparation import Preparation, make_preparation
        from alexnet_cy.images.presets import get_preset
        from alexnet_cy.weights.caffe.mean import read_mean

        if isinstance(preset, Preparation):
            if mean is not None or exif or input_size is not None:
                raise ValueError(
                    "preset: a Preparation has its mean, exif and input_size; leave them out here"
                )
            return preset
        trained = self._trained_on
        if preset is None:
            preset = trained.preset or self.variant.preset
            mean = trained.mean if mean is None else mean
        if isinstance(preset, str) and preset == "as-is":
            preset = get_preset(self.variant.preset).as_is()
        return make_preparation(
            preset,
            mean=cast("Mean", read_mean(mean)),
            exif=exif or trained.exif,
            channels=self.variant.in_channels,
            input_size=self.variant.input_size if input_size is None else input_size,
        )

    def classify(
        self,
        images: ImageSource | Iterable[ImageSource],
        top: int = 5,
        *,
        preset: str | Preset | Preparation | None = None,
        mean: object = None,
        exif: bool = False,
        threads: int | None = None,
    ) -> list[Prediction] | list[list[Prediction]]:
        """Name what is in images.

        Parameters
        ----------
        images, preset, mean, exif
            As for `preprocess`; a 10-crop preset averages the probabilities of the ten views.
        top : int
            The number of classes, the most probable first.
        threads : int, optional

        Returns
        -------
        list of Prediction, or list of lists of them
            For one image, its predictions; for an iterable of images, such a list per image.

        Raises
        ------
        ImageError, TypeError, ValueError
            As for `preprocess` and `forward`; `top` is less than 1; or the network ends before it
            has probabilities of classes.
        """
        from alexnet_cy.images.sources import is_one_image

        batches = self.iter_predictions(
            images, top, preset=preset, mean=mean, exif=exif, threads=threads
        )
        found = [predictions for batch in batches for predictions in batch.predictions]
        return found[0] if is_one_image(images) else found

    def iter_predictions(
        self,
        images: ImageSource | Iterable[ImageSource],
        top: int = 5,
        *,
        preset: str | Preset | Preparation | None = None,
        mean: object = None,
        exif: bool = False,
        threads: int | None = None,
        on_error: OnError = "raise",
    ) -> Iterator[PredictionBatch]:
        """Name what is in images, batch by batch: for more of them than memory holds.

        Parameters
        ----------
        images, top, preset, mean, exif, threads
            As for `classify`.
        on_error : {"raise", "skip"}
            An image that cannot be read is an error, or is left out and named in its batch.

        Returns
        -------
        iterator of PredictionBatch
            Of up to 64 views, in the order of the images.

        Raises
        ------
        ImageError, TypeError, ValueError
            As for `classify`; of images, when their batch is reached.
        """
        from alexnet_cy.image_stream import prediction_batches

        if on_error == "nan":
            raise ValueError("on_error: need 'raise' or 'skip' for predictions, got 'nan'")
        prepared, n_threads = (
            self.preparation(preset, mean=mean, exif=exif),
            resolve_threads(threads),
        )
        batches = _batches(images, prepared, n_threads, on_error)
        n_views = prepared.preset.views
        return prediction_batches(
            self._runner, batches, as_count(top, "top"), n_views, n_threads, self.classes
        )

    @overload
    def features(  # type: ignore[overload-overlap]  # a str is a sequence of str too
        self,
        images: ImageSource | Iterable[ImageSource],
        layers: str,
        *,
        preset: str | Preset | Preparation | None = ...,
        mean: object = ...,
        exif: bool = ...,
        input_size: int | tuple[int, int] | None = ...,
        threads: int | None = ...,
        on_error: OnError = ...,
    ) -> Float32Array: ...
    @overload
    def features(
        self,
        images: ImageSource | Iterable[ImageSource],
        layers: Sequence[str],
        *,
        preset: str | Preset | Preparation | None = ...,
        mean: object = ...,
        exif: bool = ...,
        input_size: int | tuple[int, int] | None = ...,
        threads: int | None = ...,
        on_error: OnError = ...,
    ) -> dict[str, Float32Array]: ...
    def features(
        self,
        images: ImageSource | Iterable[ImageSource],
        layers: str | Sequence[str] = "fc7",
        *,
        preset: str | Preset | Preparation | None = None,
        mean: object = None,
        exif: bool = False,
        input_size: int | tuple[int, int] | None = None,
        threads: int | None = None,
        on_error: OnError = "raise",
    ) -> Float32Array | dict[str, Float32Array]:
        """Extract the values of layers from images.

        Parameters
        ----------
        images, preset, mean, exif, input_size
            As for `preprocess`.
        layers : str or sequence of str
            As for `forward`; one name or several.
        threads : int, optional
        on_error : {"raise", "skip", "nan"}
            An image that cannot be read is an error; or has no row; or a row of NaN. The last two
            warn, and name the images.

        Returns
        -------
        ndarray of float32, or dict of str to ndarray
            (N, 4096) for "fc7", (N, 256, 13, 13) for "conv5", ...; a row per image, also for one
            image. With a 10-crop preset an axis of views follows the first:
            (N, 10, 4096).

        Raises
        ------
        ImageError, TypeError, ValueError
            As for `preprocess` and `forward`.

        Warns
        -----
        UserWarning
            Images could not be read, and `on_error` is not "raise".
        """
        from alexnet_cy.image_stream import warn_of_skipped

        names = (layers,) if isinstance(layers, str) else tuple(layers)
        prepared = self.preparation(preset, mean=mean, exif=exif, input_size=input_size)
        batches = list(
            self.iter_features(images, names, preset=prepared, threads=threads, on_error=on_error)
        )
        warn_of_skipped(batches)
        parts = [batch.values for batch in batches]
        if not parts:
            empty = prepared.network_input(prepared.empty_rows(0))
            parts = [self._runner.forward(empty, names, threads)]
        values = {name: np.concatenate([part[name] for part in parts]) for name in names}
        return values[layers] if isinstance(layers, str) else values

    def iter_features(
        self,
        images: ImageSource | Iterable[ImageSource],
        layers: str | Sequence[str] = "fc7",
        *,
        preset: str | Preset | Preparation | None = None,
        mean: object = None,
        exif: bool = False,
        input_size: int | tuple[int, int] | None = None,
        threads: int | None = None,
        on_error: OnError = "raise",
    ) -> Iterator[FeatureBatch]:
        """Extract the values of layers batch by batch: for more images than memory holds.

        Parameters
        ----------
        images, layers, preset, mean, exif, input_size, threads
            As for `features`.
        on_error : {"raise", "skip", "nan"}
            An image that cannot be read is an error; or it is named in its batch, and has no row,
            or a row of NaN.

        Returns
        -------
        iterator of FeatureBatch
            Of up to 64 views, in the order of the images.

        Raises
        ------
        ImageError, TypeError, ValueError
            As for `features`; of images, when their batch is reached.
        """
        from alexnet_cy.image_stream import feature_batches

        names = (layers,) if isinstance(layers, str) else tuple(layers)
        prepared, n_threads = (
            self.preparation(preset, mean=mean, exif=exif, input_size=input_size),
            resolve_threads(threads),
        )
        batches = _batches(images, prepared, n_threads, on_error)
        n_views = prepared.preset.views
        return feature_batches(self._runner, batches, names, n_views, n_threads)

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
            As for `preprocess`; with one view of an image, and one mean for each channel.
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
        """
        from alexnet_cy.training.finetune import finetune, no_progress

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
            self,
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
            trainable=trainable,
            epochs=epochs,
            lr=lr,
            batch_size=batch_size,
            on_step=on_step,
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
            ``last.state.safetensors``, ``log.jsonl``, ``log.csv``.
        variant : str or Variant
        recipe : str or Recipe
            "he", or as others did it: "paper", "caffe", "caffenet", "torchvision".
        epochs, lr, batch_size, init, augment : optional
            In place of the recipe's; `init` is "he", "paper", "caffe", "caffenet" or "torch".
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
        from alexnet_cy.training.finetune import no_progress
        from alexnet_cy.training.loop.recipes import get_recipe
        from alexnet_cy.training.loop.train import TrainArguments, train
        from alexnet_cy.weights.caffe.mean import read_mean

        if on_error not in ("skip", "raise"):
            raise ValueError(f"on_error: need 'skip' or 'raise', got {on_error!r}")
        known = get_variant(variant) if isinstance(variant, str) else variant
        base = get_recipe(recipe) if isinstance(recipe, str) else recipe
        arguments = TrainArguments(
            base.changed(lr=lr, epochs=epochs, batch_size=batch_size, init=init, augment=augment),
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
        preparation = make_preparation(
            known.preset if preset is None else preset,
            mean=cast("Mean", read_mean(mean)),
            exif=exif,
            input_size=known.input_size,
        )

        def make(network: Variant, weights: Mapping[str, Any], trained: TrainedOn) -> AlexNet:
            return cls(network, weights, source="trained", trained_on=trained)

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

    def write_features(
        self,
        images: ImageSource | Iterable[ImageSource] | Collection,
        output: str | PathLike[str],
        layers: str | Sequence[str] = "fc7",
        *,
        names: str | None = None,
        preset: str | Preset | Preparation | None = None,
        mean: object = None,
        exif: bool = False,
        input_size: int | tuple[int, int] | None = None,
        threads: int | None = None,
        on_error: OnError = "skip",
        pool: Pool | None = None,
        flatten: bool = False,
        dtype: DType = "float32",
        order: Order = "name",
        shard: tuple[int, int] | None = None,
        overwrite: bool = False,
        restart: bool = False,
        progress: Callable[[int, int], None] | None = None,
        announce: Callable[[str], None] | None = None,
    ) -> WrittenFeatures:
        """Write the values of layers for a collection of images to files; see docs/features.md.

        Rows are streamed to a folder beside the output, its name and ``.unfinished``. After an
        error, a crash or a kill the same call goes on where it was, and the output has the bytes
        of an undisturbed run.

        Parameters
        ----------
        images : path, or an iterable of images
            As for `features`; besides, a path may be a folder, which stands for the images below
            it, or an HDF5 file of images, "stimuli.h5::dataset".
        output : path
            Its ending is the format: .npz, .npy (one layer), .h5, .mat, .csv, .parquet; without
            one it is a folder with a .npy file for each layer.
        layers : str or sequence of str
            As for `features`; "all" is every value of the network.
        names : {"brainscore", "dnnbrain", "matlab"}, optional
            Whose names of layers these are.
        preset, mean, exif, input_size, threads
            As for `features`.
        on_error : {"skip", "nan", "raise"}
            An image that cannot be read has no row, or a row of NaN, and is listed in the output's
            metadata; or it is an error.
        pool : {"mean", "max", "l2"}, optional
            One number for each channel in place of its map.
        flatten : bool
            One axis in place of (C, H, W).
        dtype : {"float32", "float16"}
        order : {"name", "natural"}
            Of the images in a folder: img10 before img2, or behind it.
        shard : (int, int), optional
            (3, 100): the third of a hundred consecutive parts of the list, to an output of its
            own, "features-003-of-100.npz". One that is there already is left alone.
        overwrite : bool
            Replace an output that is there.
        restart : bool
            Begin anew, whatever an earlier run has done.
        progress : callable, optional
            Called after each batch with the images done and all images.
        announce : callable, optional
            Called with what people may want to know before it begins: the room that it takes.

        Returns
        -------
        WrittenFeatures

        Raises
        ------
        DifferentJobError
            What is unfinished, or the shard that is there, is of other weights, images, layers or
            settings.
        FileExistsError
            There is an output, and `overwrite` is False; or it is one of the images.
        ImageError
            An image cannot be read, with "raise"; a folder cannot; none of them can.
        OSError
            The output cannot be written, or its disk is too small or full.
        ImportError
            The format needs a library that is not installed.
        TypeError, ValueError
            An argument does not fit.
        """
        from alexnet_cy.extraction.job import make_job
        from alexnet_cy.extraction.write import write

        job = make_job(
            self,
            self.identity(),
            self.preparation(preset, mean=mean, exif=exif, input_size=input_size),
            images,
            output,
            layers,
            names=names,
            threads=resolve_threads(threads),
            on_error=on_error,
            pool=pool,
            flatten=flatten,
            dtype=dtype,
            order=order,
            shard=shard,
            overwrite=overwrite,
            restart=restart,
        )
        return write(job, progress, announce or (lambda text: None))

    def identity(self) -> dict[str, object]:
        """Return what decides the bits of this network's values, as JSON can hold it.

        Returns
        -------
        dict
            "weights" (a name for people), "format", "weights_sha256" (of the file, or of the
            arrays; for random weights, of the seed), "variant", "classes", "isa" (the
            instruction-set level), and how convolutions are computed: "algorithm", "exact",
            "tuned".

        Raises
        ------
        OSError
            The file that the weights come from cannot be read any more.
        """
        from alexnet_cy.origin import hash_of_weights

        if self._weights_sha256 is None:
            self._weights_sha256 = hash_of_weights(self._origin, self._file, self._runner.weights)
        return {
            "weights": self._origin.name,
            "format": self._origin.format,
            "weights_sha256": self._weights_sha256,
            "variant": self.variant.name,
            "classes": self.variant.num_classes,
            "isa": self._runner.level,
            **self._runner.choices(),
        }


def _batches(
    images: ImageSource | Iterable[ImageSource],
    prepared: Preparation,
    threads: int,
    on_error: OnError,
) -> Iterator[Batch]:
    from alexnet_cy.images.batches import read_batches

    return read_batches(images, prepared, threads=threads, on_error=on_error)


def _restore_packed(kind: type[AlexNet], path: str, weights_sha256: str) -> AlexNet:
    """Load packed weights in another process of this machine."""
    from alexnet_cy.errors import WeightsError

    net = kind.load_packed(path)
    if net._weights_sha256 != weights_sha256:
        raise WeightsError(f"{path!r}: a network was sent as this file, which has changed since")
    return net


def _restore(
    kind: type[AlexNet],
    variant: Variant,
    weights: Mapping[str, ArrayLike] | WeightsOfFile,
    origin: Origin,
    algorithm: str,
    exact: bool,
    tuned: Mapping[str, str],
    trained_on: TrainedOn,
) -> AlexNet:
    """Make a pickled network anew, for the instruction-set level of this process."""
    from alexnet_cy.origin import WeightsOfFile

    file = weights if isinstance(weights, WeightsOfFile) else None
    tensors = weights.tensors(variant) if isinstance(weights, WeightsOfFile) else weights
    # What was allowed once, or a file was opened with, is not asked about again.
    net = kind(
        variant,
        tensors,
        algorithm=algorithm,
        exact=exact,
        allow_nonfinite=True,
        trained_on=trained_on,
    )
    net._origin, net._file = origin, file
    net._runner.use_algorithms(tuned)
    return net
