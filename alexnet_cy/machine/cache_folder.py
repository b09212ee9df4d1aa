"""Where the package keeps what it has fetched or measured."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["HOME_VARIABLE", "cache_folder"]

HOME_VARIABLE = "ALEXNET_CY_HOME"


def cache_folder() -> Path:
    """Return ``$ALEXNET_CY_HOME``, or this user's cache folder; it may not exist yet."""
    home = os.environ.get(HOME_VARIABLE)
    if home:
        return Path(home).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("alexnet_cy")
