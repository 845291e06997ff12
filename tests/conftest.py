"""Fixtures that all tests share."""

import os
from pathlib import Path

import pytest
from profiles import load_profile

# Before the test modules are imported: their settings start from the profile.
load_profile()

# Processes that tests start import the hpmask that is tested, and not the source beside which they are started.
os.environ["PYTHONSAFEPATH"] = "1"

_DATA = Path(os.environ.get("HPMASK_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture
def data():
    """Function that gives the path of a real file, or skips the test and names the file."""

    def path(name: str) -> Path:
        file = _DATA / name
        if not file.exists():
            pytest.skip(f"needs {name} (HPMASK_TEST_DATA is not set or does not have it)")
        return file

    return path
