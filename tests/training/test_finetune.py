"""From a folder of photographs to a network that names their classes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from support.networks import narrow, random_weights
from support.photographs import COLOURS, make_photographs

from alexnet_cy import AlexNet, ImageError, WeightsError
from alexnet_cy.network import Conv, Linear
from alexnet_cy.training import Augment, ImageFolder


@pytest.fixture(scope="module")
def net():
    variant = narrow("torchvision")
    return AlexNet(variant, random_weights(variant))


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    return make_photographs(tmp_path_factory.mktemp("photographs") / "all")


@pytest.fixture(scope="module")
def result(net, photographs):
    return net.finetune(photographs, preset="torchvision-warp")


def test_the_classes_are_learnt(result):
    assert result.classes == tuple(sorted(COLOURS))
    assert result.accuracy == 1
    assert result.evaluation.images == 6
    assert result.train_images == 24
    assert result.confusion.tolist() == np.diag([2, 2, 2]).tolist()
    assert result.layer == "fc7"
    assert result.skipped == ()
    assert "6 unseen" in str(result)
    assert "largest class alone 33.3 %" in str(result)


def test_the_network_answers_by_the_names_of_the_folders(net, result, photographs):
    for name in COLOURS:
        first = result.net.classify(photographs / name / "0.png")[0]
        assert first.label == name
    assert result.net.trained_on.preset == "torchvision-warp"
    assert net.classes == ()
    for name, tensor in net.weights.items():
        if not name.startswith("fc8"):
            np.testing.assert_array_equal(result.net.weights[name], tensor)


def test_evaluate_agrees_with_what_the_training_says(result, photographs):
    found = result.net.evaluate(photographs)
    assert found.images == 30
    assert found.top1 == 1
    assert found.confusion.sum() == 30


def test_the_same_seed_gives_the_same_bits(net, photographs, result):
    again = net.finetune(photographs, preset="torchvision-warp", threads=1)
    np.testing.assert_array_equal(again.net.weights["fc8.weight"], result.net.weights["fc8.weight"])


def test_views_are_learnt_from_too(net, photographs):
    seen = []
    result = net.finetune(
        photographs, views=3, augment=Augment(pca_color=0.1), progress=lambda *at: seen.append(at)
    )
    assert result.accuracy == 1
    assert result.train_images == 24
    assert ("augmented views", 24, 24) in seen
    assert seen[-1][0] == "head"


def test_another_folder_to_measure_with(net, photographs, tmp_path):
    other = make_photographs(tmp_path / "other", 2, seed=1)
    shutil.rmtree(other / "green")
    result = net.finetune(photographs, val_folder=other, class_weight="balanced", c=10)
    assert (result.train_images, result.evaluation.images) == (30, 4)
    assert result.accuracy == 1
    assert result.c == 10
    assert result.confusion[1].tolist() == [0, 0, 0]


def test_images_that_are_in_both_folders_are_warned_of(net, photographs):
    with pytest.warns(UserWarning, match="30 of 30 images are also among those"):
        assert net.finetune(photographs, val_folder=photographs).duplicates == 30


def test_bad_images_are_named_or_refused(net, tmp_path):
    root = make_photographs(tmp_path / "some", 4)
    (root / "red" / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing")
    result = net.finetune(root)
    assert [image.name for image in result.skipped] == [str(root / "red" / "bad.png")]
    with pytest.raises(ImageError, match=r"bad\.png"):
        net.finetune(root, on_error="raise")
    with pytest.raises(ImageError, match=r"bad\.png"):
        result.net.evaluate(root)
    left_out = []
    assert result.net.evaluate(root, on_skipped=left_out.append).images == 12
    assert len(left_out) == 1


def test_a_class_of_bad_images_only_is_refused(net, tmp_path):
    root = make_photographs(tmp_path / "some", 2)
    (root / "broken").mkdir()
    (root / "broken" / "a.jpg").write_bytes(b"nothing")
    with pytest.raises(ImageError, match="no image to learn from of 'broken'"):
        net.finetune(root)


def test_a_folder_of_no_class_is_refused(result, photographs, tmp_path):
    other = make_photographs(tmp_path / "other", 1)
    (other / "red").rename(other / "crimson")
    with pytest.raises(ImageError, match="'crimson' is no class of the network"):
        result.net.evaluate(other)


def test_a_network_without_names_cannot_be_evaluated(net, photographs):
    with pytest.raises(ValueError, match="does not know the names of its 11 classes"):
        net.evaluate(photographs)


def test_a_folder_may_be_read_before(net, photographs):
    data = ImageFolder(photographs, order="string")
    assert net.finetune(data, c=1).classes == data.classes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"val": 1.5}, "^val"),
        ({"views": 0}, "^views"),
        ({"class_weight": "heavy"}, "^class_weight"),
        ({"c": 0}, "^c: "),
        ({"seed": -1}, "^seed"),
        ({"on_error": "nan"}, "^on_error"),
        ({"preset": "torchvision-10crop"}, "^preset"),
        ({"augment": Augment(crop="corner")}, "^crop"),
        ({"augment": Augment(pca_color=-1)}, "^pca_color"),
    ],
)
def test_wrong_arguments_are_named(net, photographs, arguments, message):
    with pytest.raises(ValueError, match=message):
        net.finetune(photographs, **arguments)


@pytest.mark.slow
def test_a_trunk_alone_gets_a_head_and_comes_back(photographs, tmp_path):
    variant = narrow("torchvision")
    layers = tuple(layer for layer in variant.layers if not layer.name.startswith(("fc", "prob")))
    trunk = replace(variant, layers=layers)
    net = AlexNet(trunk, random_weights(trunk))
    result = net.finetune(photographs, preset="torchvision-warp")
    assert result.layer == layers[-1].name
    assert result.accuracy == 1
    result.save(tmp_path / "mine.safetensors")
    loaded = AlexNet.load(tmp_path / "mine.safetensors")
    assert loaded.evaluate(photographs).confusion.tolist() == (10 * np.eye(3)).tolist()


LOOP = {"epochs": 3, "batch_size": 5, "lr": 0.0005}


def learnt_bits(result):
    return {name: array.tobytes() for name, array in result.net.weights.items()}


@pytest.mark.slow
@pytest.mark.parametrize("trainable", ["fc", "all"])
def test_a_finetuning_that_was_ended_goes_on_with_the_same_bits(
    net, photographs, tmp_path, trainable
):
    loop = {"trainable": trainable, "checkpoints": tmp_path, **LOOP}
    whole = net.finetune(photographs, **{**loop, "checkpoints": None})
    steps = []

    def interrupt(report):
        steps.append(report)
        if len(steps) == 7:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        net.finetune(photographs, on_step=interrupt, **loop)
    limited = net.finetune(photographs, resume=True, time_limit_s=0, **loop)
    assert len(limited.history["loss"]) == 1
    result = net.finetune(photographs, resume=True, threads=1, **loop)
    assert learnt_bits(result) == learnt_bits(whole)
    assert result.history == whole.history
    assert result.frozen_accuracy == whole.frozen_accuracy
    best = AlexNet.load(tmp_path / "best.safetensors")
    assert best.classes == whole.classes
    with pytest.raises(WeightsError, match="other settings"):
        net.finetune(photographs, resume=True, val=0.4, **loop)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": 2}, "epochs: without effect"),
        ({"lr": 0.1}, "lr: without effect"),
        ({"checkpoints": "run"}, "checkpoints: without effect"),
        ({"trainable": "all", "resume": True}, "resume: needs checkpoints"),
        ({"trainable": "conv5"}, "trainable"),
    ],
)
def test_arguments_without_effect_are_refused(net, photographs, arguments, message):
    with pytest.raises(ValueError, match=message):
        net.finetune(photographs, **arguments)


@pytest.mark.slow
@pytest.mark.parametrize("trainable", ["head", "all"])
def test_a_mean_image_is_learnt_with_and_kept(photographs, tmp_path, trainable):
    variant = narrow("caffe")
    net = AlexNet(variant, random_weights(variant))
    size = net.preparation().preset.resize_size
    mean = np.random.default_rng(0).uniform(90, 130, (3, size, size)).astype(np.float32)
    np.save(tmp_path / "mean.npy", mean)
    loop = {"trainable": trainable, "epochs": 1} if trainable == "all" else {}
    result = net.finetune(photographs, mean=tmp_path / "mean.npy", views=2, **loop)
    other = net.finetune(photographs, views=2, **loop)
    assert learnt_bits(result) != learnt_bits(other)
    result.save(tmp_path / "mine.safetensors")
    loaded = AlexNet.load(tmp_path / "mine.safetensors")
    np.testing.assert_array_equal(loaded.preparation().mean, mean)
    image = photographs / "red" / "0.png"
    x = net.preprocess(image, mean=mean)
    np.testing.assert_array_equal(loaded.forward(x, ["fc8"])["fc8"], loaded.features(image, "fc8"))


SCRIPT = """
import sys, time
sys.path[:0] = [{tests!r}]
from support.networks import narrow, random_weights
from alexnet_cy import AlexNet
variant = narrow("torchvision")
net = AlexNet(variant, random_weights(variant))
def slow(report):
    print("step", flush=True)
    time.sleep(0.02)
