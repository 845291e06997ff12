"""HEALPix files: healpy and gammapy write what hpmask reads, and read what hpmask writes."""

import gzip
import shutil
import subprocess
import sys
import warnings
from itertools import product

import healpy as hp
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import BarycentricMeanEcliptic, SkyCoord
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples
from sanitized import not_sanitized

from hpmask import EnergyAxis, HealpixMap, Mask, MaskFormatError, RangeSet, io
from hpmask.core.healpix_map import UNSEEN

AXIS = EnergyAxis([1, 10, 100, 300] * u.TeV)
DESCENDING = EnergyAxis([100, 10, 1] * u.TeV)
SOME = RangeSet.from_cells(np.arange(0, 3000, 7), 5)
NSIDE = 32
N = 12 * NSIDE**2


@pytest.fixture(scope="module", autouse=True)
def _quiet():
    with warnings.catch_warnings():
        # healpy logs the type that it chooses, and gammapy uses names that astropy is about to remove.
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("nest", [False, True])
@pytest.mark.parametrize("partial", [False, True])
def test_ecliptic_maps(tmp_path, nest, partial):
    """Each cell in ICRS has the value of the ecliptic cell at its centre, as astropy and healpy find it."""
    nside, path = 16, tmp_path / "map.fits"
    n = 12 * nside**2
    values = np.random.default_rng(5).permutation(n).astype(np.float32)
    if partial:
        lon, lat = hp.pix2ang(nside, np.arange(n), nest=nest, lonlat=True)
        values[(lon > 200) | (lat < -20)] = UNSEEN
    hp.write_map(path, values, nest=nest, coord="E", partial=partial, dtype=np.float32)
    lon, lat = hp.pix2ang(nside, np.arange(n), nest=True, lonlat=True)
    place = SkyCoord(lon, lat, unit="deg").transform_to(BarycentricMeanEcliptic())
    expected = values[hp.ang2pix(nside, place.lon.deg, place.lat.deg, nest=nest, lonlat=True)]
    found = io.read_map(path)
    assert (found.frame, found.nest, found.is_full) == ("icrs", True, not partial)
    cells = np.arange(n) if found.is_full else found.cells
    np.testing.assert_array_equal(found.values, expected[cells])
    assert cells.size == np.count_nonzero(expected != np.float32(UNSEEN))
    bright = np.where(values == np.float32(UNSEEN), values, values > n / 2).astype(np.float32)
    hp.write_map(path, bright, nest=nest, coord="E", partial=partial, dtype=np.float32, overwrite=True)
    mask = Mask.read(path)
    assert mask.frame == "icrs"
    np.testing.assert_array_equal(mask.planes[0].cells(), np.flatnonzero(expected > n / 2))


def written(path, header, columns, *, primary=None):
    """A FITS file with one table of HEALPix."""
    table = fits.BinTableHDU.from_columns(columns)
    table.header.update(header)
    fits.HDUList([primary or fits.PrimaryHDU(), table]).writeto(path, overwrite=True)
    return path


def full_header(nside=NSIDE, **more):
    return {
        "PIXTYPE": "HEALPIX",
        "ORDERING": "RING",
        "NSIDE": nside,
        "INDXSCHM": "IMPLICIT",
        "COORDSYS": "C",
        **more,
    }


def same(a, b):
    """Whether two maps are equal, with their types."""
    assert (a.frame, a.nest, a.order, a.energy, a.unit) == (b.frame, b.nest, b.order, b.energy, b.unit)
    assert a.values.dtype == b.values.dtype
    np.testing.assert_array_equal(a.values, b.values)
    np.testing.assert_array_equal(a.cells, b.cells)
    np.testing.assert_array_equal(a.orders, b.orders)


def ring_to_nested(values):
    return hp.reorder(values, r2n=True)


# ---------------------------------------------------------------------- maps of healpy

TYPES = ["f4", "f8", "i2", "i4", "i8", "u1", "?"]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("nest", [True, False])
@pytest.mark.parametrize("wide", [True, False])
def test_full_maps_of_healpy(tmp_path, dtype, nest, wide):
    values = np.random.default_rng(3).integers(0, 2, N).astype(dtype)
    if dtype not in ("?", "u1"):
        values = (values * np.arange(N) % 3001).astype(dtype)
    path = tmp_path / "m.fits"
    hp.write_map(path, values, nest=nest, coord="G", dtype=values.dtype, fits_IDL=wide)
    found = io.read_map(path)
    assert (found.nest, found.frame, found.order, found.energy) == (nest, "galactic", 5, None)
    assert found.values.dtype == values.dtype
    np.testing.assert_array_equal(found.values, values)
    with path.open("rb") as source, gzip.open(tmp_path / "m.fits.gz", "wb") as target:
        shutil.copyfileobj(source, target)
    same(io.read_map(tmp_path / "m.fits.gz"), found)


@pytest.mark.parametrize("nest", [True, False])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_partial_maps_of_healpy(tmp_path, nest, dtype):
    rng = np.random.default_rng(4)
    values = np.where(rng.random(N) < 0.1, rng.normal(size=N), UNSEEN).astype(dtype)
    path = tmp_path / "m.fits"
    hp.write_map(path, values, nest=nest, coord="C", dtype=values.dtype, partial=True)
    found = io.read_map(path)
    seen = np.flatnonzero(values != values.dtype.type(UNSEEN))
    cells = seen if nest else hp.ring2nest(NSIDE, seen)
    order = np.argsort(cells)
    np.testing.assert_array_equal(found.cells, cells[order])
    np.testing.assert_array_equal(found.values, values[seen][order])
    assert not found.is_full
    # healpy expands the same file to the full map.
    expanded = hp.read_map(path, nest=True)
    np.testing.assert_array_equal(expanded[found.cells.astype(int)], found.values)
    assert np.count_nonzero(expanded != dtype_unseen(expanded.dtype)) == found.n_cells


def dtype_unseen(dtype):
    return np.dtype(dtype).type(UNSEEN)


