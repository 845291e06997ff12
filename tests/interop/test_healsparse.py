"""Maps of healsparse: against the maps' own values and valid pixels."""

import sys

import numpy as np
import oracles
import pytest
from astropy import units as u
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from hpmask import EnergyAxis, Mask, MaskFormatError, RangeSet, io

healsparse = pytest.importorskip("healsparse")

N = 12 * 64**2


def sparse_map(seed, dtype=np.float64, *, share=0.05, sentinel=None, n_patches=5):
    """Patches of valid pixels with values, and their numbers."""
    rng = np.random.default_rng(seed)
    map_ = healsparse.HealSparseMap.make_empty(8, 64, dtype, sentinel=sentinel)
    starts = rng.integers(0, N - 400, n_patches)
    pixels = np.unique(np.concatenate([np.arange(s, s + rng.integers(1, 400)) for s in starts]))
    pixels = pixels[rng.random(pixels.size) > share]
    if dtype is bool:
        map_[pixels] = True
    elif np.issubdtype(dtype, np.integer):
        map_[pixels] = rng.integers(1, 100, pixels.size).astype(dtype)
    else:
        map_[pixels] = rng.normal(size=pixels.size).astype(dtype)
    return map_, pixels


def same(mask, cells):
    plane = mask.planes[0]
    assert RangeSet(plane.ranges, plane.order) == plane
    assert plane == RangeSet.from_cells(np.asarray(cells), 6)


@examples(80)
@given(
    seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from([np.float64, np.float32, np.int32, np.int64, np.uint8]),
    keep=st.sampled_from([">", "<="]),
)
def test_thresholds(seed, dtype, keep):
    map_, pixels = sparse_map(seed, dtype, sentinel=0 if dtype is np.uint8 else None)
    values = map_[pixels]
    level = np.quantile(values, 0.6).astype(dtype).item() if pixels.size else 0
    above = values > dtype(level)
    mask = Mask.from_map(map_, level, keep=keep, frame="icrs")
    same(mask, pixels[above == (keep == ">")])
    assert mask.order == 6
    both = Mask.from_map(map_, level, keep=keep, frame="icrs", outside=True)
    assert both.planes[0] == mask.planes[0] | ~RangeSet.from_cells(pixels, 6)


@examples(30)
@given(seed=st.integers(0, 2**32 - 1), connectivity=st.sampled_from([8, 4]))
def test_hysteresis(seed, connectivity):
    map_, pixels = sparse_map(seed, n_patches=20)
    full = np.full(N, -np.inf)
    full[pixels] = map_[pixels]
    wanted = np.zeros(N, bool)
    for group in oracles.components(full > -0.5, 6, connectivity):
        wanted[group] = full[group].max() > 2
    words = {"low": -0.5, "high": 2, "frame": "icrs", "connectivity": connectivity}
    same(Mask.from_map(map_, **words), np.flatnonzero(wanted))
    same(Mask.from_map(map_, keep="<=", **words), np.setdiff1d(pixels, np.flatnonzero(wanted)))


@pytest.mark.parametrize("packed", [False, True])
def test_booleans(packed):
    map_, pixels = sparse_map(3, bool)
    if packed:
        map_ = map_.as_bit_packed_map()
        assert map_.is_bit_packed_map
    same(Mask.from_map(map_, frame="icrs"), pixels)
    assert Mask.from_map(map_, frame="galactic").frame == "galactic"
    assert Mask.from_map(map_, frame="icrs", outside=True).is_full


def test_missing_values():
    """The sentinel is sky without a pixel, and NaN is a pixel without a value."""
    map_, pixels = sparse_map(4)
    map_[pixels[:7]] = np.nan
    map_[pixels[7:10]] = None
    with pytest.raises(ValueError, match="7 values that are NaN"):
        Mask.from_map(map_, 0.5, frame="icrs")
    above = pixels[map_[pixels] > 0.5]
    same(Mask.from_map(map_, 0.5, nan="exclude", frame="icrs"), above)
    same(Mask.from_map(map_, 0.5, nan="keep", frame="icrs"), np.union1d(above, pixels[:7]))
    outside = Mask.from_map(map_, 0.5, nan="exclude", outside=True, frame="icrs")
    assert RangeSet.from_cells(pixels[7:10], 6).issubset(outside.planes[0])
    assert outside.planes[0].isdisjoint(RangeSet.from_cells(pixels[:7], 6))