net.finetune(
    {photographs!r}, trainable="all", checkpoints={folder!r}, resume=True, on_step=slow, **{loop!r}
)
"""


@pytest.mark.slow
def test_a_finetuning_that_is_killed_goes_on_with_the_same_bits(net, photographs, tmp_path):
    """Killed at six random moments, in steps and in checkpoints."""
    loop = {**LOOP, "epochs": 8}
    script = SCRIPT.format(
        tests=os.path.dirname(os.path.dirname(__file__)),
        photographs=str(photographs),
        folder=str(tmp_path / "run"),
        loop=loop,
    )
    rng = np.random.default_rng(0)
    kills = 0
    for _ in range(6):
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as child:
            assert child.stdout.readline() == b"step\n"
            time.sleep(rng.uniform(0, 0.4))
            kills += child.poll() is None
            child.kill()
    assert kills >= 3
    again = {"trainable": "all", "checkpoints": tmp_path / "run", "resume": True, **loop}
    result = net.finetune(photographs, **again)
    whole = net.finetune(photographs, trainable="all", **loop)
    assert learnt_bits(result) == learnt_bits(whole)
    assert result.history == whole.history


SMALL = narrow("caffe", width=8, classes=4)
GREY = replace(SMALL, name="grey", in_channels=1)
CONVOLUTIONS = (Conv("fc6", 8, (6, 6)), Conv("fc8", 4, (1, 1), relu=False))
DENSE = replace(SMALL, name="dense", layers=(*SMALL.layers[:10], *CONVOLUTIONS))


@pytest.mark.slow
@pytest.mark.parametrize("trainable", ["head", "all"])
@pytest.mark.parametrize("variant", [GREY, DENSE], ids=["grey", "dense"])
def test_grey_images_and_convolutions_to_the_end(photographs, tmp_path, variant, trainable):
    settings = {} if trainable == "head" else {"epochs": 1}
    result = AlexNet.random(variant).finetune(photographs, trainable=trainable, **settings)
    assert result.net.variant.layer("fc8") == Linear("fc8", 3, relu=False)
    result.save(tmp_path / "net.safetensors")
    again = AlexNet.load(tmp_path / "net.safetensors")
    assert again.classes == result.net.classes
    assert again.evaluate(photographs).top1 == result.net.evaluate(photographs).top1


@pytest.mark.slow
def test_a_network_of_grey_images_is_trained(photographs):
    result = AlexNet.train(photographs, variant=GREY, epochs=1)
    assert result.net.variant == GREY.with_num_classes(3)
    assert result.net.forward(np.zeros((1, 1, 227, 227), np.float32)).shape == (1, 3)


def test_the_mean_of_grey_images_is_the_presets_or_refused(photographs):
    with pytest.raises(ValueError, match="mean: of grey images a weight file can only tell that"):
        AlexNet.random(GREY).finetune(photographs, mean=[100.0])


def test_a_trunk_has_no_classes_to_evaluate(photographs):
    trunk = replace(SMALL, name="trunk", layers=SMALL.layers[:10])
    with pytest.raises(ValueError, match="'trunk' ends with pool5, which is no probability of"):
        AlexNet.random(trunk).evaluate(photographs)
