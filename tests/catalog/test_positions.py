"""Positions of any make: what `contains` answers for them is what it answers for their SkyCoord."""

import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import QTable, Table
from astropy.utils.masked import Masked

from hpmask import EnergyAxis, Mask
from hpmask.catalog.columns import NoPositionError
from hpmask.catalog.positions import locator_of, positions_of
from hpmask.core.positions import Positions

hp = pytest.importorskip("healpy")

RNG = np.random.default_rng(7)
N = 3000
LON, LAT = RNG.uniform(0, 360, N), np.degrees(np.arcsin(RNG.uniform(-1, 1, N)))
COORD = SkyCoord(LON, LAT, unit="deg")
GALACTIC = COORD.galactic
MASK = Mask.from_cones(COORD[::30], "9 deg", order=8)
EXPECTED = MASK.contains(COORD)
ROTATED = Mask.from_cones(COORD[::30], "9 deg", order=8, frame="galactic")
EXPECTED_ROTATED = ROTATED.contains(COORD)
CELLS = hp.ang2pix(1 << 29, LON, LAT, nest=True, lonlat=True)
AXIS = EnergyAxis([1, 10, 100] * u.TeV)


def test_the_mask_is_a_test():
    assert 0.2 < EXPECTED.mean() < 0.8


# ---------------------------------------------------------------------- angles

polars = pytest.importorskip("polars")
pyarrow = pytest.importorskip("pyarrow")

ANGLES = {
    "numbers": (LON, LAT),
    "lists": (LON.tolist(), LAT.tolist()),
    "degrees": (LON * u.deg, LAT * u.deg),
    "radians": (np.radians(LON) * u.rad, np.radians(LAT) * u.rad),
    "hours and radians": (LON / 15 * u.hourangle, np.radians(LAT) * u.rad),
    "strided": (np.repeat(LON, 2)[::2], np.repeat(LAT, 2)[::2]),
    "longitudes that wrap": (LON - 360, LAT),
    "columns": (Table({"a": LON * u.deg})["a"], Table({"a": LAT})["a"]),
    "quantities of a QTable": (QTable({"a": LON * u.deg})["a"], LAT * u.deg),
    "pandas": (pd.Series(LON), pd.Series(LAT)),
    "pandas with Arrow": (pd.Series(LON, dtype="double[pyarrow]"), pd.Series(LAT, dtype="double[pyarrow]")),
    "polars": (polars.Series(LON), polars.Series(LAT)),
    "Arrow": (pyarrow.chunked_array([LON]), pyarrow.chunked_array([LAT])),
}


@pytest.mark.parametrize("kind", ANGLES)
def test_angles(kind):
    assert np.array_equal(MASK.contains(*ANGLES[kind]), EXPECTED)


def test_angles_are_in_the_frame_of_the_mask():
    assert np.array_equal(ROTATED.contains(GALACTIC.l, GALACTIC.b), EXPECTED_ROTATED)
    assert np.array_equal(ROTATED.contains(GALACTIC.l.deg, GALACTIC.b.deg), EXPECTED_ROTATED)


def test_angles_broadcast():
    north = Mask.from_zone(None, ("0 deg", "90 deg"), order=9)
    assert np.array_equal(north.contains(10, [[1], [-1]]), [[True], [False]])
    assert np.array_equal(north.contains([1, 2, 3], [[1], [-1]]), [[True] * 3, [False] * 3])
    assert north.contains(10, 20) is True
    assert north.contains(10 * u.deg, -0.2 * u.rad) is False
    assert north.contains([], []).shape == (0,)


def test_single_precision_is_converted_first():
    lon = np.float32(359.99997)
    assert MASK.contains(lon, np.float32(12.3)) == MASK.contains(
        SkyCoord(float(lon), float(np.float32(12.3)), unit="deg")
    )


