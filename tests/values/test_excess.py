"""Significance: against gammapy.stats, against decimal numbers of 60 digits, and on maps against sums by healpy."""

from decimal import Decimal, localcontext

import astropy.units as u
import healpy as hp
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from profiles import examples

from hpmask import EnergyAxis, HealpixMap, Mask
from hpmask.values import Significance, cash_sqrt_ts, disc_sums, li_ma_sqrt_ts, significance

AXIS = EnergyAxis([1, 3, 10] * u.TeV)
COUNTS = st.one_of(st.integers(0, 30), st.integers(0, 10**9))
EXPECTED = st.one_of(st.floats(0, 50), st.floats(1e-30, 1e9), st.sampled_from([0.0, 1e-25, 1e-26]))
RATIO = st.floats(1e-4, 1e3)


def exactly(function, *values):
    """A statistic of numbers that are taken exactly as they are, in 60 digits."""
    with localcontext() as context:
        context.prec = 60
        return float(function(*(Decimal(value) for value in values)))


def signed_root(ts, excess):
    root = abs(ts).sqrt()
    return root if excess > 0 else -root if excess < 0 else Decimal(0)


def exact_cash(n, mu):
    bounded = max(mu, Decimal("1e-25"))
    log = n * (n / bounded).ln() if n > 0 else Decimal(0)
    return signed_root(2 * (log + bounded - n), n - mu)


def exact_li_ma(n_on, n_off, alpha):
    total, ts = n_on + n_off, Decimal(0)
    if n_on > 0:
        ts += n_on * ((1 + alpha) / alpha * n_on / total).ln()
    if n_off > 0:
        ts += n_off * ((1 + alpha) * n_off / total).ln()
    return signed_root(2 * ts, n_on - alpha * n_off)


@examples(300)
@given(COUNTS, EXPECTED)
@example(0, 0.0)
@example(5, 0.0)
@example(0, 3.5)
@example(10**9, 1e9 + 1)
@example(10**6, 1e6 * (1 + 1e-15))
def test_cash_to_all_digits(n, mu):
    assert cash_sqrt_ts(n, mu) == pytest.approx(exactly(exact_cash, n, mu), rel=1e-13, abs=1e-30)


@examples(300)
@given(COUNTS, COUNTS, RATIO)
@example(0, 0, 0.5)
@example(7, 0, 0.5)
@example(0, 7, 0.5)
@example(10**8, 10**9, 0.1)
@example(3, 10, 0.3)
def test_li_ma_to_all_digits(n_on, n_off, alpha):
    expected = exactly(exact_li_ma, n_on, n_off, alpha)
    # The excess of the given numbers is rounded once: the significance has that error in units of its own.
    rounding = 2e-16 * max(n_on, alpha * n_off) / max(1, n_on + alpha**2 * n_off) ** 0.5
    assert li_ma_sqrt_ts(n_on, n_off, alpha) == pytest.approx(expected, rel=1e-13, abs=4 * rounding)


def same_as_gammapy(ours, theirs, size):
    """To 1e-10, and where gammapy's two statistics cancel each other, to the digits that it has left of TS."""
    lost = 1e-14 * size
    assert np.all(np.abs(ours**2 - theirs**2) <= 2e-10 * theirs**2 + lost)
    clear = theirs**2 > 1e10 * lost * 0.5
    np.testing.assert_allclose(ours[clear], theirs[clear], rtol=1e-10)
    return clear


def test_cash_equals_gammapy():
    stats = pytest.importorskip("gammapy.stats")
    rng = np.random.default_rng(1)
    n = np.concatenate([rng.integers(0, 30, 3000), rng.integers(0, 10**6, 1000), np.zeros(50, int), [0, 4, 10**9]])
    mu = np.concatenate([rng.uniform(0, 30, 3000), rng.uniform(0, 1e6, 1000), rng.uniform(0, 9, 50), [0, 0, 9.9e8]])
    theirs = stats.CashCountsStatistic(n, mu).sqrt_ts
    size = np.abs(n * np.log(np.maximum(mu, 1e-25))) + n * np.log(np.maximum(n, 1)) + n + mu
    clear = same_as_gammapy(cash_sqrt_ts(n, mu), theirs, size)
    assert clear.mean() > 0.7


