"""Fixtures of the tests with faults."""

import tempfile
from pathlib import Path

import pytest
from failing_files import FailingFiles


@pytest.fixture(scope="session")
def compiled(tmp_path_factory) -> Path:
    """The folder of the C libraries."""
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture
def files(tmp_path, compiled, monkeypatch) -> FailingFiles:
    """The faults of the files below `tmp_path`, and of temporary files."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return FailingFiles(tmp_path, compiled)


@pytest.fixture(scope="module")
def sources_in_place(tmp_path_factory) -> None:
    """The catalogs that some writers of tests/_support/all_writers.py read."""
    from all_writers import place_sources

    place_sources(tmp_path_factory.mktemp("sources"))


@pytest.fixture
def one_thread(monkeypatch) -> None:
    """A write makes the same calls in the same order."""
    monkeypatch.setenv("HPMASK_NUM_THREADS", "1")
