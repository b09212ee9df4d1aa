"""The format of a file, told by its first bytes."""

from __future__ import annotations

import json

import pytest
from synthesis.networks import TINY, random_tensors
from synthesis.seeds import SEEDS, VARIANTS

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights import open_network, safetensors
from alexnet_cy.weights.detect import _SIGNATURES, FORMATS, detect
from alexnet_cy.weights.files import open_file


@pytest.fixture
def detected(tmp_path):
    """Detect the format of some bytes."""

    def detect_bytes(data: bytes) -> str:
        path = tmp_path / "file"
        path.write_bytes(data)
        return detect(open_file(path)).name

    return detect_bytes


@pytest.mark.parametrize("encoding", SEEDS)
def test_every_encoding_is_told(encoding, tmp_path):
    network = TINY[VARIANTS[encoding][0]]
    path = SEEDS[encoding](tmp_path, network, random_tensors(network))
    assert encoding.startswith(f"{detect(open_file(path)).name}-")


@pytest.mark.parametrize(
    ("head", "name"),
    [
        # As field numbers and magic numbers have it.
        ("0a 07 41 6c 65 78 4e 65 74 12 28", "caffemodel"),  # name: "AlexNet", layers
        ("0a 08 43 61 66 66 65 4e 65 74 a2 06 10", "caffemodel"),  # name: "CaffeNet", layer
        ("a2 06 10 0a 04 64 61 74 61 12 04", "caffemodel"),
        ("08 03 12 0c 6f 6e 6e 78 2d 63 61 66 66 65 32 22 00", "onnx"),
        ("08 08 12 07 70 79 74 6f 72 63 68 1a 05", "onnx"),
        ("80 02 8a 0a 6c fc 9c 46 f9 20 6a a8 50 19 2e 80 02 4d e9 03", "torch"),
        ("50 4b 03 04 00 00 08 08 00 00", "torch"),
        ("80 04 95 0d 00 00 00 00 00 00 00 8a 0a 6c fc 9c 46 f9 20 6a a8 50 19 2e", "torch"),
        ("80 03 7d 71 00 58 09 00 00 00 41 6c 65 78 4e 65 74 5f 30 71", "pickle"),
        ("93 4e 55 4d 50 59 01 00 46 00", "npy"),
        ("4d 41 54 4c 41 42 20 35 2e 30 20 4d 41 54 2d 66 69 6c 65", "matconvnet"),
    ],
)
def test_the_beginnings_of_files(detected, head, name):
    assert detected(bytes.fromhex(head).ljust(600, b"\x9c")) == name


def test_the_tar_files_of_2016_are_torchs(detected):
    assert detected(b"storages".ljust(257, b"\0") + b"ustar\0" + bytes(300)) == "torch"


def test_deep_compressions_counts(detected):
    # A tenth of the weights of the fully connected layers is left, a third of the others.
    counts = (11_000, 102_000, 295_000, 221_000, 147_000, 3_775_000, 1_678_000, 410_000)
    head = b"".join(count.to_bytes(4, "little") for count in counts)
    assert detected(head + bytes(range(256))) == "deep-compression"


