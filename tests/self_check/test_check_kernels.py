"""The self-check: it passes here, misses no kernel, and notices a wrong one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from alexnet_cy.cli import main
from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.kernels import _runtime
from alexnet_cy.oracle import definitions
from alexnet_cy.self_check import KernelCheck, check_kernels
from alexnet_cy.self_check.cases import Case, cases

# They are timed by `bench` and compute nothing.
MEASURES = {"multiply_add", "read_all"}


@pytest.fixture
def few_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what takes long."""

    def quick() -> Iterator[Case]:
        return (case for case in cases() if case.operation in {"ReLU", "max pooling", "softmax"})

    monkeypatch.setattr("alexnet_cy.self_check.checks.cases", quick)


@pytest.mark.parametrize("threads", [1, 3])
def test_the_kernels_pass(threads: int) -> None:
    checks = check_kernels(threads=threads)
    assert [check for check in checks if not check.passed] == []
    levels = _runtime.runnable_levels()
    operations = {check.operation for check in checks}
    assert [check.level for check in checks] == [x for x in levels for _ in operations]
    assert len({(check.level, check.operation) for check in checks}) == len(checks)


def test_no_kernel_is_missed(repository: Path) -> None:
    header = (repository / "src" / "kernels.h").read_text(encoding="utf-8")
    table = header[header.index("const char *name;") : header.index("} acy_kernels;")]
    functions = set(re.findall(r"\(\*(\w+)\)", table))
    assert functions > MEASURES
    assert {kernel for case in cases() for kernel in case.kernels} == functions - MEASURES


def test_no_case_lets_a_wrong_value_pass() -> None:
    """A value that is off by a thousandth of the largest, or is not there, is noticed."""
    kernels = _runtime.kernels_of("generic")
    for case in cases():
        right = case.compute(kernels, 1)
        for wrong in (right.flat[-1] + 1e-3 * np.abs(right).max(), np.nan, np.inf):
            spoilt = right.copy()
            spoilt.flat[-1] = wrong
            error, bound = with_result(case, spoilt).worst(kernels, 1)
            assert error > bound, f"{case.operation}, {case.name}"


def with_result(case: Case, result: Float32Array) -> Case:
    compute = lambda kernels, threads: result  # noqa: E731
    return Case(case.operation, case.kernels, case.name, compute, case.exact, case.bound)


@pytest.mark.slow
@pytest.mark.usefixtures("few_cases")
def test_a_wrong_kernel_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "--check"]) == 0
    out = capsys.readouterr().out
    n_checks = 3 * len(_runtime.runnable_levels())
    assert f"{n_checks} checks, largest errors: none of them exceeds the bound" in out
    monkeypatch.setattr(definitions, "relu", lambda x: np.maximum(x, 0.001))
    assert main(["config", "--check"]) == 1
    out = capsys.readouterr().out
    n_wrong = len(_runtime.runnable_levels())
    assert f"{n_wrong} of them EXCEED the bound" in out
    assert len(re.findall(r"ReLU +1\.0e-03 +exact +EXCEEDED +3001 values", out)) == n_wrong


@pytest.mark.usefixtures("few_cases")
def test_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--json"]) == 0
    assert "checks" not in json.loads(capsys.readouterr().out)
    monkeypatch.setattr(definitions, "relu", lambda x: np.full(x.shape, np.nan))
    assert main(["config", "--check", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["isa_active"]
    [relu] = [
        check
        for check in document["checks"]
        if (check["operation"], check["level"]) == ("ReLU", "generic")
    ]
    assert relu == {
        "level": "generic",
        "operation": "ReLU",
        "kernels": ["relu"],
        "case": "3001 values",
        "error": None,
        "bound": 0.0,
        "passed": False,
    }
    assert sum(check["passed"] for check in document["checks"]) == 2 * len(
        _runtime.runnable_levels()
    )


@pytest.mark.parametrize(
    ("error", "bound", "share"),
    [(0.0, 0.0, 0.0), (1.0, 0.0, np.inf), (1.0, 2.0, 0.5), (np.inf, 2.0, np.inf), (0.0, 2.0, 0.0)],
)
def test_shares(error: float, bound: float, share: float) -> None:
    check = KernelCheck("generic", "ReLU", ("relu",), "x", error, bound)
    assert (check.share, check.passed) == (share, share <= 1)