def test_columns(tmp_path):
    maps = [np.arange(N, dtype="f4") + i for i in range(3)]
    path = tmp_path / "m.fits"
    hp.write_map(path, maps, coord="C", dtype=np.float32, column_units=["mK", "K", "uK"])
    for i, name in enumerate(("TEMPERATURE", "Q_POLARISATION", "U_POLARISATION")):
        for column in (name, name.lower(), i):
            found = io.read_map(path, column=column)
            np.testing.assert_array_equal(found.values, hp.read_map(path, field=i))
            assert found.unit == u.Unit(["mK", "K", "uK"][i])
    same(io.read_map(path), io.read_map(path, column=0))
    for bad in ("HITS", 3, -1):
        with pytest.raises(MaskFormatError, match=r"there is no column .*0 'TEMPERATURE', 1 'Q_POLARISATION'"):
            io.read_map(path, column=bad)
    # The column of cell numbers is not counted, as in healpy.
    partial = tmp_path / "p.fits"
    hp.write_map(partial, maps, coord="C", dtype=np.float32, partial=True)
    np.testing.assert_array_equal(io.read_map(partial, column=1).values, hp.read_map(partial, field=1, nest=True))


def test_hdus(tmp_path):
    path = tmp_path / "m.fits"
    tables = []
    for i, name in enumerate(("FIRST", "SECOND")):
        table = fits.BinTableHDU.from_columns([fits.Column("V", "E", array=np.full(12, i))], name=name)
        table.header.update(full_header(1))
        tables.append(table)
    catalog = fits.BinTableHDU.from_columns([fits.Column("RA", "E", array=[1.0])], name="STARS")
    fits.HDUList([fits.PrimaryHDU(np.zeros((3, 3))), catalog, *tables]).writeto(path)
    for hdu, value in ((None, 0), (2, 0), ("2", 0), ("first", 0), (3, 1), ("SECOND", 1)):
        assert set(io.read_map(path, hdu=hdu).values) == {value}
    # With an image in front of it, the map is not in the first bytes of a file.
    assert Mask.read(path, format="healpix", hdu="second").is_full
    for hdu in ("THIRD", 4, -1):
        with pytest.raises(MaskFormatError, match=r"there is no HDU .*0 PRIMARY, 1 STARS, 2 FIRST, 3 SECOND"):
            io.read_map(path, hdu=hdu)
    with pytest.raises(MaskFormatError, match="HDU 1: ORDERING is missing: give nest="):
        io.read_map(path, hdu="STARS")
    with pytest.raises(MaskFormatError, match=r"HDU 2 is a HEALPix map .*format='healpix'"):
        Mask.read(path)


@pytest.mark.parametrize("word", ["RING", "ring", "Nested", "NEST", "nested"])
@pytest.mark.parametrize("frame", ["C", "cel", "EQU", "equatorial", "G", "GAL", "galactic"])
def test_words_of_headers(tmp_path, word, frame):
    header = full_header(2, ORDERING=word, COORDSYS=frame)
    path = written(tmp_path / "m.fits", header, [fits.Column("V", "D", array=np.arange(48.0))])
    found = io.read_map(path)
    assert found.nest == word.upper().startswith("NEST")
    assert found.frame == ("galactic" if frame[0] in "Gg" else "icrs")


def test_what_a_header_does_not_say(tmp_path):
    column = fits.Column("V", "D", array=np.arange(48.0))
    path = tmp_path / "m.fits"

    def without(*lost, **more):
        return written(path, {k: v for k, v in full_header(2, **more).items() if k not in lost}, [column])

    without("ORDERING")
    with pytest.raises(MaskFormatError, match="ORDERING is missing: give nest=True"):
        io.read_map(path)
    assert io.read_map(path, nest=True).nest is True
    assert io.read_map(path, nest=False).nest is False
    without("COORDSYS")
    with pytest.raises(MaskFormatError, match="COORDSYS is missing: give frame='icrs'"):
        io.read_map(path)
    assert io.read_map(path, frame="galactic").frame == "galactic"
    without("NSIDE", "INDXSCHM")
    assert io.read_map(path).order == 1
    without("NSIDE", ORDER=1)
    assert io.read_map(path).order == 1
    written(path, full_header(4), [column])
    with pytest.raises(MaskFormatError, match="NSIDE 4 has 192 cells, but column 'V' has 48 values"):
        io.read_map(path)
    without(NSIDE=3)
    with pytest.raises(MaskFormatError, match=r"NSIDE must be a power of two .* but is 3"):
        io.read_map(path)
    without(COORDSYS="E")
    with pytest.raises(MaskFormatError, match=r"frame is 'galactic', but the cells of the file are in 'ecliptic'"):
        io.read_map(path, frame="galactic")
    without(COORDSYS="X")
    with pytest.raises(MaskFormatError, match="COORDSYS must be 'C'"):
        io.read_map(path)
    without(ORDERING="SPIRAL")
    with pytest.raises(MaskFormatError, match="ORDERING must be RING, NESTED or NUNIQ, but is 'SPIRAL'"):
        io.read_map(path)
    without()
    with pytest.raises(MaskFormatError, match="nest is True, but the cells of the file are in RING order"):
        io.read_map(path, nest=True)
    with pytest.raises(MaskFormatError, match=r"frame is 'galactic', but .* in 'icrs'"):
        io.read_map(path, frame="galactic")
    for name, bad in (("column", 1.5), ("hdu", True), ("nest", "no"), ("frame", 3), ("frame", "ecliptic")):
        with pytest.raises((TypeError, ValueError), match=f"^{name} must be"):
            io.read_map(path, **{name: bad})


def test_a_range_of_cells(tmp_path):
    header = full_header(2, FIRSTPIX=10, LASTPIX=19)
    path = written(tmp_path / "m.fits", header, [fits.Column("V", "D", array=np.arange(10) % 2)])
    found = io.read_map(path)
    cells = hp.ring2nest(2, np.arange(10, 20))
    np.testing.assert_array_equal(found.cells, np.sort(cells))
    np.testing.assert_array_equal(found.values, (np.arange(10) % 2)[np.argsort(cells)])
    assert Mask.read(path) == Mask(RangeSet.from_cells(cells[1::2], 1))


