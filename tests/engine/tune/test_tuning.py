"""The measured choice: what is timed, what is kept, what is taken."""

from dataclasses import replace

import pytest

from alexnet_cy.engine.choice.conv_algorithms import CONV_VARIABLE
from alexnet_cy.engine.tune import tuning
from alexnet_cy.engine.tune.tuning import TunedLayer, Tuning, measure_ms, tune
from alexnet_cy.machine.levels import active_level
from alexnet_cy.network import LRN, Conv, MaxPool, get_variant

# The stride of conv2 and the size of conv3's kernel are none for Winograd.
SMALL = replace(
    get_variant("caffe"),
    name="small",
    input_size=31,
    layers=(
        Conv("conv1", 8, (5, 5), stride=(2, 2)),
        LRN("norm1"),
        Conv("conv2", 8, (3, 3), stride=(2, 2)),
        Conv("conv3", 8, (1, 7), padding=((0, 0), (3, 3))),
        MaxPool("pool3", (2, 2)),
    ),
)
EXACT = ("direct", "im2col")
ABLE = {"conv1": ("winograd", *EXACT), "conv2": EXACT, "conv3": EXACT}


@pytest.fixture(autouse=True)
def no_variable(monkeypatch):
    monkeypatch.delenv(CONV_VARIABLE, raising=False)


@pytest.fixture
def measured(monkeypatch):
    """Let a measurement say that a later candidate is twice as fast; list what was asked."""
    calls = []

    def measure(variant, height, width, **settings):
        calls.append((height, width, settings))
        able = {name: EXACT for name in ABLE} if settings["exact"] else ABLE
        return {
            layer: {name: 2.0**-i for i, name in enumerate(names)} for layer, names in able.items()
        }

    monkeypatch.setattr(tuning, "measure_ms", measure)
    return calls


def tuned(**settings):
    settings = {"batch": 2, "threads": 1, "level": "generic"} | settings
    return tune(SMALL, 31, 35, **settings)


@pytest.mark.parametrize("exact", [False, True])
def test_a_measurement_has_all_that_can(monkeypatch, exact):
    monkeypatch.setattr(tuning, "ENOUGH_S", 0.0)
    times = measure_ms(SMALL, 31, 35, batch=2, threads=1, level=active_level(), exact=exact)
    able = {name: EXACT for name in ABLE} if exact else ABLE
    assert {name: tuple(entry) for name, entry in times.items()} == able
    assert all(ms > 0 for entry in times.values() for ms in entry.values())


def test_rounds_alternate_and_the_warm_up_does_not_count(monkeypatch):
    """A clock that goes on by one second at every pass, and by 100 s at every warm-up."""
    warm, passes, now = [], [], [0.0]

    def warm_up(executor, images, threads):
        warm.append(executor.plan.steps[0].algorithm)
        now[0] += 100.0

    def run(executor, images, threads):
        passes.append(executor.plan.steps[0].algorithm)
        now[0] += 1.0
        return {name: float(len(passes)) for name in ABLE}

    monkeypatch.setattr(tuning.Executor, "warm_up", warm_up)
    monkeypatch.setattr(tuning, "_pass_ms", run)
    monkeypatch.setattr(tuning, "perf_counter", lambda: now[0])
    for enough_s, rounds in ((0.0, 3), (12.0, 4), (1e9, 25)):
        monkeypatch.setattr(tuning, "ENOUGH_S", enough_s)
        warm.clear()
        passes.clear()
        times = measure_ms(SMALL, 31, 31, batch=1, threads=1, level="generic", exact=False)
        assert warm == ["winograd", "direct", "im2col"]
        assert passes == warm * rounds
        middle = (3 * rounds - 1) / 2  # of the passes 1, 4, 7, ... of winograd
        assert times["conv1"]["winograd"] == middle
        assert times["conv3"] == {"direct": middle + 1, "im2col": middle + 2}


def test_the_fastest_is_chosen(measured):
    result = tuned()
    assert dict(result.choices) == {name: "im2col" for name in ABLE}
    assert result.measured
    assert (result.batch, result.threads) == (2, 1)
    settings = {"batch": 2, "threads": 1, "level": "generic", "exact": False}
    assert measured == [(31, 35, settings)]
    assert TunedLayer("conv1", {"winograd": 1.0, "direct": 1.0}).chosen == "winograd"


def test_it_prints_as_a_table():
    layers = (
        TunedLayer("conv1", {"winograd": 1.25, "direct": 2.5, "im2col": 2.0}),
        TunedLayer("conv2", {"direct": 0.5, "im2col": 12.0}),
    )
    assert str(Tuning(8, 2, layers, measured=True)).splitlines() == [
        "layer  winograd ms  direct ms  im2col ms  chosen",
        "-----  -----------  ---------  ---------  --------",
        "conv1        1.250      2.500      2.000  winograd",
        "conv2                   0.500     12.000  direct",
        "batch 8, 2 threads, measured now",
    ]
    lines = str(Tuning(1, 1, layers, measured=False)).splitlines()
    assert lines[-1] == "batch 1, 1 thread, from earlier measurements"


def test_what_was_measured_is_not_measured_again(measured, tmp_path):
    path = tmp_path / "tuning.json"
    first = tuned(kept_in=path)
    again = tuned(kept_in=path)
    assert (first.measured, again.measured, len(measured)) == (True, False, 1)
    assert again.layers == first.layers
    assert tuned(kept_in=path, fresh=True).measured
    assert len(measured) == 2
    for other in ({"batch": 3}, {"threads": 2}, {"level": "x86-64-v3"}, {"exact": True}):
        assert tuned(kept_in=path, **other).measured
        assert not tuned(kept_in=path, **other).measured
    assert not tuned(kept_in=path).measured
    assert tuned(kept_in=tmp_path / "other.json").measured


def test_exact_leaves_winograd_out(measured):
    assert [tuple(layer.times_ms) for layer in tuned(exact=True).layers] == [EXACT] * 3


def test_a_kept_entry_that_lacks_an_algorithm_is_measured_again(measured, tmp_path):
    path = tmp_path / "tuning.json"
    tuned(kept_in=path)
    path.write_text(path.read_text().replace('"im2col":', '"other":'))
    assert tuned(kept_in=path).measured
    assert not tuned(kept_in=path).measured


def test_a_damaged_file_only_warns(measured, tmp_path):
    path = tmp_path / "tuning.json"
    path.write_text("{")
    with pytest.warns(UserWarning, match=r"tuning\.json"):
        assert tuned(kept_in=path).measured
    assert not tuned(kept_in=path).measured


def test_nothing_to_choose(measured, monkeypatch):
    with pytest.raises(ValueError, match=r"^tune: nothing to choose, algorithm makes 'direct' "):
        tuned(algorithm="direct")
    monkeypatch.setenv(CONV_VARIABLE, "im2col")
    with pytest.raises(ValueError, match=f"^tune: nothing to choose, {CONV_VARIABLE} makes 'im2c"):
        tuned()
    assert measured == []


def test_images_that_are_too_small(measured):
    with pytest.raises(ValueError, match="variant 'small' cannot take a 4x4 image"):
        tune(SMALL, 4, 4, batch=1, threads=1, level="generic")
