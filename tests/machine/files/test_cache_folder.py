"""The cache folder, with a home and without."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from alexnet_cy.machine.cache_folder import cache_folder


def test_the_variable_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ALEXNET_CY_HOME", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("ALEXNET_CY_HOME", "~/kept")
    assert cache_folder() == Path.home() / "kept"
    monkeypatch.setenv("ALEXNET_CY_HOME", "~no-such-user/kept")
    with pytest.raises(OSError, match="ALEXNET_CY_HOME is '~no-such-user/kept', and there is no"):
        cache_folder()


@pytest.mark.parametrize("found", [RuntimeError("no home"), Path("~/.cache/alexnet_cy")])
def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch, found: object) -> None:
    """New versions of platformdirs raise an error, older ones leave the ~ where it is."""

    def user_cache_path(name: str) -> object:
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.delenv("ALEXNET_CY_HOME", raising=False)
    monkeypatch.setattr(platformdirs, "user_cache_path", user_cache_path)
    with pytest.raises(OSError, match="this user has no home folder: set ALEXNET_CY_HOME"):
        cache_folder()
