"""Splitting images: shares, duplicates, groups, seeds."""

import pytest

from alexnet_cy.training import Sample, split_samples


@pytest.fixture
def make_samples(tmp_path):
    """Make samples from (label, content, group)."""

    def make(*entries):
        samples = []
        for i, (label, content, group) in enumerate(entries):
            path = tmp_path / f"{i}.jpg"
            path.write_text(content)
            samples.append(Sample(str(path), label, group))
        return samples

    return make


def test_every_class_gives_its_share(make_samples):
    samples = make_samples(*[(i % 3, str(i), "") for i in range(60)], (3, "x", ""), (3, "y", ""))
    split = split_samples(samples, 0.2)
    assert sorted(split.train + split.val) == list(range(62))
    shares = [sum(samples[i].label == label for i in split.val) for label in range(4)]
    assert shares == [4, 4, 4, 1]
    assert split.duplicates == ()


def test_the_seed_decides(make_samples):
    samples = make_samples(*[(i % 2, str(i), "") for i in range(40)])
    assert split_samples(samples, 0.25, seed=1) == split_samples(samples, 0.25, seed=1)
    assert split_samples(samples, 0.25, seed=1) != split_samples(samples, 0.25, seed=2)


def test_the_split_of_a_seed_stays_what_it_is(make_samples):
    """A release that draws otherwise would put images that were learnt among the unseen."""
    samples = make_samples(*[(0, str(i), "") for i in range(10)])
    assert split_samples(samples, 0.3, seed=0).val == (0, 2, 9)


def test_equal_files_stay_on_one_side(make_samples):
    contents = [str(i // 4) for i in range(40)]
    samples = make_samples(*[(0, content, "") for content in contents])
    for seed in range(5):
        split = split_samples(samples, 0.3, seed=seed)
        assert not {contents[i] for i in split.train} & {contents[i] for i in split.val}
        assert len(split.val) == 12
    assert split.duplicates[0] == (0, 1, 2, 3)


def test_groups_and_equal_files_together_stay_on_one_side(make_samples):
    """0 and 1 are a group, 1 and 2 are equal, 2 and 3 are a group: all four stay together."""
    four = [(0, "p", "g"), (0, "q", "g"), (0, "q", "h"), (0, "r", "h")]
    samples = make_samples(*four, *[(0, str(i), "") for i in range(8)])
    sides = set()
    for seed in range(20):
        val = set(split_samples(samples, 0.4, seed=seed).val)
        assert len(val & {0, 1, 2, 3}) in (0, 4)
        sides.add(0 in val)
    assert sides == {True, False}


def test_a_class_of_one_set_is_learnt_from(make_samples):
    samples = make_samples((0, "same", ""), (0, "same", ""), (1, "a", ""), (1, "b", ""))
    split = split_samples(samples, 0.5)
    assert {0, 1} <= set(split.train)
    assert len(split.val) == 1


def test_a_file_that_cannot_be_read_is_by_itself():
    samples = [Sample(f"/nowhere/{i}", 0) for i in range(4)]
    split = split_samples(samples, 0.5)
    assert len(split.val) == 2
    assert split.duplicates == ()


@pytest.mark.parametrize("val", [0, 1, -0.1, float("nan")])
def test_a_share_that_is_none_is_refused(val):
    with pytest.raises(ValueError, match=r"^val: need a share"):
        split_samples([], val)
