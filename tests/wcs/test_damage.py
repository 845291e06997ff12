"""Damaged images and tables of energies: read as some mask, or refused with a MaskFormatError that names the file.

For more cases than those of the tests, and the slowest case and the largest memory:
``PYTHONPATH=tests/_support python tests/wcs/test_damage.py 10000``.
"""

import gzip
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from damage import damaged, outcomes

from hpmask import EnergyAxis, Mask, MaskFormatError
from hpmask.wcs import field_wcs

AXIS = EnergyAxis([0.1, 1, 10, 100] * u.GeV)
FULL = Mask.full(order=3, energy=AXIS)


def image_header(projection="TAN"):
    wcs, shape = field_wcs(
        SkyCoord(83, 22, unit="deg"), "4 deg", height="3 deg", binsz="0.25 deg", projection=projection
    )
    return wcs.to_header(), shape


def plain(path):
    header, shape = image_header()
    fits.writeto(path, np.indices(shape).sum(0) % 2, header)


def sums(path):
    wcs, shape = field_wcs(SkyCoord(83, 22, unit="deg"), "4 deg", binsz="0.25 deg", projection="CAR")
    Mask.from_cones(SkyCoord(83, 22, unit="deg"), [[1, 2, 0.5]] * u.deg, order=8, energy=AXIS).write_wcs(
        path, wcs, shape
    )


def ebounds(path, name="EBOUNDS", bandshdu=False):
    header, shape = image_header("AIT")
    cube = np.arange(3 * shape[0] * shape[1], dtype=np.float32).reshape(3, *shape) % 2
    header.update(WCSAXES=3, CTYPE3="ENERGY", CUNIT3="MeV", CRVAL3=100.0, CDELT3=10.0, CRPIX3=1.0)
    if bandshdu:
        header["BANDSHDU"] = name
    columns = [
        fits.Column("CHANNEL", "I", array=[1, 2, 3]),
        fits.Column("E_MIN", "E", unit="keV", array=AXIS.energy_min.to_value(u.keV)),
        fits.Column("E_MAX", "E", unit="keV", array=AXIS.energy_max.to_value(u.keV)),
    ]
    hdus = [fits.PrimaryHDU(cube, header), fits.BinTableHDU.from_columns(columns, name=name)]
    fits.HDUList(hdus).writeto(path)


def bands(path):
    ebounds(path, "PRIMARY_BANDS", bandshdu=True)


def energies(path):
    header, shape = image_header()
    cube = np.zeros((3, *shape), np.int16)
    table = fits.BinTableHDU.from_columns([fits.Column("Energy", "D", unit="MeV", array=[200.0, 2e3, 2e4])])
    table.name = "ENERGIES"
    fits.HDUList([fits.PrimaryHDU(cube, header), table]).writeto(path)


def compressed(path):
    header, shape = image_header()
    pixels = (np.indices(shape).sum(0) % 3 == 0).astype(np.int16)
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(pixels, header)]).writeto(path)


def zipped(path):
    plain(path)
    path.write_bytes(gzip.compress(path.read_bytes(), mtime=0))


def sip(path):
    """Distortions, and an old header with CD and EQUINOX."""
    header, shape = image_header()
    header.update(CTYPE1="RA---TAN-SIP", CTYPE2="DEC--TAN-SIP", A_ORDER=2, B_ORDER=2, A_2_0=1e-3, B_0_2=-1e-3)
    header.update(EQUINOX=2000.0, RADESYS="FK5")
    fits.writeto(path, np.ones(shape, np.uint8), header)


FILES = [plain, sums, ebounds, bands, energies, compressed, zipped, sip]


def outcome(path):
    """How reading a file ends: "read" or "refused". Any other end raises."""
    ends = set()
    reads = [lambda: Mask.from_wcs(path, nan="exclude", order=7, n_threads=1), lambda: FULL.to_wcs(path)]
    if path.stem in ("ebounds", "bands"):
        reads.append(lambda: EnergyAxis.from_table(path))
    for read in reads:
        try:
            read()
            ends.add("read")
        except MaskFormatError as error:
            if not str(error).startswith(f"{path}: "):
                raise AssertionError(f"does not begin with the path: {error}") from error
            ends.add("refused")
        except ValueError as error:
            # Damage may give a plane an energy that the mask does not have, which is not a fault of the file.
            if "of the mask's" not in str(error):
                raise
            ends.add("read")
    return "refused" if ends == {"refused"} else "read"


def run(write, n, seed, folder):
    """The `outcomes` of `n` damaged copies of a file."""
    path = Path(folder) / f"{write.__name__}.fits"
    path.unlink(missing_ok=True)
    write(path)
    assert outcome(path) == "read"
    return outcomes(damaged(path.read_bytes(), n, seed), path, outcome)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("n", "seed"), [(9, 7), pytest.param(27, 8, marks=pytest.mark.deep)])
@pytest.mark.parametrize("write", FILES, ids=lambda write: write.__name__)
def test_damaged_images_are_read_or_refused(write, n, seed, tmp_path):
    counts, slowest, failed = run(write, n, seed, tmp_path)
    assert not failed
    assert counts["refused"] > n // 10
    assert slowest[0] < 5, slowest


if __name__ == "__main__":
    import resource
    import tempfile

    warnings.simplefilter("ignore")
    total = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(100, 100 + -(-total // 90 // len(FILES))):
            for write in FILES:
                print(seed, write.__name__, *run(write, 90, seed, folder), flush=True)
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"at most {most:.0f} MB of memory")
