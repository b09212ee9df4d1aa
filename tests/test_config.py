"""What the package says of its build and of the machine."""

import json

import numpy as np
import pytest

import alexnet_cy
from alexnet_cy import config, show_config
from alexnet_cy.engine.choice.conv_algorithms import algorithm_names
from alexnet_cy.kernels import _runtime
from alexnet_cy.machine.threads import available_processors, default_threads


def test_it_is_true_and_fits_json(isa, tile):
    entries = config()
    assert json.loads(json.dumps(entries)) == entries
    assert entries["alexnet_cy"] == alexnet_cy.__version__
    assert entries["numpy"] == np.__version__
    assert entries["isa_active"] == isa
    assert entries["isa_runnable"] == list(_runtime.runnable_levels())
    assert set(entries["isa_runnable"]) <= set(entries["isa_compiled"])
    lanes, rows, panel_width = tile
    assert entries["vector_floats"] == lanes
    assert entries["register_tile"] == f"{rows} x {panel_width}"
    assert entries["threads_default"] == default_threads()
    assert entries["processors_available"] == available_processors()
    assert entries["conv_algorithms"] == list(algorithm_names())
    assert (entries["openmp"] is None) == (_runtime.openmp_version() == 0)
    assert entries["compiler"].split()[0] in {"GCC", "Clang", "unknown"}
    assert entries["huge_pages"] in {"always", "madvise", "never", "unknown"}
    assert entries["environment"]["ALEXNET_CY_ISA"] == isa


@pytest.mark.parametrize("openmp", [0, 201511])
def test_it_prints_a_line_for_each_entry(capsys, monkeypatch, openmp):
    monkeypatch.setattr(_runtime, "openmp_version", lambda: openmp)
    for name in ("ALEXNET_CY_ISA", "ALEXNET_CY_CONV", "OMP_NUM_THREADS", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    show_config()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(config())
    printed = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines}
    assert printed["isa_compiled"] == ", ".join(_runtime.compiled_levels())
    assert printed["openmp"] == (str(openmp) if openmp else "none")
    assert printed["environment"] == "none"
    monkeypatch.setenv("ALEXNET_CY_CONV", "direct")
    show_config()
    assert "ALEXNET_CY_CONV=direct" in capsys.readouterr().out
