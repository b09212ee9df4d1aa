"""Stand-ins for the classes and functions that a pickle names and that no reader needs.

Training scripts save what they have: an ``argparse.Namespace``, NumPy's numbers, whole modules. To
refuse such a file for what stands beside its tensors would help nobody, and to import what it names
would run code. So each name becomes a class of its own that swallows every argument, item and
state, and does nothing.

Names by which known attacks run programs are refused all the same: such a file is not what it says.
"""

from __future__ import annotations

import pickle
from typing import Any, ClassVar

__all__ = ["Foreign", "ForeignNames"]

MAX_NAMES = 1000  # a whole model names about 20
MAX_NAME_CHARACTERS = 256

# Modules and functions whose only use in a pickle is to run something.
_ATTACKS = frozenset(
    (
        "os posix nt subprocess pty sys runpy importlib imp code codeop ctypes pickle _pickle "
        "cPickle marshal shelve shutil socket webbrowser commands popen2 asyncio timeit pdb bdb "
        "cProfile profile doctest pydoc pip ensurepip venv operator _operator"
    ).split()
)
_OF_DUMPED_TENSORS = "torch.storage._load_from_bytes"
_BUILTINS = frozenset(("builtins", "__builtin__"))
_HARMLESS_BUILTINS = frozenset(
    (
        "set frozenset slice range xrange complex bytearray object list dict tuple int float str "
        "unicode bytes bool type Ellipsis NotImplemented"
    ).split()
)


class Foreign:
    """An object of a class that is not ours: its name, and the state that it was given.

    Attributes
    ----------
    origin : tuple of (str, str)
        Module and name of the class, as the file has them.
    state : object
        What ``BUILD`` gave it, the last time; None if nothing did.
    """

    origin: ClassVar[tuple[str, str]] = ("", "")
    state: object = None

    def __new__(cls, *arguments: object, **named: object) -> Foreign:
        """Make the object, whatever the arguments."""
        return object.__new__(cls)

    def __init__(self, *arguments: object, **named: object) -> None:
        """Take no notice of the arguments."""

    def __setstate__(self, state: object) -> None:
        """Keep the state, and do nothing with it."""
        self.state = state

    def __setitem__(self, key: object, value: object) -> None:
        """Take no notice of an item, of a dict that is not ours."""

    def append(self, item: object) -> None:
        """Take no notice of an item, of a list that is not ours."""

    def extend(self, items: object) -> None:
        """Take no notice of items, of a list that is not ours."""

    def add(self, item: object) -> None:
        """Take no notice of an item, of a set that is not ours."""

    @property
    def class_name(self) -> str:
        """Module and name of the class, for people."""
        return ".".join(self.origin)


class ForeignNames:
    """Hands out a class for each name in one file, the same one for the same name."""

    def __init__(self) -> None:
        self._classes: dict[tuple[str, str], type[Foreign]] = {}

    def find(self, module: str, name: str) -> Any:
        """Return the stand-in of a name.

        Raises
        ------
        pickle.UnpicklingError
            The name is that of a known attack, is too long, or there are too many.
        """
        known = self._classes.get((module, name))
        if known is not None:
            return known
        full = f"{module}.{name}"
        if _is_attack(module, name):
            why = (
                "pickle.dump writes it with PyTorch's tensors; torch.save(net.state_dict(), path) "
                "writes a file that is read"
                if full == _OF_DUMPED_TENSORS
                else "the file is not what it says"
            )
            raise pickle.UnpicklingError(
                f"it names {full[:80]!r}, which runs programs and belongs in no file of weights; "
                f"{why}"
            )
        if len(full) > MAX_NAME_CHARACTERS or len(self._classes) >= MAX_NAMES:
            raise pickle.UnpicklingError(
                f"it names {full[:80]!r}; at most {MAX_NAMES} names of {MAX_NAME_CHARACTERS} "
                "characters are read"
            )
        made = type("Foreign", (Foreign,), {"origin": (module, name)})
        self._classes[module, name] = made
        return made


def _is_attack(module: str, name: str) -> bool:
    root = module.partition(".")[0]
    if root in _BUILTINS:
        return name not in _HARMLESS_BUILTINS
    # torch.load within torch.load; a path through what looks harmless: collections' os.system.
    is_loader = name.rpartition(".")[2] in ("load", "loads", "_load_from_bytes", "__reduce__")
    return root in _ATTACKS or name.partition(".")[0] in _ATTACKS or is_loader
