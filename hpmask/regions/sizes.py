"""Sizes of many shapes, as users give them: one for all, one for each row, or also one for each energy bin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from hpmask._utils.arguments import as_angle
from hpmask.energy.axis import EnergyAxis
from hpmask.energy.units import per_bin

__all__ = ["BELOW_90", "BELOW_180", "UP_TO_180", "WIDE", "GivenSize", "Limits", "SizeLike", "check_pair", "span_text"]

Angles = NDArray[np.float64]
SizeLike: TypeAlias = u.Quantity | str | Callable[[EnergyAxis], u.Quantity]


class Limits(NamedTuple):
    """The sizes that a shape may have, in radians, and the words for them."""

    low: float
    high: float
    has_low: bool
    has_high: bool
    text: str

    def hold(self, values: Angles) -> NDArray[np.bool_]:
        """Which values are within the limits; NaN is not."""
        # 180 deg in other units may come out a bit above pi.
        high = self.high * (1 + 1e-12)
        above: NDArray[np.bool_] = values >= self.low if self.has_low else values > self.low
        return above & (values <= high if self.has_high else values < self.high)


UP_TO_180 = Limits(0.0, np.pi, True, True, "from 0 to 180 deg")
WIDE = Limits(0.0, np.pi, False, True, "above 0 and at most 180 deg")
BELOW_180 = Limits(0.0, np.pi, False, False, "above 0 and below 180 deg")
BELOW_90 = Limits(0.0, np.pi / 2, False, False, "above 0 and below 90 deg")


class GivenSize:
    """A size of many shapes: an argument of the user, checked as far as it can be without the energy bins.

    Parameters
    ----------
    given : `~astropy.units.Quantity`, str or callable
        A scalar, shape (n,), or with energy bins shape (n, n_bins) or (1, n_bins); or a function of the energy axis.
    argument : str
        Its name, for errors.
    n : int
        The number of rows.
    limits : Limits
        The values that are allowed.
    row : str
        What a row is called.

    Raises
    ------
    TypeError, ValueError
        If it is not an angle, or a value is not within the limits.
    """

    __slots__ = ("_angle", "_radians", "argument", "given", "limits", "n", "row")

    def __init__(self, given: SizeLike, argument: str, n: int, limits: Limits, row: str = "row") -> None:
        self.argument, self.n, self.limits, self.row = argument, n, limits, row
        self.given = given
        self._radians: Angles | None = None
        self._angle: u.Quantity | None = None
        if not callable(given):
            self._angle = as_angle(given, argument)
            # One value for each bin in place of each row is an error, which has an advice if the bins are known.
            if self._angle.ndim < 2 and self._angle.size in (1, n):
                self._radians = self._checked(self._angle, None)

    @property
    def is_known(self) -> bool:
        """Whether the values do not depend on the energy bins."""
        return self._radians is not None

    def radians(self, energy: EnergyAxis | None) -> Angles:
        """The values in radians, shape (n, 1), or (n, n_bins) if they are given for each bin; read-only if broadcast.

        Raises
        ------
        TypeError, ValueError
            If the shape does not fit the rows and the bins, or a value is not within the limits.
        """
        if self._radians is not None:
            return self._radians
        return self._checked(self.angle(energy), energy)

    def angle(self, energy: EnergyAxis | None) -> u.Quantity:
        """The values in their unit."""
        if self._angle is not None:
            return self._angle
        angle = as_angle(per_bin(self.given, energy, self.argument), self.argument)
        # A function of the energy axis may return one value for each bin.
        return angle[np.newaxis] if angle.ndim == 1 else angle

    def _checked(self, angle: u.Quantity, energy: EnergyAxis | None) -> Angles:
        n, name = self.n, self.argument
        values = np.asarray(angle.to_value(u.rad), dtype=np.float64)
        if values.ndim < 2:
            if values.ndim == 1 and values.size not in (1, n):
                several = energy is not None and values.size == energy.n_bins
                advice = f"; write {_as_row(angle)} for one {name} per bin" if several else ""
                raise ValueError(
                    f"{name} must be a scalar or have one value per {self.row} ({n}), got {values.size}{advice}"
                )
            values = np.broadcast_to(values.reshape(-1, 1), (n, 1))
        else:
            if energy is None:
                raise ValueError(f"{name} of shape {values.shape} has a column per energy bin: energy must be given")
            if values.ndim > 2 or values.shape[1] != energy.n_bins or values.shape[0] not in (1, n):
                shapes = " or ".join(f"({m}, {energy.n_bins})" for m in dict.fromkeys((n, 1)))
                raise ValueError(
                    f"{name} must have shape {shapes}, one row per {self.row} and one column per energy bin, "
                    f"got {values.shape}"
                )
            values = np.broadcast_to(values, (n, energy.n_bins))
        good = self.limits.hold(values[tuple(slice(1) if step == 0 else slice(None) for step in values.strides)])
        if not good.all():
            bad = np.flatnonzero(~np.broadcast_to(good, values.shape).all(axis=1))
            if bad.size:
                value = np.broadcast_to(np.atleast_1d(angle.value).reshape(-1, values.shape[1]), values.shape)[bad[0]]
                raise ValueError(
                    f"{name} must be {self.limits.text}, {bad.size} of {n} are not, "
                    f"the first in row {bad[0]}: {np.squeeze(value)} {angle.unit}"
                )
        return values


def _as_row(angle: u.Quantity) -> str:
    """The values of a 1-D quantity as the only row of a table, such as "[[2, 1, 0.5]]"."""
    values = [f"{value:.6g}" for value in angle.value]
    if len(values) > 6:
        values[3:-2] = ["..."]
    return f"[[{', '.join(values)}]]"


def check_pair(small: GivenSize, large: GivenSize, energy: EnergyAxis | None, *, equal: bool) -> tuple[Angles, Angles]:
    """Two sizes in radians with as many columns, of which the first must be below the second, or may equal it.

    Raises
    ------
    ValueError
        If a row breaks this rule.
    """
    one, two = np.broadcast_arrays(small.radians(energy), large.radians(energy))
    # Numbers of single precision and other units may differ in their last digits.
    good = one <= two * (1 + 1e-6) if equal else one < two
    if not good.all():
        bad = np.flatnonzero(~good.all(axis=1))
        row = int(bad[0])
        column = int(np.flatnonzero(~good[row])[0])
        rule = "at most" if equal else "below"
        values = []
        for size, radians in ((small, one), (large, two)):
            unit = size.angle(energy).unit
            values.append(f"{(radians[row, column] * u.rad).to_value(unit):.6g} {unit}")
        raise ValueError(
            f"{small.argument} must be {rule} {large.argument}, {bad.size} of {small.n} are not, "
            f"the first in row {row}: {values[0]} and {values[1]}"
        )
    return one, two


def span_text(radians: Angles, unit: Any) -> str:
    """The range of some angles in radians, in a unit, such as "0.1 to 0.3 deg"."""
    # An array that was broadcast has each value many times.
    some = radians[tuple(slice(1) if stride == 0 else slice(None) for stride in radians.strides)]
    span = [f"{(one * u.rad).to_value(unit):.6g}" for one in (some.min(), some.max())]
    return f"{' to '.join(dict.fromkeys(span))} {unit}"
