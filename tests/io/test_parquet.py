"""Parquet files of ranges: what is in them, parts of the sky, and damage."""

import io as streams
import json
import time

import numpy as np
import pyarrow as pa
import pytest
from astropy import units as u
from damage import damaged
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples
from pyarrow import parquet as pq
from strategies import END, energy_axes, masks, patterns, random_boundaries

from hpmask import EnergyAxis, Mask, MaskFormatError, MaskSet, RangeSet, io
from hpmask.io.identity import mask_digest

SOME = RangeSet.from_cells(np.arange(0, 1000, 3), 8)
AXIS = EnergyAxis([0.1, 1, 30] * u.TeV, name="energy_true", interp="lin")
PLAIN = Mask(SOME, history="a\nb «µ»")
GALACTIC = Mask([SOME, RangeSet.from_cells([5], 8)], energy=AXIS, frame="galactic")
LAYERS = {
    "star": PLAIN,
    "halo µ": Mask(RangeSet.from_cells([3, 4, 5, 99], 4), history="h"),
    "none": Mask.empty(order=5),
}


@pytest.fixture(scope="module")
def large():
    """A mask of several row groups."""
    rng = np.random.default_rng(11)
    return Mask(RangeSet(random_boundaries(rng, 300_000, 12 << 22, unit=1 << 36).reshape(-1, 2), 11))


class Counting(streams.BytesIO):
    """A file that counts the bytes that are read from it."""

    count = 0

    def read(self, size=-1):
        content = super().read(size)
        self.count += len(content)
        return content

    def readinto(self, buffer):
        count = super().readinto(buffer)
        self.count += count
        return count


def content_of(mask):
    file = streams.BytesIO()
    mask.write(file, format="parquet")
    return file.getvalue()


def read(content, **options):
    return Mask.read(streams.BytesIO(content), **options)


def same(a, b):
    return a == b and a.order == b.order and a.history == b.history and a.frame == b.frame


# ---------------------------------------------------------------------- what is in a file


def test_columns_and_metadata(tmp_path):
    PLAIN.write(tmp_path / "m.parquet")
    table = pq.read_table(tmp_path / "m.parquet")
    assert [(field.name, str(field.type), field.nullable) for field in table.schema] == [
        ("start", "int64", False),
        ("stop", "int64", False),
    ]
    expected = SOME.ranges >> np.uint64(2 * (29 - 8))
    np.testing.assert_array_equal(np.stack([table["start"], table["stop"]], axis=1), expected)
    description = json.loads(table.schema.metadata[b"hpmask"])
    assert description["content"] == "mask"
    assert (description["order"], description["frame"], description["ordering"]) == (8, "icrs", "NESTED")
    assert description["masks"] == [
        {"name": None, "order": 8, "energy": None, "history": PLAIN.history, "digest": mask_digest(PLAIN)}
    ]
    chunk = pq.read_metadata(tmp_path / "m.parquet").row_group(0).column(0)
    assert set(chunk.encodings) == {"DELTA_BINARY_PACKED", "RLE"}
    assert chunk.compression == "ZSTD"
    assert (chunk.statistics.min, chunk.statistics.max) == (0, 999)


def test_energy_bins(tmp_path):
    GALACTIC.write(tmp_path / "m.pq")
    table = pq.read_table(tmp_path / "m.pq")
    for k, plane in enumerate(GALACTIC.planes):
        rows = table.filter(pa.compute.equal(table["bin"], k))
        found = np.stack([rows["start"], rows["stop"]], axis=1)
        np.testing.assert_array_equal(found, plane.ranges >> np.uint64(2 * (29 - 8)))
    back = Mask.read(tmp_path / "m.pq")
    assert same(back, GALACTIC)
    # Bit for bit: `==` of axes has a tolerance.
    assert back.energy.edges.value.tolist() == AXIS.edges.value.tolist()
    assert (back.energy.unit, back.energy.name, back.energy.interp) == (AXIS.unit, "energy_true", "lin")


@pytest.mark.parametrize("axis", [None, AXIS, EnergyAxis([700, 600, 500] * u.eV)])
@pytest.mark.parametrize("order", [0, 3, 29])
def test_empty_and_full(axis, order):
    for mask in (Mask.empty(order=order, energy=axis), Mask.full(order=order, energy=axis)):
        assert same(read(content_of(mask)), mask)


