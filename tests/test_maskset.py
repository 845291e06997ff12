"""MaskSet against a dict of masks."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples
from strategies import energy_axes, masks

from hpmask import EnergyAxis, Mask, MaskSet, RangeSet

NORTH = Mask.from_zone(lat=("0 deg", "90 deg"), order=5)
EAST = Mask.from_zone(lon=("0 deg", "90 deg"), order=3)
AXIS = EnergyAxis([1, 10, 100] * u.GeV)
BANDS = Mask.from_energy(AXIS, energy_min="10 GeV")


def test_mapping():
    masks = MaskSet({"north": NORTH, "east": EAST, "bands": BANDS})
    assert isinstance(masks, Mapping)
    assert list(masks) == list(masks.names) == ["north", "east", "bands"]
    assert masks["east"] is EAST
    assert len(masks) == 3
    assert "east" in masks
    assert "west" not in masks
    assert masks.frame == "icrs"
    assert masks.order == 5
    assert dict(masks) == {"north": NORTH, "east": EAST, "bands": BANDS}
    assert masks.get("west") is None
    assert masks == MaskSet(list(masks.items())) == MaskSet(masks)


def test_some_layers():
    masks = MaskSet({"north": NORTH, "east": EAST, "bands": BANDS})
    assert masks[["bands", "north"]] == MaskSet({"bands": BANDS, "north": NORTH})
    with pytest.raises(KeyError, match="no layer 'West', the layers are 'north', 'east', 'bands'"):
        masks["West"]
    with pytest.raises(KeyError, match="no layer 'West'"):
        masks[["north", "West"]]
    with pytest.raises(TypeError, match="name of a layer or a list of names, got 0"):
        masks[0]
    with pytest.raises(TypeError, match="use flags"):
        NORTH in masks
    with pytest.raises(ValueError, match="'north' is given twice"):
        masks[["north", "north"]]


def test_equality_depends_on_names_and_their_order():
    masks = MaskSet({"north": NORTH, "east": EAST})
    assert masks != MaskSet({"east": EAST, "north": NORTH})
    assert masks != MaskSet({"east": NORTH, "north": EAST})
    assert masks != MaskSet({"North": NORTH, "east": EAST})
    assert masks != {"north": NORTH, "east": EAST}
    assert masks == MaskSet({"north": NORTH.at_order(7), "east": EAST})
    assert hash(masks) == hash(MaskSet({"north": NORTH.at_order(7), "east": EAST}))


def test_copies():
    masks = MaskSet({"north": NORTH, "bands": BANDS})
    again = pickle.loads(pickle.dumps(masks))
    assert again == masks
    assert again.names == masks.names
    assert again["north"].history == NORTH.history
    assert copy.copy(masks) is masks
    assert copy.deepcopy(masks) is masks
    with pytest.raises(TypeError):
        masks["north"] = EAST
    with pytest.raises(AttributeError):
        masks.names = ("a", "b")


def test_repr():
    assert repr(MaskSet({"north": NORTH, "δ": EAST})) == "<MaskSet icrs order=5 | 2 layers: north, δ>"


@pytest.mark.parametrize(
    ("masks", "error", "text"),
    [
        ({}, ValueError, "at least one mask"),
        (NORTH, TypeError, "must be a mapping from names to Masks"),
        ("north", TypeError, "must be a mapping"),
        (3, TypeError, "must be a mapping from names to Masks, got 3"),
        ([NORTH], TypeError, "pairs of a name and a Mask"),
        (["ab"], TypeError, "pairs of a name and a Mask, got 'ab'"),
        ({"north": NORTH.planes[0]}, TypeError, r"masks\['north'\] must be a Mask, got RangeSet"),
        ({3: NORTH}, TypeError, "a name must be a string, got 3"),
        ({"": NORTH}, ValueError, "neither begins nor ends with a space, got ''"),
        ({"a\n": NORTH}, ValueError, "printable"),
        ({" a": NORTH}, ValueError, "neither begins"),
        ({"\ud800": NORTH}, ValueError, "printable"),
        ([("a", NORTH), ("a", EAST)], ValueError, "'a' is given twice"),
        (
            {"a": NORTH, "b": Mask.full(frame="galactic")},
            ValueError,
            r"'a' has 'icrs', and 'b' has 'galactic'.*to_frame",
        ),
    ],
)
def test_arguments(masks, error, text):
    with pytest.raises(error, match=text):
        MaskSet(masks)


# ---------------------------------------------------------------------- flags


NAMES = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=8)


@st.composite
def mask_sets(draw, *, min_size=1, max_size=6, with_energy=True, max_order=3):
    """MaskSets with any names. Layers with energy bins have one axis."""
    names = draw(st.lists(NAMES, min_size=min_size, max_size=max_size, unique=True))
    axis = draw(energy_axes())
    kinds = [masks(max_order=max_order)]
    if with_energy:
        kinds.append(masks(max_order=max_order, energy=axis))
    return MaskSet([(name, draw(st.one_of(kinds))) for name in names])


def everywhere(n=200, seed=1):
    """Positions on the whole sky, among them corners of cells."""
    rng = np.random.default_rng(seed)
    lon, lat = rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    lon[:8], lat[:8] = [0, 45, 90, 0, 45, 22.5, 0, 360], [0, 0, 0, 90, 41.8103148958, 0, -90, 0]
    return SkyCoord(lon, lat, unit="deg")


@examples(60)
@given(mask_sets())
def test_flags_are_looped_contains(masks):
    where = everywhere()
    energies = np.geomspace(1e-3, 1e3, len(where)) * u.TeV
    flags = masks.flags(where, energy=energies)
    assert flags.dtype == masks.dtype
    by_name = masks.contains(where, energy=energies)
    assert list(by_name) == list(masks)
    for k, (name, mask) in enumerate(masks.items()):
        expected = mask.contains(where, energy=energies)
        np.testing.assert_array_equal((flags >> k) & 1 != 0, expected)
        np.testing.assert_array_equal(by_name[name], expected)
    for flag in np.unique(flags):
        assert masks.flag_of(*masks.names_of(flag)) == flag


def test_flags_of_all_kinds_of_positions():
    masks = MaskSet({"north": NORTH, "east": EAST})
    where = everywhere()
    expected = NORTH.contains(where) + 2 * EAST.contains(where).astype(np.uint8)
    np.testing.assert_array_equal(masks.flags(where), expected)
    np.testing.assert_array_equal(masks.flags(where.reshape(10, 20)), expected.reshape(10, 20))
    np.testing.assert_array_equal(masks.flags(where.galactic[8:]), expected[8:])
    np.testing.assert_array_equal(masks.flags(where.ra, where.dec), expected)
    np.testing.assert_array_equal(masks.flags(where.ra.deg, where.dec.deg, n_threads=2), expected)
    np.testing.assert_array_equal(
        masks.flags(Table({"a": where.ra, "b": where.dec}), "b", lon="a", catalog_frame="icrs"), expected
    )
    one = masks.flags(where[0])
    assert (type(one), one) == (int, int(expected[0]))
    assert masks.contains(where[0]) == {"north": bool(expected[0] & 1), "east": bool(expected[0] & 2)}
    cells = np.arange(12 * 4**4)
    cell_flags = masks.flags_cells(cells, 4)
    np.testing.assert_array_equal(cell_flags & 1, NORTH.contains_cells(cells, 4))
    np.testing.assert_array_equal(cell_flags >> 1, EAST.contains_cells(cells, 4))


def test_flags_where_rows_are_nowhere():
    masks = MaskSet({"all": Mask.full(), "north": NORTH})
    assert masks.flags([10, np.nan, 10], [5, 5, -5], invalid="skip").tolist() == [3, 0, 1]
    with pytest.raises(ValueError, match="row 1"):
        masks.flags([10, np.nan, 10], [5, 5, -5])
    with pytest.raises(ValueError, match="invalid must be"):
        masks.flags([10], [5], invalid="ignore")


@pytest.mark.parametrize("n", [64, 65, 130])
def test_many_layers(n):
    cells = [RangeSet.from_cells([k % 12, (k * 7) % 12], 0) for k in range(n)]
    masks = MaskSet([(f"layer {k}", Mask(plane)) for k, plane in enumerate(cells)])
    where = SkyCoord(np.arange(12) * 30.0, np.tile([60, 0, -60], 4), unit="deg")
    flags = masks.flags(where)
    assert flags.shape == ((12,) if n <= 64 else (12, -(-n // 64)))
    by_name = masks.contains(where)
    for k, (name, mask) in enumerate(masks.items()):
        expected = mask.contains(where)
        word = flags if n <= 64 else flags[:, k // 64]
        np.testing.assert_array_equal((word >> np.uint64(k % 64)) & np.uint64(1), expected)
        np.testing.assert_array_equal(by_name[name], expected)
    held = tuple(name for name, answer in by_name.items() if answer[3])
    assert masks.names_of(flags[3]) == held
    assert sum(1 << masks.bits[name] for name in held) == masks.flag_of(*held)


def test_flags_and_energies():
    masks = MaskSet({"bands": BANDS, "north": NORTH})
    where = SkyCoord([10, 10], [5, -5], unit="deg")
    with pytest.raises(ValueError, match="energy is missing: the flags of 'bands' depend on it"):
        masks.flags(where)
    energies = [[2], [20], [2000]] * u.GeV
    assert masks.flags(where, energy=energies).tolist() == [[2, 0], [3, 1], [2, 0]]
    assert masks.flags(where, energy="20 GeV").tolist() == [3, 1]
    assert masks.flags(where[0], energy="20 GeV") == 3
    assert masks[["north"]].flags(where, energy=energies).tolist() == [[1, 0]] * 3
    assert masks.flags(where, energy=[np.nan, 20] * u.GeV, invalid="skip").tolist() == [0, 1]
    with pytest.raises(ValueError, match="energy"):
        masks.flags(where, energy=[np.nan, 20] * u.GeV)


def test_flags_of_a_copy_and_of_threads():
    masks = MaskSet({"north": NORTH, "east": EAST})
    where = everywhere(100_000)
    flags = masks.flags(where, n_threads=2)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(masks)).flags(where, n_threads=1), flags)


def test_names_of_a_flag():
    masks = MaskSet({"north": NORTH, "east": EAST})
    assert masks.bits == {"north": 0, "east": 1}
    assert [masks.names_of(k) for k in range(4)] == [(), ("north",), ("east",), ("north", "east")]
    assert masks.flag_of() == 0
    assert masks.flag_of("east", "east") == 2
    with pytest.raises(KeyError, match="no layer 'west'"):
        masks.flag_of("west")
    with pytest.raises(ValueError, match="bits 0 to 1 only, got 4"):
        masks.names_of(4)
    with pytest.raises(ValueError, match="bits 0 to 1 only"):
        masks.names_of(-1)
    for wrong in (1.0, [1], "a", [1, 2]):
        with pytest.raises(TypeError, match="flag must be an integer"):
            masks.names_of(wrong)


# ---------------------------------------------------------------------- several layers


@examples(60)
@given(mask_sets(min_size=3, max_size=5), st.data())
def test_any_all_and_combine(masks, data):
    names = data.draw(st.permutations(list(masks)))
    a, b, c = (masks[name] for name in names[:3])
    assert masks.any(*names[:3]) == a | b | c
    assert masks.all(*names[:3]) == a & b & c
    assert masks.any() == masks.any(*names)
    assert masks.all() == masks.all(*names)
    assert masks.combine(keep=names[:2], exclude=names[2]) == (a & b) - c
    assert masks.combine(exclude=names[1:3]) == ~(b | c)
    assert masks.combine(keep=[names[0], names[1:3]]) == a & (b | c)
    assert masks.combine(keep=[names[:3]], exclude=[]) == a | b | c


def test_arguments_of_combine():
    masks = MaskSet({"north": NORTH, "east": EAST})
    assert masks.combine("north") == NORTH
    for words, error, text in (
        ({}, TypeError, "give keep, exclude or both"),
        ({"keep": []}, ValueError, "have no names"),
        ({"keep": ["north", []]}, ValueError, "empty sequence"),
        ({"keep": ["west"]}, KeyError, "no layer 'west'"),
        ({"exclude": [["north"]]}, TypeError, "name of a layer"),
        ({"keep": 3}, TypeError, "keep must be names of layers, got 3"),
        ({"exclude": {"north": 1}}, TypeError, "exclude must be names of layers"),
    ):
        with pytest.raises(error, match=text):
            masks.combine(**words)


@examples(60)
@given(mask_sets(), masks(max_order=3))
def test_operators_go_layer_by_layer(masks, mask):
    other = masks.map(lambda one: one ^ mask)
    for name, one in masks.items():
        assert (masks | other)[name] == one | other[name]
        assert (masks & other)[name] == one & other[name]
        assert (masks ^ other)[name] == mask if one.energy is None else True
        assert (masks - other)[name] == one - other[name]
        assert (~masks)[name] == ~one
        assert (masks - mask)[name] == one - mask
        assert (mask - masks)[name] == mask - one
        assert (mask & masks)[name] == (masks & mask)[name] == one & mask
        assert (mask | masks)[name] == (masks | mask)[name] == one | mask
        assert (mask ^ masks)[name] == (masks ^ mask)[name] == one ^ mask
    assert (masks & other).names == masks.names


def test_operators_pair_layers_by_name():
    masks = MaskSet({"north": NORTH, "east": EAST})
    turned = MaskSet({"east": EAST, "north": ~NORTH})
    assert masks & turned == MaskSet({"north": Mask.empty(), "east": EAST})
    with pytest.raises(ValueError, match=r"different names, 'north', 'east' and 'east'.*with_layers"):
        masks | masks[["east"]]
    for other in ({"north": NORTH, "east": EAST}, 3):
        with pytest.raises(TypeError, match="unsupported operand"):
            masks | other


def test_other_layers():
    masks = MaskSet({"north": NORTH, "east": EAST})
    more = masks.with_layers({"south": ~NORTH, "north": EAST})
    assert more == MaskSet({"north": EAST, "east": EAST, "south": ~NORTH})
    assert more.without("north", "south") == MaskSet({"east": EAST})
    assert masks.renamed({"north": "east", "east": "north"}) == MaskSet({"east": NORTH, "north": EAST})
    with pytest.raises(ValueError, match="'east' is given twice"):
        masks.renamed({"north": "east"})
    with pytest.raises(ValueError, match="at least one"):
        masks.without("north", "east")
    for method in (masks.without, lambda name: masks.renamed({name: "a"})):
        with pytest.raises(KeyError, match="no layer 'west'"):
            method("west")
    with pytest.raises(ValueError, match="different frames"):
        masks.with_layers({"galactic": Mask.full(frame="galactic")})
    with pytest.raises(TypeError, match=r"masks\['north'\] must be a Mask"):
        masks.map(lambda mask: mask.planes[0])
    assert masks.map(lambda mask: mask.at_order(2)).order == 2


def layers_for_randoms():
    axis = EnergyAxis([1, 2, 5] * u.TeV)
    disc = Mask.from_cones(SkyCoord(10, 20, unit="deg"), "5 deg", order=8)
    return MaskSet({"disc": disc, "same": disc, "bins": Mask.stack([disc, ~disc], axis), "sky": Mask.full()})


def test_randoms_of_a_layer_do_not_depend_on_the_others():
    masks = layers_for_randoms()
    found = masks.random(2000, seed=5)
    assert list(found) == list(masks.names)
    for name, positions in found.items():
        assert positions.shape == ((2, 2000) if name == "bins" else (2000,))
        for plane, some in zip(masks[name] if name == "bins" else [masks[name]], np.atleast_2d(positions), strict=True):
            assert plane.contains(some).all()
        alone = masks.without(*(other for other in masks if other != name)).random(500, seed=5)[name]
        assert np.array_equal(alone.ra, positions[..., :500].ra)
    # No stream of random bits is used twice, also where the sky is the same.
    lons = [found["disc"].ra, found["same"].ra, found["bins"][0].ra, masks["disc"].random(2000, seed=5).ra]
    for k, lon in enumerate(lons):
        assert not any(np.isin(lon.deg, other.deg).any() for other in lons[:k])


def test_randoms_by_density_and_seeds():
    masks = layers_for_randoms()
    found = masks.random(density="1 deg-2", seed=np.random.SeedSequence(3))
    assert [len(found[name]) for name in ("disc", "sky")] == [round(masks["disc"].area.value), 41253]
    assert [len(one) for one in found["bins"]] == [len(found["disc"]), 41253 - len(found["disc"])]
    generator = np.random.default_rng(1)
    first, second = (masks.random(10, seed=generator)["sky"].ra for _ in range(2))
    assert not np.isin(first.deg, second.deg).any()
    assert np.array_equal(first, masks.random(10, seed=np.random.default_rng(1))["sky"].ra)
    assert not np.array_equal(masks.random(3)["sky"].ra, masks.random(3)["sky"].ra)


def test_randoms_in_an_empty_layer():
    masks = MaskSet({"sky": Mask.full(), "nothing": Mask.empty()})
    with pytest.raises(ValueError, match=r"layer 'nothing': the mask keeps nothing"):
        masks.random(5, seed=1)
    assert len(masks.random(density="1 deg-2", seed=1)["nothing"]) == 0


def test_areas():
    table = MaskSet({"north": NORTH, "bands": BANDS}).areas()
    assert table.colnames == ["name", "bit", "energy_min", "energy_max", "area", "sky_fraction"]
    assert table["name"].tolist() == ["north", "bands", "bands"]
    assert table["bit"].tolist() == [0, 1, 1]
    assert table["energy_min"].tolist() == [None, 1, 10]
    assert table["energy_max"].unit == u.GeV
    assert table["sky_fraction"].tolist() == [NORTH.sky_fraction, 0, 1]
    assert u.allclose(table["area"].quantity, [NORTH.area.value, 0, 41252.9612] * u.deg**2, rtol=1e-8)
    plain = MaskSet({"north": NORTH, "east": EAST}).areas()
    assert plain.colnames == ["name", "bit", "area", "sky_fraction"]
