"""Look through a pickle before it is run: which opcodes, how many, how deep, how large.

A pickle is a program for a stack machine. `scan_pickle` follows it on a stack that holds no
values, only the opcode that made each one and how deep it nests, and refuses everything that
``torch.save`` and ``numpy.save`` do not write for dicts, lists, tuples, numbers, strings and
arrays; with `objects`, objects of other classes too, which the unpickler gives stand-ins for. What
passes can neither reach anything but the unpickler's own table nor take more than a little time and
memory.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from collections.abc import Mapping

__all__ = ["MAX_DICT_ITEMS", "MAX_PICKLE_BYTES", "scan_pickle"]

# torchvision's AlexNet needs 2 KiB, 700 opcodes, 300 memo entries and a nesting of 4; a training
# checkpoint with its optimiser a few times that.
MAX_PICKLE_BYTES = 1 << 20
MAX_OPCODES = 100_000
MAX_MEMO_ENTRIES = 10_000  # CPython's memo is an array as long as its largest index
MAX_STACK_ENTRIES = 10_000  # the pickler hands over up to 1000 key-value pairs at once
MAX_NESTING = 64  # a tuple of tuples is hashed by recursion in C
MAX_DICT_ITEMS = 4096  # integer keys can be made to collide: quadratic time in their number
MAX_STRING_CHARACTERS = 4096

# Protocols 2 to 5, and the strings that Python 2 wrote. Without INST, OBJ, NEWOBJ, NEWOBJ_EX and
# EXT* there is no way to an object but REDUCE with a callable from the unpickler's table.
_ALLOWED_OPCODES = frozenset(
    (
        "PROTO FRAME STOP MARK NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINFLOAT "
        "BINUNICODE SHORT_BINUNICODE BINSTRING SHORT_BINSTRING "
        "EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST APPEND APPENDS "
        "EMPTY_DICT SETITEM SETITEMS BINPUT LONG_BINPUT MEMOIZE BINGET LONG_BINGET "
        "GLOBAL STACK_GLOBAL REDUCE BUILD BINPERSID"
    ).split()
)

# What objects of other classes need besides: all are made by classes of the unpickler's table.
_OBJECT_OPCODES = frozenset(
    (
        "NEWOBJ NEWOBJ_EX EMPTY_SET ADDITEMS FROZENSET BINBYTES SHORT_BINBYTES BINBYTES8 "
        "BYTEARRAY8 LONG4"
    ).split()
)
_MAX_LONG_BYTES = 4096  # the time to decode a whole number grows with the square of its length

# What may be changed in place, by the opcode that made it: dicts and lists, and what a callable of
# the table returned, which looks after itself.
_TARGETS = {
    "SETITEM": ("EMPTY_DICT", "REDUCE"),
    "SETITEMS": ("EMPTY_DICT", "REDUCE"),
    "APPEND": ("EMPTY_LIST",),
    "APPENDS": ("EMPTY_LIST",),
    "BUILD": ("REDUCE",),
}
_OBJECTS = ("REDUCE", "NEWOBJ", "NEWOBJ_EX")
_OBJECT_TARGETS = {
    "SETITEM": ("EMPTY_DICT", *_OBJECTS),
    "SETITEMS": ("EMPTY_DICT", *_OBJECTS),
    "APPEND": ("EMPTY_LIST", *_OBJECTS),
    "APPENDS": ("EMPTY_LIST", *_OBJECTS),
    "ADDITEMS": ("EMPTY_SET", *_OBJECTS),
    "BUILD": _OBJECTS,
}

_Value = tuple[str, int]  # the opcode that made it, its nesting


def scan_pickle(data: bytes, start: int = 0, *, advice: str, objects: bool = False) -> int:
    """Check one pickle opcode by opcode, without running it.

    Parameters
    ----------
    data : bytes
        What holds the pickle.
    start : int
        Where in `data` it begins.
    advice : str
        What the error says is to be done with a file that holds more than arrays.
    objects : bool
        Whether objects of other classes may stand beside the arrays, and texts be as long as the
        pickle: old checkpoints have the source code of classes.

    Returns
    -------
    int
        Where in `data` it ends.

    Raises
    ------
    pickle.UnpicklingError
        An opcode is not allowed where it stands, a limit of this module is passed, or the pickle is
        cut off or garbled.
    """
    stream = io.BytesIO(data)
    stream.seek(start)
    allowed = _ALLOWED_OPCODES | _OBJECT_OPCODES if objects else _ALLOWED_OPCODES
    max_characters = MAX_PICKLE_BYTES if objects else MAX_STRING_CHARACTERS
    stack = _ShadowStack(_OBJECT_TARGETS if objects else _TARGETS)
    count = 0
    try:
        for opcode, argument, position in pickletools.genops(stream):
            count += 1
            where = f"{opcode.name} at byte {position}"
            if opcode.name not in allowed:
                raise pickle.UnpicklingError(f"{where}: arrays alone do not need it; {advice}")
            if count > MAX_OPCODES:
                raise pickle.UnpicklingError(f"{where}: more than {MAX_OPCODES} opcodes")
            try:
                _check_argument(opcode.name, argument, max_characters)
                stack.apply(opcode, argument)
            except pickle.UnpicklingError as error:
                raise pickle.UnpicklingError(f"{where}: {error}") from None
    except (ValueError, OverflowError) as error:  # what genops says of garbled bytes
        raise pickle.UnpicklingError(f"garbled pickle: {error}") from error
    return stream.tell()


def _check_argument(name: str, argument: object, max_characters: int) -> None:
    if name == "PROTO" and argument not in range(2, 6):
        raise pickle.UnpicklingError(f"protocol {argument}; 2 to 5 are read")
    if isinstance(argument, (str, bytes, bytearray)) and len(argument) > max_characters:
        raise pickle.UnpicklingError(
            f"a string of {len(argument)} characters; at most {max_characters} are read"
        )
    if isinstance(argument, int) and argument.bit_length() > 8 * _MAX_LONG_BYTES:
        raise pickle.UnpicklingError(f"a number of more than {_MAX_LONG_BYTES} bytes")


class _ShadowStack:
    """The unpickler's stack and memo, with each value reduced to its origin and nesting."""

    def __init__(self, targets: Mapping[str, tuple[str, ...]]) -> None:
        self._targets = targets
        self._values: list[_Value] = []
        self._memo: dict[int, _Value] = {}
        self._dict_items = 0

    def apply(self, opcode: pickletools.OpcodeInfo, argument: object) -> None:
        """Do to the stack what the opcode does to the unpickler's."""
        if opcode.name == "MEMOIZE":
            self._put(len(self._memo))
        elif opcode.name in ("BINPUT", "LONG_BINPUT"):
            self._put(argument)
        elif opcode.name in ("BINGET", "LONG_BINGET"):
            self._get(argument)
        elif opcode.name == "MARK":
            self._push(("MARK", 0))
        else:
            self._replace(opcode)

    def _put(self, index: object) -> None:
        if not isinstance(index, int) or index >= MAX_MEMO_ENTRIES:
            raise pickle.UnpicklingError(f"memo index {index}; it must be below {MAX_MEMO_ENTRIES}")
        value = self._pop()
        self._push(value)
        self._memo[index] = value

    def _get(self, index: object) -> None:
        if not isinstance(index, int) or index not in self._memo:
            raise pickle.UnpicklingError(f"memo index {index} was never written")
        self._push(self._memo[index])

    def _replace(self, opcode: pickletools.OpcodeInfo) -> None:
        taken: list[_Value] = []
        for wanted in reversed(opcode.stack_before):
            if wanted is pickletools.markobject:
                self._pop_to_mark(taken)
            elif wanted is not pickletools.stackslice:
                taken.append(self._pop())
        if not opcode.stack_after:
            return
        made_by = opcode.name
        if opcode.name in self._targets:  # the value taken last is changed and stays
            made_by = taken[-1][0]
            if made_by not in self._targets[opcode.name]:
                raise pickle.UnpicklingError(f"it would change what {made_by} made")
            self._count_items(opcode.name, len(taken) - 1)
        elif opcode.name == "FROZENSET":
            self._count_items(opcode.name, len(taken))
        self._push((made_by, 1 + max((nesting for _, nesting in taken), default=-1)))

    def _count_items(self, name: str, values: int) -> None:
        if name.startswith("SETITEM") or name in ("ADDITEMS", "FROZENSET"):
            self._dict_items += values // 2 if name.startswith("SETITEM") else values
            if self._dict_items > MAX_DICT_ITEMS:
                raise pickle.UnpicklingError(f"more than {MAX_DICT_ITEMS} dict items")

    def _pop_to_mark(self, taken: list[_Value]) -> None:
        while self._values:
            value = self._values.pop()
            if value[0] == "MARK":
                return
            taken.append(value)
        raise pickle.UnpicklingError("there is no MARK on the stack")

    def _pop(self) -> _Value:
        if not self._values or self._values[-1][0] == "MARK":
            raise pickle.UnpicklingError("the stack is empty")
        return self._values.pop()

    def _push(self, value: _Value) -> None:
        if len(self._values) >= MAX_STACK_ENTRIES:
            raise pickle.UnpicklingError(f"more than {MAX_STACK_ENTRIES} values on the stack")
        if value[1] > MAX_NESTING:
            raise pickle.UnpicklingError(f"values nested more than {MAX_NESTING} deep")
        self._values.append(value)
