"""Files of healsparse: against healsparse itself, written by fitsio and by astropy."""

import contextlib
import sys
import tracemalloc
import zlib
from io import BytesIO

import numpy as np
import pytest
from astropy.io import fits
from hpmask._kernels.sparse_blocks import Rice
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from hpmask import Mask, MaskFormatError, MaskSet, RangeSet, io
from hpmask.io.healsparse_write import write_sparse

healsparse = pytest.importorskip("healsparse")

# With fitsio, healsparse writes Rice codes with the tools of cfitsio, and with astropy otherwise.
WRITERS = ("fitsio", "astropy")


@pytest.fixture(params=WRITERS)
def writer(request, monkeypatch):
    from healsparse import fits_shim

    if request.param == "astropy":
        monkeypatch.setattr(fits_shim, "use_fitsio", False)
    elif not fits_shim.use_fitsio:
        pytest.skip("fitsio is not installed")
    return request.param


def runs(seed, order, n_runs=6, longest=400):
    """A set of some runs of cells, of all lengths."""
    rng = np.random.default_rng(seed)
    n = 12 << 2 * order
    starts = rng.integers(0, n, n_runs)
    stops = np.minimum(starts + rng.integers(1, longest, n_runs), n)
    return RangeSet.from_ranges(np.stack([starts, stops], axis=1) << 2 * (29 - order), order)


def valid(path):
    return np.sort(healsparse.HealSparseMap.read(str(path)).valid_pixels)


def same(plane, pixels, order):
    assert RangeSet(plane.ranges, plane.order) == plane
    assert plane == RangeSet.from_cells(np.asarray(pixels), order)


@pytest.mark.filterwarnings("ignore:Using `nside_coverage` > 128")
@examples(25)
@given(
    seed=st.integers(0, 2**32 - 1),
    order=st.integers(3, 9),
    levels=st.integers(0, 5),
    packed=st.booleans(),
    n_runs=st.integers(0, 30),
)
def test_written_files(tmp_path_factory, seed, order, levels, packed, n_runs):
    """healsparse reads what was written, at all orders of the map and of its coverage."""
    path = tmp_path_factory.mktemp("files") / "map.hsp"
    plane = runs(seed, order, n_runs, 4 ** min(order, 6))
    coverage = max(order - levels, 0)
    with open(path, "wb") as file:
        packs = packed and order - coverage >= 2
        write_sparse(file, plane, order=order, coverage_order=coverage, frame="icrs", packed=packs)
    map_ = healsparse.HealSparseMap.read(str(path))
    assert (map_.nside_sparse, map_.nside_coverage) == (1 << order, 1 << coverage)
    assert map_.is_bit_packed_map == packs
    assert map_.metadata == {"COORDSYS": "C"}
    same(plane, np.sort(map_.valid_pixels), order)
    assert np.array_equal(np.flatnonzero(map_.coverage_mask), plane.at_order(coverage, mode="overlap").cells(coverage))
    assert Mask.read(path).planes[0] == plane
    with fits.open(path) as hdus:
        hdus.verify("exception")


def test_written_files_by_astropy(tmp_path, monkeypatch, writer):
    mask = Mask.from_regions("icrs; circle(40, 10, 5)", order=9)
    mask.write(tmp_path / "map.hsp")
    same(mask.planes[0], valid(tmp_path / "map.hsp"), 9)
    for pixels in ([3000], [2, 3, 4000]):
        some = np.flatnonzero(healsparse.HealSparseMap.read(str(tmp_path / "map.hsp")).coverage_mask)[:3]
        part = healsparse.HealSparseMap.read(str(tmp_path / "map.hsp"), pixels=[*some, *pixels])
        inside = np.isin(mask.planes[0].cells() >> 8, some)
        assert np.array_equal(np.sort(part.valid_pixels), mask.planes[0].cells()[inside])


