"""Maps of healsparse: against the maps' own values and valid pixels."""

import numpy as np
import oracles
import pytest
from astropy import units as u
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from hpmask import EnergyAxis, Mask, MaskFormatError, MaskSet, RangeSet, io

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


def runs(seed, order, n_runs=6, longest=400):
    """A set of some runs of cells, of all lengths."""
    rng = np.random.default_rng(seed)
    n = 12 << 2 * order
    starts = rng.integers(0, n, n_runs)
    stops = np.minimum(starts + rng.integers(1, longest, n_runs), n)
    return RangeSet.from_ranges(np.stack([starts, stops], axis=1) << 2 * (29 - order), order)


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


def test_maps_that_are_none():
    map_, _ = sparse_map(7)
    with pytest.raises(TypeError, match="frame must be given: a map of healsparse has none"):
        Mask.from_map(map_, 0)
    with pytest.raises(TypeError, match="nest is an option for arrays only, and values is a map of healsparse"):
        Mask.from_map(map_, 0, nest=True, frame="icrs")
    rows = healsparse.HealSparseMap.make_empty(8, 64, [("depth", "f4"), ("n", "i4")], primary="depth")
    with pytest.raises(TypeError, match="values has the fields depth, n: take one of them, column='depth'"):
        Mask.from_map(rows, 0, frame="icrs")
    wide = healsparse.HealSparseMap.make_empty(8, 64, healsparse.WIDE_MASK, wide_mask_maxbits=10)
    with pytest.raises(
        TypeError, match="values is a wide mask: give the bits that are wanted, bits= one or several of 0 to 15"
    ):
        Mask.from_map(wide, 0, frame="icrs")
    with pytest.raises(TypeError, match="bits are an alternative to a threshold"):
        Mask.from_map(wide, 0, bits=1, frame="icrs")
    with pytest.raises(ValueError, match="the map has the bits 0 to 15, got 16"):
        Mask.from_map(wide, bits=16, frame="icrs")
    with pytest.raises(ValueError, match="no bit has the name 'star'"):
        Mask.from_map(wide, bits="star", frame="icrs")
    with pytest.raises(TypeError, match="bits are an option for wide masks and maps of integers only"):
        Mask.from_map(map_, bits=1, frame="icrs")
    with pytest.raises(TypeError, match="column is an option for maps with fields"):
        Mask.from_map(map_, 0, column="a", frame="icrs")


# ---------------------------------------------------------------------- objects both ways


def cells_of(map_):
    return np.sort(map_.valid_pixels)


@pytest.mark.filterwarnings("ignore:Using `nside_coverage` > 128")
@examples(40)
@given(
    seed=st.integers(0, 2**32 - 1),
    order=st.integers(2, 9),
    levels=st.integers(0, 5),
    packed=st.sampled_from([True, False, None]),
    n_runs=st.integers(0, 20),
)
def test_masks_as_maps(seed, order, levels, packed, n_runs):
    plane = runs(seed, order, n_runs)
    nside = 1 << max(order - levels, 0)
    if packed and 4 * nside > 1 << order:
        with pytest.raises(ValueError, match="a bit-packed map has a coverage map that is two orders coarser"):
            Mask(plane).to_healsparse(nside_coverage=nside, bit_packed=packed)
        return
    map_ = Mask(plane, frame="galactic").to_healsparse(nside_coverage=nside, bit_packed=packed)
    assert (map_.nside_sparse, map_.nside_coverage) == (1 << order, nside)
    assert map_.is_bit_packed_map == (packed is not False and 4 * nside <= 1 << order)
    assert np.array_equal(cells_of(map_), plane.cells())
    back = Mask.from_map(map_)
    assert back.planes[0] == plane
    assert back.frame == "galactic"
    # The map is one of healsparse in all ways.
    assert (map_ | map_).n_valid == plane.n_cells
    pixel = int(seed % (12 << 2 * order))
    map_[np.array([pixel])] = True
    assert np.array_equal(cells_of(map_), np.union1d(plane.cells(), [pixel]))


def test_orders_and_sizes():
    disc = Mask.from_regions("icrs; circle(40, 10, 5)", order=9)
    for order in (4, 11):
        assert Mask.from_map(disc.to_healsparse(order=order)) == disc.at_order(order, mode="center")
    with pytest.raises(ValueError, match=r"a map of healsparse of order 17 of 12289 blocks .* 24 GiB, more than 16"):
        Mask.full(order=17).to_healsparse()
    assert Mask.full(order=9).to_healsparse().n_valid == 12 << 18
    assert Mask.empty(order=9).to_healsparse().n_valid == 0
    for nside in (3, 1024, 0):
        with pytest.raises(ValueError, match="nside_coverage must be"):
            disc.to_healsparse(nside_coverage=nside)
    with pytest.raises(ValueError, match="a map of healsparse has no energy bins, and the mask has"):
        Mask(disc.planes[0], energy=EnergyAxis([1, 2, 3] * u.TeV)).to_healsparse()


