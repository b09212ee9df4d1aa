"""AlexNet's features as a transformer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from alexnet_cy.adapters.sklearn.images import images_of, is_prepared
from alexnet_cy.adapters.sklearn.networks import Weights, network_of
from alexnet_cy.extraction.form import Pool, RowForm

if TYPE_CHECKING:
    from sklearn.utils import Tags

    from alexnet_cy.images.preparation import Preparation
    from alexnet_cy.images.preset import Preset
    from alexnet_cy.model import AlexNet

__all__ = ["AlexNetFeatures"]


class AlexNetFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # no stubs
    """Turn images into a table of AlexNet's features: a row for each, in order.

    There is nothing to fit. The network is no part of the transformer, which pickles to a few
    hundred bytes: it is opened when it is first needed, once a process, and shared by all
    transformers of the same weights. A row has the same bits whatever the other rows are.

    Parameters
    ----------
    weights : str, path-like or AlexNet
        A weight file of any format, or the name of a published one, which is fetched on first use.
        A network that was made in this process, by fine-tuning for one, is pickled with its
        weights unless it comes from a file.
    layer : str or sequence of str
        Names of values inside the network, as for `AlexNet.features`. Those of several stand side
        by side.
    variant : str, optional
        Forces the variant, for files that cannot tell it.
    preset : str or Preset, optional
        The preprocessing; the variant's own if left out. Those of ten crops are refused.
    pool : {"mean", "max", "l2"}, optional
        One number for each channel of a convolution or pooling in place of its map: the mean of the
        positions, their maximum, or the square root of the sum of their squares.
    on_error : {"raise", "nan"}
        An image that cannot be read is an error; or its row is NaN, with a warning that names it.
        Every image has a row in any case, as its label has one.
    threads : int, optional
        None for the default.

    Examples
    --------
    Features are the same in every fold, so compute them once, before the folds, or let
    ``make_pipeline(..., memory="cache")`` keep them.

    >>> features = AlexNetFeatures(layer="fc7").transform(paths)           # doctest: +SKIP
    >>> cross_val_score(LogisticRegression(), features, labels)            # doctest: +SKIP
    """

    def __init__(
        self,
        weights: Weights = "deep-compression",
        layer: str | Sequence[str] = "fc7",
        *,
        variant: str | None = None,
        preset: str | Preset | None = None,
        pool: Pool | None = None,
        on_error: Literal["raise", "nan"] = "raise",
        threads: int | None = None,
    ) -> None:
        self.weights = weights
        self.layer = layer
        self.variant = variant
        self.preset = preset
        self.pool = pool
        self.on_error = on_error
        self.threads = threads

    def fit(self, X: Any = None, y: Any = None) -> AlexNetFeatures:
        """Do nothing: there is nothing to learn.

        Returns
        -------
        AlexNetFeatures
            Itself.
        """
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Compute the features of images.

        Parameters
        ----------
        X : list, array, Series or one-column table
            Of paths, PIL images or uint8 arrays (H, W, 3); a uint8 array (N, H, W, 3); or floats
            (N, 3, H, W) of the preset's size, as `AlexNet.preprocess` makes them.

        Returns
        -------
        ndarray of float32, shape (N, features)
            Or what `set_output` asks for.

        Raises
        ------
        ImageError
            An image cannot be read, and `on_error` is "raise".
        TypeError, ValueError
            A parameter or `X` does not fit.
        WeightsError
            The weights cannot be read.
        """
        net = network_of(self.weights, self.variant)
        layers, preparation, form = self._layers(), self._preparation(net), self._form()
        if self.on_error not in ("raise", "nan"):
            raise ValueError(f"on_error: need 'raise' or 'nan', got {self.on_error!r}")
        if is_prepared(X):
            height, width = preparation.preset.crop_size
            if X.shape[1:] != (3, height, width):
                raise ValueError(
                    f"X: prepared floats need shape (N, 3, {height}, {width}), got {X.shape}"
                )
            values = net.forward(X, layers, threads=self.threads)
        else:
            values = net.features(
                images_of(X),
                layers,
                preset=preparation,
                threads=self.threads,
                on_error=self.on_error,
            )
        tables = [form.rows(layer, values[layer]) for layer in layers]
        return tables[0] if len(tables) == 1 else np.concatenate(tables, axis=1)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Name the columns: "fc7_0", ..., or "conv5_17_3_12" for channel, row and column.

        Parameters
        ----------
        input_features : ignored

        Returns
        -------
        ndarray of str objects, shape (features,)
        """
        net = network_of(self.weights, self.variant)
        preset = self._preparation(net).preset
        height, width = preset.crop_size
        form = RowForm(self.pool)
        names = []
        for layer in self._layers():
            shape = form.shape(_shape(net, layer, height, width))
            names += [f"{layer}_{'_'.join(map(str, index))}" for index in np.ndindex(shape)]
        return np.array(names, dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        """Tell that there is nothing to fit."""
        return True

    def __sklearn_tags__(self) -> Tags:
        """Describe the estimator: it takes paths and images, and needs no fit."""
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.no_validation = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _layers(self) -> list[str]:
        return [self.layer] if isinstance(self.layer, str) else list(self.layer)

    def _form(self) -> RowForm:
        return RowForm(self.pool, flatten=True)

    def _preparation(self, net: AlexNet) -> Preparation:
        preparation = net.preparation(self.preset)
        if preparation.preset.views > 1:
            raise ValueError(
                f"preset: {preparation.preset.name!r} makes {preparation.preset.views} views of an "
                "image, and a row is for one"
            )
        return preparation


def _shape(net: AlexNet, layer: str, height: int, width: int) -> tuple[int, ...]:
    """Return the shape of a layer's values of one image."""
    from alexnet_cy.network import layer_of_feature, resolve_layer

    last = layer_of_feature(resolve_layer(net.variant, layer))
    return net.variant.shapes(height, width, last=last)[-1].output_shape