def test_li_ma_equals_gammapy():
    stats = pytest.importorskip("gammapy.stats")
    rng = np.random.default_rng(2)
    on = np.concatenate([rng.integers(0, 30, 3000), rng.integers(0, 10**6, 1000), [0, 0, 7, 10**9]])
    off = np.concatenate([rng.integers(0, 90, 3000), rng.integers(0, 10**7, 1000), [0, 9, 0, 10**9]])
    alpha = np.concatenate([10 ** rng.uniform(-3, 1, 4000), [0.5, 0.5, 0.5, 0.9]])
    with np.errstate(all="ignore"):
        theirs = stats.WStatCountsStatistic(on, off, alpha).sqrt_ts
    # Without any counts gammapy gives NaN; there is no excess.
    nothing = on + off == 0
    ours = li_ma_sqrt_ts(on, off, alpha)
    np.testing.assert_array_equal(ours[nothing], 0)
    size = on * np.log(on + 2) + off * np.log(off + 2) + (on + off) * np.abs(np.log(alpha))
    clear = same_as_gammapy(ours[~nothing], theirs[~nothing], size[~nothing])
    assert clear.mean() > 0.7


def test_the_published_example():
    """The equation of Li & Ma written down; alpha = 1 makes it symmetric."""
    assert li_ma_sqrt_ts(9, 4, 1) == -li_ma_sqrt_ts(4, 9, 1)
    on, off, alpha = 120, 300, 1 / 3
    by_hand = np.sqrt(
        2 * (on * np.log((1 + alpha) / alpha * on / (on + off)) + off * np.log((1 + alpha) * off / (on + off)))
    )
    assert li_ma_sqrt_ts(on, off, alpha) == pytest.approx(by_hand, rel=1e-13)
    # Many off counts are a known background.
    assert li_ma_sqrt_ts(30, 2 * 10**12, 1e-11) == pytest.approx(cash_sqrt_ts(30, 20.0), rel=1e-6)


def test_significance_of_noise_is_normal():
    rng = np.random.default_rng(3)
    found = cash_sqrt_ts(rng.poisson(200.0, 200_000), 200.0)
    assert abs(found.mean()) < 0.02
    assert abs(found.std() - 1) < 0.01
    off = li_ma_sqrt_ts(rng.poisson(200.0, 200_000), rng.poisson(800.0, 200_000), 0.25)
    assert abs(off.mean()) < 0.02
    assert abs(off.std() - 1) < 0.01


