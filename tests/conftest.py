"""Fixtures that all tests share."""

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from profiles import load_profile

# Before the test modules are imported: their settings start from the profile.
load_profile()

# Processes that tests start import the hpmask that is tested, and not the source beside which they are started.
os.environ["PYTHONSAFEPATH"] = "1"

_DATA = Path(os.environ.get("HPMASK_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--share", type=float, default=1.0, help="run this share of the deep tests, and of each file one")
    parser.addoption("--share-of", default="", help="a text, such as a commit, that decides which ones")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Choose a share of the deep tests, the same one in all processes."""
    share, name = config.getoption("share"), config.getoption("share_of")
    if share >= 1:
        return
    files = defaultdict(list)
    for item in items:
        if item.get_closest_marker("deep"):
            files[item.path].append(item)
    left_out = set()
    for some in files.values():
        some.sort(key=lambda item: hashlib.sha256(f"{name} {item.nodeid}".encode()).digest())
        left_out.update(some[max(1, round(share * len(some))) :])
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def data():
    """Function that gives the path of a real file, or skips the test and names the file."""

    def path(name: str) -> Path:
        file = _DATA / name
        if not file.exists():
            pytest.skip(f"needs {name} (HPMASK_TEST_DATA is not set or does not have it)")
        return file

    return path


@pytest.fixture
def counted(request: pytest.FixtureRequest) -> Callable[[int, str], None]:
    """Function that notes how many cases a test has tried: ``counted(1000, "unions of two masks")``.

    The notes go to the file HPMASK_COUNTS, a line of JSON each, from which `tools/campaign.py` makes its report.
    """

    def note(n: int, what: str) -> None:
        assert n > 0, f"no {what} were tried"
        if file := os.environ.get("HPMASK_COUNTS"):
            with open(file, "a", encoding="utf-8") as lines:
                lines.write(json.dumps({"test": request.node.nodeid, "what": what, "n": int(n)}) + "\n")

    return note