@pytest.mark.parametrize(
    ("arguments", "options", "error", "text"),
    [
        ((1,), {}, TypeError, "^positions must be a SkyCoord, a table, or longitudes together with latitudes, got int"),
        ((LON * u.deg,), {}, TypeError, "^positions must be .*longitudes together with latitudes"),
        (([1, 2], [1, 2, 3]), {}, ValueError, r"^lon and lat must broadcast, got the shapes \(2,\) and \(3,\)"),
        ((["a"], [1]), {}, TypeError, "^lon must be angles"),
        (([1], ["b"]), {}, TypeError, "^lat must be angles"),
        (([True], [1]), {}, TypeError, "^lon must be angles"),
        (([1] * u.m, [1] * u.deg), {}, ValueError, "^lon must be an angle, got the unit 'm'"),
        (([1], [95]), {}, ValueError, "^positions must have latitudes from -90 to 90 deg, row 0 has 95 deg"),
        (([1, 2], [1, np.nan]), {}, ValueError, "^positions must be finite, .* row 1: lon=2 deg, lat=nan deg"),
        ((np.ma.array([1, 2], mask=[0, 1]), [1, 2]), {}, ValueError, "^positions must be finite, .* row 1: lon=nan"),
        ((COORD, 3 * u.TeV), {}, TypeError, "^lat does not go with a SkyCoord: energies are given by energy="),
        ((COORD,), {"lon": "ra"}, TypeError, "^lon does not go with a SkyCoord"),
        (([1], [2]), {"catalog_frame": "icrs"}, TypeError, "^catalog_frame does not go with longitudes and latitudes"),
        (({"ra": [1.0], "dec": [2.0]}, [2.0]), {}, TypeError, "^lat must be the name of a column for a table"),
        (({"x": [1.0]},), {}, NoPositionError, "name them by lon and lat. Its columns are x"),
        (({"lon": [1.0], "lat": [2.0]},), {}, ValueError, "frame .* is not known: give it by catalog_frame"),
        ((COORD,), {"invalid": "ignore"}, ValueError, "^invalid must be 'raise' or 'skip'"),
        ((MASK,), {}, TypeError, "b <= a"),
    ],
)
def test_what_is_no_position(arguments, options, error, text):
    with pytest.raises(error, match=text):
        MASK.contains(*arguments, **options)


# ---------------------------------------------------------------------- tables

COLUMNS = {"name": np.array([f"star {i}" for i in range(N)]), "RAJ2000": LON, "DEJ2000": LAT, "mag": LAT.astype("f4")}


def structured(columns):
    result = np.empty(N, dtype=[(name, np.asarray(values).dtype) for name, values in columns.items()])
    for name, values in columns.items():
        result[name] = values
    return result


def nested_frame(columns):
    return pytest.importorskip("nested_pandas").NestedFrame(columns)


TABLES = {
    "dict": dict,
    "dict of lists": lambda columns: {name: list(values) for name, values in columns.items()},
    "Table": Table,
    "QTable": QTable,
    "structured array": structured,
    "record array": lambda columns: structured(columns).view(np.recarray),
    "masked array": lambda columns: np.ma.MaskedArray(structured(columns)),
    "HDU": lambda columns: fits.table_to_hdu(Table(columns)),
    "FITS_rec": lambda columns: fits.table_to_hdu(Table(columns)).data,
    "pandas": pd.DataFrame,
    "nested_pandas": nested_frame,
    "pandas with Arrow": lambda columns: pd.DataFrame(columns).convert_dtypes(dtype_backend="pyarrow"),
    "polars": polars.DataFrame,
    "polars lazy": polars.LazyFrame,
    "Arrow": pyarrow.table,
    "duckdb": lambda columns: pytest.importorskip("duckdb").from_arrow(pyarrow.table(columns)),
}


@pytest.mark.parametrize("kind", TABLES)
def test_tables(kind):
    assert np.array_equal(MASK.contains(TABLES[kind](COLUMNS)), EXPECTED)


@pytest.mark.parametrize("kind", TABLES)
def test_columns_of_other_names_and_frames(kind):
    table = TABLES[kind]({"x": GALACTIC.l.deg, "y": GALACTIC.b.deg, "ra": np.zeros(N), "dec": np.zeros(N)})
    for mask, expected in ((MASK, EXPECTED), (ROTATED, EXPECTED_ROTATED)):
        assert np.array_equal(mask.contains(table, "y", lon="x", catalog_frame="galactic"), expected)
    fk4 = COORD.fk4
    table = TABLES[kind]({"x": fk4.ra.deg, "y": fk4.dec.deg})
    assert np.array_equal(MASK.contains(table, "y", lon="x", catalog_frame="fk4"), EXPECTED)