@pytest.mark.deep
@pytest.mark.filterwarnings("ignore:Using `nside_coverage` > 128")
@pytest.mark.parametrize("order", [11, 13, 15, 17])
@pytest.mark.parametrize("nside", [8, 32, 256])
def test_large_maps(order, nside):
    """NSIDE 2048 to 131072."""
    if order == 17 and nside == 8:
        pytest.skip("blocks of 32 MiB")
    plane = runs(order, order, 12, 4 ** (order - 4))
    map_ = Mask(plane).to_healsparse(nside_coverage=nside)
    assert map_.n_valid == plane.n_cells
    assert Mask.from_map(map_).planes[0] == plane


def test_maps_whose_arrays_are_not_known(monkeypatch):
    """Through the interface of healsparse alone, the result is the same."""
    maps = [sparse_map(3, bool)[0], sparse_map(3, bool)[0].as_bit_packed_map(), sparse_map(3, np.float32)[0]]
    options = [{}, {}, {"threshold": 0.2}]
    wanted = [Mask.from_map(one, **words, frame="icrs") for one, words in zip(maps, options, strict=True)]
    monkeypatch.setattr("hpmask.interop.healsparse._arrays_of", lambda map_: None)
    found = [Mask.from_map(one, **words, frame="icrs") for one, words in zip(maps, options, strict=True)]
    assert found == wanted
    with pytest.raises(NotImplementedError, match="write a file, and read it with healsparse"):
        wanted[0].to_healsparse()


def test_integers_as_bits():
    map_ = healsparse.HealSparseMap.make_empty(8, 64, np.int32, sentinel=0)
    pixels = np.arange(100, 900)
    map_[pixels] = (pixels % 16).astype(np.int32)
    same(Mask.from_map(map_, bits=[0, 3], frame="icrs"), pixels[pixels % 16 & 9 != 0])
    same(
        Mask.from_map(map_, bits=[0, 3], invert=True, frame="icrs"), pixels[(pixels % 16 > 0) & (pixels % 16 & 9 == 0)]
    )
    everything = Mask.from_map(map_, bits=[0, 3], outside=True, frame="icrs").planes[0]
    assert everything == ~RangeSet.from_cells(pixels[(pixels % 16 > 0) & (pixels % 16 & 9 == 0)], 6)


def test_booleans_whose_sentinel_is_true():
    map_ = healsparse.HealSparseMap.make_empty(8, 64, bool, sentinel=True)
    map_[np.arange(100, 200)] = False
    assert Mask.from_map(map_, frame="icrs").planes[0] == ~RangeSet.from_cells(np.arange(100, 200), 6)
    same(Mask.from_map(map_, frame="icrs", invert=True), np.arange(100, 200))


@examples(25)
@given(seed=st.integers(0, 2**32 - 1), n_layers=st.integers(1, 20))
def test_sets_as_wide_masks(seed, n_layers):
    masks = MaskSet({f"layer {k}": Mask(runs(seed + k, 4 + k % 3, k % 6)) for k in range(n_layers)})
    map_ = masks.to_healsparse()
    assert map_.wide_mask_maxbits == -(-n_layers // 8) * 8
    everywhere = np.arange(12 * map_.nside_sparse**2)
    for bit, mask in enumerate(masks.values()):
        assert np.array_equal(np.flatnonzero(map_.check_bits_pix(everywhere, [bit])), mask.planes[0].cells(masks.order))
    assert MaskSet.from_healsparse(map_) == masks
    others = [f"x{k}" for k in range(n_layers)]
    renamed = MaskSet.from_healsparse(map_, names=others)
    assert renamed.names == tuple(others)
    assert list(renamed.values()) == list(masks.values())


def test_sets_that_healsparse_cannot_hold(tmp_path):
    disc = Mask.from_regions("icrs; circle(40, 10, 5)", order=7)
    binned = Mask(disc.planes[0], energy=EnergyAxis([1, 2, 3] * u.TeV))
    for function in (MaskSet.to_healsparse, lambda masks: masks.write(tmp_path / "set.hsp")):
        with pytest.raises(ValueError, match=r"no energy bins, and the layer 'b' has .*: take one bin"):
            function(MaskSet({"a": disc, "b": binned}))
    with pytest.raises(TypeError, match="must be a wide mask of healsparse"):
        MaskSet.from_healsparse(disc.to_healsparse())
    with pytest.raises(ValueError, match="the map has 8 bits, and 9 names"):
        MaskSet.from_healsparse(MaskSet({"a": disc}).to_healsparse(), names=[str(k) for k in range(9)])
    with pytest.raises(TypeError, match="names must be a sequence of strings"):
        MaskSet.from_healsparse(MaskSet({"a": disc}).to_healsparse(), names="a")


def test_parts_of_sets(tmp_path):
    masks = MaskSet({"a": Mask(runs(1, 9, 90)), "b": Mask(runs(2, 9, 90))})
    masks.write(tmp_path / "set.hsp")
    near = Mask.from_regions("icrs; circle(40, 10, 20)", order=9)
    wanted = MaskSet({name: mask & near for name, mask in masks.items()})
    assert MaskSet.read(tmp_path / "set.hsp", within=near) == wanted
    assert MaskSet.from_healsparse(tmp_path / "set.hsp", within=near) == wanted
    assert MaskSet.from_healsparse(masks.to_healsparse(), within=near) == wanted


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
