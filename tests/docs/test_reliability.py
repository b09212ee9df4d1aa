"""docs/reliability.md: every risk once, and every test that it names is there."""

import re

import pytest


@pytest.fixture(scope="module")
def page(repository):
    return (repository / "docs" / "reliability.md").read_text(encoding="utf-8")


def test_every_risk_has_a_verdict(page):
    rows = re.findall(r"^\| (\d+) \| [^|]+ \| \*([^*|]+)\* \| [^|]+ \|$", page, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 70))
    assert {verdict for _, verdict in rows} == {"met", "does not apply", "open"}


def test_what_is_named_is_there(page, repository):
    named = re.findall(r"`((?:tests|\.ci)/[\w./-]+)(?:::(\w+))?`", page)
    assert len(named) > 60
    for path, test in named:
        text = (repository / path).read_text(encoding="utf-8")
        assert f"def {test}(" in text if test else text, (path, test)