@pytest.mark.parametrize("name", ["PIX", "PIXEL", "HPIX", "ipix", "healpix"])
def test_names_of_cell_columns(tmp_path, name):
    """Also behind the values, and without the keyword INDXSCHM."""
    header = {"NSIDE": 8, "ORDERING": "NESTED", "COORDSYS": "G", "PIXTYPE": "HEALPIX"}
    columns = [fits.Column("V", "E", array=[5, 6, 7]), fits.Column(name, "J", array=[100, 4, 50])]
    found = io.read_map(written(tmp_path / "m.fits", header, columns))
    assert found.cells.tolist() == [4, 50, 100]
    assert found.values.tolist() == [6, 7, 5]


def test_vectors_of_explicit_cells(tmp_path):
    header = full_header(8, INDXSCHM="EXPLICIT", ORDERING="NESTED")
    cells, values = np.arange(20, dtype="i4").reshape(5, 4), np.arange(20.0).reshape(5, 4)
    columns = [fits.Column("PIXEL", "4J", array=cells), fits.Column("V", "4D", array=values)]
    found = io.read_map(written(tmp_path / "m.fits", header, columns))
    np.testing.assert_array_equal(found.values, np.arange(20.0))
    columns[1] = fits.Column("V", "2D", array=values[:, :2])
    with pytest.raises(MaskFormatError, match="2 values of 'V', and 4 numbers of cells in 'PIXEL'"):
        io.read_map(written(tmp_path / "m.fits", header, columns))


def test_cell_numbers_with_a_missing_value(tmp_path):
    # astropy writes TNULL for the integers of a masked table, whether one is masked or not.
    values = fits.Column("V", "E", array=[0.0, 1.0, 1.0])
    header = full_header(INDXSCHM="EXPLICIT")
    for null in (-1, 999999, 7):
        cells = fits.Column("PIXEL", "J", array=[5, 7, 2], null=null)
        path = written(tmp_path / "m.fits", header, [cells, values])
        if null == 7:
            for read in (io.read_map, Mask.read):
                with pytest.raises(MaskFormatError, match=r"m\.fits: column 'PIXEL': value 1 is missing"):
                    read(path)
        else:
            assert io.read_map(path) == HealpixMap([0, 1, 1], cells=[5, 7, 2], order=5, nest=False, frame="icrs")
            assert Mask.read(path).planes[0].n_cells == 2
    scaled = written(tmp_path / "m.fits", header, [fits.Column("PIXEL", "J", array=[5, 7, 2], bzero=3), values])
    with pytest.raises(MaskFormatError, match=r"m\.fits: .*no column has the numbers of the cells"):
        io.read_map(scaled)
    bins = [fits.Column("PIX", "J", array=[5, 7, 2]), fits.Column("CHANNEL", "E", array=[0, 1, np.nan])]
    path = written(tmp_path / "m.fits", full_header(INDXSCHM="SPARSE"), [*bins, values])
    with pytest.raises(MaskFormatError, match="'CHANNEL' must have the numbers of the energy bins, but its type is E"):
        io.read_map(path)


