from collections.abc import Callable

from typing_extensions import Self

class Bound:
    def run(self, threads: int) -> None: ...

class BoundLate(Bound):
    def __new__(cls, bind: Callable[[int], Bound | None]) -> Self: ...

def run_all(kernels: tuple[Bound, ...], threads: int) -> None: ...