@pytest.mark.parametrize("nocompress", [False, True])
@pytest.mark.parametrize("packed", [False, True])
@examples(15)
@given(seed=st.integers(0, 2**32 - 1), n_runs=st.integers(0, 20))
def test_booleans_of_healsparse(tmp_path_factory, packed, nocompress, seed, n_runs):
    plane = runs(seed, 7, n_runs)
    path = tmp_path_factory.mktemp("files") / "map.hsp"
    map_ = healsparse.HealSparseMap.make_empty(16, 128, bool, bit_packed=packed)
    map_[plane.cells().astype(np.int64)] = True
    map_.write(str(path), nocompress=nocompress)
    mask = Mask.read(path, frame="galactic")
    assert mask.frame == "galactic"
    same(mask.planes[0], plane.cells(), 7)
    assert Mask.from_map(path, frame="galactic") == mask


def test_booleans_whose_sentinel_is_true(tmp_path, writer):
    map_ = healsparse.HealSparseMap.make_empty(8, 64, bool, sentinel=True)
    holes = np.r_[5:90, 40_000:40_007]
    map_[holes] = False
    map_.write(str(tmp_path / "map.hsp"))
    mask = Mask.read(tmp_path / "map.hsp", frame="icrs")
    assert mask.planes[0] == ~RangeSet.from_cells(holes, 6)
    everywhere = np.arange(12 * 64**2)
    assert np.array_equal(everywhere[map_[everywhere]], mask.planes[0].cells())


DTYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "i8", "f4", "f8")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("nocompress", [False, True])
def test_values(tmp_path, dtype, nocompress, writer):
    """All types, near the ends of their ranges as well, and a sentinel in the middle."""
    kind = np.dtype(dtype)
    rng = np.random.default_rng(3)
    path = tmp_path / "map.hsp"
    map_ = healsparse.HealSparseMap.make_empty(8, 64, kind.type, sentinel=None if kind.kind == "f" else 7)
    pixels = np.unique(rng.integers(0, 12 * 64**2, 3000))
    if kind.kind == "f":
        values = rng.normal(size=pixels.size).astype(kind)
    else:
        ends = np.iinfo(kind)
        near = rng.integers(0, 40, pixels.size)
        values = np.where(rng.random(pixels.size) < 0.5, ends.min + near, ends.max - near).astype(kind)
        values[values == 7] = 8
    map_[pixels] = values
    try:
        map_.write(str(path), nocompress=nocompress)
    except ValueError as error:
        pytest.skip(f"healsparse cannot write it: {error}")
    for level in (values.min().item(), float(np.median(values.astype(float))), values.max().item()):
        wanted = Mask.from_map(map_, level, keep=">=", frame="icrs")
        mask = Mask.from_map(path, level, keep=">=", frame="icrs")
        assert mask == wanted
        if abs(level) < 2**52:
            same(mask.planes[0], pixels[values >= kind.type(level)], 6)


