"""From images to classes and features: shapes, one or many, ten views, nothing at all."""

import numpy as np
import pytest
from PIL import Image
from support.closeness import assert_same_bits
from support.networks import narrow, random_weights

from alexnet_cy import AlexNet, ImageError
from alexnet_cy.images.batches import VIEWS_AT_A_TIME
from alexnet_cy.labels import Prediction, imagenet_classes


@pytest.fixture(scope="module")
def net():
    variant = narrow("caffe", classes=1000)
    return AlexNet(variant, random_weights(variant))


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (60, 80 + i, 3), np.uint8) for i in range(3)]


def probabilities(predictions):
    return np.array([prediction.probability for prediction in predictions])


def test_classes_of_one_image(net, pictures):
    expected = net.forward(net.preprocess(pictures[:1]))[0]
    found = net.classify(pictures[0])
    assert len(found) == 5
    best = np.argsort(-expected, kind="stable")[:5]
    for prediction, number in zip(found, best, strict=True):
        known = imagenet_classes()[number]
        assert prediction == Prediction(known.wnid, known.label, pytest.approx(expected[number]))


@pytest.mark.parametrize("top", [1, 3, 1000])
def test_as_many_classes_as_asked_for(net, pictures, top):
    found = net.classify(pictures[0], top=top)
    assert len(found) == top
    assert (np.diff(probabilities(found)) <= 0).all()


def test_classes_of_several_images(net, pictures):
    found = net.classify(pictures, top=2)
    assert found == [net.classify(picture, top=2) for picture in pictures]
    assert net.classify(iter(pictures), top=2) == found
    assert net.classify([Image.fromarray(picture) for picture in pictures], top=2) == found
    assert net.classify([]) == []


def test_ten_views_are_averaged(net, pictures):
    views = net.preprocess(pictures[:1], "caffe-10crop")
    assert views.shape == (10, 3, 227, 227)
    mean = net.forward(views).mean(axis=0)
    found = net.classify(pictures[0], preset="caffe-10crop", top=4)
    np.testing.assert_allclose(probabilities(found), np.sort(mean)[::-1][:4], rtol=1e-6)


def test_features_of_one_layer(net, pictures):
    x = net.preprocess(pictures)
    fc7 = net.features(pictures)
    assert fc7.shape == (3, 40)
    assert_same_bits(fc7, net.forward(x, ["fc7"])["fc7"])
    conv5 = net.features(pictures[1], "conv5")
    assert conv5.shape == (1, 256, 13, 13)
    assert_same_bits(conv5, net.forward(x[1:2], ["conv5"])["conv5"])


def test_features_of_several_layers(net, pictures):
    values = net.features(pictures[:2], ["pool1", "classifier.5"])
    assert {name: value.shape for name, value in values.items()} == {
        "pool1": (2, 96, 27, 27),
        "classifier.5": (2, 40),
    }
    assert_same_bits(values["classifier.5"], net.features(pictures[:2]))


def test_features_of_ten_views(net, pictures):
    values = net.features(pictures[:2], ["pool5", "fc6"], preset="caffe-10crop")
    assert values["pool5"].shape == (2, 10, 256, 6, 6)
    assert values["fc6"].shape == (2, 10, 40)
    views = net.preprocess(pictures[1:2], "caffe-10crop")
    assert_same_bits(values["fc6"][1], net.forward(views, ["fc6"])["fc6"])


def test_features_of_no_images(net):
    assert net.features([]).shape == (0, 40)
    values = net.features([], ["conv1", "prob"])
    assert {name: value.shape for name, value in values.items()} == {
        "conv1": (0, 96, 55, 55),
        "prob": (0, 1000),
    }


def test_images_are_taken_a_part_at_a_time(net, pictures):
    """A generator of any length needs the memory of one part."""
    taken = []

    def source():
        for i in range(VIEWS_AT_A_TIME + 2):
            taken.append(i)
            yield pictures[i % 3]

    in_parts = [(len(taken), len(batch.names)) for batch in net.iter_features(source(), "pool1")]
    assert in_parts == [(VIEWS_AT_A_TIME, VIEWS_AT_A_TIME), (VIEWS_AT_A_TIME + 2, 2)]
    values = net.features(source(), "pool1")
    assert len(values) == VIEWS_AT_A_TIME + 2
    assert_same_bits(values[-1], values[(VIEWS_AT_A_TIME + 1) % 3])


