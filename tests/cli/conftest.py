"""Fixtures of the tests of the command line."""

import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from click.testing import CliRunner

from hpmask import EnergyAxis, Mask
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

    def run(*words, code=0, input=None):
        result = runner().invoke(main, [str(word) for word in words], input=input)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert code is None or result.exit_code == code, result.output
        return result

    return run


@pytest.fixture(scope="session")
def piped():
    """Function of what a command reads from standard input and its words; returns what it writes to standard output."""

    def piped(content, *words):
        result = runner().invoke(main, [str(word) for word in words], input=content)
        assert result.exit_code == 0, result.stderr
        return result.stdout_bytes

    return piped


@pytest.fixture
def star(run):
    """A disc of 2 deg, also as star.fits."""
    mask = Mask.from_cones(SkyCoord(14.5, 23, unit="deg"), "2 deg", order=8)
    mask.write("star.fits")
    return mask


@pytest.fixture
def foot(run):
    """A disc of 5 deg that holds part of the star, also as foot.fits."""
    mask = Mask.from_cones(SkyCoord(10, 21, unit="deg"), "5 deg", order=8)
    mask.write("foot.fits")
    return mask


@pytest.fixture
def bins(run):
    """Discs of 3 and 1 deg in two energy bins, also as bins.fits."""
    discs = [Mask.from_cones(SkyCoord(12, 20, unit="deg"), radius, order=8).planes[0] for radius in ("3 deg", "1 deg")]
    mask = Mask(discs, energy=EnergyAxis([1, 10, 100] * u.TeV))
    mask.write("bins.fits")
    return mask