def test_shapes_and_missing_values():
    assert cash_sqrt_ts(3, 1.0).shape == ()
    assert cash_sqrt_ts(np.ones((2, 1)), np.ones(3)).shape == (2, 3)
    np.testing.assert_array_equal(np.isnan(cash_sqrt_ts([np.nan, 1, 2], [1, np.nan, 1])), [True, True, False])
    np.testing.assert_array_equal(np.isnan(li_ma_sqrt_ts([np.nan, 1, 2], 1, [1, np.nan, 1])), [True, True, False])
    assert cash_sqrt_ts([], []).shape == (0,)
    big = np.arange(200_000) % 97
    np.testing.assert_array_equal(cash_sqrt_ts(big, 9.5, n_threads=3), cash_sqrt_ts(big, 9.5, n_threads=1))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: cash_sqrt_ts(-1, 1), ValueError, "counts must be finite and not negative, got -1"),
        (lambda: cash_sqrt_ts([1, 2], [1, np.inf]), ValueError, "background must be finite .* value 1 is inf"),
        (lambda: cash_sqrt_ts("3", 1), TypeError, "counts must be numbers"),
        (lambda: cash_sqrt_ts(np.ma.masked_array([1, 2], [0, 1]), 1), ValueError, "counts must not be masked"),
        (lambda: cash_sqrt_ts([1, 2], [1, 2, 3]), ValueError, r"shapes do not match: counts \(2,\), background \(3,\)"),
        (lambda: li_ma_sqrt_ts(1, 1, 0), ValueError, "alpha must be finite and above 0, got 0.0"),
        (lambda: li_ma_sqrt_ts(1, 1, [1, 2, 0]), ValueError, "alpha must be finite and above 0, value 2 is 0.0"),
        (lambda: cash_sqrt_ts(1 * u.m, 1), ValueError, "counts must be numbers, got the unit 'm'"),
        (lambda: li_ma_sqrt_ts(1, [[-4]], 1), ValueError, r"n_off must be .* value \(0, 0\) is -4"),
    ],
)
def test_errors_of_the_statistics(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ---------------------------------------------------------------------- maps


def simulated(order=4, seed=1, n_bins=2):
    rng = np.random.default_rng(seed)
    expected = rng.uniform(0.2, 3, (n_bins, 12 << (2 * order)))
    expected[:, :50] = 0
    counts = rng.poisson(expected)
    counts[:, 10] = 7
    return counts, expected


def nested(values, energy=AXIS, **options):
    return HealpixMap(values, nest=True, frame="galactic", energy=energy, **options)


def test_known_background_by_hand():
    order, radii = 4, [4, 9] * u.deg
    counts, expected = simulated(order)
    found = significance(nested(counts), nested(expected), radii)
    # Counts without exposure are not counted.
    counts[:, :50] = 0
    for k, radius in enumerate(radii.to_value(u.rad)):
        for cell in (50, 700, 3000):
            disc = hp.query_disc(1 << order, hp.pix2vec(1 << order, cell, nest=True), radius, nest=True)
            n, mu = counts[k, disc].sum(), expected[k, disc].sum()
            assert found.counts.values[k, cell] == n
            assert found.background.values[k, cell] == pytest.approx(mu, rel=1e-14)
            assert found.excess.values[k, cell] == pytest.approx(n - mu, rel=1e-12)
            assert found.sqrt_ts.values[k, cell] == pytest.approx(cash_sqrt_ts(n, mu), rel=1e-11)
    for map_ in (found.counts, found.background, found.excess, found.sqrt_ts):
        assert map_.energy == AXIS
        assert np.isnan(map_.values[:, :50]).all()
        assert np.isfinite(map_.values[:, 50:]).all()
    total = found.summed()
    assert total.counts.energy is None
    np.testing.assert_array_equal(total.counts.values[50:], found.counts.values.sum(axis=0)[50:])
    np.testing.assert_allclose(
        total.sqrt_ts.values[50:],
        cash_sqrt_ts(found.counts.values.sum(axis=0)[50:], found.background.values.sum(axis=0)[50:]),
    )
    assert total.summed() is total
    half = found.scaled([0.5, 2])
    np.testing.assert_array_equal(half.background.values[:, 50:], (found.background.values.T * [0.5, 2]).T[:, 50:])
    np.testing.assert_array_equal(half.counts.values[:, 50:], found.counts.values[:, 50:])


@pytest.mark.parametrize("layout", ["full", "ring", "partial counts", "partial background", "both partial"])
def test_layouts_of_the_maps(layout):
    """The same numbers, however the maps store their cells."""
    order = 3
    counts, expected = simulated(order)
    some = np.flatnonzero(expected[0] > 0)
    hit = np.flatnonzero(counts.any(axis=0))
    base = significance(nested(counts), nested(expected), "12 deg").sqrt_ts.values
    options = {"order": order, "nest": True, "frame": "galactic", "energy": AXIS}
    maps = {
        "full": (nested(counts), nested(expected)),
        "ring": (
            HealpixMap(hp.reorder(counts, n2r=True), nest=False, frame="galactic", energy=AXIS),
            nested(expected),
        ),
        "partial counts": (HealpixMap(counts[:, hit], cells=hit, **options), nested(expected)),
        "partial background": (nested(counts), HealpixMap(expected[:, some], cells=some, **options)),
        "both partial": (
            HealpixMap(counts[:, hit], cells=hit, **options),
            HealpixMap(expected[:, some], cells=some, **options),
        ),
    }[layout]
    found = significance(*maps, "12 deg").sqrt_ts
    numbers = np.arange(12 << (2 * order)) if found.cells is None else found.cells
    np.testing.assert_allclose(found.values, base[:, numbers], rtol=1e-11)
    ring = HealpixMap(hp.reorder(expected, n2r=True), nest=False, frame="galactic", energy=AXIS)
    other = significance(maps[0], ring, "12 deg").sqrt_ts
    assert not other.nest
    np.testing.assert_allclose(hp.reorder(other.values, r2n=True), base, rtol=1e-11)


def test_within():
    counts, expected = simulated(3)
    keep = np.random.default_rng(0).uniform(size=expected.shape) < 0.6
    within = Mask.from_healpix(keep, nest=True, frame="galactic", energy=AXIS)
    found = significance(nested(counts), nested(expected), "15 deg", within=within)
    for k in range(2):
        n = disc_sums(nested(counts * keep)[k], "15 deg").values
        np.testing.assert_array_equal(found.counts.values[k], np.where(keep[k], n, np.nan))


@pytest.mark.parametrize("ratio", ["number", "map"])
def test_on_and_off_counts_by_hand(ratio):
    order, radius = 4, 6 * u.deg
    rng = np.random.default_rng(8)
    on, off = rng.poisson(2.0, 12 << 8), rng.poisson(0.3, 12 << 8)
    alpha = np.full(on.size, 0.2) if ratio == "number" else rng.uniform(0.1, 0.3, on.size)
    off[:400] = 0
    found = significance(
        nested(on, None), None, radius, off=nested(off, None), alpha=0.2 if ratio == "number" else nested(alpha, None)
    )
    for cell in (5, 192, 1000, 2222):
        disc = hp.query_disc(1 << order, hp.pix2vec(1 << order, cell, nest=True), radius.to_value(u.rad), nest=True)
        n_off = off[disc].sum()
        effective = (alpha * off)[disc].sum() / n_off if n_off else alpha[disc].mean()
        assert found.n_off.values[cell] == n_off
        assert found.alpha.values[cell] == pytest.approx(effective, rel=1e-13)
        assert found.background.values[cell] == pytest.approx(effective * n_off, rel=1e-13)
        assert found.sqrt_ts.values[cell] == pytest.approx(li_ma_sqrt_ts(on[disc].sum(), n_off, effective), rel=1e-10)
    assert found.n_off.values[192] == 0
    assert found.summed() is found


def test_on_and_off_counts_summed_over_bins():
    rng = np.random.default_rng(9)
    on, off, alpha = rng.poisson(3, (2, 768)), rng.poisson(5, (2, 768)), rng.uniform(0.1, 0.9, (2, 768))
    alpha[0, 7] = 0
    off[:, 700:] = 0
    found = significance(nested(on), None, "9 deg", off=nested(off), alpha=nested(alpha))
    assert np.isnan(found.alpha.values[0, 7])
    assert np.isnan(found.counts.values[0, 7])
    total = found.summed()
    np.testing.assert_allclose(total.counts.values, np.nansum(found.counts.values, axis=0))
    np.testing.assert_allclose(total.background.values, np.nansum(found.background.values, axis=0), atol=1e-13)
    there = total.n_off.values > 0
    np.testing.assert_allclose(
        total.alpha.values[there], np.nansum(found.background.values, axis=0)[there] / total.n_off.values[there]
    )
    assert np.isfinite(total.sqrt_ts.values).all()
    assert (~there).any()


def test_scaled_is_for_known_backgrounds():
    on = nested(np.ones((2, 12)))
    with pytest.raises(ValueError, match="follows from off counts and cannot be multiplied"):
        significance(on, None, "1 deg", off=on, alpha=0.5).scaled(2)
    with pytest.raises(ValueError, match=r"one number or 2, one for each energy bin, got \(3,\)"):
        significance(on, on, "1 deg").scaled([1, 2, 3])
    with pytest.raises(ValueError, match="factors must be finite and not negative, value 1 is -2"):
        significance(on, on, "1 deg").scaled([1, -2])


def test_text():
    counts, expected = simulated(2)
    assert repr(significance(nested(counts), nested(expected), "9 deg")).startswith(
        "<Significance | 2 bins of 192 cells"
    )
    nothing = nested(np.full((2, 48), np.nan))
    assert "no exposure" in repr(Significance(nothing, nothing))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"background": None}, TypeError, "either a background must be given, or off and alpha"),
        ({"alpha": 0.2}, TypeError, "give a background, or off and alpha, and not both"),
        ({"background": None, "off": nested(np.ones((2, 12)))}, TypeError, "either a background must be given"),
        (
            {"background": None, "off": nested(np.ones((2, 12))), "alpha": 0.0},
            ValueError,
            "finite and above 0, got 0.0",
        ),
        ({"counts": np.ones(12)}, TypeError, "counts must be a HealpixMap, got ndarray"),
        ({"background": nested(np.ones((2, 48)))}, ValueError, "background must have the order of counts, 0, got 1"),
        ({"background": nested(np.ones(12), None)}, ValueError, "the energy bins of counts, .*, got None"),
        (
            {"background": HealpixMap(np.ones((2, 12)), nest=True, frame="icrs", energy=AXIS)},
            ValueError,
            "background must have the frame of counts, galactic, got icrs",
        ),
        (
            {"background": None, "off": nested(np.ones((2, 12))), "alpha": nested(np.full((2, 12), -1.0))},
            ValueError,
            r"alpha must be finite and not negative, value \(0, 0\)",
        ),
        (
            {"background": None, "off": nested(np.ones((2, 12))), "alpha": nested(np.ones((2, 48)))},
            ValueError,
            "alpha must have the order of off, 0, got 1",
        ),
        (
            {"background": nested(np.ones((2, 12))).with_values(np.ones((2, 12)), energy=AXIS, unit="1 / deg2")},
            ValueError,
            "background must have a number for each cell, got densities in 1 / deg2",
        ),
        ({"counts": nested(np.full((2, 12), -1.0))}, ValueError, "counts must be finite and not negative"),
        ({"within": Mask.full(order=0)}, ValueError, "within must have the frame of the map"),
        ({"radius": "400 deg"}, ValueError, "radius must be from 0 to 180 deg"),
    ],
)
def test_errors_of_maps(change, error, message):
    arguments = {"counts": nested(np.ones((2, 12))), "background": nested(np.ones((2, 12))), "radius": "1 deg"}
    arguments |= change
    with pytest.raises(error, match=message):
        significance(arguments.pop("counts"), arguments.pop("background"), arguments.pop("radius"), **arguments)
