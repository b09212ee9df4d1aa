"""Centred kernel alignment: how alike two layers are, whatever their sizes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alexnet_cy.rsa.rows import Rows, as_rows, products

__all__ = ["cka"]

Matrix = NDArray[np.float64]


def cka(x: ArrayLike, y: ArrayLike, *, unbiased: bool = False) -> float:
    """Return linear centred kernel alignment of two layers' features of the same images.

    ``HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L))`` with K = x x^T and L = y y^T. It stays the same
    when features are rotated or scaled.

    Parameters
    ----------
    x, y : array_like of floats, shape (N, ...)
        A row for each image, in the same order; further axes count as one.
    unbiased : bool
        False: HSIC(K, L) = tr(K H L H) with the centring matrix H (Kornblith et al., ICML 2019),
        which grows with the number of features where images are few. True: the unbiased estimate
        (Song et al., JMLR 13, 2012, equation 5; Nguyen, Raghu and Kornblith, ICLR 2021), which
        needs four images and may be slightly below 0.

    Returns
    -------
    float
        1 for features that are the same but for a rotation and a scale; about 0 for unrelated ones.

    Raises
    ------
    TypeError, ValueError
        The features are no finite floats, or not of the same images; or those of one are all equal.
    """
    rows_x, rows_y = (
        as_rows(features, name, minimum=4 if unbiased else 2)
        for features, name in ((x, "x"), (y, "y"))
    )
    if len(rows_x) != len(rows_y):
        raise ValueError(f"x, y: have {len(rows_x)} and {len(rows_y)} rows; need the same images")
    hsic = _unbiased_hsic if unbiased else _hsic
    gram_x, gram_y = _gram(rows_x), _gram(rows_y)
    of_x, of_y = hsic(gram_x, gram_x), hsic(gram_y, gram_y)
    for name, value in (("x", of_x), ("y", of_y)):
        if value <= 0:
            raise ValueError(f"{name}: the images do not differ enough for an alignment")
    return float(hsic(gram_x, gram_y) / np.sqrt(of_x) / np.sqrt(of_y))


def _gram(rows: Rows) -> Matrix:
    """Return x x^T of features less their means over the images."""
    mean = rows.mean(axis=0, dtype=np.float64, keepdims=True)
    return products(rows, rows, mean, mean)


def _hsic(a: Matrix, b: Matrix) -> float:
    """``tr(K H L H)``: K and L are of centred features, so H is in them."""
    return float(np.vdot(a, b))


def _unbiased_hsic(a: Matrix, b: Matrix) -> float:
    """Song et al. (2012), equation 5, with zeros on the diagonals of K and L.

    ``(tr(K L) + sum(K) sum(L) / ((n - 1) (n - 2)) - 2 / (n - 2) 1^T K L 1) / (n (n - 3))``
    """
    n = len(a)
    off_a, off_b = (m - np.diag(np.diag(m)) for m in (a, b))
    total = np.vdot(off_a, off_b) + off_a.sum() * off_b.sum() / ((n - 1) * (n - 2))
    total -= 2 / (n - 2) * (off_a.sum(axis=0) @ off_b.sum(axis=0))
    return float(total / (n * (n - 3)))
