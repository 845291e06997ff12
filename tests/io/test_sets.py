"""Files and folders of sets: what was written comes back, and damage is noticed."""

from __future__ import annotations

import gzip
import io as streams
import json

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples
from strategies import energy_axes, masks

from hpmask import EnergyAxis, Mask, MaskFormatError, MaskSet, RangeSet
from hpmask._files.hdu import Hdu, write_hdu

A = Mask(RangeSet.from_cells([0, 1, 5], 1), history="a")
B = Mask(RangeSet.from_cells([2, 700], 3), history="b | c\na note")
C = Mask([RangeSet.from_cells([k], 2) for k in (3, 4, 3)], energy=EnergyAxis([1, 2, 4, 8] * u.TeV), history="c")
SET = MaskSet({"star": A, "Star": B, "δ Sct halo, a name that does not fit into a card: " + "ü" * 40: C, "full": ~A})

# Also names that mean something in FITS headers, paths and JSON.
NAMES = st.one_of(
    st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20),
    st.sampled_from(
        ["a", "A", "PLANE", "MOC", "EBOUNDS", "..", "/", "a/b", "\\", "'", '"', "&", "a b", "é", "e\u0301"]
    ),
)


@st.composite
def mask_sets(draw):
    names = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    frame = draw(st.sampled_from(["icrs", "galactic"]))
    kinds = st.one_of(masks(max_order=4, frame=frame), masks(max_order=4, frame=frame, energy=draw(energy_axes())))
    return MaskSet([(name, draw(kinds)) for name in names])


def is_same(one, other):
    """Whether two sets are equal with the order and the history of each layer."""
    assert one == other
    assert one.names == other.names
    for name in one:
        assert (one[name].order, one[name].history) == (other[name].order, other[name].history)
    return True


@pytest.mark.deep
@examples(60)
@given(mask_sets(), st.sampled_from(["set.fits", "set.fits.gz", "set"]))
def test_round_trip(tmp_path_factory, masks, name):
    path = tmp_path_factory.mktemp("set") / name
    masks.write(path, format="folder" if name == "set" else None)
    assert is_same(MaskSet.read(path), masks)
    for layer, mask in masks.items():
        assert Mask.read(path, layer=layer) == mask


@pytest.fixture(params=["fits", "folder"])
def written(request, tmp_path):
    path = tmp_path / ("set.fits" if request.param == "fits" else "set")
    SET.write(path, format=request.param)
    return path


def test_names_and_bits(written):
    assert is_same(MaskSet.read(written), SET)
    assert MaskSet.read(written).bits == SET.bits
    with pytest.raises(FileExistsError):
        SET.write(written, format="folder" if written.is_dir() else "fits")
    SET[["full"]].write(written, format="folder" if written.is_dir() else "fits", overwrite=True)
    assert is_same(MaskSet.read(written), SET[["full"]])


def test_within(written):
    part = Mask(RangeSet.from_cells([1], 0))
    assert MaskSet.read(written, within=part) == SET & part
    assert MaskSet.read(written, within="icrs; circle(45, 0, 20)").names == SET.names


def test_file_objects():
    file = streams.BytesIO()
    SET.write(file, format="fits")
    file.seek(0)
    assert is_same(MaskSet.read(file), SET)


def test_sets_and_single_masks_are_told_apart(written, tmp_path):
    with pytest.raises(MaskFormatError, match=r"read it with MaskSet\.read"):
        Mask.read(written)
    A.write(tmp_path / "a.fits")
    with pytest.raises(MaskFormatError, match=r"read it with Mask\.read"):
        MaskSet.read(tmp_path / "a.fits")
    (tmp_path / "b.txt").write_text("1/3")
    with pytest.raises(MaskFormatError, match="no layers"):
        MaskSet.read(tmp_path / "b.txt")
    with pytest.raises(ValueError, match="a single mask"):
        A.write(tmp_path / "c", format="folder")
    with pytest.raises(MaskFormatError, match="directory, not a mask file"):
        MaskSet.read(tmp_path)


