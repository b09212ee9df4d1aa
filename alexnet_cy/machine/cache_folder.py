"""Where the package keeps what it has fetched or measured."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["HOME_VARIABLE", "cache_folder", "expand_home"]

HOME_VARIABLE = "ALEXNET_CY_HOME"


def cache_folder() -> Path:
    """Return ``$ALEXNET_CY_HOME``, or this user's cache folder; it may not exist yet.

    Raises
    ------
    OSError
        The variable names the home of a user that there is not, or this user has no home.
    """
    home = os.environ.get(HOME_VARIABLE)
    if home:
        return expand_home(home, HOME_VARIABLE)
    from platformdirs import user_cache_path

    try:
        folder = user_cache_path("alexnet_cy")
    except RuntimeError:
        folder = Path("~")
    if "~" in folder.parts[:1]:  # what older versions return where they find no home
        raise OSError(f"this user has no home folder: set {HOME_VARIABLE} to a folder")
    return folder


def expand_home(folder: str, variable: str) -> Path:
    """Replace ``~`` at the beginning of a folder that a variable names.

    Raises
    ------
    OSError
        There is no such home; the message names the variable.
    """
    try:
        return Path(folder).expanduser()
    except RuntimeError as error:
        raise OSError(f"{variable} is {folder!r}, and there is no such home folder") from error
