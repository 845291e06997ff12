"""Targets of the kernels that work on plain arrays: statistics of counts, values above a level, regions of an image."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np

from fuzz.kernels.draw import Source
from fuzz.kernels.referees import check, same
from fuzz.kernels.target import Call, kernel, refuses, target


@target
def counts_statistics(s: Source, call: Call) -> None:
    k, n = kernel("counts_statistics"), s.integer(1, 8)
    on, off = (np.array([count(s) for _ in range(n)]) for _ in range(2))
    mu, alpha = np.array([count(s) for _ in range(n)]), np.array([10 * s.size(1.0) + 1e-6 for _ in range(n)])
    if s.chance():
        # Next to the expectation.
        mu = on * (1 + np.array([(s.byte() - 128) * 2.0**-45 for _ in range(n)]))
        off = on / alpha
    out = np.empty(n)
    call(k.cash, on, mu, out)
    for i in range(n):
        right = _significance([(on[i], max(mu[i], 1e-25))], on[i] - mu[i])
        same(out[i], right, f"cash({on[i]!r}, {mu[i]!r})", within=1e-9 * (1 + abs(right)))
    call(k.li_ma, on, off, alpha, out)
    for i in range(n):
        total = (Fraction(on[i]) + Fraction(off[i])) / (1 + Fraction(alpha[i]))
        excess = Fraction(on[i]) - Fraction(alpha[i]) * Fraction(off[i])
        right = _significance([(on[i], Fraction(alpha[i]) * total), (off[i], total)], excess)
        slack = 1e-9 * (1 + abs(right)) + 1e-14 * math.sqrt(on[i] + off[i])
        same(out[i], right, f"li_ma({on[i]!r}, {off[i]!r}, {alpha[i]!r})", within=slack)
    on[0] = np.nan
    call(k.cash, on, mu, out)
    check(np.isnan(out[0]), "cash of NaN", out)
    k.cash(s.reals(n), s.reals(n), out)
    k.li_ma(s.reals(n), s.reals(n), s.reals(n), out)
    refuses(k.cash, on, mu[1:].copy(), out)
    refuses(k.li_ma, on, off, alpha[1:].copy(), out)


def count(s: Source) -> float:
    b = s.byte()
    return float(b - 40) if 40 <= b < 160 else 0.0 if b < 40 else s.integer(0, 65535) * 2.0 ** ((b & 63) - 30)


def _significance(pairs: list[tuple[float, Fraction | float]], excess: Fraction | float) -> float:
    """The root of twice the sum of n ln(n / mu) + mu - n, with the sign of the excess, in 60 digits."""
    with localcontext() as context:
        context.prec = 60
        total = Decimal(0)
        for n, mu in pairs:
            mean, some = Fraction(mu), Decimal(n)
            mu_ = Decimal(mean.numerator) / Decimal(mean.denominator)
            total += (some * (some / mu_).ln() if n else Decimal(0)) + mu_ - some
        root = float((2 * max(total, Decimal(0))).sqrt())
    return -root if excess < 0 else root if excess else 0.0


@target
def crossings(s: Source, call: Call) -> None:
    k = kernel("crossings").crossings
    kind, n, limit = s.pick((np.float32, np.float64)), s.integer(0, 300), -2.0
    low, high = (s.real() if s.chance() else (s.byte() - 128) / 64 for _ in range(2))
    special = (low, high, 0.0, -0.0, limit, -limit, np.inf, 5e-324, low / 2 + high / 2)
    pattern = [s.pick(special) if s.chance(3) else (s.byte() - 128) / 64 for _ in range(min(n, 20))]
    values = np.resize(np.array(pattern, np.float64), n) if n else np.empty(0)
    for _ in range(s.byte() % 3):
        if n:
            values[s.integer(0, n - 1)] = s.pick((np.nan, -3.0, -np.inf, low, high, 3.0, np.inf))
    with np.errstate(over="ignore"):
        values, first, last, least = values.astype(kind), kind(low), kind(high), kind(limit)
    start, out = s.integer(0, 1 << 40), np.empty(n, np.int64)
    if np.isnan(low) or np.isnan(high):
        refuses(k, values, low, high, limit, start, out)
        return
    found = call(k, values, low, high, limit, start, out)
    if np.any(np.isnan(values)) or np.any(values < least):
        check(found == -1, "values that are missing", found, values)
    else:
        inside = np.concatenate([[False], (first <= values) & (values <= last)])
        places = start + np.flatnonzero(inside[1:] != inside[:-1])
        check(found == places.size, "number of places", found, places)
        same(out[:found], places, f"places of {low!r} to {high!r}")
    refuses(k, values, low, high, 0.0, start, out)
    if n:
        refuses(k, values, low, high, limit, start, out[1:].copy())


@target
def greedy(s: Source, call: Call) -> None:
    k, n, density = kernel("greedy"), s.integer(0, 24), s.chance()
    orders = np.array([s.byte() % 30 for _ in range(n)], np.uint8) if s.chance() else np.empty(0, np.uint8)
    values = np.array([s.pick((0.0, -0.0, 1.0, 5e-324, 1e30)) if s.chance(3) else s.byte() / 16 for _ in range(n)])
    if s.chance(6) and n:
        values[s.integer(0, n - 1)] = s.real()
    levels = orders.astype(int) if orders.size else np.zeros(n, int)
    with np.errstate(all="ignore"):
        keys = values * (1.0 if density else 4.0**levels)
        weights = values * (4.0**-levels if density else 1.0)
    wrong = np.flatnonzero(~((values >= 0) & np.isfinite(keys)))
    bad, most = call(k.largest, values, orders, density)
    check(bad == (wrong[0] if wrong.size else -1), "the first that is no density", bad, values)
    if wrong.size:
        return
    check(most == (weights.max() if n else 0), "largest", most, weights)
    bits_of = np.abs(keys).view(np.uint64)
    shift, width, bits = s.integer(0, 50), s.integer(1, 12), s.integer(0, 40)
    key = int(bits_of[s.integer(0, n - 1)]) if n else s.integer(0, 2**62)
    # The caller sees to it that no sum overflows.
    prefix, unit = key >> (shift + width), 2.0 ** (min(10, 60 - math.frexp(weights.sum())[1]) - s.integer(0, 8))
    whole, rest = np.zeros(1 << width, np.uint64), np.zeros(1 << width, np.uint64)
    call(k.tally, values, orders, density, unit, bits, shift, width, prefix, whole, rest)
    right, right_rest = [0] * (1 << width), [0] * (1 << width)
    for b, weight in zip(bits_of.tolist(), weights.tolist(), strict=True):
        if b >> (shift + width) == prefix:
            scaled = Fraction(weight) * Fraction(unit)
            right[(b >> shift) % (1 << width)] += int(scaled)
            right_rest[(b >> shift) % (1 << width)] += int((scaled - int(scaled)) * 2**bits)
    same(whole, np.array(right, np.uint64), "whole")
    same(rest, np.array(right_rest, np.uint64), "rest")
    rows, first = np.full(s.integer(0, n), -1, np.int64), s.integer(0, 1000)
    wanted = first + np.flatnonzero(bits_of >> np.uint64(shift) == np.uint64(key >> shift))
    check(call(k.collect, values, orders, density, shift, key >> shift, first, rows) == wanted.size, "collect")
    same(rows[: wanted.size], wanted[: rows.size], "rows")
    above = np.empty(n, np.uint8)
    call(k.select, values, orders, density, key, above)
    same(above, bits_of > np.uint64(key), "above")
    refuses(k.largest, values, np.zeros(n + 1, np.uint8), density)
    refuses(k.tally, values, orders, density, unit, 63, shift, width, prefix, whole, rest)
    refuses(k.tally, values, orders, density, unit, bits, shift, width, prefix, whole, rest[1:].copy())
    refuses(k.collect, values, orders, density, 64, 0, first, rows)
    refuses(k.select, values, orders, density, key, np.empty(n + 1, np.uint8))


@target
def flood(s: Source, call: Call) -> None:
    k, ny, nx, corners = kernel("flood"), s.integer(0, 9), s.integer(0, 12), s.chance()
    pattern = [s.byte() for _ in range(1 + ny * nx // 8)]
    bits = np.unpackbits(np.array(pattern, np.uint8))[: ny * nx].reshape(ny, nx)
    inside, seed = np.ascontiguousarray(bits), np.zeros((ny, nx), np.uint8)
    if s.chance(3):
        inside = 1 - inside
    if ny and nx:
        for _ in range(s.byte() % 4):
            seed[s.integer(0, ny - 1), s.integer(0, nx - 1)] = s.byte() | 1
    out = np.full((ny, nx), 7, np.uint8)
    call(k.flood, inside, seed, corners, out)
    expected, stack = np.zeros((ny, nx), np.uint8), list(zip(*np.nonzero(seed), strict=True))
    while stack:
        row, column = stack.pop()
        if not (0 <= row < ny and 0 <= column < nx) or not inside[row, column] or expected[row, column]:
            continue
        expected[row, column] = 1
        stack += [(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1) if corners or abs(i) + abs(j) == 1]
    same(out, expected, "flood")
    refuses(k.flood, inside, np.zeros((ny + 1, nx), np.uint8), corners, out)
    refuses(k.flood, inside, seed, corners, np.zeros((ny, nx + 1), np.uint8))
