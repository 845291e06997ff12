"""Energy bins of masks by the rules of gammapy, which is the referee: its MapAxis, its maps and its datasets.

The axes are random: of one to nine bins, "lin" and "log", with nodes at edges or centres, in units of energy. Masks are
compared by their values in all HEALPix cells, or at all pixels of an image.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import gammapy_fields  # noqa: F401  (skips without gammapy)
import healpy
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from gammapy.datasets import MapDataset
from gammapy.maps import HpxGeom, LabelMapAxis, Map, MapAxis, WcsGeom
from profiles import cases, seed

from hpmask import EnergyAxis, Mask
from hpmask.interop.gammapy.axes import axis_from_gammapy, axis_to_gammapy

# What a check returns: answers of hpmask and of the referee, to be the same.
Pairs = list[tuple[Any, Any]]
UNITS = (u.eV, u.keV, u.MeV, u.GeV, u.TeV, u.erg, u.J)
ORDER = 1
PIXELS = 12 << (2 * ORDER)


def random_axis(rng: np.random.Generator, *, most: int = 9, edges: bool = False, n: int | None = None) -> MapAxis:
    """An axis of gammapy: even and uneven bins of any width, in any unit."""
    while True:
        interp = str(rng.choice(["log", "lin"]))
        at_edges = edges or rng.random() < 0.5
        n_bins = int(rng.integers(1, most + 1)) if n is None else n
        count = n_bins + at_edges
        nodes = np.cumprod(rng.uniform(1.05, 4, count))
        if rng.random() < 0.5 and count > 1:
            nodes = (np.geomspace if interp == "log" else np.linspace)(*np.sort(rng.uniform(1, 1000, 2)), count)
        if count == 1:
            # Of one centre alone, no edge is known.
            continue
        nodes *= 10.0 ** rng.integers(-3, 4)
        node_type = "edges" if at_edges else "center"
        name = str(rng.choice(["energy", "energy_true"]))
        axis = MapAxis(nodes, interp=interp, node_type=node_type, unit=str(rng.choice(UNITS)), name=name)
        # The outer edges of linear centres may be negative.
        if axis.edges.value[0] > 0:
            return axis


def random_values(rng: np.random.Generator, n_bins: int | None) -> Any:
    """Which cells (NESTED) are kept in each bin, or without bins."""
    shape = (PIXELS,) if n_bins is None else (n_bins, PIXELS)
    values = rng.random(shape) < rng.choice([0.1, 0.5, 0.9])
    return values | (rng.random((*shape[:-1], 1)) < 0.1)


def mask_of(values: Any, axis: EnergyAxis | None, frame: str = "icrs") -> Mask:
    return Mask.from_healpix(values, nest=True, frame=frame, energy=axis)


def values_of(mask: Mask) -> Any:
    return mask.to_healpix(order=ORDER, nest=True)


def map_of(values: Any, axes: list[MapAxis]) -> Map:
    return Map.from_geom(HpxGeom(1 << ORDER, nest=True, frame="icrs", axes=axes), data=values)


def random_energies(rng: np.random.Generator, axis: MapAxis, n: int) -> u.Quantity:
    """Energies on edges, at centres, between, and beyond the ends, in the unit of the axis."""
    edges = axis.edges.value
    some = np.concatenate(
        [edges, axis.center.value, edges[0] * rng.uniform(0.1, 1, 2), edges[-1] * (1 + rng.random(2))]
    )
    anywhere = rng.uniform(edges[0] / 2, edges[-1] * 1.5, n)
    return np.where(rng.random(n) < 0.5, rng.choice(some, n), anywhere) * axis.unit


# ---------------------------------------------------------------------- what is checked


def axes(rng: np.random.Generator) -> Pairs:
    """Edges, centres, bins of energies, fewer bins and more of them."""
    theirs = random_axis(rng)
    ours = axis_from_gammapy(theirs)
    energy = random_energies(rng, theirs, 40)
    numbers = np.asarray(theirs.coord_to_idx(energy))
    # gammapy numbers the last edge as a bin of its own.
    numbers[numbers >= theirs.nbin] = -1
    pairs = [
        (ours.edges.value, theirs.edges.value),
        (ours.bin_of(energy), numbers),
        (ours[::-1].bin_of(energy), np.where(numbers < 0, -1, theirs.nbin - 1 - numbers)),
    ]
    factor = int(rng.integers(1, 5))
    if theirs.node_type == "edges":
        pairs.append((rounded(ours.center), rounded(theirs.center)))
        pairs.append((rounded(ours.upsample(factor).edges), rounded(theirs.upsample(factor).edges)))
        if theirs.nbin % factor == 0:
            pairs.append((rounded(ours.downsample(factor).edges), rounded(theirs.downsample(factor).edges)))
    # There and back, gammapy's logarithm moves edges by a rounding error.
    back = axis_to_gammapy(ours)
    pairs.append((rounded(back.edges), rounded(theirs.edges)))
    pairs.append(([back.name, back.interp, str(back.unit)], [theirs.name, theirs.interp, str(theirs.unit)]))
    return pairs


def rounded(values: u.Quantity) -> list[str]:
    """Energies to 11 digits, as text: their logarithm has lost the others."""
    return [f"{value:.10e}" for value in values.to_value(u.eV) * (1 + 3.3e-13)]


def even_axes(rng: np.random.Generator) -> Pairs:
    """Axes with bins of equal widths from two energies in units of their own."""
    low, factor = rng.uniform(0.1, 10), 10 ** rng.uniform(0.05, 4)
    n, per_decade = int(rng.integers(1, 12)), bool(rng.random() < 0.4)
    first = u.Quantity(low, "GeV").to(str(rng.choice(UNITS)))
    last = u.Quantity(low * factor, "GeV").to(str(rng.choice(UNITS)))
    if per_decade and abs(np.log10(factor) * n % 1) < 1e-6:
        return []
    ours = EnergyAxis.from_bounds(first, last, n, per_decade=per_decade)
    theirs = MapAxis.from_energy_bounds(first, last, nbin=n, per_decade=per_decade)
    return [(rounded(ours.edges), rounded(theirs.edges)), (str(ours.unit), str(theirs.unit))]


def cuts(rng: np.random.Generator) -> Pairs:
    """`from_energy` and `slice_energy` against `Geom.energy_mask`, with and without rounding, in both orders."""
    theirs = random_axis(rng)
    axis, values = axis_from_gammapy(theirs), random_values(rng, theirs.nbin)
    low, high = (None if rng.random() < 0.2 else energy for energy in random_energies(rng, theirs, 2))
    round_to_edge = bool(rng.random() < 0.5)
    image = map_of(values, [theirs.copy(name="energy")])
    kept = image.geom.energy_mask(low, high, round_to_edge=round_to_edge).data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        energies = Mask.from_energy(axis, low, high, round_to_edge=round_to_edge)
        turned = Mask.from_energy(axis[::-1], low, high, round_to_edge=round_to_edge)
        pairs = [(values_of(energies), kept), (values_of(mask_of(values, axis) & energies), (image.data & kept))]
        if not round_to_edge or theirs.node_type == "edges":
            # A slice of an axis has nodes at its edges.
            pairs.append((values_of(turned), kept[::-1]))
        numbers = np.flatnonzero(kept[:, 0])
        if numbers.size:
            part = mask_of(values, axis).slice_energy(low, high, round_to_edge=round_to_edge)
            pairs.append((values_of(part), values[numbers]))
            pairs.append((part.energy.edges.value, theirs.edges.value[numbers[0] : numbers[-1] + 2]))
    return pairs


def stacks(rng: np.random.Generator) -> Pairs:
    """Masks of bins and of parts of an axis, put together, against concatenated axes and `Map.from_stack`."""
    theirs = random_axis(rng, edges=True)
    axis, values = axis_from_gammapy(theirs), random_values(rng, theirs.nbin)
    ends = np.unique([0, theirs.nbin, *rng.integers(0, theirs.nbin + 1, 2)])
    parts = [slice(a, b) for a, b in pairwise(ends)]
    # Each in a unit of its own.
    units = [u.Unit(str(rng.choice(UNITS))) for _ in parts]
    pieces = [
        EnergyAxis(axis[part].edges.to(unit), name=axis.name, interp=axis.interp)
        for part, unit in zip(parts, units, strict=True)
    ]
    ours = Mask.stack([mask_of(values[part], piece) for part, piece in zip(parts, pieces, strict=True)])
    joined = axis_to_gammapy(pieces[0])
    for piece in pieces[1:]:
        joined = joined.concatenate(axis_to_gammapy(piece))
    singles = [map_of(row, []) for row in values]
    label = LabelMapAxis([str(k) for k in range(len(values))], name="bin")
    theirs_of_bins = Map.from_stack(singles, axis=label).data
    one_by_one = Mask.stack([mask_of(row, None) for row in values], axis)
    return [
        (values_of(ours), values),
        (rounded(ours.energy.edges), rounded(joined.edges)),
        (values_of(one_by_one), theirs_of_bins),
        (values_of(one_by_one[::-1]), theirs_of_bins[::-1]),
        (one_by_one.energy.edges.value, theirs.edges.value),
    ]


def broadcasts(rng: np.random.Generator) -> Pairs:
    """Set operations of a mask with bins and one without, or with the same bins in another unit."""
    theirs = random_axis(rng)
    axis = axis_from_gammapy(theirs)
    one, other = random_values(rng, theirs.nbin), random_values(rng, None)
    cube = map_of(one, [theirs])
    again = Map.from_stack([map_of(other, [])] * theirs.nbin, axis=theirs)
    repeated = again.data
    a, b = mask_of(one, axis), mask_of(other, None)
    same = mask_of(repeated, EnergyAxis(axis.edges.to(u.MeV), name=axis.name, interp=axis.interp))
    pairs = []
    for second in (b, same):
        pairs += [
            (values_of(a | second), (cube | again).data),
            (values_of(a & second), (cube & again).data),
            (values_of(a ^ second), (cube ^ again).data),
            (values_of(second - a), (again & ~cube).data),
            (values_of(a.union(second, second)), (cube | again).data),
        ]
    return [*pairs, (values_of(b.resample_energy(axis)), again.data), (values_of(~a), (~cube).data)]


def other_bins(rng: np.random.Generator) -> Pairs:
    """`resample_energy`, `reduce` against `Map.resample_axis`, `Map.downsample` and `Map.reduce_over_axes`."""
    theirs = random_axis(rng, edges=True)
    axis, values = axis_from_gammapy(theirs), random_values(rng, theirs.nbin)
    mask, cube = mask_of(values, axis), map_of(values, [theirs])
    pairs = []
    for how, ufunc in (("any", np.logical_or), ("all", np.logical_and)):
        pairs.append((values_of(mask.reduce(how)), cube.reduce_over_axes(func=ufunc).data))
        some = np.unique(rng.integers(0, theirs.nbin + 1, 4))
        if some.size > 1:
            new = MapAxis.from_edges(theirs.edges[some], name=theirs.name, interp=theirs.interp)
            expected = cube.resample_axis(new, ufunc=ufunc).data
            ours = mask.resample_energy(axis_from_gammapy(new), how=how)
            pairs.append((values_of(ours), expected))
            unit = u.Unit(str(rng.choice(UNITS)))
            turned = EnergyAxis(theirs.edges[some][::-1].to(unit), name=axis.name, interp=axis.interp)
            pairs.append((values_of(mask.resample_energy(turned, how=how)), expected[::-1]))
            pairs.append((values_of(mask[::-1].resample_energy(axis_from_gammapy(new), how=how)), expected))
    return pairs


def on_other_energies(rng: np.random.Generator) -> Pairs:
    """An exclusion mask on a geometry of other bins against `Map.interp_to_geom`: the bin at its centre holds."""
    theirs = random_axis(rng, edges=True).copy(name="energy")
    values = random_values(rng, theirs.nbin)
    edges = np.unique(random_energies(rng, theirs, int(rng.integers(2, 8))).value)
    if edges.size < 2 or theirs.nbin < 2:
        return []
    new = MapAxis.from_edges(edges * theirs.unit, name="energy", interp=str(rng.choice(["log", "lin"])))
    # A centre on an edge, to rounding, is in either bin.
    if np.min(np.abs(new.center.value[:, np.newaxis] / theirs.edges.value - 1)) < 1e-9:
        return []
    geom = WcsGeom.create(npix=(7, 5), binsz=20, axes=[theirs])
    other = WcsGeom.create(npix=(7, 5), binsz=20, axes=[new])
    exclusion = mask_of(values, axis_from_gammapy(theirs)).to_exclusion_mask()
    fill = bool(rng.random() < 0.5)
    image = exclusion.interp_to_geom(geom)
    return [
        (exclusion.interp_to_geom(other, fill_value=fill).data, image.interp_to_geom(other, fill_value=fill).data),
        (exclusion.get_by_coord(other.get_coord()), np.nan_to_num(image.get_by_coord(other.get_coord())).astype(bool)),
    ]


def ranges(rng: np.random.Generator) -> Pairs:
    """The energies that are kept, per position and in all, against `MapDataset.energy_range`."""
    theirs = random_axis(rng, edges=True).copy(name="energy")
    axis, values = axis_from_gammapy(theirs), random_values(rng, theirs.nbin)
    mask = mask_of(values, axis, str(rng.choice(["icrs", "galactic"])))
    skydir = SkyCoord(rng.uniform(0, 360), rng.uniform(-80, 80), unit="deg")
    geom = WcsGeom.create(skydir=skydir, npix=(5, 4), binsz=float(rng.uniform(1, 20)), proj="ARC", axes=[theirs])
    coord = geom.to_image().get_coord().skycoord
    kept = mask.contains(coord)
    dataset = MapDataset(mask_safe=Map.from_geom(geom, data=kept))
    expected = [one.quantity.to_value(axis.unit) for one in dataset.energy_range]
    turned = mask[::-1]
    pairs = []
    for ours in (mask.energy_range(coord), mask.energy_range_wcs(geom.wcs, (4, 5)), turned.energy_range(coord)):
        pairs += [(numbers(one.value), numbers(other)) for one, other in zip(ours, expected, strict=True)]
    rows = np.flatnonzero(values.any(axis=1))
    if rows.size:
        ends = theirs.edges.value[[rows[0], rows[-1] + 1]]
        pairs.append(([one.value for one in mask.energy_range()], ends))
    return pairs


def numbers(values: Any) -> list[str]:
    """Energies to 12 digits, as text, in which NaN is equal to NaN."""
    return [f"{value:.11e}" for value in np.ravel(values) * (1 + 3.3e-13)]


def radii(rng: np.random.Generator) -> Pairs:
    """A radius for each disc and bin: `from_cones` and `from_catalog` against gammapy's separations, bin by bin."""
    theirs = random_axis(rng, most=4)
    axis, n = axis_from_gammapy(theirs), int(rng.integers(1, 6))
    order = 3
    center = SkyCoord(rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n))), unit="deg")
    per_bin = bool(rng.random() < 0.3)
    radius = 10 ** rng.uniform(1, 2, (1 if per_bin else n, theirs.nbin)) * u.deg
    geom = HpxGeom(1 << order, nest=True, frame="icrs", axes=[theirs])
    away = geom.to_image().get_coord().skycoord.separation(center[:, np.newaxis])
    within = away[:, np.newaxis] < radius[:, :, np.newaxis]
    sure = (np.abs((away[:, np.newaxis] - radius[:, :, np.newaxis]).to_value(u.deg)) > 1e-9).all(axis=0)
    expected = within.any(axis=0) & sure
    table = QTable({"ra": center.ra, "dec": center.dec, "r": np.broadcast_to(radius, (n, theirs.nbin), subok=True)})
    words = {"order": order, "energy": axis}
    masks = [
        Mask.from_cones(center, radius, **words),
        Mask.from_cones(center, lambda energy: radius, **words),
        Mask.from_catalog(table, "r", **words),
        Mask.from_catalog(table, lambda rows, energy: rows["r"], **words),
        Mask.from_cones(center, radius[:, ::-1], order=order, energy=axis[::-1])[::-1],
    ]
    return [(mask.to_healpix(nest=True) & sure, expected) for mask in masks]