def test_a_safetensors_header_may_have_any_length(tmp_path, detected):
    network = TINY["caffe"]
    path = tmp_path / "network.safetensors"
    safetensors.write(path, "caffe", random_tensors(network))
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header, numbers = data[8 : 8 + length], data[8 + length :]
    for padded in range(length, length + 256):  # every first byte, 0x80 0x05 among them
        padding = b" " * (padded - length)
        padded_data = padded.to_bytes(8, "little") + header + padding + numbers
        assert detected(padded_data) == "safetensors", padded


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"\x1f\x8b\x08\0" + bytes(600), "gzip"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"\n<!DOCTYPE html><html><head><title>404</title>", "a web page"),
        (b"<html>\xe4", "a web page"),
        (b'name: "AlexNet"\nlayer {\n  name: "conv1"\n', r"a text file.*prototxt"),
        (b"BZh91AY&SY" + bytes(600), "unpack it first"),
        (b"alexnet.pth".ljust(257, b"\0") + b"ustar\0" + bytes(300), "a tar archive; unpack"),
        (b"GGUF\3\0\0\0" + bytes(600), "GGUF"),
        (b"\x1c\0\0\0TFL3" + bytes(600), "TensorFlow Lite"),
        (b"\x81\xa6params\x81" + bytes(600), "MessagePack"),
        (b"\x04\0\0\0\x01\0\0\0\x03\0\0\0V 1" + bytes(600), "Torch7"),
        (b"4\n1\n3\nV 1\n13\nnn.Sequential\n", "Torch7"),
        (b'\x0a\x07AlexNet\x12\x90\x80\x01\x12\x07conv1_w"\x0fGivenTensorFill*', "Caffe2"),
        (b"\x0a\x2e\x0a\x01x\x12\x0bPlaceholder" + bytes(600), "frozen TensorFlow graph"),
        (b"\x08\x90\x4e\x12\x20snap/alexnet_iter_10000.caffemodel\x1a" + bytes(99), "solverstate"),
        (b"\x08\x01\x12\xa4\x9c\x02\x0a\x90" + bytes(600), "SavedModel"),
        (b"\x08\x03\x12\x90\x02\x0a\x30\x0a" + bytes(600), "CoreML"),
        (b'<?xml version="1.0"?>\n<net name="alexnet">', "OpenVINO"),
        (b"7767517\n15 15\nInput data 0 1 data\n", "ncnn"),
        (b"(dp0\nS'conv1'\np1\n", "protocol 0"),
        (b'model_checkpoint_path: "model.ckpt-9"\n', "a part of a TensorFlow checkpoint"),
        (
            bytes(600) + bytes.fromhex("57 fb 80 8b 24 75 47 db"),
            "a part of a TensorFlow checkpoint .*tf.train.load_checkpoint",
        ),
        (b'{"architectures": ["AlexNet"]}', "the weights are in the file beside it"),
        (bytes.fromhex("08 01 10 03 18 80 02 20 80 02 2a 80 80 30"), "a mean image"),
        (bytes.fromhex("3a 08 08 01 08 03 08 80 02 2a 80 80 30"), "a mean image"),
        (bytes(600), "no weight file that is known"),
        (b"\x80\x07x", r"begins with b'\\x80\\x07x'"),
        (b"PK\x05\x06" + bytes(18), "no weight file that is known"),
        (b"\xff", "no weight file that is known"),
    ],
)
def test_what_is_no_weight_file_is_named(detected, head, message):
    with pytest.raises(WeightsError, match=message):
        detected(head)


def test_the_numbers_of_a_checkpoint_are_known_by_their_name_alone(tmp_path):
    path = tmp_path / "alexnet_v2.ckpt.data-00000-of-00001"
    path.write_bytes(b"\x9c" * 600)
    with pytest.raises(WeightsError, match="a part of a TensorFlow checkpoint"):
        open_network(path)


def test_the_message_lists_the_formats(detected):
    with pytest.raises(WeightsError) as caught:
        detected(b"\xffnothing")
    assert all(known.name in str(caught.value) for known in FORMATS)


def test_a_format_is_not_believed_to_the_letter_of_its_name(tmp_path):
    # A pickle that would run a command, called .safetensors: read as what it is, and refused.
    path = tmp_path / "network.safetensors"
    path.write_bytes(b"\x80\x02cos\nsystem\nq\x00X\x04\x00\x00\x00trueq\x01\x85q\x02Rq\x03.")
    with pytest.raises(WeightsError, match="os"):
        open_network(path)


def test_json_that_is_no_header_is_no_safetensors(detected):
    with pytest.raises(WeightsError, match="text"):
        detected(json.dumps({"conv1.weight": 1}).encode())


def test_no_message_sends_people_to_unsafe_loading():
    texts = [kind for _, kind in _SIGNATURES if isinstance(kind, str)]
    assert len(texts) > 15
    assert not any("allow_pickle" in text for text in texts)


@pytest.mark.parametrize("first", range(256))
def test_a_file_of_one_byte_or_two(tmp_path, first):
    path = tmp_path / "short"
    for data in (bytes([first]), bytes([first, 0xA6])):
        path.write_bytes(data)
        with pytest.raises(WeightsError):
            open_network(path)
