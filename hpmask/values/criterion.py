"""Which values are kept: a threshold, an interval or hysteresis, and what happens to missing values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from hpmask._utils.arguments import Closed, check_closed, check_connectivity, float64, unmasked
from hpmask._utils.words import counted

__all__ = ["KEEP", "NAN", "Criterion", "Keep", "Nan", "check_missing", "check_nan"]

Keep = Literal[">", ">=", "<", "<=", "between", "outside"]
KEEP: tuple[Keep, ...] = get_args(Keep)
Nan = Literal["raise", "keep", "exclude"]
NAN: tuple[Nan, ...] = get_args(Nan)

Booleans = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Criterion:
    """A condition that values fulfil or not. `of` makes one from the arguments of a user.

    Attributes
    ----------
    low, high : `~astropy.units.Quantity` or numpy.ndarray, shape () or (n_bins,)
        Both are the threshold, if there is one. Otherwise they are the ends of the interval, or the two thresholds of
        hysteresis.
    keep : {">", ">=", "<", "<=", "between", "outside"}
        Which values are kept.
    closed : {"left", "right", "both", "neither"}
        Which ends of an interval belong to it.
    hysteresis : bool
        Whether `low` and `high` are the thresholds of hysteresis.
    corners : bool
        Whether cells that only share a corner are neighbours.
    """

    low: Any
    high: Any
    keep: Keep
    closed: Closed
    hysteresis: bool
    corners: bool

    @classmethod
    def of(
        cls,
        threshold: Any = None,
        *,
        low: Any = None,
        high: Any = None,
        keep: str = ">",
        closed: str = "left",
        connectivity: int = 8,
    ) -> Criterion | None:
        """The criterion that the arguments of a user describe; None if there is no threshold among them.

        Raises
        ------
        TypeError, ValueError
            If they contradict each other, or one is not valid.
        """
        corners, closed = check_connectivity(connectivity), check_closed(closed)
        if keep not in KEEP:
            raise ValueError(f"keep must be {', '.join(map(repr, KEEP[:-1]))} or {KEEP[-1]!r}, got {keep!r}")
        pair = keep in ("between", "outside")
        if threshold is None and low is None and high is None:
            if keep != ">":
                raise TypeError(f"keep={keep!r} needs a threshold")
            return None
        if threshold is not None:
            if low is not None or high is not None:
                raise TypeError("give a threshold, or low and high for hysteresis, and not both")
            if not pair:
                value = _as_level(threshold, "threshold")
                return cls(value, value, keep, closed, False, corners)
            if not isinstance(threshold, tuple | list | np.ndarray | u.Quantity) or len(threshold) != 2:
                raise TypeError(f"threshold must be a pair (low, high) for keep={keep!r}, got {threshold!r}")
            low, high = threshold
        elif low is None or high is None:
            raise TypeError("hysteresis needs low and high, got only one of them")
        elif pair:
            raise TypeError(f"keep={keep!r} needs threshold=(low, high): low and high alone mean hysteresis")
        low, high = _as_level(low, "low"), _as_level(high, "high")
        if isinstance(low, u.Quantity) != isinstance(high, u.Quantity):
            raise TypeError(f"low and high must both have a unit, or neither of them, got {low} and {high}")
        if np.ndim(low) and np.ndim(high) and len(low) != len(high):
            raise ValueError(f"low and high must have a value for each energy bin, got {len(low)} and {len(high)}")
        if np.any(_number(low, getattr(high, "unit", None), "low") > getattr(high, "value", high)):
            raise ValueError(f"low must not exceed high, got {low} and {high}")
        return cls(low, high, keep, closed, not pair, corners)

    # ------------------------------------------------------------------ values

    def kept(self, values: NDArray[Any], bin_: int, unit: u.UnitBase | None = None) -> Booleans:
        """Which values of one energy bin are kept by a threshold or an interval. Missing values are not decided."""
        low, high = self.levels(bin_, unit, values.dtype)
        if self.keep in ("between", "outside"):
            inside = (values >= low) if self.closed in ("left", "both") else (values > low)
            inside &= (values <= high) if self.closed in ("right", "both") else (values < high)
            return np.asarray(inside if self.keep == "between" else ~inside)
        return np.asarray(_COMPARE[self.keep](values, low))

    def candidates_and_seeds(
        self, values: NDArray[Any], bin_: int, unit: u.UnitBase | None = None
    ) -> tuple[Booleans, Booleans]:
        """For hysteresis: which values of one energy bin are above the low threshold, and which above the high one.

        "Above" includes the threshold itself for `keep` ">=" and "<". The region consists of the candidates that are
        connected to a seed. It is kept for ">" and ">=". For "<" and "<=" the rest is kept.
        """
        low, high = self.levels(bin_, unit, values.dtype)
        above = np.greater if self.keep in (">", "<=") else np.greater_equal
        return above(values, low), above(values, high)

    def intervals(self, dtype: np.dtype[Any], bin_: int, unit: u.UnitBase | None) -> list[tuple[float, float, bool]]:
        """The criterion for values of a floating-point type, as intervals that include their ends.

        There is one interval for a threshold, and for hysteresis one for the candidates and one for the seeds. Each is
        (low, high, whether the values outside it are meant); NaN for a limit means that no value is in the interval.
        """
        low, high = self.levels(bin_, unit, dtype)
        if self.hysteresis:
            closed = self.keep not in (">", "<=")
            return [(_from(level, dtype, closed), np.inf, False) for level in (low, high)]
        if self.keep in ("between", "outside"):
            first = _from(low, dtype, self.closed in ("left", "both"))
            return [(first, _up_to(high, dtype, self.closed in ("right", "both")), self.keep == "outside")]
        if self.keep in (">", ">="):
            return [(_from(low, dtype, self.keep == ">="), np.inf, False)]
        return [(-np.inf, _up_to(low, dtype, self.keep == "<="), False)]

    @property
    def keeps_region(self) -> bool:
        """Whether hysteresis keeps the region that it finds, or the rest."""
        return self.keep in (">", ">=")

    def levels(self, bin_: int, unit: u.UnitBase | None, dtype: np.dtype[Any] | None = None) -> tuple[Any, Any]:
        """`low` and `high` of one energy bin as numbers in the unit of the values.

        With the `dtype` of values in single precision they are in that precision, as a number is when numpy compares it
        with such an array: the threshold 0.7 then is the 0.7 of the values.
        """
        found = []
        for level, name in ((self.low, "low"), (self.high, "high")):
            number = _number(level, unit, name if self.hysteresis or self.low is not self.high else "threshold")
            number = np.float64(number if np.ndim(number) == 0 else number[bin_])
            if dtype is not None and dtype.kind == "f" and abs(number) <= np.finfo(dtype).max:
                number = dtype.type(number)
            found.append(number)
        return found[0], found[1]

    @property
    def has_bins(self) -> bool:
        """Whether a threshold has a value for each energy bin."""
        return bool(np.ndim(self.low) or np.ndim(self.high))

    def check_bins(self, n_bins: int) -> None:
        """Raise a ValueError if a threshold has another number of values than the map has energy bins."""
        for level in (self.low, self.high):
            if np.ndim(level) and len(level) != n_bins:
                bins = "for one energy bin or none" if n_bins == 1 else f"or one for each of the {n_bins} energy bins"
                raise ValueError(f"a threshold must be a single value {bins}, got {len(level)}")

    def __str__(self) -> str:
        """The criterion as the history gives it."""
        if self.hysteresis:
            neighbours = "" if self.corners else ", connectivity=4"
            return f"keep {self.keep!r}, low={_text(self.low)}, high={_text(self.high)}{neighbours}"
        if self.keep in ("between", "outside"):
            return f"keep {self.keep!r} {_text(self.low)} and {_text(self.high)}, closed={self.closed!r}"
        return f"{self.keep} {_text(self.low)}"


_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    ">": np.greater,
    ">=": np.greater_equal,
    "<": np.less,
    "<=": np.less_equal,
}


def _from(level: Any, dtype: np.dtype[Any], closed: bool) -> float:
    """The smallest value of a type that is above a level, or not below it if `closed`; NaN if there is none."""
    # A level beyond single precision becomes infinite, and so does what follows the largest value.
    with np.errstate(over="ignore", under="ignore"):
        value = dtype.type(level)
        if value < level or (value == level and not closed):
            value = np.nextafter(value, dtype.type(np.inf)) if value < np.inf else dtype.type(np.nan)
    return float(value)


def _up_to(level: Any, dtype: np.dtype[Any], closed: bool) -> float:
    """The largest value of a type that is below a level, or not above it if `closed`; NaN if there is none."""
    return -_from(-level, dtype, closed)


def check_nan(nan: str) -> Nan:
    """`nan`, checked: what happens to missing values.

    Raises
    ------
    ValueError
        If it is not "raise", "keep" or "exclude".
    """
    if nan not in NAN:
        raise ValueError(f"nan must be 'raise', 'keep' or 'exclude', got {nan!r}")
    return nan


def check_missing(missing: Booleans | None, nan: str, argument: str) -> None:
    """Check `nan`, and raise a ValueError if values are missing and `nan` is "raise".

    Parameters
    ----------
    missing : numpy.ndarray of bool, or None
        Which values are missing. None means that none is.
    nan : {"raise", "keep", "exclude"}
        The argument of the user.
    argument : str
        Name of the values in the error.
    """
    if check_nan(nan) == "raise" and missing is not None and missing.any():
        place = tuple(int(i) for i in np.argwhere(missing)[0])
        where = place[0] if len(place) == 1 else place
        raise ValueError(
            f"{argument} has {counted(int(missing.sum()), 'value')} that {'is' if missing.sum() == 1 else 'are'} NaN, "
            f"masked or UNSEEN, the first at {where}: give nan='keep' to keep them, or nan='exclude'"
        )


def _as_level(value: Any, argument: str) -> Any:
    """A threshold as a Quantity or an array of float64, of shape () or (n_bins,)."""
    try:
        if isinstance(value, str):
            value = u.Quantity(value)
        elif isinstance(value, list | tuple) and any(isinstance(one, str | u.Quantity) for one in value):
            value = u.Quantity([u.Quantity(one) for one in value])
    except (TypeError, ValueError) as error:
        raise ValueError(f"{argument} must be a number or a quantity, got {value!r}") from error
    value = unmasked(value, argument)
    if isinstance(value, u.Quantity):
        level: Any = float64(value)
        if level.unit == u.dimensionless_unscaled:
            level = level.value
    else:
        if isinstance(value, bool | np.bool_):
            raise TypeError(f"{argument} must be a number, got {value!r}")
        try:
            level = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            raise TypeError(f"{argument} must be a number, got {value!r}") from error
    if np.ndim(level) > 1:
        raise ValueError(f"{argument} must be a number or of shape (n_bins,), got shape {np.shape(level)}")
    if np.isnan(level).any():
        raise ValueError(f"{argument} must not be NaN, got {value}")
    return level


def _number(level: Any, unit: u.UnitBase | None, argument: str) -> Any:
    """A threshold in the unit of the values."""
    if not isinstance(level, u.Quantity):
        return level
    if unit is None:
        raise ValueError(f"{argument} has the unit {level.unit}, but the values have none: give a number")
    try:
        return level.to_value(unit)
    except u.UnitConversionError as error:
        raise ValueError(f"{argument} must be in a unit like {unit}, got {level.unit}") from error


def _text(level: Any) -> str:
    if np.ndim(level):
        values = ", ".join(f"{value:g}" for value in np.asarray(getattr(level, "value", level)))
        text = f"[{values}]"
    else:
        text = f"{float(getattr(level, 'value', level)):g}"
    return f"{text} {level.unit}" if isinstance(level, u.Quantity) else text