# ---------------------------------------------------------------------- other programs


def test_astropy_and_mocpy_read_each_layer(tmp_path):
    mocpy = pytest.importorskip("mocpy")
    SET.write(tmp_path / "set.fits")
    with fits.open(tmp_path / "set.fits", checksum=True) as hdus:
        found = [(hdu.header["LAYER"], hdu.header["BIT"]) for hdu in hdus if "LAYER" in hdu.header]
        assert [bit for _, bit in found] == [0, 1, 2, 3]
        assert [name.encode().decode("unicode_escape") for name, _ in found] == list(SET)
        places = [(hdu.name, hdu.ver) for hdu in hdus]
        assert len(set(places)) == len(places)
        for number, name in ((1, "star"), (2, "Star"), (7, "full")):
            one = tmp_path / f"{number}.fits"
            fits.HDUList([fits.PrimaryHDU(), hdus[number]]).writeto(one)
            assert Mask.from_moc(mocpy.MOC.load(one, "fits")) == SET[name]
            assert Mask.read(one) == SET[name]
        # The sky in any bin is not the layer.
        one = tmp_path / "3.fits"
        fits.HDUList([fits.PrimaryHDU(), hdus[3]]).writeto(one)
        with pytest.raises(MaskFormatError, match="damaged"):
            Mask.read(one)


# ---------------------------------------------------------------------- damage: FITS


def parts(path):
    """The HDUs of a file, as headers and data."""
    found = []
    with open(path, "rb") as file:
        while True:
            try:
                hdu = Hdu(file, len(found))
            except EOFError:
                return found
            header = hdu.header.copy()
            data = hdu.data(np.dtype("u1")) if hdu.size else None
            found.append((header, data))


def write_parts(path, hdus):
    """Write HDUs with sums that are right."""
    with open(path, "wb") as file:
        for header, data in hdus:
            for keyword in ("CHECKSUM", "DATASUM"):
                header.remove(keyword, ignore_missing=True)
            write_hdu(file, header, *([] if data is None else [data]))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda hdus: [hdus[0], hdus[2], hdus[1], *hdus[3:]], "HDU 1 must be that of bit 0, but 'Star' has bit 1"),
        (lambda hdus: [hdus[0], *hdus[2:]], "HDU 1 must be that of bit 0"),
        (lambda hdus: hdus[:-1], "cut short: HDU 7, a layer, is missing"),
        (lambda hdus: [*hdus, hdus[1]], "more bytes after the last table, HDU 7"),
        (lambda hdus: swapped(hdus, "LAYER"), "digest of names and layers"),
        (lambda hdus: swapped(hdus, "LAYER", "MASKHASH"), "MASKHASH"),
        (lambda hdus: changed(hdus, 2, LAYER="star"), "two layers 'star'"),
        (lambda hdus: changed(hdus, 1, LAYER="stars"), "digest of names and layers"),
        (lambda hdus: changed(hdus, 1, LAYER=""), "a name must be a string of printable"),
        (lambda hdus: changed(hdus, 1, LAYER=5), "has no LAYER"),
        (lambda hdus: changed(hdus, 1, LAYER=r"a\x0a"), "printable"),
        (lambda hdus: changed(hdus, 1, LAYER="\\x"), "escape"),
        (lambda hdus: changed(hdus, 1, NPLANES=-1), "contradict"),
        (lambda hdus: changed(hdus, 0, NLAYERS=0), "more bytes"),
        (lambda hdus: changed(hdus, 0, NLAYERS=10**15), "cut short"),
        (lambda hdus: changed(hdus, 0, NLAYERS=5), "cut short"),
        (lambda hdus: changed(hdus, 0, HPMASK=1), "single mask, without layers"),
        (lambda hdus: changed(hdus, 0, HPMASK=3), "layout 3"),
        (lambda hdus: changed(hdus, 5, EXTNAME="MOC"), "must be PLANE"),
        (lambda hdus: [*hdus[:-1], (hdus[-1][0], hdus[1][1])], "MASKHASH"),
    ],
)
def test_damaged_fits(tmp_path, change, text):
    path = tmp_path / "set.fits"
    SET.write(path)
    hdus = parts(path)
    write_parts(path, hdus)
    assert is_same(MaskSet.read(path), SET)
    write_parts(path, change(hdus))
    with pytest.raises(MaskFormatError, match=text):
        MaskSet.read(path)