@examples(60)
@given(st.data())
def test_read_back(data):
    axis = data.draw(st.none() | energy_axes())
    frame = data.draw(st.sampled_from(["icrs", "galactic"]))
    mask = data.draw(masks(max_order=29, frame=frame, energy=axis))
    assert same(read(content_of(mask)), mask)


def test_the_unit_must_be_readable():
    axis = EnergyAxis([1, 2] * u.def_unit("crab", 3 * u.TeV))
    with pytest.raises(ValueError, match="cannot be read back"):
        content_of(Mask.full(order=1, energy=axis))


def test_gzipped_and_to_a_stream(tmp_path, large):
    large.write(tmp_path / "m.parquet.gz")
    assert same(Mask.read(tmp_path / "m.parquet.gz"), large)
    small = Mask.from_regions("icrs; circle(40, 10, 5)", order=8)
    assert Mask.read(tmp_path / "m.parquet.gz", within=small) == large & small


def test_row_groups_lie_side_by_side(tmp_path, large):
    large.write(tmp_path / "m.parquet")
    file = pq.ParquetFile(tmp_path / "m.parquet")
    groups = json.loads(file.schema_arrow.metadata[b"hpmask"])["groups"]
    assert len(groups) == file.num_row_groups > 3
    end = 0
    for i, group in enumerate(groups):
        low, high = group["cells"]
        assert low >= end
        end = high
        table = file.read_row_group(i)
        assert low <= table["start"].to_numpy().min()
        assert table["stop"].to_numpy().max() <= high
        assert table.num_rows == group["n_rows"] <= 1 << 16
        # A run of tiles of one order, in a tile of the next order.
        size = high - low
        tile = 1 << (size.bit_length() - 1) // 2 * 2
        assert low % tile == 0
    assert end <= 12 << 22


@pytest.mark.deep
def test_regular_masks_are_read_back(tmp_path):
    # So regular that zstd would pack it further than a reader can trust.
    order = 13
    bounds = np.arange(0, 60 << 20, 2, dtype=np.uint64) << np.uint64(2 * (29 - order))
    mask = Mask(RangeSet(bounds.reshape(-1, 2), order))
    mask.write(tmp_path / "m.parquet")
    assert Mask.read(tmp_path / "m.parquet") == mask


# ---------------------------------------------------------------------- sets


def test_sets(tmp_path):
    layers = {**LAYERS, "bands": Mask([SOME, ~SOME], energy=AXIS)}
    io.write_set(layers, tmp_path / "s.parquet")
    back = io.read_set(tmp_path / "s.parquet")
    assert list(back) == list(layers)
    assert all(same(back[name], mask) for name, mask in layers.items())
    table = pq.read_table(tmp_path / "s.parquet").to_pandas()
    order = max(mask.order for mask in layers.values())
    for name, mask in layers.items():
        for k, plane in enumerate(mask.planes):
            rows = table[table["layer"] == name]
            rows = rows[rows["bin"].isna() if mask.energy is None else rows["bin"] == k]
            pairs = np.uint64(1 << 2 * (29 - order)) * rows[["start", "stop"]].to_numpy().astype(np.uint64)
            assert RangeSet.from_ranges(pairs, order) == plane
    with pytest.raises(MaskFormatError, match="several masks, the layers 'star', 'halo µ'"):
        Mask.read(tmp_path / "s.parquet")
    assert same(Mask.read(tmp_path / "s.parquet", layer="star"), PLAIN)


def test_a_mask_is_not_a_set(tmp_path):
    PLAIN.write(tmp_path / "m.parquet")
    with pytest.raises(MaskFormatError, match=r"no layers: read it with Mask\.read"):
        io.read_set(tmp_path / "m.parquet")


@examples(40)
@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), masks(max_order=6), min_size=1, max_size=5))
def test_sets_read_back(layers):
    file = streams.BytesIO()
    io.write_set(layers, file, format="parquet")
    file.seek(0)
    back = io.read_set(file)
    assert list(back) == list(layers)
    assert all(same(back[name], mask) for name, mask in layers.items())


