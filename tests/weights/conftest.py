"""Makes the writers under ``synthesis/`` importable: ``from synthesis.seeds import SEEDS``.

This folder is not put on the path for that: its ``onnx`` would then be taken for the onnx package
wherever that is not installed.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path

_spec = ModuleSpec("synthesis", None, is_package=True)
_spec.submodule_search_locations = [str(Path(__file__).parent / "synthesis")]
sys.modules.setdefault("synthesis", module_from_spec(_spec))
