"""The command line as a whole: commands, errors, exit statuses."""

from __future__ import annotations

import argparse
import io
import re
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from alexnet_cy import __version__
from alexnet_cy.cli import COMMANDS, main
from alexnet_cy.errors import AlexNetError, ImageError, WeightsError

Behaviour = Callable[[], int]
SummaryThat = Callable[[Behaviour], None]
Run = Callable[..., Any]  # see conftest.py


@pytest.fixture
def summary_that(monkeypatch: pytest.MonkeyPatch) -> SummaryThat:
    """Put something else in place of what `summary` does."""

    def put(behaviour: Behaviour) -> None:
        monkeypatch.setattr("alexnet_cy.cli.commands.summary.run", lambda args: behaviour())

    return put


def raising(error: BaseException) -> Behaviour:
    def behaviour() -> int:
        raise error

    return behaviour


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_declared_alike(name: str) -> None:
    module = import_module(f"alexnet_cy.cli.commands.{name}")
    parser = argparse.ArgumentParser()
    module.add_parser(parser.add_subparsers())
    assert callable(module.run)


def test_every_command_file_is_listed() -> None:
    folder = Path(sys.modules["alexnet_cy.cli"].__file__).parent / "commands"
    with_parser = {
        path.stem for path in folder.glob("*.py") if "\ndef add_parser(" in path.read_text()
    }
    assert with_parser == set(COMMANDS)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["help"]])
def test_help(run: Run, arguments: list[str]) -> None:
    outcome = run(*arguments)
    assert outcome.status == 0
    for name in COMMANDS:
        assert re.search(rf"\n    {name}\s", outcome.out)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command(run: Run, name: str) -> None:
    outcome = run(name, "--help")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.startswith(f"usage: alexnet-cy {name} ")
    assert run("help", name) == outcome


def test_a_file_that_looks_like_an_option(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-dash.jpg").touch()
    assert "-dash.jpg; to name that file, write ./-dash.jpg" in run("classify", "-dash.jpg").err


def test_version(run: Run) -> None:
    assert run("--version").out == f"alexnet-cy {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sumary"], "no command 'sumary' (did you mean 'summary'?) (see alexnet-cy --help)"),
        (["frobnicate"], "no command 'frobnicate'; there are classify, features, "),
        (["help", "sumary"], "no command 'sumary' (did you mean 'summary'?)"),
        (["summary", "--classses", "9"], "--classses 9 (did you mean '--classes'?)"),
        (["summary", "--frobnicate"], "--frobnicate (see alexnet-cy summary --help)"),
        (["weights", "list", "--jso=1"], "(see alexnet-cy weights list --help)"),
        (["features", "a.jpg", "-o", "x.npz", "b.jpg"], "names of files stand together, before"),
        (["bench", "--threads", "x"], "argument --threads: need an integer, got 'x'"),
        (["summary", "--variant", "vgg"], "variant must be one of caffe, caffenet"),
        (["summary", "--size", "x"], "argument --size: need pixels, such as 227 or 256x320"),
        (["summary", "--classes", "0"], "need a whole number from 1 up, got '0'"),
        (["classify"], "need an IMAGE, a folder of them, or a list with --from"),
        (["classify", "x.jpg", "--top", "a"], "need a whole number from 1 up, got 'a'"),
        (["classify", "x.jpg", "--threads", "0"], "argument --threads: threads: need 1 to"),
        (["classify", "x.jpg", "--threads", "two"], "need an integer, got 'two'"),
        (["classify", "x.jpg", "--preset", "imagenet"], "unknown name 'imagenet'; expected one of"),
        (["features", "x.jpg"], "the following arguments are required: -o/--output"),
        (["features", "x.jpg", "-o", "x.txt"], "--output: need a name that ends in .npz, .npy"),
        (["features", "x.jpg", "-o", "x.npy", "-l", "fc6", "-l", "fc7"], "holds one layer, 2 are"),
        (["features", "x.jpg", "-o", "x.npy", "--random", "-1"], "whole number from 0 up"),
        (["features", "x.jpg", "-o", "x.npy", "--random", "1", "--weights", "w"], "exclude each"),
        (["convert", "in.npz", "out.h5"], "OUT: need a name that ends in .safetensors or .npz or"),
        (["convert", "in.npz", "out.npz", "--dtype", "float16"], "in .safetensors for float16"),
        (["weights"], "the following arguments are required: ACTION"),
        (["weights", "get"], "the following arguments are required: NAME"),
    ],
)
def test_wrong_usage_is_one_line(run: Run, arguments: list[str], message: str) -> None:
    outcome = run(*arguments)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith("alexnet-cy: error: ")
    assert message in outcome.err
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (AlexNetError("something"), "something"),
        (WeightsError("not a network"), "not a network"),
        (ImageError("no image"), "no image"),
        (ValueError("size: too small"), "size: too small"),
        (TypeError("seed: need an integer"), "seed: need an integer"),
        (FileNotFoundError(2, "No such file or directory", "x"), "x: No such file or directory"),
        (OSError("broken"), "broken"),
        (MemoryError(), "out of memory"),
        (ValueError(), "ValueError"),
    ],
)
def test_failure_is_one_line(
    run: Run, summary_that: SummaryThat, error: BaseException, line: str
) -> None:
    summary_that(raising(error))
    outcome = run("summary")
    assert outcome == type(outcome)(1, "", f"alexnet-cy: error: {line}\n")


def test_traceback_on_request(monkeypatch: pytest.MonkeyPatch, summary_that: SummaryThat) -> None:
    summary_that(raising(ValueError("here")))
    monkeypatch.setenv("ALEXNET_CY_TRACEBACK", "1")
    with pytest.raises(ValueError, match="here"):
        main(["summary"])


def test_bug_is_one_line_too(run: Run, summary_that: SummaryThat) -> None:
    summary_that(raising(KeyError("a key")))
    outcome = run("summary")
    line = "alexnet-cy: error: a bug: KeyError: 'a key'; ALEXNET_CY_TRACEBACK=1 shows where\n"
    assert outcome == type(outcome)(1, "", line)


def test_interrupted(run: Run, summary_that: SummaryThat) -> None:
    summary_that(raising(KeyboardInterrupt()))
    outcome = run("summary")
    assert outcome == type(outcome)(130, "", "alexnet-cy: interrupted\n")


def test_pipe_closed(run: Run, summary_that: SummaryThat) -> None:
    summary_that(raising(BrokenPipeError(32, "Broken pipe")))
    outcome = run("summary")
    assert outcome == type(outcome)(141, "", "")


def test_library_warnings_are_told(run: Run, summary_that: SummaryThat) -> None:
    def behaviour() -> int:
        warnings.warn("take care", stacklevel=1)
        return 0

    summary_that(behaviour)
    outcome = run("summary")
    assert outcome == type(outcome)(0, "", "alexnet-cy: warning: take care\n")


def test_text_that_stdout_cannot_encode(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["summary"]) == 0
    stream.flush()
    text = stream.buffer.getvalue().decode("ascii")
    assert "conv1" in text
    assert "\\u2500" not in text  # the rule under the header is ASCII too


def test_arguments_of_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["alexnet-cy", "--version"])
    assert main() == 0
    assert __version__ in capsys.readouterr().out
