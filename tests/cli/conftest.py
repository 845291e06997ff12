"""Fixtures of the tests of the command line."""

import pytest
from click.testing import CliRunner

from hpmask.cli import main, pictures


def runner():
    """A runner that keeps stdout and stderr apart, which click does of itself from 8.2 on."""
    try:
        return CliRunner(mix_stderr=False)
    except TypeError:
        return CliRunner()


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Function that runs the command in an empty directory."""
    monkeypatch.chdir(tmp_path)
    # Small pictures take less time.
    monkeypatch.setattr(pictures, "DPI", 60)
    monkeypatch.delenv("HPMASK_DEBUG", raising=False)

    def run(*words, code=0):
        result = runner().invoke(main, [str(word) for word in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return run
