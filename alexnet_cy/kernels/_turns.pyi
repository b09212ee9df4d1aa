from collections.abc import Callable
from typing import TypeVar

_Result = TypeVar("_Result")

class Turns:
    def __init__(self) -> None: ...
    def do(self, work: Callable[[], _Result]) -> _Result: ...

def begin_anew() -> None: ...
