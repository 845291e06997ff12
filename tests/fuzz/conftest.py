"""The package `fuzz` beside the tests, without the sources of hpmask beside it on the path."""

import importlib.util
import sys
from pathlib import Path

_FOLDER = Path(__file__).parents[2] / "fuzz"


def _load_fuzz():
    spec = importlib.util.spec_from_file_location(
        "fuzz", _FOLDER / "__init__.py", submodule_search_locations=[str(_FOLDER)]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz"] = module
    spec.loader.exec_module(module)


_load_fuzz()
