"""The build knows every module, and the packages hold what they must."""

import ast
import importlib
import re

import pytest

import alexnet_cy


@pytest.fixture(scope="module")
def pyproject(repository):
    return (repository / "pyproject.toml").read_text()


@pytest.fixture(scope="module")
def setup_assignments(repository):
    """The constants that setup.py assigns."""
    found = {}
    for node in ast.parse((repository / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return found


def modules_below(folder, suffix):
    """The dotted names of the files below a folder."""
    files = folder.rglob(f"_*{suffix}")
    return sorted(".".join(path.relative_to(folder).with_suffix("").parts) for path in files)


def test_every_module_is_built(repository, setup_assignments):
    names = setup_assignments["MODULES"]
    assert sorted(names) == modules_below(repository / "src", ".pyx")
    for name in names:
        module = importlib.import_module(f"alexnet_cy.kernels.{name}")
        assert not module.__file__.endswith(".py")
        assert module.__doc__


def test_every_module_has_a_stub(repository, setup_assignments):
    stubs = modules_below(repository / "alexnet_cy" / "kernels", ".pyi")
    assert stubs == sorted(setup_assignments["MODULES"])
    assert (repository / "alexnet_cy" / "py.typed").is_file()


def test_the_version_is_that_of_the_project(pyproject):
    [version] = re.findall(r'^version = "(.*)"$', pyproject, re.MULTILINE)
    assert alexnet_cy.__version__ == version


def test_every_package_is_named(repository, pyproject):
    [listed] = re.findall(r"^packages = \[\n(.*?)\]", pyproject, re.MULTILINE | re.DOTALL)
    folders = {
        ".".join(path.parent.relative_to(repository).parts)
        for path in (repository / "alexnet_cy").rglob("*.py")
    }
    assert set(re.findall(r'"(.*?)"', listed)) == folders


def test_the_sdist_holds_all_sources(repository, monkeypatch):
    """MANIFEST.in as setuptools reads it; .ci/packages builds the sdist itself."""
    egg_info = pytest.importorskip("setuptools.command.egg_info")
    monkeypatch.chdir(repository)
    files = egg_info.FileList()
    for line in (repository / "MANIFEST.in").read_text().splitlines():
        if line and not line.startswith("#"):
            files.process_template_line(line)
    kept = set(files.files)
    sources = [path for path in (repository / "src").rglob("*") if path.is_file()]
    tests = (repository / "tests").rglob("*.py")
    needed = {str(path.relative_to(repository)) for path in (*sources, *tests)}
    assert needed - kept == set()
    assert {path for path in kept if "__pycache__" in path or path.endswith((".so", ".o"))} == set()


def test_no_sources_are_in_the_package(repository):
    """What is in its folder goes into the wheel: no C, no Cython."""
    folder = repository / "alexnet_cy"
    assert not [path for path in folder.rglob("*") if path.suffix in {".c", ".h", ".pyx", ".pxd"}]
