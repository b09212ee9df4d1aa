"""A classifier of images: AlexNet's features and a last layer of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from alexnet_cy.adapters.sklearn.features import AlexNetFeatures
from alexnet_cy.adapters.sklearn.networks import Weights
from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.scalars import as_count
from alexnet_cy.training.data.random_numbers import Stream, permutation
from alexnet_cy.training.head.choose import CANDIDATES, fit_head
from alexnet_cy.training.head.logistic import balanced_weights, make_problem

if TYPE_CHECKING:
    from sklearn.utils import Tags

    from alexnet_cy.images.preset import Preset

__all__ = ["AlexNetClassifier"]

INNER_SHARE = 0.2


class AlexNetClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # no stubs
    """Name what is in images, by classes of your own.

    The network computes features, and a multinomial logistic regression on them is fitted, as
    `AlexNet.finetune` does for a folder.

    Parameters
    ----------
    weights, variant, preset, threads
        As for `AlexNetFeatures`.
    layer : str
        The features.
    C : float, optional
        scikit-learn's; chosen among 10, 100 and 1000 on a fifth of the images if left out.
    class_weight : {"balanced"}, optional
        Count all classes the same, however many images they have.
    random_state : int
        Of the fifth on which C is chosen.

    Attributes
    ----------
    classes_ : ndarray, shape (classes,)
        The labels, sorted.
    coef_, intercept_ : ndarray of float32, shape (classes, features) and (classes,)
    C_ : float
    """

    # What partial_fit keeps: features, labels, and the parameters that the features depend on.
    _seen: tuple[Float32Array, NDArray[Any], dict[str, Any]] | None = None

    def __init__(
        self,
        weights: Weights = "deep-compression",
        layer: str = "fc7",
        *,
        variant: str | None = None,
        preset: str | Preset | None = None,
        C: float | None = None,
        class_weight: Literal["balanced"] | None = None,
        random_state: int = 0,
        threads: int | None = None,
    ) -> None:
        self.weights = weights
        self.layer = layer
        self.variant = variant
        self.preset = preset
        self.C = C
        self.class_weight = class_weight
        self.random_state = random_state
        self.threads = threads

    def fit(self, X: Any, y: ArrayLike) -> AlexNetClassifier:
        """Learn from images.

        Parameters
        ----------
        X
            Images as `AlexNetFeatures` takes them.
        y : array_like, shape (N,)
            Their labels, of at least two classes.

        Returns
        -------
        AlexNetClassifier
            Itself.

        Raises
        ------
        ImageError, TypeError, ValueError, WeightsError
            As of `AlexNetFeatures.transform`; the labels or a parameter do not fit.
        """
        labels = _labels(y)
        self._learn(self._features().transform(X), labels, np.unique(labels))
        self._seen = None
        return self

    def partial_fit(
        self, X: Any, y: ArrayLike, classes: ArrayLike | None = None
    ) -> AlexNetClassifier:
        """Learn from more images, besides all those before.

        The features of all images so far are kept, 16 KB an image for fc7, and the result is that
        of `fit` to all of them. The images of `fit` itself are not kept: it begins anew.

        Parameters
        ----------
        X, y
            As for `fit`.
        classes : array_like, shape (classes,), optional
            All labels that will ever come; needed in the first call, and in the first after `fit`.

        Returns
        -------
        AlexNetClassifier
            Itself.

        Raises
        ------
        ImageError, TypeError, ValueError, WeightsError
            As of `fit`; a label is none of the classes; or the features are others than before.
        """
        seen = self._seen
        if classes is None and seen is None:
            raise ValueError("classes: needed in the first call of partial_fit")
        known = self.classes_ if classes is None else np.unique(np.asarray(classes))
        made_of = {name: getattr(self, name) for name in ("weights", "layer", "variant", "preset")}
        for name, before in ({} if seen is None else seen[2]).items():
            if made_of[name] != before:
                raise ValueError(
                    f"{name}: was {before!r} for the images before, whose features are kept, and "
                    f"is {made_of[name]!r}; use fit"
                )
        labels, values = _labels(y), self._features().transform(X)
        if seen is not None:
            values = np.concatenate([seen[0], values])
            labels = np.concatenate([seen[1], labels])
        self._learn(values, labels, known)
        self._seen = values, labels, made_of
        return self

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return the scores of all classes, shape (N, classes), in the order of `classes_`."""
        check_is_fitted(self)
        values = self._features().transform(X).astype(np.float64)
        scores: NDArray[np.float64] = values @ self.coef_.T.astype(np.float64) + self.intercept_
        return scores

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probabilities of all classes, shape (N, classes)."""
        scores = self.decision_function(X)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        probabilities: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
        return probabilities

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable label of each image, shape (N,)."""
        scores = self.decision_function(X)
        best: NDArray[Any] = self.classes_[scores.argmax(axis=1)]
        return best

    def __sklearn_tags__(self) -> Tags:
        """Describe the estimator: it takes paths and images."""
        tags = super().__sklearn_tags__()
        tags.no_validation = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags

    def _features(self) -> AlexNetFeatures:
        return AlexNetFeatures(
            self.weights,
            self.layer,
            variant=self.variant,
            preset=self.preset,
            threads=self.threads,
        )

    def _learn(
        self, values: Float32Array, labels: NDArray[Any], classes: NDArray[Any]
    ) -> AlexNetClassifier:
        seed = as_count(self.random_state, "random_state", minimum=0)
        if self.class_weight not in (None, "balanced"):
            raise ValueError(f"class_weight: need None or 'balanced', got {self.class_weight!r}")
        if self.C is not None and not 0 < self.C < np.inf:
            raise ValueError(f"C: need a number above 0, got {self.C!r}")
        if len(labels) != len(values):
            raise ValueError(f"y: need a label for each of {len(values)} images, got {len(labels)}")
        finite = np.isfinite(values).all(axis=1)
        if not finite.all():
            raise ValueError(f"X: the features of image {int(finite.argmin())} are not finite")
        if len(classes) < 2:
            raise ValueError(f"y: need at least two classes, got {classes.tolist()}")
        unknown = np.setdiff1d(labels, classes)
        if len(unknown):
            raise ValueError(f"y: {unknown.tolist()} are none of the classes {classes.tolist()}")
        numbers = np.searchsorted(classes, labels).astype(np.intp)
        weights = None
        if self.class_weight == "balanced":
            weights = balanced_weights(numbers, len(classes))
        problem = make_problem(values, numbers, len(classes), weights)
        candidates = CANDIDATES if self.C is None else (self.C,)
        head = fit_head(problem, numbers, _inner_parts(numbers, seed), candidates)
        self.classes_, self.C_ = classes, head.c
        self.coef_, self.intercept_ = head.layer.weight, head.layer.bias
        return self


def _labels(y: ArrayLike) -> NDArray[Any]:
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise ValueError(f"y: need shape (N,), got {labels.shape}")
    return labels


def _inner_parts(numbers: NDArray[np.intp], seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Keep a fifth of each class back, in an order that the seed gives."""
    kept = []
    for label in np.unique(numbers):
        rows = np.flatnonzero(numbers == label)
        order = permutation(seed, Stream.SPLIT, len(rows), int(label))
        kept.append(rows[order[: round(INNER_SHARE * len(rows))]])
    measured = np.sort(np.concatenate(kept))
    return np.setdiff1d(np.arange(len(numbers)), measured), measured
