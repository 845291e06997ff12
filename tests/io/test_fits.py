"""FITS files: what is written reads back equal, and other programs read it too."""

import gzip
import hashlib
import warnings
from inspect import signature

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from mocpy import MOC
from profiles import examples

import hpmask
from hpmask import EnergyAxis, Mask, MaskFormatError, RangeSet

SOME = RangeSet.from_cells([3, 4, 5, 17, 900, 3071], 8)
AXIS = EnergyAxis([0.1, 1 / 3, 1, 7.7, 30] * u.TeV, name="energy_true", interp="lin")


def checked_open(path):
    """The file by astropy, which verifies structure and sums; any complaint is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(path, checksum=True, memmap=False) as hdus:
            hdus.verify("exception")
            for hdu in hdus:
                _ = hdu.data
            return hdus


def read_call(path):
    """The history of a mask that was read from a file of others."""
    return f"read({path.name!r}, sha256 {hashlib.sha256(path.read_bytes()).hexdigest()[:12]})"


def same(a, b):
    """Whether two masks are the same to the last bit, order and history included."""
    assert a == b
    assert (a.order, a.frame, a.history) == (b.order, b.frame, b.history)
    assert [plane.order for plane in a.planes] == [plane.order for plane in b.planes]
    if b.energy is not None:
        assert a.energy.edges.value.tobytes() == b.energy.edges.value.tobytes()
        assert a.energy.unit == b.energy.unit
        assert (a.energy.name, a.energy.interp) == (b.energy.name, b.energy.interp)
    pattern = [[p is q for q in a.planes] for p in a.planes]
    assert pattern == [[p is q for q in b.planes] for p in b.planes]
    return True


@st.composite
def range_sets(draw, order):
    how = draw(st.sampled_from(["cells", "cells", "empty", "full"]))
    if how != "cells":
        return getattr(RangeSet, how)(order)
    cells = draw(st.lists(st.integers(0, (12 << 2 * order) - 1), max_size=12))
    coarse = draw(st.lists(st.integers(0, 11), max_size=2))
    return RangeSet.from_cells(cells, order) | RangeSet.from_cells(coarse, 0)


@st.composite
def axes(draw):
    n_bins = draw(st.integers(1, 6))
    values = draw(
        st.lists(st.floats(1e-300, 1e300, allow_nan=False), min_size=n_bins + 1, max_size=n_bins + 1, unique=True)
    )
    unit = draw(st.sampled_from([u.TeV, u.keV, u.erg, u.J, u.Unit(10 * u.GeV), u.kg * u.m**2 / u.s**2]))
    name = draw(st.text(st.characters(codec="utf-8"), max_size=90))
    return EnergyAxis(sorted(values) * unit, name=name, interp=draw(st.sampled_from(["log", "lin"])))


@st.composite
def masks(draw, frames=("icrs",), max_order=29):
    order = draw(st.integers(0, max_order))
    history = draw(st.text(st.characters(codec="utf-8"), max_size=800))
    energy = draw(st.none() | axes())
    planes = draw(st.lists(range_sets(order), min_size=1, max_size=3))
    if energy is not None:
        picks = draw(st.lists(st.sampled_from(planes), min_size=energy.n_bins, max_size=energy.n_bins))
    return Mask(
        planes[0] if energy is None else picks,
        order=order,
        frame=draw(st.sampled_from(frames)),
        energy=energy,
        history=history,
    )


@pytest.mark.deep
@given(mask=masks())
@examples(150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_round_trip(mask, tmp_path):
    file = tmp_path / "mask.fits"
    mask.write(file, overwrite=True)
    assert same(Mask.read(file), mask)
    # mocpy takes the sky kept in any bin from the same file.
    assert MOC.load(file, format="fits") == mask.reduce("any").to_moc()
    checked_open(file)


@given(mask=masks(frames=("galactic",), max_order=6))
@examples(30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_round_trip_in_the_galactic_frame(mask, tmp_path):
    pytest.importorskip("hpmask.core.rotate")
    file = tmp_path / "mask.fits"
    mask.write(file, overwrite=True)
    assert same(Mask.read(file), mask)
    assert MOC.load(file, format="fits") == mask.reduce("any").to_frame("icrs").to_moc()


def test_a_galactic_mask_of_large_cells_at_the_finest_order(tmp_path):
    """The MOC for other programs is coarser: it would have a range for each of a billion cells."""
    mask = Mask(RangeSet.from_cells([1, 40], 1), order=29, frame="galactic")
    mask.write(tmp_path / "a.fits")
    assert Mask.read(tmp_path / "a.fits") == mask
    other = MOC.load(str(tmp_path / "a.fits"), format="fits")
    assert 15 < other.max_order < 29
    assert other.sky_fraction == pytest.approx(2 / 48, abs=1e-5)


def test_the_first_table_of_a_galactic_mask_is_in_icrs(tmp_path):
    pytest.importorskip("hpmask.core.rotate")
    from astropy.coordinates import SkyCoord

    from hpmask.geometry import healpix

    # The Galactic pole's cell, at an order where its ICRS position is known to a cell.
    north = Mask(RangeSet.from_cells(np.arange(3 * 4**5), 5), frame="galactic")
    north.write(tmp_path / "n.fits")
    cells = np.arange(12 * 4**5)
    lon, lat = healpix.centres(cells, 5)
    centres = SkyCoord(lon, lat, unit="rad").galactic
    kept = np.isin(healpix.cells_at(centres.l.rad, centres.b.rad, 5), north.planes[0].cells())
    moc = MOC.load(tmp_path / "n.fits", format="fits")
    assert RangeSet(moc.to_depth29_ranges, 5) == RangeSet.from_cells(cells[kept], 5)


def test_a_plain_mask_is_one_moc_2_table(tmp_path):
    mask = Mask(SOME, order=9, history="from somewhere")
    mask.write(tmp_path / "a.fits")
    hdus = checked_open(tmp_path / "a.fits")
    assert len(hdus) == 2
    header = hdus[1].header
    wanted = {
        "MOCVERS": "2.0",
        "MOCDIM": "SPACE",
        "ORDERING": "RANGE",
        "COORDSYS": "C",
        "MOCORD_S": 9,
        "TFORM1": "1K",
        "TTYPE1": "RANGE",
    }
    assert {key: header[key] for key in wanted} == wanted
    assert header["MOCTOOL"] == f"hpmask {hpmask.__version__}"
    np.testing.assert_array_equal(hdus[1].data["RANGE"], SOME.ranges.reshape(-1).astype(np.int64))
    assert hdus[0].header["CREATOR"] == f"hpmask {hpmask.__version__}"
    assert list(hdus[0].header["HISTORY"]) == ["from somewhere"]
    assert hdus[0].header["DATE"][4] == "-"


def test_own_tables_as_astropy_sees_them(tmp_path):
    other = RangeSet.full(8)
    mask = Mask([SOME, other, SOME, SOME], energy=AXIS)
    mask.write(tmp_path / "e.fits")
    hdus = checked_open(tmp_path / "e.fits")
    # Three bins share one plane, which stands there once.
    assert [hdu.name for hdu in hdus] == ["PRIMARY", "MOC", "EBOUNDS", "PLANE", "PLANE"]
    bounds = hdus["EBOUNDS"]
    np.testing.assert_array_equal(bounds.data["E_MIN"], AXIS.energy_min.value)
    np.testing.assert_array_equal(bounds.data["E_MAX"], AXIS.energy_max.value)
    assert bounds.columns["E_MIN"].unit == bounds.columns["E_MAX"].unit == "TeV"
    np.testing.assert_array_equal(bounds.data["CHANNEL"], [0, 1, 2, 3])
    np.testing.assert_array_equal(bounds.data["PLANE"], [1, 2, 1, 1])
    np.testing.assert_array_equal(hdus["PLANE", 1].data["RANGE"], SOME.ranges.reshape(-1).astype(np.int64))
    assert len(hdus["PLANE", 2].data) == 2


def test_many_bins_with_one_plane_cost_one_plane(tmp_path):
    axis = EnergyAxis(np.geomspace(0.1, 100, 51) * u.TeV)
    plane = RangeSet.from_cells(np.arange(0, 60_000, 2), 9)
    Mask(plane).write(tmp_path / "one.fits")
    Mask(plane, energy=axis).write(tmp_path / "fifty.fits")
    # The MOC and the plane, and a few headers.
    extra = (tmp_path / "fifty.fits").stat().st_size - 2 * (tmp_path / "one.fits").stat().st_size
    assert extra < 20_000
    read = Mask.read(tmp_path / "fifty.fits")
    assert len({id(plane) for plane in read.planes}) == 1


def test_mocpy_reads_and_hpmask_reads_mocpys(tmp_path):
    rng = np.random.default_rng(5)
    # The option's name before mocpy 0.21 and since.
    nuniq = "v1_compatible" if "v1_compatible" in signature(MOC.save).parameters else "pre_v2"
    for order in (0, 3, 13, 14, 29):
        cells = rng.integers(0, 12 << 2 * order, 500)
        mask = Mask(RangeSet.from_cells(cells, order))
        mask.write(tmp_path / "ours.fits", overwrite=True)
        moc = MOC.load(tmp_path / "ours.fits", format="fits")
        assert moc == mask.to_moc()
        assert moc.max_order == order
        for name, options in {"range": {}, "nuniq": {nuniq: True}}.items():
            moc.save(tmp_path / f"{name}.fits", format="fits", overwrite=True, **options)
            read = Mask.read(tmp_path / f"{name}.fits")
            assert read == mask
            assert read.order == order
            assert read.history == read_call(tmp_path / f"{name}.fits")


def test_gzip(tmp_path):
    mask = Mask([SOME, RangeSet.empty(8), SOME, SOME], energy=AXIS, history="a\nb")
    mask.write(tmp_path / "e.fits.gz")
    mask.write(tmp_path / "e.fits")
    packed = (tmp_path / "e.fits.gz").read_bytes()
    assert packed[:2] == b"\x1f\x8b"
    # Any program that unpacks it has the file, but for the moment that it was written at.
    assert len(gzip.decompress(packed)) == (tmp_path / "e.fits").stat().st_size
    assert same(Mask.read(tmp_path / "e.fits.gz"), mask)
    checked_open(tmp_path / "e.fits.gz")


def test_the_digest_is_as_documented(tmp_path):
    """Made here from what astropy reads in the file."""
    mask = Mask([SOME, RangeSet.full(8), SOME, RangeSet.empty(8)], energy=AXIS, frame="galactic")
    mask.write(tmp_path / "m.fits")
    with fits.open(tmp_path / "m.fits") as hdus:
        planes = [hashlib.sha256(hdus["PLANE", i].data["RANGE"].tobytes()) for i in (1, 2, 3)]
        bounds = hdus["EBOUNDS"]
        parts = [b"galactic\n8\n", *(planes[i - 1].digest() for i in bounds.data["PLANE"])]
        parts += [bounds.data["E_MIN"].tobytes(), bounds.data["E_MAX"][-1:].tobytes()]
        parts += [b"TeV\nlin\nenergy_true\n"]
        assert hdus[0].header["MASKHASH"] == hashlib.sha256(b"".join(parts)).hexdigest()
    Mask(SOME).write(tmp_path / "n.fits")
    parts = [b"icrs\n8\n", hashlib.sha256(SOME.ranges.astype(">u8").tobytes()).digest()]
    assert fits.getheader(tmp_path / "n.fits")["MASKHASH"] == hashlib.sha256(b"".join(parts)).hexdigest()


def test_a_history_that_no_header_holds(tmp_path, monkeypatch):
    monkeypatch.setattr("hpmask._files.hdu._MAX_CARDS", 100)
    mask = Mask(SOME, history="\n".join(["x"] * 80))
    mask.write(tmp_path / "m.fits")
    assert same(Mask.read(tmp_path / "m.fits"), mask)
    with pytest.raises(ValueError, match="a header may have 100 cards"):
        Mask(SOME, history="\n".join(["x"] * 100)).write(tmp_path / "n.fits")
    monkeypatch.undo()
    Mask(SOME, history="\n".join(["x"] * 200)).write(tmp_path / "n.fits")
    monkeypatch.setattr("hpmask._files.hdu._MAX_CARDS", 100)
    with pytest.raises(MaskFormatError, match="more than 100 cards"):
        Mask.read(tmp_path / "n.fits")


def test_a_unit_that_cannot_be_read_back_is_refused(tmp_path):
    nameless = u.Unit(1.60217663e-19 * u.J)
    mask = Mask(SOME, energy=EnergyAxis([1, 2] * nameless))
    with pytest.raises(ValueError, match="unit of the energy edges"):
        mask.write(tmp_path / "m.fits")
    assert not list(tmp_path.iterdir())


def moc_file(path, values, order=5, *, form="1K", drop=(), **keywords):
    """A MOC file of some other program."""
    column = fits.Column("PIXELS", form, array=np.asarray(values))
    hdu = fits.BinTableHDU.from_columns([column])
    defaults = {"MOCVERS": "2.0", "MOCDIM": "SPACE", "ORDERING": "RANGE", "COORDSYS": "C", "MOCORD_S": order}
    for key, value in (defaults | keywords).items():
        if key not in drop:
            hdu.header[key] = value
    hdu.writeto(path)
    return path


CELL = 1 << 2 * (29 - 5)


def test_touching_ranges_of_others_are_joined(tmp_path):
    path = moc_file(tmp_path / "m.fits", np.array([0, 1, 1, 2, 4, 5]) * CELL)
    assert Mask.read(path) == Mask(RangeSet.from_cells([0, 1, 4], 5))


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ([4, 5, 0, 1], r"sorted, disjoint.*row 1"),
        ([0, 3, 2, 5], r"sorted, disjoint.*row 1"),
        ([5, 4], r"start < stop, row 0"),
        ([2, 2], r"start < stop, row 0"),
        ([0, 1, -2, 4], r"not be negative, row 1 is \[-"),
        ([0, 12 * 4**5 + 1], r"within \[0, 12"),
        ([0, 1, 2], r"two ends"),
    ],
)
def test_bad_ranges(tmp_path, values, fault):
    path = moc_file(tmp_path / "m.fits", np.array(values) * CELL)
    with pytest.raises(MaskFormatError, match=fault) as caught:
        Mask.read(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("touching", [False, True])
def test_ranges_off_the_grid(tmp_path, touching):
    values = np.array([0, CELL // 2, CELL // 2 if touching else CELL, 2 * CELL])
    path = moc_file(tmp_path / "m.fits", values)
    with pytest.raises(MaskFormatError, match="cells of order 5"):
        Mask.read(path)


@pytest.mark.parametrize(
    ("keywords", "fault"),
    [
        ({"MOCDIM": "TIME"}, "not a space MOC: it covers time"),
        ({"MOCDIM": "TIME.SPACE"}, "not a space MOC: it covers time and space"),
        ({"COORDSYS": "E"}, "COORDSYS must be"),
        ({"MOCORD_S": 30}, "MOCORD_S must be from 0 to 29"),
        ({"MOCORD_S": -1}, "MOCORD_S must be from 0 to 29"),
        ({"MOCORD_S": "many"}, "MOCORD_S must be an integer, .*'many'"),
        ({"drop": ("MOCORD_S",)}, "MOCORDER must be an integer, .*missing"),
        ({"TZERO1": 2**62}, "scaled"),
        ({"ORDERING": "NESTED", "PIXTYPE": "HEALPIX"}, "NSIDE is missing"),
        ({"ORDERING": "SOME"}, "no MOC in this FITS file"),
    ],
)
def test_headers_that_are_no_space_mocs(tmp_path, keywords, fault):
    path = moc_file(tmp_path / "m.fits", [0, CELL], **keywords)
    with pytest.raises(MaskFormatError, match=fault):
        Mask.read(path)


@pytest.mark.parametrize("form", ["1D", "1I", "10A"])
def test_columns_that_hold_no_cells(tmp_path, form):
    path = moc_file(tmp_path / "m.fits", ["1"] if form == "10A" else [1], form=form)
    with pytest.raises(MaskFormatError, match="TFORM1"):
        Mask.read(path)


def test_the_galactic_letter_and_the_order_as_text(tmp_path):
    path = moc_file(tmp_path / "m.fits", [0, CELL], COORDSYS="G", MOCORD_S="5")
    mask = Mask.read(path)
    assert (mask.frame, mask.order) == ("galactic", 5)


def uniq_file(path, uniq, **keywords):
    keywords = {"ORDERING": "NUNIQ", "MOCORDER": "15", "drop": ("MOCORD_S", "MOCDIM", "MOCVERS")} | keywords
    return moc_file(path, uniq, **keywords)


def test_uniq_in_any_order(tmp_path):
    wanted = RangeSet.from_cells([700, 3, 4, 5], 15) | RangeSet.from_cells([5, 7], 2)
    uniq = wanted.uniq()[::-1].astype(np.int64)
    # Four cells instead of the one that they make up.
    uniq = np.append(uniq[uniq != 4 * 4**2 + 5], 4 * 4**3 + 4 * 5 + np.arange(4))
    mask = Mask.read(uniq_file(tmp_path / "m.fits", uniq))
    assert mask == Mask(wanted)
    assert mask.order == 15


def test_overlapping_uniq(tmp_path):
    for i, uniq in enumerate([[4, 4], [4, 6, 4 * 4**3 + 5], [4 * 4**15 + 9, 20, 4 * 4**15 + 9]]):
        with pytest.raises(MaskFormatError, match=r"overlapping cells: cell (0|9|83886080) of order 15"):
            Mask.read(uniq_file(tmp_path / f"{i}.fits", np.array(uniq)))


def test_uniq_of_32_bits(tmp_path):
    uniq = np.array([5, 16 * 4**12 + 7], np.int32)
    mask = Mask.read(uniq_file(tmp_path / "m.fits", uniq, form="1J", MOCORDER=29))
    assert mask == Mask(RangeSet.from_uniq(uniq))
    # 32 bits hold no finer cells, whatever the header says.
    assert mask.order == 13


def test_zeros_behind_the_last_uniq(tmp_path):
    """A lost end, but for one writer that is known to leave rows of 0 there."""
    uniq = np.array([4, 6, 0, 0])
    with pytest.raises(MaskFormatError, match=r"last 2 of 4 rows are 0.*lost its end"):
        Mask.read(uniq_file(tmp_path / "m.fits", uniq))
    path = uniq_file(tmp_path / "n.fits", uniq, MOCTOOL="CDSjavaAPI-6.1")
    with pytest.warns(UserWarning, match=r"n\.fits: the last 2 of 4 rows are 0"):
        mask = Mask.read(path)
    assert mask == Mask(RangeSet.from_cells([0, 2], 0))
    # But no more than a block of them.
    uniq = np.append(uniq, np.zeros(400, int))
    with pytest.raises(MaskFormatError, match="last 402 of 404 rows are 0"):
        Mask.read(uniq_file(tmp_path / "o.fits", uniq, MOCTOOL="CDSjavaAPI-6.1"))
    with pytest.raises(MaskFormatError, match="last 3 of 3 rows are 0"):
        Mask.read(uniq_file(tmp_path / "p.fits", [0, 0, 0]))


@pytest.mark.parametrize(
    ("uniq", "fault"),
    [([4, 0, 6], "row 1 is 0"), ([4, -5], "row 1 is -5"), ([2], "row 0 is 2"), ([4 * 4**16], "order 16")],
)
def test_bad_uniq(tmp_path, uniq, fault):
    with pytest.raises(MaskFormatError, match=fault):
        Mask.read(uniq_file(tmp_path / "m.fits", uniq))


def test_a_moc_behind_other_tables(tmp_path):
    path = moc_file(tmp_path / "m.fits", [0, CELL])
    with fits.open(path) as hdus:
        image = fits.ImageHDU(np.zeros((3, 4)), name="SOME")
        fits.HDUList([hdus[0], image, hdus[1]]).writeto(tmp_path / "n.fits")
    assert Mask.read(tmp_path / "n.fits") == Mask(RangeSet.from_cells([0], 5))


def test_history_of_others_is_kept(tmp_path):
    path = moc_file(tmp_path / "m.fits", [0, CELL])
    with fits.open(path, mode="update") as hdus:
        hdus[1].header.add_history("made by hand\\")
    assert Mask.read(path).history == f"{read_call(path)}\nmade by hand\\"
    # The notes stay with the mask in hpmask's own file, which is not named.
    Mask.read(path).write(tmp_path / "n.fits")
    assert Mask.read(tmp_path / "n.fits").history == f"{read_call(path)}\nmade by hand\\"
    assert (~Mask.read(path)).history == f"~{read_call(path)}"