def test_orders_energies_and_empty_maps():
    map_, pixels = sparse_map(5)
    fine = Mask.from_map(map_, 0.2, frame="icrs")
    assert Mask.from_map(map_, 0.2, frame="icrs", order=4, mode="overlap") == fine.at_order(4, mode="overlap")
    axis = EnergyAxis([1, 2, 3] * u.TeV)
    mask = Mask.from_map(map_, [0.2, 0.5], frame="icrs", energy=axis)
    assert mask.planes[0] == fine.planes[0]
    assert mask.planes[1] == Mask.from_map(map_, 0.5, frame="icrs").planes[0]
    assert len(Mask.from_map(map_, 0.5, frame="icrs", energy=axis).planes) == 2
    empty = healsparse.HealSparseMap.make_empty(8, 64, np.float64)
    assert Mask.from_map(empty, 0, frame="icrs").is_empty
    assert Mask.from_map(empty, low=0, high=1, frame="icrs", outside=True).is_full
    assert pixels.size


def test_files(tmp_path):
    map_, _ = sparse_map(6)
    map_.write(str(tmp_path / "map.hsp"))
    assert Mask.from_map(tmp_path / "map.hsp", 0.1, frame="icrs") == Mask.from_map(map_, 0.1, frame="icrs")
    with pytest.raises(TypeError, match="hdu is an option for HEALPix files and images only"):
        Mask.from_map(tmp_path / "map.hsp", 0.1, frame="icrs", hdu=1)
    for read in (Mask.read, io.read_map):
        with pytest.raises(MaskFormatError, match=r"to make a mask of a map of healsparse, use Mask\.from_map"):
            read(tmp_path / "map.hsp")


@pytest.mark.parametrize(
    ("card", "value"),
    [
        ("NSIDE   =", "3"),
        ("PIXTYPE =", "'OTHER'"),
        ("SENTINEL=", "'T'"),
        ("TFORM1  =", "'9Z'"),
        ("TFIELDS =", "2147483648"),
    ],
)
def test_damaged_files(tmp_path, card, value):
    path = tmp_path / "map.hsp"
    sparse_map(7)[0].write(str(path))
    raw = bytearray(path.read_bytes().replace(b"CHECKSUM=", b"XXXXXXXX=").replace(b"DATASUM =", b"XXXXXXX ="))
    found = [i for i in range(0, len(raw), 80) if raw[i : i + 9] == card.encode()]
    assert found
    for i in found:
        raw[i : i + 80] = f"{card} {value:20}".ljust(80).encode()
    path.write_bytes(raw)
    with pytest.raises(MaskFormatError, match=r"map\.hsp: "):
        Mask.from_map(path, 0, frame="icrs")


def test_files_that_are_cut_short(tmp_path):
    map_, _ = sparse_map(6)
    path = tmp_path / "map.hsp"
    map_.write(str(path))
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(MaskFormatError, match=f"^{path}: "):
        Mask.from_map(path, 0.1, frame="icrs")


def test_files_without_healsparse(tmp_path, monkeypatch):
    map_, _ = sparse_map(6)
    map_.write(str(tmp_path / "map.hsp"))
    monkeypatch.setitem(sys.modules, "healsparse", None)
    with pytest.raises(ImportError, match=r'pip install "hpmask\[healsparse\]"'):
        Mask.from_map(tmp_path / "map.hsp", 0.1, frame="icrs")


def test_maps_that_are_none():
    map_, _ = sparse_map(7)
    with pytest.raises(TypeError, match="frame must be given: a map of healsparse has none"):
        Mask.from_map(map_, 0)
    with pytest.raises(TypeError, match="nest is an option for arrays only, and values is a map of healsparse"):
        Mask.from_map(map_, 0, nest=True, frame="icrs")
    rows = healsparse.HealSparseMap.make_empty(8, 64, [("depth", "f4"), ("n", "i4")], primary="depth")
    with pytest.raises(TypeError, match=r"values has the fields depth, n: take one of them, values\['depth'\]"):
        Mask.from_map(rows, 0, frame="icrs")
    wide = healsparse.HealSparseMap.make_empty(8, 64, healsparse.WIDE_MASK, wide_mask_maxbits=10)
    with pytest.raises(TypeError, match="wide mask"):
        Mask.from_map(wide, 0, frame="icrs")


def test_memory_stays_near_that_of_the_valid_pixels():
    """A few pixels of a map at order 15 take no array of the sky."""
    import tracemalloc

    map_ = healsparse.HealSparseMap.make_empty(32, 1 << 15, np.float32)
    map_[np.arange(10**9, 10**9 + 50_000)] = np.arange(50_000, dtype=np.float32)
    tracemalloc.start()
    mask = Mask.from_map(map_, 25_000, keep=">=", frame="icrs")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert mask.planes[0].n_cells == 25_000
    assert peak < 30e6