@pytest.mark.parametrize("kind", TABLES)
def test_cells_of_hats(kind):
    """They come first, unless columns are named or the mask is galactic."""
    table = TABLES[kind]({"_healpix_29": CELLS, "ra": np.zeros(N), "dec": np.full(N, -89.0)})
    assert np.array_equal(MASK.contains(table), EXPECTED)
    assert len(set(MASK.contains(table, "dec", lon="ra"))) == 1
    assert len(set(ROTATED.contains(table))) == 1
    alone = TABLES[kind]({"_healpix_29": CELLS.astype(np.uint64)})
    assert np.array_equal(MASK.contains(alone), EXPECTED)
    with pytest.raises(NoPositionError, match=r"The cells in _healpix_29 are in ICRS, and the mask is in galactic"):
        ROTATED.contains(alone)


def test_cells_in_the_index():
    """lsdb has them there."""
    frame = pd.DataFrame({"ra": np.zeros(N), "dec": np.zeros(N)}, index=pd.Index(CELLS, name="_healpix_29"))
    assert np.array_equal(MASK.contains(frame), EXPECTED)
    assert locator_of(frame, frame="icrs").names == ("_healpix_29",)
    assert locator_of(frame, frame="galactic").names == ("ra", "dec")


def test_cells_that_are_none():
    with pytest.raises(ValueError, match=r"positions\['_healpix_29'\] must be from 0 to .*, row 1 is -1"):
        MASK.contains(pd.DataFrame({"_healpix_29": [1, -1]}))
    with pytest.raises(TypeError, match=r"positions\['_healpix_29'\] must be integers, got float64"):
        MASK.contains(pd.DataFrame({"_healpix_29": [1.0, 2.0]}))
    with pytest.raises(ValueError, match=r"positions\['_healpix_29'\] must not be masked"):
        MASK.contains(pd.DataFrame({"_healpix_29": pd.array([1, None], dtype="Int64")}))


def test_a_column_of_skycoord():
    for coord in (COORD, GALACTIC, COORD.fk5):
        assert np.array_equal(MASK.contains(QTable({"where": coord, "n": np.arange(N)})), EXPECTED)


def test_the_columns_that_are_read_alone():
    """A wide lazy frame is not collected."""

    def explode(series):
        raise AssertionError("this column is not needed")

    lazy = polars.LazyFrame({"ra": LON, "dec": LAT, "x": LON})
    lazy = lazy.with_columns(polars.col("x").map_batches(explode, return_dtype=polars.Float64))
    assert np.array_equal(MASK.contains(lazy), EXPECTED)


# ---------------------------------------------------------------------- rows that are nowhere

BAD = [3, 1000, 2999]


@pytest.mark.parametrize("frame", ["icrs", "galactic", "fk4"])
@pytest.mark.parametrize("mask", [MASK, ROTATED], ids=["icrs", "galactic"])
def test_skip(mask, frame):
    """What is missing, not finite or beyond a pole is not kept, in any frame and form."""
    there = COORD.transform_to(frame).spherical
    lon, lat = there.lon.deg.copy(), there.lat.deg.copy()
    expected = mask.contains(COORD)
    expected[BAD] = False
    lon[BAD[0]], lat[BAD[1]] = np.nan, np.inf
    hidden = np.isin(np.arange(N), BAD[2:])
    columns = {"lon": np.ma.array(lon, mask=hidden), "lat": lat}
    for table in (Table(columns), polars.DataFrame({"lon": np.where(hidden, np.nan, lon), "lat": lat})):
        options = {"lon": "lon", "lat": "lat", "catalog_frame": frame}
        with pytest.raises(ValueError, match=r"positions must be finite, 3 of 3000 .* row 3\b"):
            mask.contains(table, **options)
        assert np.array_equal(mask.contains(table, **options, invalid="skip"), expected)
    lat[BAD[1]] = 5
    masked = SkyCoord(Masked(lon * u.deg, mask=np.isin(np.arange(N), BAD[1:])), lat * u.deg, frame=frame)
    assert np.array_equal(mask.contains(masked, invalid="skip"), expected)
    assert mask.contains(masked[BAD[0]], invalid="skip") is False
    beyond = {"lon": [0.0, 1.0], "lat": [0.0, 91.0]}
    with pytest.raises(ValueError, match="latitudes from -90 to 90 deg, row 1 has 91 deg"):
        mask.contains(beyond, **options)
    assert not mask.contains(beyond, **options, invalid="skip")[1]


# ---------------------------------------------------------------------- energies