def widths(rng: np.random.Generator) -> Pairs:
    """A width for each bin: `dilate` and `erode` against the separations of all cells, bin by bin."""
    theirs = random_axis(rng, most=3)
    axis, order = axis_from_gammapy(theirs), 2
    n = 12 << (2 * order)
    values = rng.random((theirs.nbin, n)) < rng.choice([0.02, 0.3, 0.9])
    width = rng.uniform(0, 40, theirs.nbin) * u.deg
    x = np.array(healpy.pix2vec(1 << order, np.arange(n), nest=True)).T
    away = np.degrees(2 * np.arcsin(np.clip(np.linalg.norm(x[:, np.newaxis] - x, axis=2) / 2, 0, 1)))
    if np.abs(away - width.value[:, np.newaxis, np.newaxis]).min() < 1e-9:
        return []
    near = away <= width.value[:, np.newaxis, np.newaxis]
    grown = (near & values[:, np.newaxis]).any(axis=2)
    shrunk = ~(near & ~values[:, np.newaxis]).any(axis=2)
    mask = Mask.from_healpix(values, nest=True, frame="icrs", energy=axis)
    return [
        (mask.dilate(width).to_healpix(order=order, nest=True), grown),
        (mask.dilate(lambda energy: width).to_healpix(order=order, nest=True), grown),
        (mask.erode(width).to_healpix(order=order, nest=True), shrunk),
        (mask[::-1].dilate(width[::-1])[::-1].to_healpix(order=order, nest=True), grown),
    ]


