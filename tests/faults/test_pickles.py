"""Pickles are checked when they are loaded: a damaged state is an error, and arrays are read-only again."""

import copy
import pickle
import time

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from profiles import cases, seed

import hpmask
from hpmask import Coverage, EnergyAxis, HealpixMap, Mask, MaskFormatError, MaskSet, RangeSet, Shapes
from hpmask.core import coverage, healpix_map, rangeset, value
from hpmask.energy import axis as energy_axis

U64 = np.uint64
SOME = RangeSet.from_cells(np.arange(0, 1000, 3), 8)
AXIS = EnergyAxis([1, 2, 4] * u.TeV)
MASK = Mask([SOME, RangeSet.from_cells([5], 8)], energy=AXIS)
DISCS = Shapes.cones(SkyCoord([10, 10.5], [0, 0], unit="deg"), "1 deg")
COVERAGE = hpmask.coverage(DISCS, order=6)
PART = HealpixMap([1.0, 2.0, 3.0], cells=[3, 7, 100], order=3, nest=True, frame="icrs")
MULTI = HealpixMap([1.0, 2.0], uniq=[4 * 4 + 3, 4 * 16 + 40], frame="icrs")
VALUES = {
    "RangeSet": SOME,
    "EnergyAxis": AXIS,
    "Mask": MASK,
    "MaskSet": MaskSet({"a": MASK, "b": ~MASK}),
    "Coverage": COVERAGE,
    "HealpixMap": PART,
    "multi-order map": MULTI,
    "full map": HealpixMap(np.arange(48.0), nest=False, frame="icrs", unit="K"),
}


def arrays_of(value):
    """All arrays that a value keeps."""
    names = [name for cls in type(value).__mro__ for name in getattr(cls, "__slots__", ())]
    for part in (getattr(value, name, None) for name in names):
        if isinstance(part, np.ndarray):
            yield np.asarray(part)
        elif isinstance(part, tuple):
            yield from (array for one in part for array in arrays_of(one))


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("protocol", [2, 5])
def test_values_come_back_and_cannot_be_changed(name, protocol):
    value = VALUES[name]
    buffers = []
    text = pickle.dumps(value, protocol, **({"buffer_callback": buffers.append} if protocol == 5 else {}))
    for again in (
        pickle.loads(text, buffers=[bytearray(one.raw()) for one in buffers]),
        copy.copy(value),
        copy.deepcopy(value),
    ):
        assert again == value
        for array in arrays_of(again):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0


def changed(state, k, new):
    return (*state[:k], new, *state[k + 1 :])


