"""Pooling, flattening, float16."""

import numpy as np
import pytest

from alexnet_cy.extraction.form import RowForm

VALUES = np.random.default_rng(0).normal(size=(3, 5, 4, 6)).astype(np.float32)


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        ("mean", VALUES.astype(np.float64).mean((2, 3))),
        ("max", VALUES.max((2, 3))),
        ("l2", np.sqrt((VALUES.astype(np.float64) ** 2).sum((2, 3)))),
    ],
)
def test_pool(pool, expected):
    form = RowForm(pool)
    rows = form.rows("conv5", VALUES)
    np.testing.assert_allclose(rows, expected, rtol=1e-6)
    assert rows.shape[1:] == form.shape((5, 4, 6))
    assert rows.dtype == np.float32
    for i in range(3):
        np.testing.assert_array_equal(form.rows("conv5", VALUES[i : i + 1]), rows[i : i + 1])
    np.testing.assert_array_equal(form.rows("fc7", VALUES[:, 0, 0]), VALUES[:, 0, 0])


def test_flatten_and_views():
    assert RowForm(flatten=True).rows("x", VALUES).shape == (3, 120)
    form = RowForm("max", flatten=True, views=10)
    views = np.repeat(VALUES[:, None], 10, axis=1)
    assert form.rows("x", views).shape == (3, 10, 5)
    assert form.shape((5, 4, 6)) == (10, 5)
    assert RowForm(views=10).shape((7,)) == (10, 7)


def test_float16():
    rows = RowForm(dtype="float16").rows("x", VALUES)
    np.testing.assert_array_equal(rows, VALUES.astype(np.float16))
    assert np.isnan(RowForm(dtype="float16").rows("x", VALUES * np.nan)).all()
    with pytest.raises(ValueError, match=r"x has values up to 1e\+06, beyond float16's 65504"):
        RowForm(dtype="float16").rows("x", np.full((1, 2), -1e6, np.float32))


def test_arguments():
    with pytest.raises(ValueError, match="pool: need 'mean', 'max', 'l2' or None, got 'sum'"):
        RowForm("sum")
    with pytest.raises(ValueError, match="dtype: need 'float32' or 'float16', got 'int8'"):
        RowForm(dtype="int8")