CHECKS: dict[Callable[[np.random.Generator], Pairs], int] = {
    axes: 8,
    even_axes: 8,
    cuts: 6,
    stacks: 4,
    broadcasts: 3,
    other_bins: 4,
    on_other_energies: 4,
    ranges: 3,
    radii: 3,
    widths: 4,
}


def same(found: Any, expected: Any) -> bool:
    return bool(np.array_equal(np.asarray(found), np.asarray(expected)))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_as_gammapy(check, counted):
    n, compared = cases(CHECKS[check]), 0
    for k in range(n):
        rng = np.random.default_rng([seed(), list(CHECKS).index(check), k])
        for number, (found, expected) in enumerate(check(rng)):
            assert same(found, expected), (check.__name__, k, number, found, expected)
            compared += 1
    counted(n, f"random axes: {check.__name__.replace('_', ' ')}")
    assert compared


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_values_of_another_bin_are_seen(check):
    """Each answer of the referee, moved by one bin or cell: of random values, nearly all differ."""
    seen = tried = 0
    for k in range(4):
        for found, expected in check(np.random.default_rng([99, list(CHECKS).index(check), k])):
            wrong = np.roll(np.atleast_1d(np.asarray(expected)), 1)
            if wrong.size > 1 and not same(wrong, expected):
                tried += 1
                seen += not same(found, wrong)
    assert tried
    assert seen == tried