@pytest.mark.parametrize("dtype", ["i1", "u2", "u4", "u8"])
def test_unsigned_and_scaled_integers(tmp_path, dtype):
    """FITS stores them with an offset; astropy is the referee."""
    info = np.iinfo(dtype)
    values = np.resize(np.array([info.min, info.max, 0, 1, info.max // 3], dtype), 48)
    zero = {"i1": -128, "u2": 1 << 15, "u4": 1 << 31, "u8": 1 << 63}[dtype]
    form = {"i1": "B", "u2": "I", "u4": "J", "u8": "K"}[dtype]
    path = written(tmp_path / "m.fits", full_header(2), [fits.Column("V", form, bzero=zero, array=values)])
    found = io.read_map(path)
    assert found.values.dtype == dtype
    np.testing.assert_array_equal(found.values, values)
    np.testing.assert_array_equal(fits.getdata(path, 1)["V"], values)


def test_scales_and_missing_values(tmp_path):
    raw = np.arange(48, dtype="i2") - 9
    path = written(tmp_path / "m.fits", full_header(2), [fits.Column("V", "I", array=raw, null=-9)])
    found = io.read_map(path).values
    assert np.isnan(found[0])
    np.testing.assert_array_equal(found[1:], raw[1:])
    with fits.open(path) as hdus:
        hdus[1].header["TSCAL1"] = 0.5
        hdus[1].header["TZERO1"] = 100
        data = hdus[1].data.view(np.ndarray).tobytes()
        header = hdus[1].header.tostring().encode()
        path.write_bytes(hdus[0].header.tostring().encode() + header + data.ljust(2880, b"\0"))
    found = io.read_map(path).values
    assert np.isnan(found[0])
    np.testing.assert_array_equal(found[1:], raw[1:] * 0.5 + 100)


@pytest.mark.parametrize("per_row", [1, 3, 8, 12, 48])
def test_bits_and_logicals(tmp_path, per_row):
    kept = np.random.default_rng(per_row).random(48) < 0.5
    for code in "XL":
        column = fits.Column("V", f"{per_row}{code}", array=kept.reshape(-1, per_row))
        path = written(tmp_path / "m.fits", full_header(2, ORDERING="NESTED"), [column])
        found = io.read_map(path)
        assert found.values.dtype == bool
        np.testing.assert_array_equal(found.values, kept)
        assert Mask.read(path) == Mask.from_healpix(kept, nest=True, frame="icrs")
    whole = bytearray(path.read_bytes())
    whole[5760 + 5] = 0
    path.write_bytes(whole)
    for read in (io.read_map, Mask.read):
        with pytest.raises(MaskFormatError, match="value 5 is missing"):
            read(path)


@pytest.mark.parametrize("where", ["primary", "extension"])
def test_images(tmp_path, where):
    values = np.arange(48, dtype="i4")
    image = (fits.PrimaryHDU if where == "primary" else fits.ImageHDU)(values)
    image.header.update(full_header(2, BUNIT="K"))
    hdus = [image] if where == "primary" else [fits.PrimaryHDU(), image]
    fits.HDUList(hdus).writeto(tmp_path / "m.fits")
    found = io.read_map(tmp_path / "m.fits")
    np.testing.assert_array_equal(found.values, values)
    assert (found.unit, found.nest) == (u.K, False)


def test_healsparse_is_named(tmp_path):
    hdu = fits.PrimaryHDU(np.arange(12))
    hdu.header["PIXTYPE"] = "HEALSPARSE"
    hdu.writeto(tmp_path / "m.fits")
    with pytest.raises(MaskFormatError, match=r"a map of healsparse: .*Mask\.from_map"):
        io.read_map(tmp_path / "m.fits", hdu=0)


# ---------------------------------------------------------------------- round trips


def maps():
    rng = np.random.default_rng(8)
    for dtype in ("f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"):
        values = rng.integers(0, 2 if dtype == "?" else 120, N).astype(dtype)
        yield f"full {dtype}", HealpixMap(values, nest=dtype > "i", frame="icrs", unit="m")
    values = rng.normal(size=N)
    values[::7] = np.nan
    values[1::7] = UNSEEN
    yield "missing", HealpixMap(values, nest=False, frame="galactic")
    yield "small", HealpixMap(values[:12], nest=False, frame="galactic", unit=1 / u.sr)
    yield "energy", HealpixMap(values.reshape(3, -1)[:, :3072], nest=False, frame="icrs", energy=AXIS, unit="TeV-1")
    cells = rng.choice(N, 100, replace=False)
    yield "part", HealpixMap(values[:100], cells=cells, order=5, nest=False, frame="icrs", unit="s")
    yield "deep", HealpixMap(values[:2], cells=[5, 12 * 4**29 - 1], order=29, nest=True, frame="icrs")
    yield (
        "part, energy",
        HealpixMap(np.arange(300).reshape(3, 100), cells=cells, order=5, nest=True, frame="icrs", energy=AXIS),
    )
    yield "one bin", HealpixMap(values[None, :48], nest=True, frame="icrs", energy=AXIS[:1])
    yield (
        "multi-order",
        HealpixMap(values[:4], uniq=[4, 20, 4 * 4**29 + 4**29 * 2 + 3, 7], frame="galactic", unit="1 / sr"),
    )
    yield "descending", HealpixMap(np.arange(96).reshape(2, 48), nest=True, frame="icrs", energy=DESCENDING)
    yield (
        "part, descending",
        HealpixMap([[1, 2], [3, 4]], cells=[5, 9], order=2, nest=True, frame="icrs", energy=AXIS[1::-1]),
    )
    yield "multi-order, energy", HealpixMap(np.ones((3, 2), "?"), uniq=[30, 4], frame="icrs", energy=AXIS)
    yield "no cells", HealpixMap(np.empty(0), cells=np.empty(0, int), order=4, nest=True, frame="icrs")


MAPS = dict(maps())


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("suffix", [".fits", ".fits.gz"])
def test_maps_read_back_equal(tmp_path, name, suffix):
    path = tmp_path / f"m{suffix}"
    io.write_map(MAPS[name], path)
    same(io.read_map(path), MAPS[name])
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
    with pytest.raises(FileExistsError):
        io.write_map(MAPS[name], path)
    io.write_map(MAPS[name], path, overwrite=True)


@pytest.mark.parametrize("name", [name for name, one in MAPS.items() if one.orders is None and one.order < 13])
def test_healpy_reads_what_is_written(tmp_path, name):
    one = MAPS[name]
    io.write_map(one, tmp_path / "m.fits")
    found = np.atleast_2d(hp.read_map(tmp_path / "m.fits", field=None, nest=None))
    rows = one.rows if one.is_full else None
    if rows is None:
        rows = np.full((len(one.rows), 12 * 4**one.order), UNSEEN)
        rows[:, one.cells.astype(int)] = one.rows
    # Columns are by increasing energy.
    np.testing.assert_array_equal(found, rows[::-1] if "descending" in name else rows)


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(TypeError, match="healpix_map must be a HealpixMap, got Mask"):
        io.write_map(Mask.full(order=0), tmp_path / "m.fits")
    odd = HealpixMap(np.ones(12), nest=True, frame="icrs", unit=u.def_unit("furlong", 201.168 * u.m))
    with pytest.raises(ValueError, match=r"the unit furlong cannot be written to FITS: .*powers of 10"):
        io.write_map(odd, tmp_path / "m.fits")
    assert not list(tmp_path.iterdir())


def test_units_that_astropy_does_not_know(tmp_path):
    column = fits.Column("V", "E", array=np.ones(12))
    path = written(tmp_path / "m.fits", full_header(1, TUNIT1="mK,thermodynamic"), [column])
    found = io.read_map(path)
    assert str(found.unit) == "mK,thermodynamic"
    io.write_map(found, tmp_path / "n.fits")
    assert io.read_map(tmp_path / "n.fits").unit == found.unit


# ---------------------------------------------------------------------- gammapy


@pytest.fixture(scope="module")
def gp():
    return pytest.importorskip("gammapy.maps")


GEOMS = [
    {"nside": 8},
    {"nside": 8, "nest": False, "frame": "galactic"},
    {"nside": 64, "region": "DISK(110.,75.,10.)", "frame": "galactic"},
    {"nside": 64, "region": "DISK(110.,75.,10.)", "nest": False},
]


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("bins", [0, 1, 3])
@pytest.mark.parametrize("options", GEOMS)
def test_maps_of_gammapy(tmp_path, gp, options, bins, sparse):
    axes = [gp.MapAxis.from_energy_bounds("1 TeV", "100 TeV", bins)] if bins else None
    geom = gp.HpxGeom.create(axes=axes, **options)
    one = gp.HpxNDMap(geom, unit="s")
    one.data = np.random.default_rng(1).integers(0, 3, one.data.shape).astype("f4")
    one.write(tmp_path / "m.fits", sparse=sparse)
    found = io.read_map(tmp_path / "m.fits")
    assert found.frame == geom.frame
    assert found.nest == (geom.nest or not found.is_full)
    if bins:
        np.testing.assert_allclose(found.energy.edges.to_value("TeV"), axes[0].edges.to_value("TeV"), rtol=1e-12)
    else:
        assert found.energy is None
    # Each bin at the positions of gammapy's pixels; a sparse file has no zeros.
    image = geom.to_image()
    pixels = image.get_idx()[0]
    nested = pixels if geom.nest else hp.ring2nest(options["nside"], pixels)
    full = np.zeros((max(bins, 1), 12 * options["nside"] ** 2))
    if found.is_full:
        full[:] = found.rows if found.nest else [ring_to_nested(row) for row in found.rows]
    else:
        full[:, found.cells.astype(int)] = found.rows
    np.testing.assert_array_equal(full[:, nested], one.data.reshape(max(bins, 1), -1))
    assert full.sum() == one.data.sum()
    one.data = (one.data > 1).astype("f4")
    one.write(tmp_path / "k.fits", sparse=sparse)
    mask = Mask.read(tmp_path / "k.fits")
    planes = [
        RangeSet.from_cells(nested[row > 0], image.to_image().order.item())
        for row in one.data.reshape(max(bins, 1), -1)
    ]
    assert list(mask.planes) == planes
    assert mask.frame == geom.frame


@pytest.mark.parametrize("convention", ["gadf", "fgst-ccube", "fgst-template"])
def test_conventions_of_bands(tmp_path, gp, convention):
    node_type = "center" if convention == "fgst-template" else "edges"
    axis = (
        gp.MapAxis.from_nodes([1, 10, 100], name="energy_true", unit="MeV", interp="log")
        if node_type == "center"
        else gp.MapAxis.from_energy_bounds("1 GeV", "1 TeV", 3)
    )
    one = gp.HpxNDMap.create(nside=4, axes=[axis])
    one.data = np.arange(one.data.size).reshape(one.data.shape)
    one.write(tmp_path / "m.fits", format=convention)
    found = io.read_map(tmp_path / "m.fits")
    np.testing.assert_array_equal(found.values, one.data)
    np.testing.assert_allclose(found.energy.edges.to_value("GeV"), axis.edges.to_value("GeV"), rtol=1e-6)


def test_bands_that_are_no_energies(tmp_path, gp):
    axis = gp.MapAxis([0, 1, 2], name="time", unit="s")
    one = gp.HpxNDMap.create(nside=4, axes=[axis])
    one.write(tmp_path / "m.fits")
    with pytest.raises(
        MaskFormatError, match=r"'SKYMAP_BANDS' cannot be used: edges must be energies.* Choose one column with column="
    ):
        io.read_map(tmp_path / "m.fits")
    assert io.read_map(tmp_path / "m.fits", column="CHANNEL2").energy is None
    axes = [gp.MapAxis.from_energy_bounds("1 TeV", "100 TeV", 2), gp.MapAxis([0, 1, 2], name="rad", unit="deg")]
    gp.HpxNDMap.create(nside=4, axes=axes).write(tmp_path / "n.fits")
    with pytest.raises(MaskFormatError, match=r"4 columns|repeated bins"):
        io.read_map(tmp_path / "n.fits")


def test_cells_within_a_region_are_refused(tmp_path, gp):
    geom = gp.HpxGeom.create(nside=8, region="DISK(0,0,30)")
    gp.HpxNDMap(geom).write(tmp_path / "m.fits")
    with fits.open(tmp_path / "m.fits", mode="update") as hdus:
        hdus[1].header["INDXSCHM"] = "LOCAL"
    with pytest.raises(MaskFormatError, match="INDXSCHM is 'LOCAL'"):
        io.read_map(tmp_path / "m.fits")


def test_gammapy_reads_what_is_written(tmp_path, gp):
    for name in ("full f4", "energy", "one bin", "small", "descending"):
        one = MAPS[name]
        io.write_map(one, tmp_path / "m.fits", overwrite=True)
        if name == "descending":
            # gammapy has bins by increasing energy only.
            one = HealpixMap(one.values[::-1], nest=True, frame="icrs", energy=one.energy.ascending())
        found = gp.Map.read(tmp_path / "m.fits")
        assert (found.geom.nest, found.geom.frame, found.unit) == (one.nest, one.frame, one.unit or "")
        np.testing.assert_array_equal(found.data.reshape(one.rows.shape), one.rows.astype(found.data.dtype))
        if one.energy is not None:
            np.testing.assert_allclose(
                found.geom.axes["energy"].edges.to_value("TeV"), one.energy.edges.to_value("TeV"), rtol=1e-12
            )


# ---------------------------------------------------------------------- masks

ODD_NAME = EnergyAxis([1, 2] * u.GeV, name="É true", interp="lin")

MASKS = {
    "part": Mask(SOME, history="a\nb"),
    "full": ~Mask(SOME, frame="galactic"),
    "whole sky": Mask.full(order=6),
    "nothing": Mask(RangeSet.empty(6)),
    "base cells": Mask(RangeSet.from_cells([3, 7], 0)),
    "deep": Mask(RangeSet.from_cells([12 * 4**29 - 1, 5], 29)),
    "energy": Mask([SOME, ~SOME, RangeSet.empty(5)], energy=AXIS),
    "part, energy": Mask([SOME, RangeSet.from_cells([5], 5), RangeSet.empty(5)], energy=AXIS),
    "descending": Mask([SOME, ~SOME], energy=DESCENDING),
    "odd name": Mask([SOME], energy=ODD_NAME, order=6),
}


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("suffix", [".fits", ".fits.gz"])
def test_maps_of_masks_have_their_bins(tmp_path, name, suffix):
    path = tmp_path / f"m{suffix}"
    MASKS[name].write(path, format="healpix")
    assert Mask.from_map(path) == Mask.read(path) == MASKS[name]


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("suffix", [".fits", ".fits.gz"])
def test_masks_read_back_equal(tmp_path, name, suffix):
    path = tmp_path / f"m{suffix}"
    mask = MASKS[name]
    mask.write(path, format="healpix")
    for found in (Mask.read(path), Mask.read(path, format="healpix")):
        assert found == mask
        assert found.history == mask.history
        assert found.order == mask.order
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        part = hdus[1].header["INDXSCHM"] == "EXPLICIT"
        # The smaller of the two is written.
        n = RangeSet.union(*mask.planes).n_cells
        bins = len(mask.planes)
        assert part == (n * ((4 if mask.order < 14 else 8) + bins) < 12 * 4**mask.order * bins)
        for keyword in ("PIXTYPE", "ORDERING", "NSIDE", "COORDSYS"):
            assert keyword in hdus[1].header
        assert ("FIRSTPIX" in hdus[1].header) == ("LASTPIX" in hdus[1].header) == (not part)


@pytest.mark.parametrize("name", [name for name in MASKS if name != "deep"])
def test_healpy_reads_masks(tmp_path, name):
    mask = MASKS[name]
    mask.write(tmp_path / "m.fits", format="healpix")
    found = np.atleast_2d(hp.read_map(tmp_path / "m.fits", field=None, nest=True))
    rows = np.atleast_2d(mask.to_healpix(nest=True))
    np.testing.assert_array_equal(found == 1, rows[::-1] if name == "descending" else rows)
    assert set(np.unique(found)) <= {0, 1, UNSEEN}


@pytest.mark.parametrize("name", ["full", "energy", "descending", "whole sky"])
def test_gammapy_reads_masks(tmp_path, gp, name):
    mask = MASKS[name]
    mask.write(tmp_path / "m.fits", format="healpix")
    found = gp.Map.read(tmp_path / "m.fits")
    rows = np.atleast_2d(mask.to_healpix(nest=True))
    np.testing.assert_array_equal(found.data.reshape(rows.shape) == 1, rows[::-1] if name == "descending" else rows)
    assert (found.geom.nest, found.geom.frame) == (True, mask.frame)
    if mask.energy is not None:
        edges = mask.energy.ascending().edges.to_value("TeV")
        np.testing.assert_allclose(found.geom.axes["energy"].edges.to_value("TeV"), edges, rtol=1e-12)


@examples(40)
@given(st.data())
def test_any_mask_reads_back_equal(tmp_path_factory, data):
    order = data.draw(st.integers(0, 4))
    n = 12 * 4**order
    bins = data.draw(st.integers(0, 3))
    planes = [
        RangeSet.from_cells(data.draw(st.lists(st.integers(0, n - 1), max_size=12)), order) for _ in range(max(bins, 1))
    ]
    planes = [~plane if data.draw(st.booleans()) else plane for plane in planes]
    mask = Mask(planes, frame=data.draw(st.sampled_from(["icrs", "galactic"])), energy=AXIS[:bins] if bins else None)
    path = tmp_path_factory.mktemp("any") / "m.fits"
    mask.write(path, format="healpix")
    assert Mask.read(path) == mask
    # The same through healpy, whose file has neither energies nor sums.
    for plane in mask.planes:
        values = Mask(plane).to_healpix(nest=False)
        for options in ({}, {"partial": True}):
            if options and not values[128:].any():
                # healpy has no type for small cell numbers.
                continue
            shown = np.where(values, 1, UNSEEN if options else 0)
            hp.write_map(path, shown, dtype=np.float32, coord="C", overwrite=True, **options)
            assert Mask.read(path) == Mask(plane, order=order)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("nest", [True, False])
def test_masks_of_healpy(tmp_path, dtype, nest):
    kept = np.random.default_rng(5).random(N) < 0.3
    hp.write_map(tmp_path / "m.fits", kept.astype(dtype), nest=nest, coord="G", dtype=np.dtype(dtype))
    mask = Mask.read(tmp_path / "m.fits")
    assert mask == Mask.from_healpix(kept, nest=nest, frame="galactic")
    assert mask.history.startswith("read('m.fits', sha256 ")
    few = np.zeros(N, bool)
    few[[0, 5, N - 1]] = True
    hp.write_map(tmp_path / "few.fits", few.astype(dtype), nest=nest, coord="G", dtype=np.dtype(dtype))
    assert Mask.read(tmp_path / "few.fits") == Mask.from_healpix(few, nest=nest, frame="galactic")


def test_scaled_masks(tmp_path):
    kept = np.arange(48) % 3 == 0
    column = fits.Column("V", "I", bzero=1 << 15, array=kept.astype("u2"))
    path = written(tmp_path / "m.fits", full_header(2, ORDERING="NESTED"), [column])
    assert Mask.read(path) == Mask.from_healpix(kept, nest=True, frame="icrs")


@pytest.mark.parametrize("null", [0, 1, 9])
def test_missing_values_of_masks(tmp_path, null):
    column = fits.Column("V", "I", null=null, array=np.arange(48) % 2)
    path = written(tmp_path / "m.fits", full_header(2), [column])
    if null == 9:
        assert Mask.read(path) == Mask.from_healpix(np.arange(48) % 2, nest=False, frame="icrs")
        return
    with pytest.raises(MaskFormatError, match=f"value {null} of column 'V' is missing"):
        Mask.read(path)


def test_options_of_read(tmp_path):
    path = tmp_path / "m.fits"
    maps = [np.zeros(N), np.arange(N) % 2]
    hp.write_map(path, maps, dtype=np.float32, column_names=["A", "B"])
    mask = Mask.read(path, column="B", frame="galactic")
    assert mask == Mask.from_healpix(maps[1], nest=False, frame="galactic")
    assert mask.history.startswith("read('m.fits', column='B', frame='galactic', sha256 ")
    Mask(SOME).write(tmp_path / "moc.fits")
    for name, value in (("column", 0), ("hdu", 1), ("nest", True), ("frame", "icrs")):
        with pytest.raises(ValueError, match=f"{name}= is not an option of the format 'fits'"):
            Mask.read(tmp_path / "moc.fits", format="fits", **{name: value})
        with pytest.raises(MaskFormatError, match=r"no HEALPix map in this file|has neither a table nor|is a MOC"):
            Mask.read(tmp_path / "moc.fits", **{name: value})
    with pytest.raises(MaskFormatError, match="no HEALPix map in this file, it has HDU 0 PRIMARY, 1 MOC"):
        Mask.read(tmp_path / "moc.fits", format="healpix")


@pytest.mark.parametrize("nest", [True, False])
@pytest.mark.parametrize(
    ("value", "text"), [(0.5, "0.5"), (2, "2"), (np.nan, "missing"), (UNSEEN, "missing"), (-1, "-1"), (-0.0, None)]
)
def test_values_that_make_no_mask(tmp_path, nest, value, text):
    values = np.zeros(12 * 256**2, "f4")
    values[700_000] = value
    hp.write_map(tmp_path / "m.fits", values, nest=nest, coord="C", dtype=np.float32)
    if text is None:
        assert Mask.read(tmp_path / "m.fits").is_empty
        return
    message = rf"values 0 and 1, but value 700000 of column 'T' is {text}.*Mask\.from_map\(path, threshold\)"
    with pytest.raises(MaskFormatError, match=message):
        Mask.read(tmp_path / "m.fits")


def test_cells_that_make_no_mask(tmp_path):
    header = full_header(8, INDXSCHM="EXPLICIT", ORDERING="NESTED")

    def file(cells, values=(1, 0, 1), form="J"):
        columns = [fits.Column("PIXEL", form, array=np.array(cells)), fits.Column("V", "E", array=np.array(values))]
        return written(tmp_path / "m.fits", header, columns)

    assert Mask.read(file([9, 4, 700])) == Mask(RangeSet.from_cells([9, 700], 3))
    for cells, message in (
        ([9, 768, 4], "numbered 0 to 767, row 1 is 768"),
        ([9, -1, 4], "numbered 0 to 767, row 1 is -1"),
        ([9, 4, 9], "cells? must not be repeated.* 9"),
        ([9, 4, 4], "cells? must not be repeated.* 4"),
    ):
        for read in (Mask.read, io.read_map):
            with pytest.raises(MaskFormatError, match=message):
                read(file(cells))
    with pytest.raises(MaskFormatError, match="no column has the numbers of the cells"):
        Mask.read(file([1.0, 2.0, 3.0], form="E"))


def test_multi_order_masks(tmp_path):
    header = {"PIXTYPE": "HEALPIX", "ORDERING": "NUNIQ", "COORDSYS": "G", "MOCORDER": 2}
    columns = [fits.Column("UNIQ", "K", array=[5, 4 * 16 + 3, 17]), fits.Column("KEPT", "L", array=[True, True, False])]
    path = written(tmp_path / "m.fits", header, columns)
    expected = Mask(RangeSet.from_cells([1], 0) | RangeSet.from_cells([3], 2), frame="galactic")
    assert Mask.read(path) == expected
    columns[0] = fits.Column("UNIQ", "K", array=[5, 4 * 4 + 5, 17])
    for read in (Mask.read, io.read_map):
        with pytest.raises(MaskFormatError, match="overlap"):
            read(written(path, header, columns))


def test_a_mask_that_is_too_fine(tmp_path):
    mask = Mask.full(order=20)
    with pytest.raises(ValueError, match=r"order 20 .*at_order, or write it in the format 'fits'"):
        mask.write(tmp_path / "m.fits", format="healpix")
    assert not list(tmp_path.iterdir())


def test_other_masks_in_the_place_of_one_are_noticed(tmp_path):
    """Two bytes that change places leave the sums of FITS as they are."""
    path = tmp_path / "m.fits"
    Mask(RangeSet.from_cells([0, 4], 2) | ~RangeSet.full(2)).write(path, format="healpix")
    Mask(~RangeSet.from_cells(np.arange(0, 192, 5), 2)).write(path, format="healpix", overwrite=True)
    whole = bytearray(path.read_bytes())
    with fits.open(path) as hdus:
        first = hdus[1].fileinfo()["datLoc"]
    assert whole[first] != whole[first + 4]
    whole[first], whole[first + 4] = whole[first + 4], whole[first]
    path.write_bytes(whole)
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
    with pytest.raises(MaskFormatError, match="MASKHASH, the digest of cells and energy bins, is that of another mask"):
        Mask.read(path)


# ---------------------------------------------------------------------- real files


def test_real_masks(data):
    wmap = Mask.read(data("masks/wmap_temperature_analysis_mask_r9_7yr_v4_udgraded32.fits"), frame="galactic")
    assert (wmap.planes[0].n_cells, wmap.order) == (7602, 5)
    path = data("masks/namaster_mask_nside256.fits.gz")
    namaster = Mask.read(path, frame="icrs")
    assert namaster.planes[0].n_cells == 786432 - 477600
    assert namaster.sky_fraction == pytest.approx(0.392700, abs=5e-7)
    values = hp.read_map(path, nest=True)
    assert namaster == Mask.from_healpix(values, nest=True, frame="icrs")
    apodized = io.read_map(data("masks/namaster_apodized_nside64.fits"), frame="icrs")
    assert apodized.values.mean(dtype=float) == pytest.approx(0.317083, abs=5e-7)
    with pytest.raises(MaskFormatError, match=r"Mask\.from_map"):
        Mask.read(data("masks/namaster_apodized_nside64.fits"), frame="icrs")


def test_redmapper(data):
    """A table with cells HPIX, and NEST = 0 in its header."""
    found = io.read_map(data("masks/redmapper_test_dr8_mask.fit"), column="FRACGOOD", frame="icrs")
    rows = fits.getdata(data("masks/redmapper_test_dr8_mask.fit"), 1)
    cells = hp.ring2nest(2048, rows["HPIX"])
    np.testing.assert_array_equal(found.cells, np.sort(cells))
    np.testing.assert_array_equal(found.values, rows["FRACGOOD"][np.argsort(cells)])
    assert found.areas.to_value("deg2") * found.n_cells == pytest.approx(3.357175, abs=1e-6)


def test_real_maps(data):
    reproject = io.read_map(data("skymaps/reproject_bayestar.fits.gz"))
    assert (reproject.nest, reproject.order, reproject.frame, str(reproject.unit)) == (True, 9, "icrs", "1 / pix")
    assert reproject.values.sum(dtype=float) == pytest.approx(1, abs=1e-5)
    bayestar = io.read_map(data("skymaps/bayestar.multiorder.fits"))
    assert (bayestar.n_cells, bayestar.orders.min(), bayestar.order) == (19200, 4, 11)
    assert (bayestar.values * bayestar.areas.to_value("sr")).sum() == pytest.approx(1, abs=1e-6)
    assert bayestar.unit == u.sr**-1
    assert io.read_map(data("skymaps/bayestar.multiorder.fits"), column="DISTMU").unit == u.Mpc
    for name, total in (("small_sky_source", 17161), ("small_sky_o1_collection/small_sky_order1", 131)):
        points = io.read_map(data(f"hats/{name}/point_map.fits"))
        assert (points.frame, points.nest, points.values.sum()) == ("icrs", True, total)


def test_the_counts_cube_of_fermi(data, gp):
    path = data("skymaps/fermi_3fhl_counts_cube_hpx.fits.gz")
    cube = io.read_map(path)
    assert (cube.order, cube.nest, cube.frame, cube.energy.n_bins) == (6, False, "icrs", 17)
    with gzip.open(path) as file, fits.open(file) as hdus:
        expected = np.stack([hdus["SKYMAP"].data[f"CHANNEL{i}"] for i in range(1, 18)])
        low = hdus["EBOUNDS"].data["E_MIN"]
    np.testing.assert_array_equal(cube.values, expected)
    np.testing.assert_allclose(cube.energy.energy_min.to_value("keV"), low, rtol=1e-6)


# ---------------------------------------------------------------------- memory


@not_sanitized
@pytest.mark.parametrize(
    ("nest", "dtype"),
    [(False, "?"), *(pytest.param(*one, marks=pytest.mark.deep) for one in product([True, False], ["f4", "u1"]))],
)
def test_memory_of_full_masks(tmp_path, nest, dtype):
    """A mask of NSIDE 1024 takes less than 1.5 times the data of its file."""
    pytest.importorskip("resource")
    nside = 1024
    kept = np.ones(12 * nside**2, dtype)
    kept[np.arange(3000) ** 2] = 0
    hp.write_map(tmp_path / "m.fits", kept, nest=nest, coord="C", dtype=np.dtype(dtype))
    code = (
        "import resource, sys; from hpmask import Mask\n"
        "Mask.full(order=0).write(sys.argv[2], format='healpix'); Mask.read(sys.argv[2])\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak(); Mask.read(sys.argv[1]); print(peak() - before)\n"
    )
    names = [str(tmp_path / "m.fits"), str(tmp_path / "warm.fits")]
    done = subprocess.run([sys.executable, "-c", code, *names], check=True, capture_output=True, text=True)
    # In KiB on Linux, and in bytes on a Mac.
    kib = int(done.stdout) / (1024 if sys.platform == "darwin" else 1)
    assert kib * 1024 < 1.5 * kept.nbytes + (4 << 20)


def test_memory_of_a_deep_partial_mask(tmp_path):
    """A full map of this order would have 3e18 cells."""
    Mask(RangeSet.from_cells(np.arange(5000) * 7, 29)).write(tmp_path / "m.fits", format="healpix")
    assert (tmp_path / "m.fits").stat().st_size < 60_000
    assert Mask.read(tmp_path / "m.fits").planes[0].n_cells == 5000


@pytest.mark.parametrize("name", ["multi-order", "part, energy"])
def test_a_header_that_is_too_long_takes_no_memory(tmp_path, name):
    path = tmp_path / "m.fits"
    io.write_map(MAPS[name], path)
    with fits.open(path) as hdus:
        rows = hdus[1].header["NAXIS2"]
    raw = path.read_bytes()
    card = f"NAXIS2  = {rows:20d}".encode()
    assert raw.count(card) == 1
    path.write_bytes(raw.replace(card, f"NAXIS2  = {99_999_999_999_999:20d}".encode()))
    for read in (io.read_map, Mask.from_map, lambda one: Mask.read(one, format="healpix")):
        with pytest.raises(MaskFormatError, match=r"m\.fits: the file is cut short: HDU 1 has"):
            read(path)


def test_packed_files_that_would_take_too_much(tmp_path, monkeypatch):
    values = np.zeros(12 * 256**2, "f8")
    hp.write_map(tmp_path / "ring.fits.gz", values, coord="C", dtype=np.float64)
    hp.write_map(tmp_path / "nest.fits.gz", values, coord="C", nest=True, dtype=np.float64)
    assert Mask.read(tmp_path / "ring.fits.gz").is_empty
    monkeypatch.setattr("hpmask.io.healpix_read._ALLOWANCE", 1000)
    monkeypatch.setattr("hpmask.io.healpix_read._RATIO", 10)
    for read, name in ((io.read_map, "ring"), (io.read_map, "nest"), (Mask.read, "ring")):
        with pytest.raises(MaskFormatError, match="unpack the file first"):
            read(tmp_path / f"{name}.fits.gz")
    # A full mask in NESTED order takes no memory for its cells.
    assert Mask.read(tmp_path / "nest.fits.gz").is_empty
