"""The command line where the streams or the folders it needs are closed, full or gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import alexnet_cy

pytestmark = pytest.mark.slow  # every test starts a process

COMMANDS = [
    ("--help",),
    ("--version",),
    ("config", "--help"),
    ("config",),
    ("config", "--json"),
    ("summary",),
    ("summary", "--json"),
    ("weights", "list"),
    ("weights", "list", "--json"),
    ("weights", "path", "caffe"),
]
FULL = "/dev/full"

needs_full = pytest.mark.skipif(not os.path.exists(FULL), reason=f"no {FULL}")


def shell(redirections: str, *arguments: str | Path, **variables: str) -> tuple[int, str, str]:
    """Run a command with the redirections of a shell; return status, stdout and stderr."""
    package_parent = str(Path(alexnet_cy.__file__).resolve().parents[1])
    environment = {**os.environ, "PYTHONPATH": package_parent, **variables}
    if "PYTHONUNBUFFERED" not in variables:
        environment.pop("PYTHONUNBUFFERED", None)
    finished = subprocess.run(
        ["sh", "-c", f'exec "$@" {redirections}', "sh", sys.executable, "-m", "alexnet_cy"]
        + [str(argument) for argument in arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return finished.returncode, finished.stdout, finished.stderr


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_stdout_is_closed_from_the_start(arguments: tuple[str, ...]) -> None:
    line = "alexnet-cy: error: standard output is closed\n"
    assert shell(">&-", *arguments) == (1, "", line)


@needs_full
@pytest.mark.parametrize("buffering", [{}, {"PYTHONUNBUFFERED": "1"}], ids=["buffered", "not"])
@pytest.mark.parametrize("arguments", COMMANDS[:-1], ids=" ".join)
def test_stdout_is_full(arguments: tuple[str, ...], buffering: dict[str, str]) -> None:
    line = "alexnet-cy: error: No space left on device\n"
    assert shell(f"> {FULL}", *arguments, **buffering) == (1, "", line)


@pytest.mark.parametrize("redirections", ["2>&-", "<&- 2>&-", f"2> {FULL}"])
def test_stderr_that_takes_nothing(redirections: str, tmp_path: Path) -> None:
    if FULL in redirections and not os.path.exists(FULL):
        pytest.skip(f"no {FULL}")
    status, out, err = shell(redirections, "summary", "--json")
    assert (status, out[0], err) == (0, "{", "")
    assert shell(redirections, "summary", "--size", "x") == (2, "", "")
    Image.new("RGB", (32, 32)).save(tmp_path / "x.png")
    output = tmp_path / "out.npz"
    arguments = (tmp_path / "x.png", tmp_path / "no.png", "--random", "0", "-l", "conv1", "--json")
    status, out, err = shell(redirections, "features", *arguments, "-o", output)
    assert (status, out[0], err) == (1, "{", "")  # 1: no.png is skipped, which nobody is told
    assert output.read_bytes()[:2] == b"PK"


def test_all_streams_are_closed() -> None:
    assert shell("<&- >&- 2>&-", "summary") == (1, "", "")


@pytest.mark.parametrize("variable", ["ALEXNET_CY_HOME", "TORCH_HOME"])
@pytest.mark.parametrize(
    "arguments", [("weights", "list"), ("weights", "path", "torchvision"), ("classify", __file__)]
)
def test_a_home_folder_that_is_none(arguments: tuple[str, ...], variable: str) -> None:
    if arguments[0] == "classify" and variable == "TORCH_HOME":
        arguments += ("--weights", "torchvision")
    status, out, err = shell("", *arguments, **{variable: "~no-such-user/x"})
    assert (status, out) == (1, "")
    assert err.startswith(f"alexnet-cy: error: {variable} is '~no-such-user/x', and there is no")


def test_config_without_a_home_folder() -> None:
    status, out, err = shell("", "config", ALEXNET_CY_HOME="~no-such-user/x")
    assert status == 0
    assert out.splitlines()[-1].split() == ["weights", "folder", "none"]
    assert err.startswith("alexnet-cy: warning: ALEXNET_CY_HOME is '~no-such-user/x'")
    assert err.count("\n") == 1


def test_the_home_folder_is_a_file(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("")
    variables = {"ALEXNET_CY_HOME": str(home)}
    assert shell("", "config", **variables)[::2] == (0, "")
    assert shell("", "weights", "list", **variables)[::2] == (0, "")
    status, out, err = shell("", "weights", "get", "caffe", **variables)
    assert (status, out) == (1, "")
    assert f"\nalexnet-cy: error: {home}: File exists\n" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("features", __file__, "--random", "0", "-o", "x.npz"),
        ("convert", "x.npz", "y.npz"),
        ("bench", "--json", "x.json"),
    ],
)
def test_the_current_folder_is_gone(arguments: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    enter = f"cd {tmp_path}/gone; rmdir {tmp_path}/gone"
    package_parent = str(Path(alexnet_cy.__file__).resolve().parents[1])
    finished = subprocess.run(
        ["sh", "-c", f'{enter}; exec "$@"', "sh", sys.executable, "-m", "alexnet_cy", *arguments],
        env={**os.environ, "PYTHONPATH": package_parent},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    name = arguments[-1]
    assert (finished.returncode, finished.stdout) == (1, "")
    assert finished.stderr == f"alexnet-cy: error: {name}: the current folder is gone\n"