def test_the_column_of_energies():
    energy = RNG.choice([0.5, 2.0, 50.0, 500.0], N)
    mask = Mask.from_cones(COORD[::30], [[20, 9]] * u.deg, order=8, energy=AXIS)
    expected = mask.contains(COORD, energy=energy * u.TeV)
    assert 0.05 < expected.mean() < 0.95
    table = QTable({"RA": LON, "DEC": LAT, "ENERGY": energy * u.TeV})
    assert np.array_equal(mask.contains(table, energy="ENERGY"), expected)
    assert np.array_equal(mask.contains(Table(table), energy="ENERGY"), expected)
    assert np.array_equal(mask.contains(fits.table_to_hdu(table), energy="ENERGY"), expected)
    assert np.array_equal(mask.contains(table, energy="2 TeV"), mask.contains(COORD, energy=2 * u.TeV))
    assert mask.contains(table).shape == (2, N)
    plain = pd.DataFrame({"RA": LON, "DEC": LAT, "ENERGY": energy})
    with pytest.raises(ValueError, match=r"column 'ENERGY' has no unit: give it by energy_unit"):
        mask.contains(plain, energy="ENERGY")
    assert np.array_equal(mask.contains(plain, energy="ENERGY", energy_unit="TeV"), expected)
    assert np.array_equal(mask.contains(table, energy="ENERGY", energy_unit="TeV"), expected)
    with pytest.raises(ValueError, match=r"column 'ENERGY' is in 'TeV', and energy_unit is 'GeV'"):
        mask.contains(table, energy="ENERGY", energy_unit="GeV")
    with pytest.raises(TypeError, match=r"energy_unit is for a column of energies, and energy is '2 TeV'"):
        mask.contains(table, energy="2 TeV", energy_unit="GeV")
    assert np.array_equal(mask.contains(plain, energy=energy * u.TeV), expected)
    with pytest.raises(ValueError, match="energy"):
        mask.contains(plain, energy="MAG")


@pytest.mark.parametrize("mask", [Mask.full(energy=AXIS), Mask.full()], ids=["energy", "no energy"])
def test_energies_that_are_missing(mask):
    table = QTable({"RA": [1.0, 2.0], "DEC": [1.0, 2.0], "E": [2, np.nan] * u.TeV})
    with pytest.raises(ValueError, match="energy must not be NaN"):
        mask.contains(table, energy="E")
    assert mask.contains(table, energy="E", invalid="skip").tolist() == [True, False]


def test_partitions_have_their_own_methods():
    dd = pytest.importorskip("dask.dataframe")
    with pytest.raises(TypeError, match="worked on later: use select or flag, or compute it first"):
        positions_of(dd.from_pandas(pd.DataFrame({"ra": LON, "dec": LAT}), npartitions=2), frame="icrs")


def test_cells_that_are_missing():
    table = pd.DataFrame({"_healpix_29": pd.array(CELLS, dtype="Int64")})
    table.loc[[3, 2000], "_healpix_29"] = pd.NA
    expected = EXPECTED.copy()
    expected[[3, 2000]] = False
    found = MASK.contains(table, invalid="skip", n_threads=1)
    assert np.array_equal(found, expected)
    whole = Mask.full(order=0)
    assert np.array_equal(np.flatnonzero(~whole.contains(table, invalid="skip")), [3, 2000])
    with pytest.raises(ValueError, match=r"\['_healpix_29'\] must not be masked, 2 of 3000 values are, .* row 3"):
        MASK.contains(table)
    # The kernel's number for a row that is nowhere stays beyond all cells, also for masks that are finer.
    fine = Mask.full(order=29)
    coarse = Positions.of_cells([7, 9], 3, missing=np.array([True, False]))
    out = np.empty(2, dtype=np.uint64)
    assert coarse.numbers(slice(0, 2), 29, out) == 0
    assert out[0] == 2**64 - 1
    assert fine.contains_cells(out[1:], 29).all()


def test_longitudes_that_are_huge():
    with pytest.raises(ValueError, match=r"positions must have longitudes below 1e\+15 rad, row 1 has 1e\+300 deg"):
        MASK.contains([0, 1e300], [1, 1])


def test_a_dict_of_numbers():
    with pytest.raises(TypeError, match=r"column 'ra' must hold one value per row, got 1\.0"):
        MASK.contains({"ra": 1.0, "dec": 2.0})