def states():
    """The function that makes each kind of object, a damaged state, and what the error says."""
    b = SOME.boundaries
    ranges = (b, 8)
    for boundaries, fault in (
        (b[::-1].copy(), "start < stop"),
        (b[:-1], "pairs"),
        (b.astype(np.int64), "64-bit"),
        (b.astype(float), "64-bit"),
        (b.reshape(-1, 2), "pairs"),
        (b.tobytes(), "pairs"),
        (None, "pairs"),
        (np.append(b[:-1], U64(12 << 58) + U64(1 << 42)), "lie within"),
        (b + U64(1), "cells of order 8"),
        (np.zeros(4, U64), "start < stop"),
        (np.concatenate([b[2:4], b[:2]]), "sorted, disjoint"),
        (np.full(2, 2**64 - 1, U64), "lie within"),
    ):
        yield "RangeSet", rangeset._rebuild, changed(ranges, 0, boundaries), fault
    for order in (7, 30, -1, None, "8", 8.0, True):
        yield "RangeSet", rangeset._rebuild, changed(ranges, 1, order), "cells of order 7|order must"
    yield "RangeSet", rangeset._rebuild, (), "0 values, and not 2"
    yield "RangeSet", rangeset._rebuild, (b, 8, 1), "3 values, and not 2"

    mask = MASK.__reduce__()[1]
    yield "Mask", value._rebuild, changed(mask, 0, dict), "its class"
    yield "Mask", value._rebuild, changed(mask, 0, "Mask"), "its class"
    for planes in ((SOME,), (SOME,) * 3, (), (b, b), None, (SOME, None)):
        yield "Mask", value._rebuild, changed(mask, 1, planes), "plane|iterable"
    yield "Mask", value._rebuild, changed(mask, 2, 7), "order is 7, but a plane has order 8"
    yield "Mask", value._rebuild, changed(mask, 2, None), "order must"
    for frame in ("fk5", None, 3):
        yield "Mask", value._rebuild, changed(mask, 3, frame), "frame must"
    for energy in (None, 3, [1, 2, 3]):
        yield "Mask", value._rebuild, changed(mask, 4, energy), "energy|plane"
    yield "Mask", value._rebuild, changed(mask, 5, 3), "history must"
    yield "Mask", value._rebuild, mask[:4], "4 values, and not 6"

    axis = AXIS.__reduce__()[1]
    for edges in (
        np.array([1.0, 3, 2]),
        np.array([1.0, np.nan, 3]),
        np.array([-1.0, 1, 2]),
        np.ones((3, 1)),
        None,
        "x",
    ):
        yield "EnergyAxis", energy_axis._rebuild, changed(axis, 0, edges), "edges"
    for unit in ("TeV", None, u.m / u.s):
        yield "EnergyAxis", energy_axis._rebuild, changed(axis, 1, unit), "unit"
    yield "EnergyAxis", energy_axis._rebuild, changed(axis, 2, 3), "name must"
    yield "EnergyAxis", energy_axis._rebuild, changed(axis, 3, "cubic"), "interp must"
    for nodes in (np.ones(3), np.ones(5), np.array([1, np.inf, 3]), np.array([]), np.ones((3, 3))):
        yield "EnergyAxis", energy_axis._rebuild, changed(axis, 4, nodes), "nodes"

    layers = COVERAGE.__reduce__()[1]
    boundaries, counts = layers[0], layers[1]
    for fault in (
        boundaries[::-1].copy(),
        boundaries + U64(1),
        boundaries[:-2],
        np.append(boundaries[:-1], U64(13 << 58)),
        boundaries.astype(float),
    ):
        yield "Coverage", coverage._rebuild, changed(layers, 0, fault), "its (ranges|counts)"
    for fault in (-counts, 0 * counts, counts[:-1], counts.astype(np.int64), None):
        yield "Coverage", coverage._rebuild, changed(layers, 1, fault), "count"
    yield "Coverage", coverage._rebuild, changed(layers, 3, "fk5"), "frame must"
    yield "Coverage", coverage._rebuild, changed(layers, 4, None), "history"

    for kept in (PART, MULTI):
        _, slots = kept.__reduce_ex__(2)[2]
        for name, new in (
            ("_cells", kept._cells[::-1].copy()),
            ("_cells", kept._cells.astype(np.int64)),
            ("_cells", kept._cells[:1]),
            ("_cells", np.full_like(kept._cells, 2**63)),
            ("_cells", np.zeros_like(kept._cells)),
            ("_cells", "cells"),
            ("_values", kept._values[:1]),
            ("_values", np.array(["a"] * kept.n_cells)),
            ("_values", None),
            ("_order", 30),
            ("_order", None),
            ("_nest", False),
            ("_nest", 3),
            ("_orders", np.zeros(7, np.uint8)),
            ("_orders", np.full(kept.n_cells, 40, np.uint8)),
            ("_frame", "fk5"),
            ("_energy", 3),
            ("_unit", "K"),
            ("_name", None),
        ):
            yield "HealpixMap", restored, ({**slots, name: new},), ""
        yield "HealpixMap", restored, ({name: slots[name] for name in slots if name != "_unit"},), "it has _cells"


