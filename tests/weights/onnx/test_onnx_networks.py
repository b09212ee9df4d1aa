"""Networks that are none of the named ones: the numbers that ONNX Runtime computes of the file."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from alexnet_cy import AlexNet

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
HELPER = onnx.helper


class Chain:
    """A graph in the making, node behind node."""

    def __init__(self, shape):
        self.nodes, self.tensors, self.value = [], [], "x"
        self.shape = shape
        self.random = np.random.default_rng(0)

    def constant(self, array):
        name = f"c{len(self.tensors)}"
        self.tensors.append(onnx.numpy_helper.from_array(np.asarray(array), name))
        return name

    def draw(self, *shape):
        scale = np.sqrt(2 / max(1, np.prod(shape[1:]))) if len(shape) > 1 else 0.1
        return self.constant((self.random.standard_normal(shape) * scale).astype(np.float32))

    def add(self, op, *inputs, outputs=1, domain="", **attributes):
        names = [f"v{len(self.nodes)}_{i}" for i in range(outputs)]
        node = HELPER.make_node(op, [self.value, *inputs], names, domain=domain, **attributes)
        self.nodes.append(node)
        self.value = names[0]
        return names

    def conv(self, out, depth, kernel, *, bias=True, op="Conv", **attributes):
        weights = [self.draw(out, depth, kernel, kernel)] + [self.draw(out)] * bias
        self.add(op, *weights, kernel_shape=[kernel, kernel], **attributes)

    def relu_pool(self):
        self.add("Relu")
        self.add("MaxPool", kernel_shape=[3, 3], strides=[2, 2])

    def save(self, path, opset=13):
        info = HELPER.make_tensor_value_info
        graph = HELPER.make_graph(
            self.nodes,
            "test",
            [info("x", onnx.TensorProto.FLOAT, self.shape)],
            [info(self.value, onnx.TensorProto.FLOAT, None)],
            self.tensors,
        )
        imports = [HELPER.make_opsetid("", opset), HELPER.make_opsetid("com.microsoft", 1)]
        onnx.save(HELPER.make_model(graph, opset_imports=imports, ir_version=8), path)


def start(channels=3, size=67, **attributes):
    chain = Chain([1, channels, size, size])
    chain.conv(8, channels, 11, strides=[4, 4], **attributes)
    return chain  # 15 x 15


def trunk(chain):
    chain.relu_pool()  # 7 x 7
    chain.conv(12, 8, 5, pads=[2] * 4)
    chain.relu_pool()  # 3 x 3


def one_channel():
    chain = start(channels=1)
    trunk(chain)
    return chain


def head_of_one():
    chain = start()
    trunk(chain)
    chain.add("Flatten")
    chain.add("Gemm", chain.draw(5, 108), chain.draw(5), transB=1)
    return chain


def global_average(op="GlobalAveragePool", **attributes):
    chain = start()
    trunk(chain)
    chain.add(op, **attributes)
    chain.add("Flatten")
    chain.add("Gemm", chain.draw(5, 12), transB=1)
    chain.add("Softmax", axis=1)
    return chain


def mean_of_axes():
    return global_average("ReduceMean", axes=[2, 3])


def convolutions_to_the_end():
    chain = start()
    trunk(chain)
    chain.conv(9, 12, 3)
    chain.add("Relu")
    chain.conv(5, 9, 1)
    chain.add("Softmax", axis=1)
    return chain


def convolutions_then_flat():
    chain = start()
    trunk(chain)
    chain.conv(9, 12, 3)
    chain.add("Relu")
    chain.conv(5, 9, 1)
    chain.add("Flatten")
    return chain


def batch_norm():
    chain = start(bias=False)
    positive = chain.constant(np.linspace(0.5, 2, 8, dtype=np.float32))
    chain.add("BatchNormalization", positive, chain.draw(8), chain.draw(8), positive)
    trunk(chain)
    return chain


def scaled():
    chain = start()
    chain.add("Mul", chain.draw(8, 1, 1))
    chain.add("Add", chain.draw(1, 8, 1, 1))
    trunk(chain)
    return chain


def mean_inside():
    chain = Chain([1, 3, 67, 67])
    chain.add("Sub", chain.constant(np.array([104, 117, 123], np.float32).reshape(3, 1, 1)))
    chain.add("Mul", chain.constant(np.float32(0.017)))
    chain.conv(8, 3, 11, strides=[4, 4])
    trunk(chain)
    return chain


def split_groups():
    chain = start()
    chain.relu_pool()
    parts = chain.add("Split", axis=1, outputs=2)
    made = []
    for part in parts:
        chain.value = part
        chain.conv(6, 4, 5, pads=[2] * 4)
        made.append(chain.value)
    chain.value = made[0]
    chain.add("Concat", made[1], axis=1)
    chain.add("Relu")
    return chain


def channels_last():
    chain = Chain([1, 67, 67, 3])
    chain.add("Transpose", perm=[0, 3, 1, 2])
    chain.conv(8, 3, 11, strides=[4, 4])
    trunk(chain)
    chain.add("Transpose", perm=[0, 2, 3, 1])
    chain.add("Reshape", chain.constant(np.array([-1, 108], np.int64)))
    chain.add("MatMul", chain.draw(108, 5))
    chain.add("Add", chain.draw(5))
    return chain


def fused():
    chain = start(op="FusedConv", domain="com.microsoft", activation="Relu")
    chain.add("MaxPool", kernel_shape=[3, 3], strides=[2, 2])
    return chain


def same_padding():
    chain = Chain([1, 3, 67, 67])
    chain.conv(8, 3, 11, strides=[4, 4], auto_pad="SAME_UPPER")
    chain.relu_pool()
    chain.conv(12, 8, 4, auto_pad="SAME_LOWER")
    return chain


def relu_behind_the_pool():
    chain = start()
    chain.add("MaxPool", kernel_shape=[3, 3], strides=[2, 2])
    chain.add("Relu")
    chain.add("Relu")
    return chain


CASES = [
    *(one_channel, head_of_one, global_average, mean_of_axes, convolutions_to_the_end),
    *(convolutions_then_flat, batch_norm, scaled, mean_inside, split_groups, channels_last),
    *(fused, same_padding, relu_behind_the_pool),
]


def assert_equals_the_runtime(path, x):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    [name] = [value.name for value in session.get_inputs()]
    expected = session.run(None, {name: x})[0]
    net = AlexNet.load(path)
    if x.shape[1] != net.variant.in_channels:
        x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    is_probability = abs(expected.reshape(len(x), -1).sum(axis=1) - 1).max() < 1e-5
    last = [layer for layer in net.layers if layer != "prob" or is_probability][-1]
    found = net.forward(x, [last])[last]
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 3e-5 * np.abs(expected).max()
    return net


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_a_network_is_what_its_file_says(case, tmp_path):
    chain = case()
    path = tmp_path / "network.onnx"
    chain.save(path)
    x = np.random.default_rng(1).uniform(0, 255, chain.shape).astype(np.float32)
    assert_equals_the_runtime(path, x)


def test_a_mean_in_the_graph_is_not_subtracted_twice(tmp_path):
    path = tmp_path / "network.onnx"
    mean_inside().save(path)
    net = AlexNet.load(path)
    grey = np.full((67, 67, 3), 128, np.uint8)
    assert (net.preprocess(grey) == 128).all()


def test_a_mean_before_padding_is_that_of_the_images(tmp_path):
    chain = Chain([1, 3, 67, 67])
    chain.add("Sub", chain.constant(np.array([104, 117, 123], np.float32).reshape(3, 1, 1)))
    chain.conv(8, 3, 11, strides=[4, 4], pads=[2] * 4)
    path = tmp_path / "network.onnx"
    chain.save(path)
    net = AlexNet.load(path)
    grey = np.full((67, 67, 3), 128, np.uint8)
    assert net.preprocess(grey)[0, :, 0, 0].tolist() == [24, 11, 5]


def test_torchvisions_arithmetic_in_the_graph_is_its_preset(tmp_path):
    chain = Chain([1, 3, 67, 67])
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    for op, values in (("Sub", mean), ("Div", std)):
        chain.add(op, chain.constant(np.array(values, np.float32).reshape(1, 3, 1, 1)))
    chain.conv(8, 3, 11, strides=[4, 4], pads=[2] * 4)
    path = tmp_path / "network.onnx"
    chain.save(path)
    assert AlexNet.load(path).preparation().preset.name == "torchvision"


def test_the_model_zoos_network_of_the_onnx_package():
    from pathlib import Path

    light = Path(onnx.__file__).parent / "backend/test/data/light/light_bvlc_alexnet.onnx"
    if not light.exists():
        pytest.skip("this onnx has no light models")
    x = np.random.default_rng(1).uniform(-100, 100, (1, 3, 224, 224)).astype(np.float32)
    net = assert_equals_the_runtime(light, x)
    assert net.variant.name == "caffe-like"
    assert [net.variant.shapes()[i].output_shape[1] for i in (0, 2, 5, 9)] == [54, 26, 12, 6]


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"optimize": False},
        {"dynamo": False},
        {"dynamo": False, "opset_version": 9, "do_constant_folding": False},
        {"dynamo": False, "dynamic_axes": {"x": {0: "n"}}, "input_names": ["x"]},
    ],
    ids=["default", "unoptimised", "tracer", "opset9", "any batch"],
)
def test_what_torch_exports(options, tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    nn = torch.nn
    torch.manual_seed(0)
    module = nn.Sequential(
        *(nn.Conv2d(3, 8, 11, 4), nn.ReLU(), nn.LocalResponseNorm(5, 1e-2, 0.75, 2.0)),
        *(nn.MaxPool2d(3, 2), nn.Conv2d(8, 12, 5, padding=2, groups=2), nn.BatchNorm2d(12)),
        *(nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(), nn.Linear(12 * 9, 5)),
    ).eval()
    path = tmp_path / "network.onnx"
    x = torch.randn(1, 3, 67, 67)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (x,), path, **options)
    net = assert_equals_the_runtime(path, x.numpy())
    assert net.variant.layer("norm1").k == 2