def test_many_bits():
    rng = np.random.default_rng(5)
    layers = {f"bit {k}": Mask(RangeSet.from_cells(rng.integers(0, 12 << 10, 50), 5)) for k in range(130)}
    file = streams.BytesIO()
    io.write_set(layers, file, format="parquet")
    file.seek(0)
    assert io.read_set(file) == layers


# ---------------------------------------------------------------------- parts of the sky


def test_only_what_is_within_is_read(large):
    content = content_of(large)
    small = Mask.from_regions("icrs; circle(40, 10, 1)", order=9)
    part, whole = Counting(content), Counting(content)
    assert Mask.read(part, within=small) == large & small
    assert Mask.read(whole) == large
    assert whole.count >= len(content)
    assert part.count < len(content) / 2


def test_within_of_a_url(large):
    fsspec = pytest.importorskip("fsspec")
    filesystem = fsspec.filesystem("memory")
    filesystem.pipe("/large.parquet", content_of(large))
    small = Mask.from_regions("icrs; circle(40, 10, 1)", order=9)
    try:
        assert Mask.read("memory://large.parquet", within=small) == large & small
    finally:
        filesystem.rm("/large.parquet")


@examples(30)
@given(patterns(orders=(0, 6)), patterns(orders=(0, 6)), st.integers(1, 40))
def test_any_part(plane, within, most):
    mask, sky = Mask(plane), Mask(within)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hpmask.io.parquet_rows._MOST_ROWS", most)
        content = content_of(mask)
        assert same(read(content), mask)
        assert read(content, within=sky) == mask & sky
        file = streams.BytesIO()
        layers = {"a": mask, "b": ~mask, "c": sky}
        io.write_set(layers, file, format="parquet")
    file.seek(0)
    back = io.read_set(file, within=sky)
    assert back == {name: layer & sky for name, layer in layers.items()}


# ---------------------------------------------------------------------- damage


@pytest.mark.parametrize("mask", [PLAIN, GALACTIC], ids=["plain", "energy"])
def test_damage_is_noticed(mask):
    content = content_of(mask)
    n_noticed = 0
    for what, copy in damaged(content, 400, seed=7):
        if copy == content:
            continue
        start = time.process_time()
        try:
            back = read(copy)
        except MaskFormatError:
            n_noticed += 1
        else:
            assert same(back, mask), what
        assert time.process_time() - start < 2, what
    assert n_noticed > 300


def test_damage_of_a_part(large):
    content = bytearray(content_of(large))
    small = Mask.from_regions("icrs; circle(40, 10, 1)", order=9)
    rng = np.random.default_rng(3)
    noticed = 0
    for place in rng.integers(0, len(content), 60):
        old = content[place]
        content[place] ^= 1 << int(rng.integers(0, 8))
        try:
            assert read(bytes(content), within=small) == large & small
        except MaskFormatError:
            noticed += 1
        content[place] = old
    assert 0 < noticed < 60


def test_cut_short():
    content = content_of(PLAIN)
    for end in range(0, len(content), 7):
        with pytest.raises(MaskFormatError):
            read(content[:end])


def changed(mask, change=lambda words: None, columns=lambda starts, stops: (starts, stops), sums=True):
    """The file of a mask with another description or other rows, whose digests are right if `sums` is True."""
    from hpmask._files import checked_parquet

    table = pq.read_table(streams.BytesIO(content_of(mask)))
    words = json.loads(table.schema.metadata[b"hpmask"])
    starts, stops = columns(table["start"].to_numpy().copy(), table["stop"].to_numpy().copy())
    if sums:
        words["groups"][0]["sha256"] = checked_parquet._digest([starts, stops])
        words["groups"][0]["n_rows"] = len(starts)
        words["groups"][0]["rows"] = [len(starts)]
    change(words)
    text = json.dumps(words).encode()
    digest = checked_parquet.hashlib.sha256(text).hexdigest()
    schema = pa.schema([pa.field(name, pa.int64(), nullable=False) for name in ("start", "stop")])
    table = pa.table([starts, stops], schema=schema.with_metadata({"hpmask": text, "hpmask_sha256": digest}))
    file = streams.BytesIO()
    pq.write_table(table, file, compression="zstd")
    return file.getvalue()