def swapped(hdus, *keywords):
    """The first two layers change keywords."""
    for keyword in keywords:
        a, b = hdus[1][0][keyword], hdus[2][0][keyword]
        hdus[1][0][keyword], hdus[2][0][keyword] = b, a
    return hdus


def changed(hdus, number, **cards):
    for keyword, value in cards.items():
        hdus[number][0][keyword] = value
    return hdus


def test_any_byte_that_is_lost_is_noticed(tmp_path):
    path = tmp_path / "set.fits"
    SET[["star", "Star"]].write(path)
    content = path.read_bytes()
    rng = np.random.default_rng(1)
    for place in rng.integers(0, len(content), 60):
        wrong = bytearray(content)
        wrong[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(wrong)
        with pytest.raises(MaskFormatError):
            MaskSet.read(path)
    for length in rng.integers(1, len(content), 30):
        path.write_bytes(content[:length])
        with pytest.raises(MaskFormatError):
            MaskSet.read(path)
        path.write_bytes(gzip.compress(content)[: -int(length) % 400 - 401])
        with pytest.raises(MaskFormatError):
            MaskSet.read(path)


# ---------------------------------------------------------------------- damage: folders


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda rows: rows[::-1], "has bit 3, but is number 0"),
        (lambda rows: rows[1:], "has bit 1, but is number 0"),
        (lambda rows: [rows[0], {**rows[0], "bit": 1}], "two layers 'star'"),
        (lambda rows: [rows[0], {**rows[1], "file": rows[0]["file"]}], "is not the mask of layer 'Star'"),
        (lambda rows: [{**rows[0], "file": "../set/00-star.fits"}], "must be in this folder"),
        (lambda rows: [{**rows[0], "file": "layers.json"}], "not a mask file|MOC|FITS|not"),
        (lambda rows: [{**rows[0], "file": "09-none.fits"}], "09-none.fits, is missing"),
        (lambda rows: [{**rows[0], "name": ""}], "printable"),
        (lambda rows: [{"name": "star", "bit": 0}], "must have a name, bit, file and digest"),
        (lambda rows: [], "no list of layers"),
        (lambda rows: {"star": rows[0]}, "no list of layers"),
    ],
)
def test_damaged_index(tmp_path, change, text):
    path = tmp_path / "set"
    SET.write(path, format="folder")
    index = json.loads((path / "layers.json").read_text("utf-8"))
    index["layers"] = change(index["layers"])
    (path / "layers.json").write_text(json.dumps(index), encoding="utf-8")
    with pytest.raises(MaskFormatError, match=text):
        MaskSet.read(path)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "3", '{"format": "hpmask layers", "version": 2}', "\xff", "[" * 10**5]
)
def test_index_of_another_kind(tmp_path, content):
    path = tmp_path / "set"
    SET.write(path, format="folder")
    (path / "layers.json").write_text(content, encoding="latin1")
    for read in (MaskSet.read, Mask.read):
        with pytest.raises(MaskFormatError):
            read(path)


def test_files_of_a_folder_that_change_places(tmp_path):
    path = tmp_path / "set"
    SET.write(path, format="folder")
    first, second = sorted(path.glob("0[01]-*"))
    first.rename(path / "x")
    second.rename(first)
    (path / "x").rename(second)
    with pytest.raises(MaskFormatError, match=r"00-star\.fits is not the mask of layer 'star'"):
        MaskSet.read(path)
    second.unlink()
    first.unlink()
    with pytest.raises(MaskFormatError, match="is missing"):
        MaskSet.read(path)