@pytest.mark.parametrize("n_bits", [3, 9, 40])
@pytest.mark.parametrize("nocompress", [False, True])
def test_wide_masks(tmp_path, n_bits, nocompress, writer):
    names = [f"layer {k}" for k in range(n_bits)]
    layers = {name: Mask(runs(k, 6, k % 5)) for k, name in enumerate(names)}
    path, other = tmp_path / "set.hsp", tmp_path / "other.hsp"
    io.write_set(layers, path)
    map_ = healsparse.HealSparseMap.read(str(path))
    assert map_.wide_mask_maxbits == -(-n_bits // 8) * 8
    everywhere = np.arange(12 << 12)
    for bit, mask in enumerate(layers.values()):
        same(mask.planes[0], np.flatnonzero(map_.check_bits_pix(everywhere, [bit])), 6)
    # The names pass through healsparse.
    map_.write(str(other), nocompress=nocompress)
    for one in (path, other):
        assert io.read_set(one) == layers
        assert list(io.read_set(one)) == names
        assert Mask.read(one, layer="layer 2") == layers["layer 2"]
        assert Mask.from_map(one, bits=["layer 1", 2]) == layers["layer 1"] | layers["layer 2"]
    with pytest.raises(MaskFormatError, match=r"this is a wide mask \(layer 0, layer 1, .*layer=, or all with"):
        Mask.read(path)


@pytest.mark.parametrize("nocompress", [False, True])
def test_large_blocks(tmp_path, nocompress):
    """Blocks of several pieces, with cells of three bytes."""
    layers = {str(k): Mask(runs(k, 8, 20, 3000)) for k in range(20)}
    planes = {name: mask.planes[0] for name, mask in layers.items()}
    with open(tmp_path / "set.hsp", "wb") as file:
        write_sparse(file, planes, order=8, coverage_order=0, frame="icrs")
    assert io.read_set(tmp_path / "set.hsp") == layers
    map_ = healsparse.HealSparseMap.read(str(tmp_path / "set.hsp"))
    map_.write(str(tmp_path / "other.hsp"), nocompress=nocompress)
    assert io.read_set(tmp_path / "other.hsp") == layers
    assert np.array_equal(np.sort(map_.valid_pixels), RangeSet.union_all(planes.values()).cells())


@pytest.mark.parametrize("method", ["RICE_1", "GZIP_1", "GZIP_2"])
@pytest.mark.parametrize("tile", [12 * 8 * 8 * 64, 100, 8])
def test_other_tiles(tmp_path, method, tile):
    """Tiles of other programs, which are not the blocks."""
    plane = runs(3, 6)
    map_ = healsparse.HealSparseMap.make_empty(8, 64, bool, bit_packed=True)
    map_[plane.cells().astype(np.int64)] = True
    map_.write(str(tmp_path / "map.hsp"), nocompress=True)
    with fits.open(tmp_path / "map.hsp") as hdus:
        values, header = hdus[1].data, hdus[1].header
        size = min(tile, values.size)
        packed = fits.CompImageHDU(values, header, compression_type=method, tile_shape=(size,))
        fits.HDUList([hdus[0], packed]).writeto(tmp_path / "other.hsp")
    assert Mask.read(tmp_path / "other.hsp", frame="icrs").planes[0] == plane


def test_bits_without_names(tmp_path):
    map_ = healsparse.HealSparseMap.make_empty(8, 64, healsparse.WIDE_MASK, wide_mask_maxbits=8)
    map_.set_bits_pix(np.arange(30), [2])
    map_.write(str(tmp_path / "a.hsp"))
    found = io.read_set(tmp_path / "a.hsp", frame="icrs")
    assert list(found) == [f"bit{k}" for k in range(8)]
    same(found["bit2"].planes[0], np.arange(30), 6)
    # A bit that has no name, but is set.
    map_.metadata = {"BIT0": "star", "COORDSYS": "G"}
    map_.write(str(tmp_path / "b.hsp"))
    found = io.read_set(tmp_path / "b.hsp")
    assert list(found) == ["star", "bit2"]
    assert found["star"].frame == "galactic"


def test_names_of_all_kinds(tmp_path, writer):
    names = ["é", "a'b", "x" * 300, "back\\slash", "T", "2"]
    layers = {name: Mask(runs(k, 5)) for k, name in enumerate(names)}
    io.write_set(layers, tmp_path / "set.hsp")
    assert list(io.read_set(tmp_path / "set.hsp")) == names
    healsparse.HealSparseMap.read(str(tmp_path / "set.hsp")).write(str(tmp_path / "other.hsp"))
    assert list(io.read_set(tmp_path / "other.hsp")) == names


def test_names_by_others():
    """Names in the metadata of a map in memory need not be those of a file."""
    map_ = healsparse.HealSparseMap.make_empty(8, 64, healsparse.WIDE_MASK, wide_mask_maxbits=3)
    map_.metadata = {"BIT0": "é", "BIT1": "half\\x", "BIT2": "star"}
    assert MaskSet.from_healsparse(map_, frame="icrs").names == ("é", "half\\x", "star")


def test_records(tmp_path, writer):
    dtype = [("depth", "f4"), ("n", "i4"), ("m", "i8")]
    map_ = healsparse.HealSparseMap.make_empty(8, 64, dtype, primary="depth")
    pixels = np.r_[10:600, 20_000:20_050]
    rows = np.zeros(pixels.size, dtype)
    rows["depth"], rows["n"] = np.sin(pixels), pixels % 17
    map_[pixels] = rows
    map_.write(str(tmp_path / "map.hsp"))
    for source in (map_, tmp_path / "map.hsp"):
        same(Mask.from_map(source, 0.3, column="depth", frame="icrs").planes[0], pixels[np.sin(pixels) > 0.3], 6)
        same(Mask.from_map(source, 5, column="n", frame="icrs").planes[0], pixels[pixels % 17 > 5], 6)
        same(Mask.from_map(source, 5, column=1, frame="icrs").planes[0], pixels[pixels % 17 > 5], 6)
        with pytest.raises(TypeError, match="values has the fields depth, n, m: take one of them, column='depth'"):
            Mask.from_map(source, 0.3, frame="icrs")
        with pytest.raises(ValueError, match="column must be one of 'depth', 'n', 'm', got 'x'"):
            Mask.from_map(source, 0.3, column="x", frame="icrs")


class Counted(BytesIO):
    """A file that counts the bytes that are read from it."""

    n_read = 0

    def read(self, *args):
        found = super().read(*args)
        self.n_read += len(found)
        return found

    def readinto(self, buffer):
        count = super().readinto(buffer)
        self.n_read += count
        return count


@pytest.mark.parametrize("nocompress", [False, True])
def test_parts_of_files(tmp_path, nocompress):
    """Only the blocks that matter are read."""
    plane = runs(5, 10, 60_000, 90)
    map_ = healsparse.HealSparseMap.make_empty(32, 1024, bool, bit_packed=True)
    map_[plane.cells().astype(np.int64)] = True
    map_.write(str(tmp_path / "map.hsp"), nocompress=nocompress)
    content = (tmp_path / "map.hsp").read_bytes()
    whole = Mask.read(tmp_path / "map.hsp", frame="icrs")
    same(whole.planes[0], plane.cells(), 10)
    for region in ("icrs; circle(40, 10, 1)", "icrs; circle(180, 89, 1.5)"):
        near = Mask.from_regions(region, order=10)
        file = Counted(content)
        assert Mask.read(file, format="healsparse", within=near, frame="icrs") == whole & near
        assert Mask.read(tmp_path / "map.hsp", within=region, frame="icrs") == whole & near
        assert Mask.from_map(tmp_path / "map.hsp", within=region, frame="icrs") == whole & near
        assert file.n_read < 0.2 * len(content) + 700_000
    nothing = Mask.empty(order=10)
    assert Mask.read(tmp_path / "map.hsp", within=nothing, frame="icrs") == nothing
    # Cells of a coarser order are made from all of their parts.
    for mode in ("center", "overlap", "inside"):
        coarse = Mask.from_map(tmp_path / "map.hsp", within=near, frame="icrs", order=3, mode=mode)
        assert coarse == whole.at_order(3, mode=mode) & near


def test_the_full_sky_and_none(tmp_path):
    """Equal blocks are stored once."""
    everything = Mask.full(order=17)
    everything.write(tmp_path / "full.hsp")
    assert (tmp_path / "full.hsp").stat().st_size < 500_000
    assert Mask.read(tmp_path / "full.hsp") == everything
    part = healsparse.HealSparseMap.read(str(tmp_path / "full.hsp"), pixels=[7, 12_000])
    assert part.n_valid == 2 * 4**12
    Mask.empty(order=17).write(tmp_path / "empty.hsp")
    assert valid(tmp_path / "empty.hsp").size == 0
    assert Mask.read(tmp_path / "empty.hsp").is_empty
    with pytest.raises(ValueError, match=r"a map of healsparse of .* takes \d+ GiB, more than .* GiB: take a coarser"):
        Mask.full(order=22).write(tmp_path / "huge.hsp")
    with pytest.raises(ValueError, match=r"a block of a map of healsparse has at most 2147483647 values"):
        Mask.full(order=29).write(tmp_path / "huge.hsp")
    assert not (tmp_path / "huge.hsp").exists()


@pytest.mark.deep
@pytest.mark.filterwarnings("ignore:Using `nside_coverage` > 128")
@pytest.mark.parametrize(("order", "coverage_order"), [(11, 3), (13, 3), (13, 8), (15, 5), (17, 5), (17, 8)])
def test_large_maps(tmp_path, order, coverage_order, writer):
    """NSIDE 2048 to 131072, and coverage maps of 8 to 256."""
    plane = runs(order, order, 12, 4 ** (order - 4))
    with open(tmp_path / "map.hsp", "wb") as file:
        write_sparse(file, plane, order=order, coverage_order=coverage_order, frame="icrs")
    map_ = healsparse.HealSparseMap.read(str(tmp_path / "map.hsp"))
    assert map_.n_valid == plane.n_cells
    edges = (plane.ranges >> np.uint64(2 * (29 - order))).astype(np.int64)
    last = (12 << 2 * order) - 1
    assert map_[edges[:, 0]].all()
    assert map_[edges[:, 1] - 1].all()
    assert not map_[np.minimum(edges[:, 1], last)[edges[:, 1] <= last]].any()
    assert not map_[np.maximum(edges[:, 0] - 1, 0)[edges[:, 0] > 0]].any()
    map_.write(str(tmp_path / "back.hsp"))
    assert Mask.read(tmp_path / "back.hsp").planes[0] == plane
    assert Mask.from_map(map_).planes[0] == plane


def test_gzipped_files(tmp_path):
    mask = Mask.from_regions("icrs; circle(40, 10, 5)", order=9)
    mask.write(tmp_path / "map.hsp.gz")
    assert (tmp_path / "map.hsp.gz").read_bytes()[:2] == b"\x1f\x8b"
    assert Mask.read(tmp_path / "map.hsp.gz") == mask
    assert Mask.read(tmp_path / "map.hsp.gz", within="icrs; circle(40, 10, 1)") == Mask.from_regions(
        "icrs; circle(40, 10, 1)", order=9
    )


def test_nothing_needs_healsparse(tmp_path, monkeypatch):
    map_ = healsparse.HealSparseMap.make_empty(8, 64, np.float32)
    map_[np.arange(50)] = np.arange(50, dtype=np.float32)
    map_.write(str(tmp_path / "map.hsp"))
    monkeypatch.setitem(sys.modules, "healsparse", None)
    same(Mask.from_map(tmp_path / "map.hsp", 20, frame="icrs").planes[0], np.arange(21, 50), 6)
    mask = Mask.from_regions("icrs; circle(40, 10, 5)", order=7)
    mask.write(tmp_path / "mask.hsp")
    assert Mask.read(tmp_path / "mask.hsp") == mask
    with pytest.raises(ImportError, match=r'pip install "hpmask\[healsparse\]"'):
        mask.to_healsparse()


def test_files_that_are_not_for_reading(tmp_path):
    map_ = healsparse.HealSparseMap.make_empty(8, 64, np.float32)
    map_.write(str(tmp_path / "values.hsp"))
    with pytest.raises(MaskFormatError, match=r"use Mask\.from_map\(path, threshold\)"):
        Mask.read(tmp_path / "values.hsp", frame="icrs")
    with pytest.raises(MaskFormatError, match="the map has values, and no bits"):
        io.read_set(tmp_path / "values.hsp", frame="icrs")
    mask = Mask.from_regions("galactic; circle(40, 10, 5)", order=7, frame="galactic")
    mask.write(tmp_path / "mask.hsp")
    with pytest.raises(MaskFormatError, match="frame is 'icrs', but the cells of the map are in 'galactic'"):
        Mask.read(tmp_path / "mask.hsp", frame="icrs")
    with pytest.raises(MaskFormatError, match=r"a single mask, and no bits: read it with Mask\.read"):
        io.read_set(tmp_path / "mask.hsp")
    from astropy import units as u

    from hpmask import EnergyAxis

    binned = mask.with_energy(EnergyAxis([1, 2, 3] * u.TeV)) if hasattr(mask, "with_energy") else None
    binned = binned or Mask([mask.planes[0]] * 2, frame="galactic", energy=EnergyAxis([1, 2, 3] * u.TeV))
    with pytest.raises(ValueError, match=r"a map of healsparse has no energy bins, and the mask has .*: take one bin"):
        binned.write(tmp_path / "binned.hsp")
    with pytest.raises(ValueError, match=r"has no energy bins, and the layer 'b' has "):
        io.write_set({"a": mask, "b": binned}, tmp_path / "binned.hsp")


# ---------------------------------------------------------------------- damage


def sample(tmp_path, kind):
    plane = runs(8, 7, 40)
    path = tmp_path / f"{kind}.hsp"
    if kind == "ours":
        Mask(plane).write(path)
    elif kind == "wide":
        io.write_set({"a": Mask(plane), "b": Mask(runs(9, 7))}, path)
    else:
        map_ = healsparse.HealSparseMap.make_empty(8, 128, bool, bit_packed=True, metadata={"COORDSYS": "C"})
        map_[plane.cells().astype(np.int64)] = True
        map_.write(str(path), nocompress=kind == "plain")
    return path


def fault_of(path, *, many):
    try:
        io.read_set(path, format="healsparse") if many else Mask.read(path, format="healsparse")
    except MaskFormatError as error:
        return str(error)
    return None


@pytest.mark.parametrize("kind", ["ours", "wide", "rice", "plain"])
def test_damaged_files(tmp_path, kind):
    """A file that is cut short, or has other bytes somewhere, is a mask or a MaskFormatError; nothing else happens."""
    path = sample(tmp_path, kind)
    content = path.read_bytes()
    rng = np.random.default_rng(5)
    found = []
    for trial in range(90):
        raw = bytearray(content)
        if trial % 3 == 0:
            del raw[int(rng.integers(1, len(raw))) :]
        else:
            # Half of the places in headers, where most is decided.
            headers = [
                i for i in range(0, len(raw), 80) if raw[i : i + 8].strip().isalnum() and raw[i + 8 : i + 10] == b"= "
            ]
            place = (
                int(rng.choice(headers)) + int(rng.integers(10, 32)) if trial % 3 == 1 else int(rng.integers(len(raw)))
            )
            raw[place] = int(rng.integers(32, 127)) if trial % 3 == 1 else int(rng.integers(256))
        path.write_bytes(raw)
        fault = fault_of(path, many=kind == "wide")
        assert fault is None or fault.startswith(f"{path}: ")
        found += [fault] * (fault is not None)
    assert len(found) > 30


def test_hostile_files(tmp_path, monkeypatch):
    """Little data that would become much: streams that go on, that end too early, and that many blocks share."""
    path = sample(tmp_path, "ours")
    content = path.read_bytes()
    with fits.open(path, disable_image_compression=True) as hdus:
        header, table = hdus[1].header, hdus[1].fileinfo()["datLoc"]
    stream = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = stream.compress(bytes(50_000_000)) + stream.flush()
    some = np.random.default_rng(0).integers(0, 256, header["ZTILE1"]).astype(np.uint8).tobytes()
    monkeypatch.setattr("hpmask.io.healsparse_read._SHARED", 0)
    for data, fault in (
        (bomb, "more than its 32 bytes"),
        (zlib.compress(some[:-1]), "31 of its 32 bytes"),
        (b"\x1f\x8b" + bytes(20), None),
        (zlib.compress(some), "share their data"),
    ):
        rows = np.tile(np.array([len(data), 0], ">i4"), (header["NAXIS2"], 1)).tobytes()
        start = content[:table].replace(
            f"PCOUNT  = {header['PCOUNT']:20}".encode(), f"PCOUNT  = {len(data):20}".encode()
        )
        raw = start + rows + data
        path.write_bytes(raw + bytes(-len(raw) % 2880))
        assert peak_of_a_fault(path, fault) < 30e6


def peak_of_a_fault(path, fault=None):
    """The peak of the memory that it takes to refuse a file."""
    tracemalloc.start()
    try:
        with pytest.raises(MaskFormatError, match=fault):
            Mask.read(path, format="healsparse")
        with contextlib.suppress(MaskFormatError):
            Mask.read(path, format="healsparse", within="icrs; circle(40, 10, 1)")
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("card", ["ZNAXIS1", "ZTILE1", "NAXIS2", "NSIDE", "PCOUNT", "NAXIS1"])
@pytest.mark.parametrize("value", [0, -1, 3, 2**31 - 1, 2**60])
def test_headers_that_lie(tmp_path, card, value):
    path = sample(tmp_path, "ours")
    content = path.read_bytes()
    for place in [i for i in range(0, len(content), 80) if content[i : i + 9] == f"{card:8}=".encode()]:
        raw = bytearray(content)
        raw[place : place + 80] = f"{card:8}= {value:20}".ljust(80).encode()
        path.write_bytes(raw)
        assert peak_of_a_fault(path) < 30e6


# ---------------------------------------------------------------------- the kernel


@examples(60)
@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from([1, 2, 4]), spread=st.sampled_from([0, 1, 3, 40, 10**6]))
def test_rice_codes(seed, size, spread):
    """Codes of astropy, decoded in steps of random lengths."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 500))
    dtype = {1: np.uint8, 2: np.int16, 4: np.int32}[size]
    values = (rng.integers(-spread, spread + 1, n) * (rng.random(n) < 0.7)).astype(dtype)
    hdu = fits.CompImageHDU(values, compression_type="RICE_1", tile_shape=(n,))
    file = BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(file)
    file.seek(0)
    table = fits.open(file, disable_image_compression=True)[1].data
    codes = table["COMPRESSED_DATA"][0].view(np.uint8)
    if codes.size == 0:
        return
    rice = Rice(np.ascontiguousarray(codes), size, 32)
    out = np.empty(n, f"u{size}")
    at = 0
    while at < n:
        step = min(int(rng.integers(1, 60)), n - at)
        rice.decode(out[at : at + step])
        at += step
    assert np.array_equal(out.view(dtype), values)
    short = Rice(np.ascontiguousarray(codes[: codes.size // 3]), size, 32)
    if n > 200 and spread == 10**6 and size == 4:
        with pytest.raises(ValueError, match="Rice codes end too early"):
            short.decode(out)


def test_a_planted_error_shows(tmp_path, monkeypatch):
    """The referee sees a single cell."""
    plane = runs(1, 8)
    Mask(plane ^ RangeSet.from_cells([int(plane.cells()[7])], 8)).write(tmp_path / "map.hsp")
    with pytest.raises(AssertionError):
        same(plane, valid(tmp_path / "map.hsp"), 8)


def test_redmapper(data):
    """A mask as a HEALPix table in RING order, and as a map of healsparse."""
    map_ = data("masks/redmapper_test_dr8_mask_hs.fit")
    table = fits.getdata(data("masks/redmapper_test_dr8_mask.fit"), 1)
    from hpmask.geometry.healpix import ring_to_nested

    cells = ring_to_nested(np.asarray(table["HPIX"], np.int64), 11)
    for level in (0.0, 0.5, 0.9):
        mask = Mask.from_map(map_, level, frame="icrs")
        same(mask.planes[0], cells[np.asarray(table["FRACGOOD"]) > level], 11)
    assert Mask.from_map(map_, 0.0, frame="icrs").area.value == pytest.approx(3.357175, abs=1e-6)
    assert Mask.from_map(healsparse.HealSparseMap.read(str(map_)), 0.5, frame="icrs") == Mask.from_map(
        map_, 0.5, frame="icrs"
    )
