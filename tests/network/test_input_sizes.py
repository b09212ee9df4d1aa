"""What images of many sizes become in the named networks, and which are too small or too large."""

from dataclasses import replace

import pytest

from alexnet_cy.network import VARIANTS, MaxPool


def output_shapes(variant, *size, last=None):
    return {step.layer.name: step.output_shape for step in variant.shapes(*size, last=last)}


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=lambda v: v.name)
@pytest.mark.parametrize("size", [224, 227])
def test_224_and_227_pixels_work_everywhere(variant, size):
    if variant.name == "darknet" and size == 224:
        pytest.skip("54-26-12-5: pools in floor mode")
    assert output_shapes(variant, size)["pool5"] == (256, 6, 6)
    assert output_shapes(variant, size)["prob"] == (1000,)


@pytest.mark.parametrize(
    ("name", "smallest", "largest"),
    [
        ("caffe", 199, 230),
        ("caffenet", 199, 230),
        ("torchvision", 63, None),
        ("paper", 196, 227),
        ("ungrouped", 199, 230),
        ("plain", 219, 250),
        ("darknet", 227, 258),
    ],
)
def test_which_sizes_work(name, smallest, largest):
    variant = VARIANTS[name]
    assert (variant.min_input_size, variant.max_input_size) == (smallest, largest)
    variant.shapes(smallest)
    with pytest.raises(ValueError, match=rf"{smallest - 1}x{smallest - 1}"):
        variant.shapes(smallest - 1)
    if largest is None:
        variant.shapes(1000, 2000)
    else:
        variant.shapes(largest)
        with pytest.raises(ValueError, match=rf"{largest + 1}x{largest + 1}"):
            variant.shapes(largest + 1)


def test_ceil_and_floor_differ_at_224_and_256_for_caffe():
    caffe = VARIANTS["caffe"]
    floor = replace(
        caffe,
        layers=tuple(
            replace(layer, ceil_mode=False) if isinstance(layer, MaxPool) else layer
            for layer in caffe.layers
        ),
    )
    names = ("conv1", "pool1", "pool2", "pool5")

    def maps(variant, size):
        shapes = output_shapes(variant, size, last="pool5")
        return [shapes[name][1] for name in names]

    assert maps(caffe, 227) == maps(floor, 227) == [55, 27, 13, 6]
    assert maps(caffe, 224) == [54, 27, 13, 6]
    assert maps(floor, 224) == [54, 26, 12, 5]
    assert maps(caffe, 256)[-1] == 7
    assert maps(floor, 256)[-1] == 6


@pytest.mark.parametrize(
    ("name", "conv5", "pool5"),
    [
        ("caffe", 23, 39),
        ("caffenet", 23, 39),
        ("torchvision", 31, 63),  # 31: what LPIPS needs, which uses the trunk alone
        ("paper", 20, 36),
        ("ungrouped", 23, 39),
        ("plain", 27, 59),
    ],
)
def test_the_trunk_takes_smaller_images(name, conv5, pool5):
    variant = VARIANTS[name]
    for last, smallest in (("conv5", conv5), ("pool5", pool5)):
        assert variant.smallest_input(last) == smallest
        assert output_shapes(variant, smallest, last=last)[last][1:] == (1, 1)
        with pytest.raises(ValueError, match=f"the smallest square image is {smallest}x{smallest}"):
            variant.shapes(smallest - 1, last=last)


@pytest.mark.parametrize(
    ("name", "conv1", "conv5"),
    [
        ("caffe", (73, 123), (18, 30)),  # 73-36-18 and 123-61-30
        ("torchvision", (74, 124), (17, 30)),  # 74-36-17: floor mode loses a row twice
        ("paper", (74, 124), (18, 31)),  # 74-37-18 and 124-62-31
        ("plain", (75, 125), (18, 30)),  # 75-37-18 and 125-62-30, floor mode
    ],
)
def test_the_trunk_takes_larger_and_oblong_images(name, conv1, conv5):
    shapes = output_shapes(VARIANTS[name], 300, 500, last="conv5")
    assert list(shapes)[-1] == "conv5"
    assert shapes["conv1"][1:] == conv1
    assert shapes["conv5"][1:] == conv5


def test_width_follows_height_and_height_the_variant():
    torchvision = VARIANTS["torchvision"]
    assert torchvision.shapes()[0].input_shape == (3, 224, 224)
    assert torchvision.shapes(256)[0].input_shape == (3, 256, 256)
    assert torchvision.shapes(width=300)[0].input_shape == (3, 224, 300)
