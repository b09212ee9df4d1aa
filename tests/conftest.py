"""What all tests share: levels, threads of Python, subprocesses, data, the hypothesis profile.

Makes the modules under ``support/`` importable: ``from support.closeness import assert_same_bits``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import alexnet_cy
from alexnet_cy.kernels import _runtime
from alexnet_cy.machine.levels import ISA_VARIABLE

sys.path.insert(0, str(Path(__file__).parent))

# The same examples in every run, so that a failure belongs to the change that shows it; a quarter
# of them in the inner loop. The `isa` fixture is made once per test function, not once per example,
# and that is what is wanted.
settings.register_profile(
    "alexnet_cy",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
settings.register_profile("inner loop", settings.get_profile("alexnet_cy"), max_examples=25)


def pytest_configure(config: pytest.Config) -> None:
    """Choose how many examples hypothesis draws."""
    inner_loop = config.getoption("markexpr") == "not slow"
    settings.load_profile("inner loop" if inner_loop else "alexnet_cy")


FORCED_LEVEL = os.environ.get(ISA_VARIABLE)


def levels_to_test() -> list[object]:
    """Return the levels that run here, the widest first; the inner loop has it alone."""
    if FORCED_LEVEL:
        return [FORCED_LEVEL]
    widest, *others = _runtime.runnable_levels()
    return [widest, *(pytest.param(level, marks=pytest.mark.slow) for level in others)]


@pytest.fixture(params=levels_to_test())
def isa(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every instruction-set level that runs here, in force during the test.

    Where ALEXNET_CY_ISA is set for the whole run, that level alone.
    """
    level = request.param
    assert isinstance(level, str)
    monkeypatch.setenv(ISA_VARIABLE, level)
    return level


@pytest.fixture
def kernels(isa: str) -> object:
    """The kernels of the level, as the extension modules take them."""
    return _runtime.kernels_of(isa)


@pytest.fixture
def tile(kernels: object) -> tuple[int, int, int]:
    """The level's (lanes, rows of the register tile, width of a panel)."""
    return _runtime.tile_of(kernels)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the source tree; skips where the tests stand alone."""
    root = Path(__file__).resolve().parents[1]
    if not (root / "pyproject.toml").is_file():
        pytest.skip("the tests are not in a source tree")
    return root


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of photographs and of ImageNet's mean, which is no part of the repository."""
    default = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("ALEXNET_CY_SHARED", default))
    if not folder.is_dir():
        pytest.skip("no shared data: set ALEXNET_CY_SHARED")
    return folder


RunPython = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def run_python() -> RunPython:
    """Run a Python program of its own with the package that is tested here.

    ``run_python(*arguments, environment=None)`` returns the finished process, its output as text;
    a value of None in `environment` takes the variable away. Two minutes are the most it may take.
    """
    package_parent = str(Path(alexnet_cy.__file__).resolve().parents[1])

    def run(
        *arguments: str, environment: dict[str, str | None] | None = None
    ) -> subprocess.CompletedProcess[str]:
        paths = [package_parent, str(Path(__file__).parent), os.environ.get("PYTHONPATH")]
        variables = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
        variables |= {name: text for name, text in (environment or {}).items() if text is not None}
        for name in (name for name, text in (environment or {}).items() if text is None):
            variables.pop(name, None)
        return subprocess.run(
            [sys.executable, *arguments],
            env=variables,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run
