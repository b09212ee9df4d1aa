"""docs/tour.md: its Python, run in order in one namespace, prints what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.markdown import blocks

pytestmark = pytest.mark.slow  # it runs a whole network at every stop

PAGE = "docs/tour.md"


def test_the_tour(
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    # The page shows what happens where neither is set; it sets the first one itself.
    monkeypatch.delenv("ALEXNET_CY_ISA", raising=False)
    monkeypatch.delenv("ALEXNET_CY_CONV", raising=False)
    page = list(blocks(repository / PAGE))
    namespace: dict[str, object] = {"__name__": "tour"}
    stops = 0
    for block, following in zip(page, [*page[1:], None], strict=True):
        if block.language != "python":
            continue
        # Blank lines before the code, so that a traceback has the line numbers of the page.
        exec(compile("\n" * block.line + block.text, PAGE, "exec"), namespace)
        expected = following.text if following and following.language == "text" else ""
        assert capsys.readouterr().out == expected, f"{PAGE}:{block.line}"
        stops += 1
    assert stops == 16
