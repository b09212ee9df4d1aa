"""The cost model: what is counted, and what it adds up to."""

import pytest

from alexnet_cy.engine.choice.conv_problem import ConvProblem
from alexnet_cy.engine.choice.costs import Work, conv_work, expected_ms, layer_work
from alexnet_cy.engine.winograd import cut_into_tiles
from alexnet_cy.kernels import _runtime
from alexnet_cy.network import VARIANTS, Conv, get_variant

LEVELS = _runtime.runnable_levels()
LEVEL = LEVELS[0]


def works_of(name, algorithm):
    return {
        shape.layer.name: layer_work(
            shape.layer, algorithm, shape.input_shape, shape.output_shape, LEVEL
        )
        for shape in get_variant(name).shapes()
    }


def test_direct_does_the_published_number_of_multiply_adds():
    works = works_of("caffe", "direct")
    for shape in get_variant("caffe").shapes():
        assert works[shape.layer.name].products == shape.macs
        assert works[shape.layer.name].transforms == 0


def test_winograd_does_those_of_docs_performance():
    works = works_of("caffe", "winograd")
    products = {name: round(work.products / 1e6, 1) for name, work in works.items()}
    names = ("conv1", "conv2", "conv3", "conv4", "conv5")
    assert [products[name] for name in names] == [27.3, 37.2, 35.5, 26.6, 17.7]
    assert works["conv3"].weight_bytes == 4 * 49 * 256 * 384


@pytest.mark.parametrize("kernel_size", [(3, 3), (5, 2), (1, 4)])
@pytest.mark.parametrize("output_size", [(13, 27), (1, 6)])
def test_transforms_are_counted_tile_by_tile(kernel_size, output_size):
    problem = ConvProblem(32, 64, kernel_size, (1, 1), 1, output_size, reads_images=False)
    r_h, r_w = kernel_size
    products = transforms = 0
    for m_h in cut_into_tiles(output_size[0], r_h):
        for m_w in cut_into_tiles(output_size[1], r_w):
            n_h, n_w = m_h + r_h - 1, m_w + r_w - 1
            products += n_h * n_w * 32 * 64
            transforms += 32 * (n_h * n_h * n_w + n_h * n_w * n_w)
            transforms += 64 * (m_h * n_h * n_w + m_h * n_w * m_w)
    work = conv_work(problem, "winograd", LEVEL)
    assert (work.products, work.transforms) == (products, transforms)


@pytest.mark.parametrize("level", LEVELS)
def test_vectors_and_panels_are_filled_up(level):
    lanes, _, panel_width = _runtime.tile_of(_runtime.kernels_of(level))
    one = ConvProblem(2, 2, (3, 3), (1, 1), 2, (5, 5), reads_images=False)
    full = one._replace(in_channels=2 * lanes, out_channels=2 * panel_width)
    assert conv_work(one, "direct", level).products == 25 * 9 * 2 * panel_width
    assert conv_work(one, "winograd", level).transforms == (
        conv_work(full, "winograd", level).transforms
    )


@pytest.mark.parametrize("name", VARIANTS)
def test_copied_patches_only_add(name):
    direct, im2col = works_of(name, "direct"), works_of(name, "im2col")
    for shape in get_variant(name).shapes():
        one, other = direct[shape.layer.name], im2col[shape.layer.name]
        assert one._replace(data_bytes=0) == other._replace(data_bytes=0)
        assert (one.data_bytes < other.data_bytes) == isinstance(shape.layer, Conv)
        assert expected_ms(one, LEVEL) <= expected_ms(other, LEVEL)


@pytest.mark.parametrize("level", LEVELS)
def test_the_formula(level):
    def ms(**settings):
        return expected_ms(Work(1000, 100, 10_000, 3000, 500), level, **settings)

    def only(**work):
        return expected_ms(Work(**work), level)

    parts = only(products=1000) + only(transforms=100) + only(swept_bytes=500)
    weights, data = only(weight_bytes=10_000), only(data_bytes=3000)
    assert ms() == pytest.approx(parts + weights + data)
    assert ms(batch=8, block=8) == pytest.approx(8 * parts + weights + 8 * data)
    assert ms(batch=9, block=8) == pytest.approx(9 * parts + 2 * weights + 9 * data)
    assert ms(batch=0) == 0
    assert only(products=1000) < only(transforms=1000)
    # arithmetic goes on with more threads, memory has its limit
    assert expected_ms(Work(products=1000), level, threads=8) == pytest.approx(only(products=125))
    of_memory = [expected_ms(Work(data_bytes=3000), level, threads=n) for n in (1, 8, 9)]
    assert of_memory[0] > of_memory[1] == of_memory[2]


def test_every_level_has_its_rates(repository):
    """All that setup.py knows, not only those that this machine runs."""
    from alexnet_cy.engine.choice.costs import _RATES

    source = (repository / "setup.py").read_text()
    assert {f'"{name}"' in source for name in _RATES} == {True}
    assert set(_runtime.compiled_levels()) <= set(_RATES)
    assert len(_RATES) == len(list((repository / "src" / "isa").glob("*.c")))
