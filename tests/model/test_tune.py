"""`AlexNet.tune`: the measured choice in a network."""

import pickle
import threading

import pytest
from support.closeness import assert_same_bits
from support.networks import images, narrow, random_weights

from alexnet_cy import AlexNet
from alexnet_cy.engine.choice.conv_algorithms import CONV_VARIABLE
from alexnet_cy.engine.plan.plan import TRUNK_BLOCK
from alexnet_cy.engine.tune import tuning
from alexnet_cy.machine.cache_folder import HOME_VARIABLE

VARIANT = narrow("torchvision")
CONVS = ["conv1", "conv2", "conv3", "conv4", "conv5"]


@pytest.fixture(scope="module")
def weights():
    return random_weights(VARIANT)


@pytest.fixture(scope="module")
def x():
    return images(VARIANT, TRUNK_BLOCK + 1)[:, :, :63, :66].copy()


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    monkeypatch.delenv(CONV_VARIABLE, raising=False)
    return tmp_path / "home"


@pytest.fixture
def net(weights):
    return AlexNet(VARIANT, weights)


@pytest.fixture
def fastest(monkeypatch):
    """Says which algorithm a measurement finds to be the fastest, layer by layer."""
    found = dict.fromkeys(CONVS, "direct") | {"conv3": "winograd"}

    def measure(variant, height, width, *, batch, threads, level, exact):
        names = ("direct", "im2col") if exact else ("winograd", "direct", "im2col")
        return {
            layer: {name: 1.0 if name == found[layer] else 2.0 for name in names} for layer in CONVS
        }

    monkeypatch.setattr(tuning, "measure_ms", measure)
    return found


def algorithms(net):
    return {step.name: step.algorithm for step in net.plan().steps if step.name in CONVS}


@pytest.mark.slow
def test_a_real_measurement(net, home, monkeypatch):
    monkeypatch.setattr(tuning, "ENOUGH_S", 0.0)
    result = net.tune(height=63)
    assert [layer.name for layer in result.layers] == CONVS
    assert result.measured
    assert algorithms(net) == dict(result.choices)
    assert (home / "tuning.json").is_file()
    assert not net.tune(height=63).measured
    assert net.tune(height=63, fresh=True).measured
    assert net.tune(height=63, width=70).measured


def test_the_choice_is_what_runs(net, weights, x, fastest):
    default = net.forward(x, ["conv1", "conv5"])
    assert algorithms(net) == dict.fromkeys(CONVS, "winograd")
    net.tune()
    assert algorithms(net) == fastest
    tuned = net.forward(x, ["conv1", "conv5"])
    direct = AlexNet(VARIANT, weights, algorithm="direct").forward(x, ["conv1", "conv5"])
    assert_same_bits(tuned["conv1"], direct["conv1"])
    assert not (tuned["conv5"] == direct["conv5"]).all()  # conv3 is Winograd's
    assert not (tuned["conv1"] == default["conv1"]).all()


def test_bits_depend_on_neither_images_nor_threads(net, x, fastest):
    net.tune(batch=3, threads=2)
    together = net.forward(x, threads=1)
    for threads in (1, 2, 3):
        assert_same_bits(net.forward(x, threads=threads), together)
    for i in range(len(x)):
        assert_same_bits(net.forward(x[i : i + 1]), together[i : i + 1])


def test_a_later_choice_takes_over(net, weights, x, fastest):
    net.tune()
    tuned = net.forward(x)
    fastest.update(dict.fromkeys(CONVS, "winograd"))
    net.tune()  # from the file
    assert_same_bits(net.forward(x), tuned)
    net.tune(fresh=True)
    winograd = AlexNet(VARIANT, weights, algorithm="winograd")
    assert_same_bits(net.forward(x), winograd.forward(x))


def test_pickling_keeps_the_choice(net, x, fastest):
    net.tune()
    copy = pickle.loads(pickle.dumps(net))
    assert algorithms(copy) == fastest
    assert_same_bits(copy.forward(x), net.forward(x))


def test_the_variable_has_precedence(net, weights, x, fastest, monkeypatch):
    net.tune()
    monkeypatch.setenv(CONV_VARIABLE, "winograd")
    assert algorithms(net) == dict.fromkeys(CONVS, "winograd")
    assert_same_bits(net.forward(x), AlexNet(VARIANT, weights).forward(x))
    with pytest.raises(ValueError, match=f"nothing to choose, {CONV_VARIABLE} makes 'winograd'"):
        net.tune()
    monkeypatch.delenv(CONV_VARIABLE)
    assert algorithms(net) == fastest


def test_exact_stays_exact(weights, fastest):
    net = AlexNet(VARIANT, weights, exact=True)
    assert {tuple(layer.times_ms) for layer in net.tune().layers} == {("direct", "im2col")}
    assert "winograd" not in algorithms(net).values()


def test_a_forced_algorithm_leaves_no_choice(weights, fastest):
    net = AlexNet(VARIANT, weights, algorithm="im2col")
    with pytest.raises(ValueError, match="nothing to choose, algorithm makes 'im2col' compute"):
        net.tune()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch": 0}, "batch: need a whole number from 1 up, got 0"),
        ({"batch": True}, "batch: need a whole number from 1 up, got True"),
        ({"batch": 1.5}, "batch: need a whole number from 1 up, got 1.5"),
        ({"threads": 0}, "threads: need 1 to"),
        ({"height": 10}, "cannot take a 10x10 image"),
    ],
)
def test_errors(net, fastest, settings, message):
    with pytest.raises((TypeError, ValueError), match=message):
        net.tune(**settings)
    assert algorithms(net) == dict.fromkeys(CONVS, "winograd")


def test_a_folder_that_cannot_be_used_only_warns(net, fastest, home):
    home.write_text("a file")
    with (
        pytest.warns(UserWarning, match=r"tuning\.json' has no measured times"),
        pytest.warns(UserWarning, match=r"cannot be kept in '.*tuning\.json'"),
    ):
        net.tune()
    assert algorithms(net) == fastest


def test_a_home_folder_that_is_none_only_warns(net, fastest, monkeypatch):
    monkeypatch.setenv("ALEXNET_CY_HOME", "~no-such-user/folder")
    with pytest.warns(UserWarning, match=r"cannot be kept: ALEXNET_CY_HOME is '~no-such-user/fol"):
        net.tune()
    assert algorithms(net) == fastest


def test_from_several_threads(net, x, fastest):
    net.tune()
    expected, results = net.forward(x), []

    def work():
        net.tune(fresh=True)
        results.append(net.forward(x, threads=1))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(results) == 4
    for result in results:
        assert_same_bits(result, expected)


def test_expected_times_are_for_the_threads_asked_for(net):
    one, two = (net.plan(threads=threads) for threads in (1, 2))
    assert (one.threads, two.threads) == (1, 2)
    assert one.steps == two.steps
    rows = zip(one.rows(), two.rows(), strict=True)
    assert all(a["expected_ms"] > b["expected_ms"] for a, b in rows)
    with pytest.raises(ValueError, match="threads: need 1 to"):
        net.plan(threads=0)
