"""Libraries that only some files need: an extra of the package each."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["import_extra"]


def import_extra(module: str, extra: str) -> Any:
    """Import a library.

    Raises
    ------
    ImportError
        It is missing; the message says how to get it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        library = module.partition(".")[0]
        raise ImportError(
            f"this needs {library}, which is not installed: pip install 'alexnet-cy[{extra}]'"
        ) from error