def test_batches_carry_indices_and_names(net, pictures, tmp_path):
    path = tmp_path / "one.png"
    Image.fromarray(pictures[1]).save(path)
    sources = [pictures[0]] * 63 + [path, b"no image", str(path)]
    batches = list(net.iter_features(sources, "pool1", on_error="skip"))
    assert [batch.indices for batch in batches] == [list(range(64)), [65]]
    assert batches[0].names[62:] == ["images[62]", str(path)]
    assert batches[1].names == [str(path)]
    [left_out] = batches[1].skipped
    assert (left_out.index, left_out.name) == (64, "images[64]")
    assert_same_bits(batches[1].values["pool1"][0], batches[0].values["pool1"][63])


@pytest.mark.parametrize("threads", [1, 4])
def test_every_thread_count_gives_the_same_predictions(net, pictures, threads):
    found = [
        predictions
        for batch in net.iter_predictions(pictures * 7, 2, threads=threads)
        for predictions in batch.predictions
    ]
    assert found == net.classify(pictures, top=2) * 7


def test_a_bad_image_is_counted_from_the_first_of_all(net, pictures):
    sources = [pictures[i % 3] for i in range(70)]
    sources[66] = b"no image"
    with pytest.raises(ImageError, match=r"^images\[66\]: "):
        net.features(sources, "pool1")
    with pytest.raises(ImageError, match=r"^images: "):
        net.classify(b"no image")


def test_a_mean_file_is_read_once(net, pictures, tmp_path, monkeypatch):
    from alexnet_cy.weights.caffe import mean as caffe_mean

    path = tmp_path / "mean.binaryproto"
    caffe_mean.write(path, np.zeros((3, 256, 256), np.float32))
    reads = []
    read = caffe_mean.read
    monkeypatch.setattr(caffe_mean, "read", lambda name: reads.append(name) or read(name))
    net.features([pictures[i % 3] for i in range(130)], "pool1", mean=str(path))
    assert len(reads) == 1


def test_a_preparation_serves_several_calls(net, pictures):
    preparation = net.preparation(mean=(1.0, 2.0, 3.0))
    expected = net.features(pictures, mean=(1.0, 2.0, 3.0))
    assert_same_bits(net.features(pictures, preset=preparation), expected)
    with pytest.raises(ValueError, match=r"^preset: a Preparation has its mean"):
        net.features(pictures, preset=preparation, exif=True)
    with pytest.raises(ValueError, match=r"^on_error: need 'raise', 'skip' or 'nan', got 'stop'"):
        next(net.iter_features(pictures, on_error="stop"))


def test_a_bad_image_is_an_error(net, pictures):
    with pytest.raises(ImageError, match=r"^images\[1\]: .* can be read from it"):
        net.classify([pictures[0], b"no image"])
    with pytest.raises(ValueError, match=r"^top: need a whole number from 1 up, got 0$"):
        net.classify(pictures[0], top=0)


def test_features_of_an_array_of_paths(net, pictures, tmp_path):
    paths = []
    for i, picture in enumerate(pictures):
        paths.append(str(tmp_path / f"{i}.png"))
        Image.fromarray(picture).save(paths[-1])
    expected = net.features(pictures, "pool1")
    assert_same_bits(net.features(np.array(paths), "pool1"), expected)
    assert_same_bits(net.features(np.array(paths, dtype=object)[:, None], "pool1"), expected)


def test_features_with_bad_images(net, pictures):
    sources = [pictures[0], b"bad", pictures[1]]
    with pytest.warns(UserWarning, match=r"1 image could not be read: images\[1\]: 3 bytes:"):
        rows = net.features(sources, ["pool1", "fc7"], on_error="nan")
    with pytest.warns(UserWarning, match="1 image could not be read"):
        kept = net.features(sources, ["pool1", "fc7"], on_error="skip")
    expected = net.features([pictures[0], pictures[1]], ["pool1", "fc7"])
    for layer, values in expected.items():
        assert_same_bits(kept[layer], values)
        assert_same_bits(rows[layer][[0, 2]], values)
        assert np.isnan(rows[layer][1]).all()
    with pytest.raises(ValueError, match="for predictions, got 'nan'"):
        net.iter_predictions(sources, on_error="nan")


def test_input_size(net, pictures):
    size = (64, 96)
    image = np.asarray(Image.fromarray(pictures[0]).resize((96, 64)))
    as_is = net.features(image, "conv5", preset="as-is", input_size=size)
    assert as_is.shape[2:] == net.variant.shapes(*size, last="conv5")[-1].output_shape[1:]
    x = net.preprocess(image, preset="as-is", input_size=size)
    assert_same_bits(as_is, net.forward(x, ["conv5"])["conv5"])
    assert net.features(pictures[0], "conv5", input_size=200).shape[2] < 13
    with pytest.raises(ValueError, match="its mean, exif and input_size"):
        net.features(image, preset=net.preparation(), input_size=64)
