"""Sizes that follow from the magnitude of a star."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from astropy import units as u
from astropy.table import Table
from numpy.typing import NDArray

from hpmask._utils.arguments import as_angle
from hpmask.catalog.conditions import numbers_of

__all__ = ["MagnitudeLaw"]

Outside = Literal["raise", "hold"]


class MagnitudeLaw:
    """The size of a mask around a star as a function of its magnitude.

    It is one of the sizes that `hpmask.Mask.from_catalog` takes: the radius of a disc, the length of a spike, the radii
    of a halo.

    Parameters
    ----------
    magnitude : str
        The column of magnitudes.
    law : mapping of float to `~astropy.units.Quantity` or str, or callable
        The size at some magnitudes, two or more, such as ``{6: "5 arcmin", 12: "30 arcsec"}``; or a function that takes
        an array of magnitudes of shape (n,) and returns angles of shape (n,), such as a published formula.
    interpolation : {"log", "linear", "previous"}, optional
        How the size changes between the magnitudes of a table: its logarithm is linear in the magnitude, as for a
        profile that is a power law; the size itself is linear; or it is that of the next brighter magnitude.
    brighter, fainter : {"raise", "hold"}, optional
        What happens to stars beyond the magnitudes of a table: they are rows that cannot be used, or have the size at
        the end of the table.
    at_least, at_most : `~astropy.units.Quantity` or str, optional
        Limits of the size.

    Raises
    ------
    TypeError, ValueError
        If the law is neither a table of angles nor a function, or an option is not one of those above.

    See Also
    --------
    hpmask.Mask.from_catalog : Masks of the sources of a catalog. Stars without a magnitude are rows that cannot be
        used, unless ``missing`` gives their size.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from hpmask import Mask
    >>> from hpmask.catalog import MagnitudeLaw
    >>> stars = Table({"ra": [10.0, 20.0, 30.0], "dec": [0.0, 5.0, 8.0], "Gmag": [6.0, 9.0, 12.0]})
    >>> law = MagnitudeLaw("Gmag", {6: "4 arcmin", 12: "15 arcsec"})
    >>> law(stars)
    <Quantity [4.  , 1.  , 0.25] arcmin>
    >>> Mask.from_catalog(stars, law, order=13)
    <Mask icrs order=13 | 39 ranges, 624 B | 3.601e-07 of the sky>

    A formula:

    >>> import astropy.units as u
    >>> MagnitudeLaw("Gmag", lambda mag: 100 * 10 ** (-0.1 * mag) * u.arcmin, at_most="20 arcmin")(stars)
    <Quantity [20.        , 12.58925412,  6.30957344] arcmin>
    """

    def __init__(
        self,
        magnitude: str,
        law: Mapping[float, u.Quantity | str] | Callable[[NDArray[np.float64]], u.Quantity],
        *,
        interpolation: Literal["log", "linear", "previous"] = "log",
        brighter: Outside = "raise",
        fainter: Outside = "raise",
        at_least: u.Quantity | str | None = None,
        at_most: u.Quantity | str | None = None,
    ) -> None:
        if not isinstance(magnitude, str):
            raise TypeError(f"magnitude must be the name of a column, got {magnitude!r}")
        if interpolation not in ("log", "linear", "previous"):
            raise ValueError(f"interpolation must be 'log', 'linear' or 'previous', got {interpolation!r}")
        for name, value in (("brighter", brighter), ("fainter", fainter)):
            if value not in ("raise", "hold"):
                raise ValueError(f"{name} must be 'raise' or 'hold', got {value!r}")
        self.magnitude = magnitude
        self._function = law if callable(law) else None
        self._magnitudes, self._angles = (np.empty(0), u.Quantity([], u.deg)) if callable(law) else _table(law)
        self._interpolation = interpolation
        if interpolation == "log" and not (self._angles > 0).all():
            raise ValueError("law must have sizes above 0 for interpolation 'log': use 'linear'")
        self._brighter, self._fainter = brighter, fainter
        self._at_least = None if at_least is None else _one(at_least, "at_least")
        self._at_most = None if at_most is None else _one(at_most, "at_most")
        if self._at_least is not None and self._at_most is not None and self._at_least > self._at_most:
            raise ValueError(f"at_least must not be above at_most, got {self._at_least} and {self._at_most}")

    def __call__(self, table: Table, energy: Any = None) -> u.Quantity:
        """Return the sizes of the rows of a table.

        Parameters
        ----------
        table : `~astropy.table.Table`
            The catalog.
        energy : EnergyAxis, optional
            Energy bins. The sizes do not depend on them.

        Returns
        -------
        `~astropy.units.Quantity`
            Angles of shape (n,), or (n, 1) if `energy` is given. NaN for rows without a magnitude, and infinite for
            rows whose magnitude is beyond the table of the law.

        Raises
        ------
        TypeError, ValueError
            If there is no such column, it does not hold magnitudes, or the function does not return an angle for each.
        """
        magnitudes = self._magnitudes_of(table)
        angles = self._of_function(magnitudes) if self._function is not None else self._of_table(magnitudes)
        # Minimum and maximum keep NaN. What the law does not know stays infinite.
        if self._at_least is not None:
            angles = np.maximum(angles, self._at_least)
        if self._at_most is not None:
            angles = np.where(np.isinf(angles), angles, np.minimum(angles, self._at_most))
        return angles if energy is None else angles[:, np.newaxis]

    def faults(self, table: Table) -> list[tuple[str, NDArray[np.bool_]]]:
        """Return why rows have no size.

        Parameters
        ----------
        table : `~astropy.table.Table`
            The catalog.

        Returns
        -------
        list of tuple
            For each reason, its text, and the rows, of shape (n,).

        Examples
        --------
        >>> from astropy.table import Table
        >>> from hpmask.catalog import MagnitudeLaw
        >>> law = MagnitudeLaw("Gmag", {6: "4 arcmin", 12: "15 arcsec"}, brighter="hold")
        >>> [(text, rows.tolist()) for text, rows in law.faults(Table({"Gmag": [3.0, 13.0]})) if rows.any()]
        [('a magnitude fainter than 12, where the law ends', [False, True])]
        """
        magnitudes = self._magnitudes_of(table)
        found = [(f"no magnitude in the column {self.magnitude!r}", ~np.isfinite(magnitudes))]
        if self._function is None:
            first, last = self._magnitudes[[0, -1]]
            if self._brighter == "raise":
                found.append((f"a magnitude brighter than {first:g}, where the law begins", magnitudes < first))
            if self._fainter == "raise":
                found.append((f"a magnitude fainter than {last:g}, where the law ends", magnitudes > last))
        return found

    def _magnitudes_of(self, table: Table) -> NDArray[np.float64]:
        magnitudes, unit = numbers_of(table, self.magnitude)
        unit = getattr(unit, "function_unit", unit)
        if unit is not None and unit not in (u.mag, u.dimensionless_unscaled):
            raise ValueError(f"the column {self.magnitude!r} must hold magnitudes, but its unit is {str(unit)!r}")
        return magnitudes

    def _of_function(self, magnitudes: NDArray[np.float64]) -> u.Quantity:
        assert self._function is not None
        angles = np.full(magnitudes.size, np.nan) * u.deg
        there = np.isfinite(magnitudes)
        got = as_angle(self._function(magnitudes[there]), f"the result of law ({self._name})")
        if got.shape not in ((), (int(there.sum()),)):
            raise ValueError(
                f"law ({self._name}) must return an angle for each of {int(there.sum())} magnitudes, got the shape "
                f"{got.shape}"
            )
        angles = angles.to(got.unit)
        angles[there] = got
        return angles

    def _of_table(self, magnitudes: NDArray[np.float64]) -> u.Quantity:
        points, values = self._magnitudes, self._angles.value
        if self._interpolation == "log":
            angles = np.exp(np.interp(magnitudes, points, np.log(values)))
        elif self._interpolation == "linear":
            angles = np.interp(magnitudes, points, values)
        else:
            angles = values[np.clip(np.searchsorted(points, magnitudes, side="right") - 1, 0, None)]
            angles = np.where(np.isnan(magnitudes), np.nan, angles)
        # The points themselves are not rounded by a logarithm.
        at = np.minimum(np.searchsorted(points, magnitudes), points.size - 1)
        angles = np.where(points[at] == magnitudes, values[at], angles)
        if self._brighter == "raise":
            angles = np.where(magnitudes < points[0], np.inf, angles)
        if self._fainter == "raise":
            angles = np.where(magnitudes > points[-1], np.inf, angles)
        return np.where(np.isinf(magnitudes), np.nan, angles) * self._angles.unit

    @property
    def _name(self) -> str:
        return getattr(self._function, "__name__", type(self._function).__name__)

    @property
    def __name__(self) -> str:
        """The law in the history of a mask."""
        if self._function is not None:
            return f"{self._name} of {self.magnitude!r}"
        points = [f"{one:g}: {size:g}" for one, size in zip(self._magnitudes, self._angles.value, strict=True)]
        return f"law of {self.magnitude!r}, {self._interpolation}, {{{', '.join(points)}}} {self._angles.unit}"

    def __repr__(self) -> str:
        return f"<MagnitudeLaw {self.__name__}>"


def _one(angle: u.Quantity | str, argument: str) -> u.Quantity:
    size = as_angle(angle, argument)
    if size.shape != () or not size >= 0:
        raise ValueError(f"{argument} must be one angle that is not negative, got {angle}")
    return size


def _table(law: Any) -> tuple[NDArray[np.float64], u.Quantity]:
    """The magnitudes of a table in ascending order, and the sizes there."""
    if not isinstance(law, Mapping):
        raise TypeError(f"law must be a mapping from magnitudes to angles, or a function, got {law!r}")
    if len(law) < 2:
        raise ValueError(f"law must have two magnitudes or more, got {len(law)}")
    try:
        points = [(float(one), as_angle(angle, f"law[{one}]")) for one, angle in law.items()]
    except TypeError as error:
        raise TypeError(f"law must be a mapping from magnitudes to angles: {error}") from None
    points.sort(key=lambda point: point[0])
    magnitudes = np.array([one for one, _ in points])
    angles = u.Quantity([angle for _, angle in points])
    if angles.ndim != 1:
        raise ValueError("law must have one angle for each magnitude")
    if not np.isfinite(magnitudes).all() or not np.isfinite(angles).all() or (angles < 0).any():
        raise ValueError(f"law must have finite magnitudes, and finite angles that are not negative, got {law}")
    return magnitudes, angles