def restored(slots):
    new = object.__new__(HealpixMap)
    new.__setstate__((None, slots))
    return new


@pytest.mark.parametrize(("kind", "make", "state", "fault"), list(states()))
def test_a_damaged_state_is_an_error(kind, make, state, fault):
    with pytest.raises(MaskFormatError, match=f"(?s)the pickled {kind} is damaged, or another version.*({fault})"):
        make(*state)


def test_the_states_of_other_kinds():
    reduced = VALUES["MaskSet"].__reduce__()
    for state in ((dict, []), (MaskSet, []), (MaskSet, [("a", 3)]), (MaskSet, 3), (MaskSet,)):
        with pytest.raises(MaskFormatError, match="the pickled MaskSet"):
            reduced[0](*state)
    patches = Mask.full(order=4).patches(5)
    make, state = patches.__reduce__()
    assert [len(one.planes) for one in make(*state)] == [1] * 5
    boundaries, counts = state[3]
    for k, new in (
        (1, 4),
        (1, 6),
        (1, -1),
        (2, "no"),
        (0, None),
        (3, (boundaries[2:], counts[1:])),
        (3, (boundaries, 9 * counts)),
    ):
        with pytest.raises(MaskFormatError, match="the pickled Patches"):
            make(*changed(state, k, new))


def test_flipped_bits(counted):
    """A damaged pickle gives a value of the same invariants, or an error of Python's or of ours: nothing else."""
    rng = np.random.default_rng(seed())
    n = cases(400)
    texts = {name: bytearray(pickle.dumps(one, 5)) for name, one in VALUES.items()}
    refused = 0
    for k in range(n):
        name = list(texts)[k % len(texts)]
        text = bytearray(texts[name])
        at = int(rng.integers(len(text)))
        text[at] ^= 1 << int(rng.integers(8))
        # A length or a size that is damaged may ask for any memory.
        if text[at : at + 1] in b"BC\x8e\x8d\x96XTr" or bytes(texts[name])[max(0, at - 8) : at + 1].strip(b"\0") == b"":
            continue
        try:
            again = pickle.loads(bytes(text))
        except MemoryError:
            continue
        except Exception:
            refused += 1
            continue
        if isinstance(again, RangeSet):
            again = Mask(again)
        if isinstance(again, Mask):
            for plane in again.planes:
                assert RangeSet(plane.ranges, plane.order) == plane
        elif isinstance(again, Coverage):
            coverage.unpickled_levels(again._boundaries, again._counts, again.order)
        elif isinstance(again, HealpixMap):
            again._check()
    assert refused > 0.1 * n
    counted(n, "damaged pickles")


def test_without_its_check_damage_goes_through(monkeypatch):
    """The planted error: a reader of pickles that trusts them."""
    monkeypatch.setattr(rangeset, "_check_boundaries", lambda boundaries, order: None)
    broken = rangeset._rebuild(SOME.boundaries[::-1].copy(), 8)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="start < stop"):
        RangeSet(broken.ranges, 8)
    monkeypatch.setattr(healpix_map.HealpixMap, "_check", lambda self: None)
    _, slots = PART.__reduce_ex__(2)[2]
    assert restored({**slots, "_order": 0}).order == 0


def test_the_check_takes_little_time(monkeypatch):
    """Loading a million ranges with and without it, each the best of several times."""
    rng = np.random.default_rng(1)
    text = pickle.dumps(RangeSet.from_cells(2 * rng.choice(10**8, 10**6, replace=False), 14), 5)

    def best():
        times = []
        for _ in range(12):
            start = time.process_time()
            pickle.loads(text)
            times.append(time.process_time() - start)
        return min(times)

    checked = best()
    monkeypatch.setattr(rangeset, "_rebuild", lambda b, order: rangeset.trusted(np.array(b, dtype=np.uint64), order))
    trusted = best()
    assert checked < 2 * trusted + 0.005, (checked, trusted)
