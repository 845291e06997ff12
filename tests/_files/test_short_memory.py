"""Memory that runs out in a reader is a MemoryError, and not a fault of the file."""

import pytest
from astropy import units as u
from astropy.table import Table

from hpmask import EnergyAxis, Mask, io
from hpmask.catalog import filter_file
from hpmask.regions.parse import read as read_regions


def none_left(*_, **__):
    raise MemoryError


@pytest.mark.parametrize(
    ("where", "suffix", "read"),
    [
        ("astropy.table.Table.read", ".csv", lambda path: Mask.from_catalog(path, "1 deg", order=3)),
        ("pyarrow.parquet.ParquetFile", ".parquet", lambda path: filter_file(Mask.full(), path, f"{path}.out")),
        (
            "astropy.table.meta.get_header_from_yaml",
            ".parquet",
            lambda path: filter_file(Mask.full(), path, f"{path}.o"),
        ),
        ("astropy.io.fits.open", ".fits", lambda path: filter_file(Mask.full(), path, f"{path}.out")),
        ("regions.Regions.read", ".fits", lambda path: read_regions(path, format="fits")),
        ("hpmask._files.fits_file._opened", ".fits", lambda path: Mask.from_map(path, 1)),
    ],
)
def test_it_is_a_memory_error(tmp_path, monkeypatch, where, suffix, read):
    path = tmp_path / f"a{suffix}"
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    Table({"ra": [1.0], "dec": [2.0]}).write(path)
    monkeypatch.setattr(where, none_left)
    with pytest.raises(MemoryError):
        read(path)


def test_energies_of_a_map(tmp_path, monkeypatch):
    mask = Mask.full(order=1, energy=EnergyAxis([1, 2, 3] * u.TeV))
    mask.write(tmp_path / "a.fits", format="healpix")
    monkeypatch.setattr("hpmask.io.healpix_read.planes_of", none_left)
    with pytest.raises(MemoryError):
        io.read_map(tmp_path / "a.fits")
