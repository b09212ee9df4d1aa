"""The named networks: published counts, shapes at many sizes, what each input size gets, errors."""

import pickle
import re

import pytest

from alexnet_cy.network import LRN, VARIANTS, Conv, get_variant

EVERY_VARIANT = pytest.mark.parametrize("variant", VARIANTS.values(), ids=lambda v: v.name)

CAFFE_PARAMETERS = {
    "conv1": 34_944,
    "conv2": 307_456,
    "conv3": 885_120,
    "conv4": 663_936,
    "conv5": 442_624,
    "fc6": 37_752_832,
    "fc7": 16_781_312,
    "fc8": 4_097_000,
}
UNGROUPED_PARAMETERS = CAFFE_PARAMETERS | {
    "conv2": 614_656,
    "conv4": 1_327_488,
    "conv5": 884_992,
}
PARAMETERS = {
    "caffe": CAFFE_PARAMETERS,
    "caffenet": CAFFE_PARAMETERS,
    "torchvision": CAFFE_PARAMETERS
    | {"conv1": 23_296, "conv2": 307_392, "conv3": 663_936, "conv4": 884_992, "conv5": 590_080},
    "paper": CAFFE_PARAMETERS,
    "ungrouped": UNGROUPED_PARAMETERS,
    "plain": UNGROUPED_PARAMETERS,
    "darknet": UNGROUPED_PARAMETERS,
}
TOTAL_PARAMETERS = {
    "caffe": 60_965_224,
    "caffenet": 60_965_224,
    "torchvision": 61_100_840,
    "paper": 60_965_224,
    "ungrouped": 62_378_344,
    "plain": 62_378_344,
    "darknet": 62_378_344,
}
TOTAL_MACS = {
    "caffe": 724_406_816,
    "caffenet": 724_406_816,
    "torchvision": 714_188_480,
    "paper": 724_406_816,
    "ungrouped": 1_135_256_096,
    # ungrouped with 57x57 windows for conv1 and 28x28 for conv2:
    # 1_135_256_096 + (57*57 - 55*55) * 96 * 363 + (28*28 - 27*27) * 256 * 2400
    "plain": 1_176_854_048,
    "darknet": 1_135_256_096,
}
MAPS = {  # height and width of conv1, conv2, conv3, pool5 at the input size
    "caffe": (55, 27, 13, 6),
    "caffenet": (55, 27, 13, 6),
    "torchvision": (55, 27, 13, 6),
    "paper": (55, 27, 13, 6),
    "ungrouped": (55, 27, 13, 6),
    "plain": (57, 28, 13, 6),
    "darknet": (55, 27, 13, 6),
}


def output_shapes(variant, *size, last=None):
    return {step.layer.name: step.output_shape for step in variant.shapes(*size, last=last)}


def test_there_are_seven():
    assert list(VARIANTS) == [
        *("caffe", "caffenet", "torchvision", "paper", "ungrouped", "plain", "darknet")
    ]
    assert all(name == variant.name for name, variant in VARIANTS.items())


@EVERY_VARIANT
def test_parameters_layer_by_layer(variant):
    counts = {
        step.layer.name: step.parameter_count
        for step in variant.shapes()
        if step.parameter_count > 0
    }
    assert counts == PARAMETERS[variant.name]


@EVERY_VARIANT
def test_parameters_in_all(variant):
    assert variant.parameter_count == variant.parameters == TOTAL_PARAMETERS[variant.name]


@EVERY_VARIANT
def test_macs_in_all(variant):
    assert sum(step.macs for step in variant.shapes()) == TOTAL_MACS[variant.name]


def test_macs_layer_by_layer_of_caffe():
    macs = [step.macs for step in VARIANTS["caffe"].shapes() if step.macs > 0]
    assert macs[:5] == [105_415_200, 223_948_800, 149_520_384, 112_140_288, 74_760_192]
    assert macs[5:] == [37_748_736, 16_777_216, 4_096_000]


@EVERY_VARIANT
def test_maps_at_the_input_size(variant):
    shapes = output_shapes(variant)
    for name, size in zip(("conv1", "conv2", "conv3", "pool5"), MAPS[variant.name], strict=True):
        assert shapes[name][1:] == (size, size)
    assert shapes["fc6"] == shapes["fc7"] == (4096,)
    assert shapes["prob"] == (1000,)


@EVERY_VARIANT
def test_parameter_shapes_fit_one_another(variant):
    shapes = variant.parameter_shapes()
    assert list(shapes)[:2] == ["conv1.weight", "conv1.bias"]
    assert len(shapes) == 16
    assert shapes["fc6.weight"] == (4096, 9216)
    for layer in variant.layers:
        if isinstance(layer, Conv):
            assert shapes[f"{layer.name}.weight"][0] == layer.out_channels
            assert shapes[f"{layer.name}.bias"] == (layer.out_channels,)


def test_caffenet_pools_before_it_normalises():
    order = [layer.name for layer in VARIANTS["caffe"].layers]
    assert order[:6] == ["conv1", "norm1", "pool1", "conv2", "norm2", "pool2"]
    swapped = [layer.name for layer in VARIANTS["caffenet"].layers]
    assert swapped[:6] == ["conv1", "pool1", "norm1", "conv2", "pool2", "norm2"]
    assert swapped[6:] == order[6:]
    assert VARIANTS["caffenet"].layer("norm1") == VARIANTS["caffe"].layer("norm1")