def test_changed_with_care_is_still_a_mask():
    assert same(read(changed(PLAIN)), PLAIN)


@pytest.mark.parametrize(
    ("columns", "match"),
    [
        (lambda a, b: (a[::-1].copy(), b[::-1].copy()), "row group has cells|sorted"),
        (lambda a, b: (np.append(a, 5), np.append(b, 6)), "sorted, disjoint"),
        (lambda a, b: (np.append(a, b[-1]), np.append(b, b[-1] + 1)), "not touching"),
        (lambda a, b: (b, a), "start < stop|row group has cells"),
        (lambda a, b: (a - 1, b), "within the"),
        (lambda a, b: (a, np.append(b[:-1], 13 << 16)), "within the"),
        (lambda a, b: (a + (1 << 22), b + (1 << 22)), "within the"),
        (lambda a, b: (a, np.append(b[:-1], np.iinfo(np.int64).max)), "within the"),
        (lambda a, b: (a, a), "start < stop"),
    ],
)
def test_wrong_rows_with_right_digests(columns, match):
    with pytest.raises(MaskFormatError, match=match):
        read(changed(PLAIN, columns=columns))


def test_other_rows_with_the_digest_of_the_first():
    with pytest.raises(MaskFormatError, match="other numbers than were written"):
        read(changed(PLAIN, columns=lambda a, b: (a, b + 1), sums=False))


def _set(*keys, to):
    def change(words):
        place = words
        for key in keys[:-1]:
            place = place[key]
        if to is ...:
            del place[keys[-1]]
        else:
            place[keys[-1]] = to

    return change


@pytest.mark.parametrize("value", [..., None, -1, 1.5, "x", [], {}, True, 1 << 70, [[]], float("nan"), 30])
@pytest.mark.parametrize(
    "keys",
    [
        ("layout",),
        ("content",),
        ("frame",),
        ("order",),
        ("masks",),
        ("masks", 0),
        ("masks", 0, "order"),
        ("masks", 0, "energy"),
        ("groups",),
        ("groups", 0),
        ("groups", 0, "n_rows"),
        ("groups", 0, "cells"),
        ("groups", 0, "cells", 0),
        ("groups", 0, "rows"),
        ("groups", 0, "rows", 0),
        ("groups", 0, "sha256"),
    ],
)
def test_strange_descriptions(keys, value):
    if (keys, value) == (("masks", 0, "energy"), None):
        return
    with pytest.raises(MaskFormatError):
        read(changed(PLAIN, _set(*keys, to=value)))


def test_other_parquet_files(tmp_path):
    pq.write_table(pa.table({"ra": [1.0], "dec": [2.0]}), tmp_path / "stars.parquet")
    with pytest.raises(MaskFormatError, match="no description of a mask"):
        Mask.read(tmp_path / "stars.parquet")
    (tmp_path / "text.parquet").write_text("PAR1 and no more")
    with pytest.raises(MaskFormatError):
        Mask.read(tmp_path / "text.parquet")


def test_finest_cells():
    ends = np.array([[0, 1], [5, 7], [END - 1, END]], dtype=np.uint64)
    mask = Mask(RangeSet(ends, 29))
    assert same(read(content_of(mask)), mask)


@pytest.mark.parametrize("name", ["set.parquet", "set"])
def test_within_of_layers_that_are_coarser_than_row_groups_and_tiles(tmp_path, large, name):
    """A row group or tile may hold a part of a cell of a coarse layer."""
    layers = MaskSet({"sky": Mask.full(order=0), "some": Mask(RangeSet.from_cells([0, 7, 40], 1)), "fine": large})
    layers.write(tmp_path / name, format="parquet")
    for within in (Mask(RangeSet.from_cells([1234567], 10)), Mask(RangeSet.from_cells([7 << 12, 9 << 12], 7))):
        part = MaskSet.read(tmp_path / name, within=within)
        for layer, mask in layers.items():
            expected = mask & within
            assert part[layer] == expected
            assert (part[layer].order, part[layer].history) == (expected.order, expected.history)