def test_paper_has_its_own_normalisation_and_border():
    paper, caffe = VARIANTS["paper"], VARIANTS["caffe"]
    norm = paper.layer("norm1")
    assert (norm.size, norm.alpha, norm.beta, norm.k) == (5, 1e-4, 0.75, 2.0)
    assert norm.ops_alpha == pytest.approx(5e-4)
    assert paper.layer("conv1").padding == ((0, 3), (0, 3))
    assert paper.layer("conv2") == caffe.layer("conv2")
    assert caffe.layer("norm2") == LRN("norm2", 5, 1e-4, 0.75, 1.0)


def test_groups():
    def groups(name):
        return [layer.groups for layer in VARIANTS[name].layers if isinstance(layer, Conv)]

    assert groups("caffe") == groups("caffenet") == groups("paper") == [1, 2, 1, 2, 2]
    assert groups("torchvision") == groups("ungrouped") == groups("plain") == [1] * 5


def test_torchvision_has_no_norm_and_averages_to_6x6():
    torchvision = VARIANTS["torchvision"]
    assert not any(isinstance(layer, LRN) for layer in torchvision.layers)
    widths = [layer.out_channels for layer in torchvision.layers if isinstance(layer, Conv)]
    assert widths == [64, 192, 384, 256, 256]
    assert output_shapes(torchvision, 63)["pool5"] == (256, 1, 1)
    assert output_shapes(torchvision, 63)["avgpool"] == (256, 6, 6)


def test_torchvision_is_that_of_torchvision():
    torch = pytest.importorskip("torch")
    nn = torch.nn
    ours = [layer for layer in VARIANTS["torchvision"].layers if isinstance(layer, Conv)]
    convs = [
        nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2),
        nn.Conv2d(64, 192, kernel_size=5, padding=2),
        nn.Conv2d(192, 384, kernel_size=3, padding=1),
        nn.Conv2d(384, 256, kernel_size=3, padding=1),
        nn.Conv2d(256, 256, kernel_size=3, padding=1),
    ]
    shapes = VARIANTS["torchvision"].parameter_shapes()
    for spec, conv in zip(ours, convs, strict=True):
        assert tuple(conv.weight.shape) == shapes[f"{spec.name}.weight"]
        assert (spec.stride, spec.groups) == (conv.stride, conv.groups)
        assert spec.padding == tuple((pixels, pixels) for pixels in conv.padding)


@EVERY_VARIANT
def test_other_numbers_of_classes(variant):
    small = variant.with_num_classes(10)
    assert variant.num_classes == 1000
    assert small.num_classes == 10
    assert small.parameter_shapes()["fc8.weight"] == (10, 4096)
    assert small.parameter_count == variant.parameter_count - 990 * 4097
    assert small.parameters == variant.parameters
    assert small.with_num_classes(1000) == variant


@EVERY_VARIANT
def test_variants_are_values(variant):
    assert pickle.loads(pickle.dumps(variant)) == variant
    assert len({variant, get_variant(variant.name)}) == 1


@EVERY_VARIANT
def test_preset_and_channel_order_go_together(variant):
    assert (variant.preset, variant.channel_order) in {("caffe", "BGR"), ("torchvision", "RGB")}


@pytest.mark.parametrize(
    ("kind", "call", "message"),
    [
        (
            ValueError,
            lambda: get_variant("alexnet"),
            "variant must be one of caffe, caffenet, torchvision, paper, ungrouped, plain, "
            "darknet, "
            "got 'alexnet'",
        ),
        (
            ValueError,
            lambda: get_variant(["caffe"]),
            "variant must be one of caffe, caffenet, torchvision, paper, ungrouped, plain, "
            "darknet, "
            "got ['caffe']",
        ),
        (
            ValueError,
            lambda: VARIANTS["caffe"].shapes(256),
            "fc6 of variant 'caffe' needs 9216 inputs (256x6x6), but a 256x256 image gives "
            "256x7x7: use 227x227, or ask for layers up to pool5",
        ),
        (
            ValueError,
            lambda: VARIANTS["caffe"].shapes(295, 135),  # as many values, in another shape
            "fc6 of variant 'caffe' needs 9216 inputs (256x6x6), but a 295x135 image gives "
            "256x9x4: use 227x227, or ask for layers up to pool5",
        ),
        (
            ValueError,
            lambda: VARIANTS["paper"].shapes(62, last="fc7"),
            "fc6 of variant 'paper' needs 9216 inputs (256x6x6), but a 62x62 image gives "
            "256x1x1: use 224x224, or ask for layers up to pool5",
        ),
        (
            ValueError,
            lambda: VARIANTS["torchvision"].shapes(62),
            "variant 'torchvision' cannot take a 62x62 image: pool5: the 3x3 kernel does not fit "
            "an input of 2x2 (stride 2x2; padding 0 above, 0 below, 0 left, 0 right); for layers "
            "up to prob the smallest square image is 63x63",
        ),
        (
            ValueError,
            lambda: VARIANTS["caffe"].shapes(0, 5),
            "height and width: need a whole number from 1 up, got 0",
        ),
        (
            TypeError,
            lambda: VARIANTS["caffe"].shapes(227.0),
            "height and width: need a whole number or two of them, (height, width), got 227.0",
        ),
        (
            ValueError,
            lambda: VARIANTS["plain"].shapes(last="norm1"),
            "variant 'plain' has no layer 'norm1'; its layers are conv1, pool1, conv2, pool2, "
            "conv3, conv4, conv5, pool5, fc6, fc7, fc8, prob, and there the network ends",
        ),
        (
            ValueError,
            lambda: VARIANTS["caffe"].with_num_classes(0),
            "fc8: out_features: need a whole number from 1 up, got 0",
        ),
        (
            TypeError,
            lambda: VARIANTS["caffe"].with_num_classes("10"),
            "fc8: out_features: need a whole number from 1 up, got '10'",
        ),
    ],
)
def test_errors_name_what_came_and_what_is_needed(kind, call, message):
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        call()
