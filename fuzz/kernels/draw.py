"""Bytes of a fuzzer to the arguments of kernels.

A `Source` reads bytes from the front, and zeros when they have ended: each input is valid, and a longer one
that begins alike makes the same arguments to begin with. All arrays are copies of exactly their size: a kernel
that reads or writes beyond them touches memory that AddressSanitizer watches.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

__all__ = ["END", "MAX_ORDER", "NOWHERE", "Source", "tangent_axes", "vectors"]

MAX_ORDER = 29
END = 12 << (2 * MAX_ORDER)
NOWHERE = 2**64 - 1
T = TypeVar("T")

# Latitudes at which formulas change, or end.
_LATITUDES = (0.0, math.asin(2 / 3), -math.asin(2 / 3), math.pi / 2, -math.pi / 2, math.pi / 4, 1e-9, -1.2)
_SPECIAL = (0.0, -0.0, 1.0, -1.0, 5e-324, 2.2e-308, 1e308, -1e308, 1e-300, math.inf, -math.inf, math.nan)


class Source:
    """A reader of bytes; see the beginning of the module."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1] if self.at <= len(self.data) else 0

    def integer(self, low: int, high: int) -> int:
        """A number from low to high."""
        count, value = high - low + 1, 0
        for _ in range(-(-(count - 1).bit_length() // 8)):
            value = value << 8 | self.byte()
        return low + value % count

    def chance(self, of: int = 2) -> bool:
        """True in one of so many cases, and False where the bytes have ended."""
        return self.byte() % of == of - 1

    def pick(self, items: Sequence[T]) -> T:
        return items[self.integer(0, len(items) - 1)]

    def order(self, most: int = MAX_ORDER) -> int:
        """An order; the coarse ones are more frequent."""
        b = self.byte()
        return min(most, (b & 3) + (b >> 2) % (most + 1) * (b & 1))

    # ------------------------------------------------------------ cells

    def boundaries(self, order: int, most: int = 16, *, end: int = END) -> Any:
        """Ascending starts and stops, multiples of a cell of the order; few ranges, of all sizes, or none, or all."""
        unit = 1 << 2 * (MAX_ORDER - order)
        style = self.byte()
        if style >= 252:
            return np.array([0, end] if style & 1 else [], np.uint64)
        place, found = 0 if style & 1 else -unit, []
        count = 2 * ((style >> 1) % (most + 1))
        while len(found) < count:
            b = self.byte()
            place += max(unit, ((1 + (b & 7)) << 2 * ((b >> 3) % (order + 1))) * unit) if found or place < 0 else 0
            if place >= end:
                found.append(end)
                break
            found.append(place)
        return np.array(found[: len(found) // 2 * 2], np.uint64)

    def ranges(self, order: int, most: int = 12) -> tuple[Any, Any]:
        """Starts and stops of ranges in no order that may overlap; sometimes empty ones."""
        unit, n = 1 << 2 * (MAX_ORDER - order), self.byte() % (most + 1)
        starts, stops = [], []
        for _ in range(n):
            start = self.integer(0, END // unit - 1)
            b = self.byte()
            size = 0 if b == 255 else (1 + (b & 7)) << 2 * ((b >> 3) % (order + 1))
            starts.append(start * unit)
            stops.append(min(start + size, END // unit) * unit)
        return np.array(starts, np.uint64), np.array(stops, np.uint64)

    def numbers(self, order: int, n: int, near: Any = ()) -> Any:
        """Cells of an order as numbers at order 29: at and beside boundaries, first, last, and any."""
        unit, found = 1 << 2 * (MAX_ORDER - order), []
        for _ in range(n):
            kind = self.byte()
            if kind & 3 == 3 and len(near):
                value = int(near[(kind >> 4) % len(near)]) + ((kind >> 2 & 3) - 1) * unit
            elif kind & 3 == 2:
                value = (0, END - unit)[kind >> 2 & 1]
            else:
                value = self.integer(0, END // unit - 1) * unit
            found.append(min(max(value, 0), END - unit) // unit * unit)
        return np.array(found, np.uint64)

    # ------------------------------------------------------------ real numbers

    def unit(self) -> float:
        """A number from 0 to 1, both included."""
        return self.integer(0, 65535) / 65535

    def size(self, most: float) -> float:
        """A positive number up to `most`, small ones as likely as large ones; or 0."""
        b = self.byte()
        if b >= 250:
            return (0.0, 5e-324, 1e-15, 1e-14, most, most / 2)[b - 250]
        return most * 10.0 ** (-b / (20 if b & 1 else 80))

    def real(self) -> float:
        """Any number, sometimes not a finite one."""
        b = self.byte()
        if b < 2 * len(_SPECIAL):
            return _SPECIAL[b // 2]
        return (self.integer(0, 65535) - 32768) * 2.0 ** ((b & 63) - 40)

    def reals(self, n: int) -> Any:
        return np.array([self.real() for _ in range(n)], np.float64)

    def position(self, *, bad: bool = False) -> tuple[float, float]:
        """A longitude and a latitude in radians; with `bad` also such that are none."""
        kind = self.byte()
        if bad and kind >= 250:
            wrong = (math.nan, math.inf, -math.inf, 1e300, 2.0, -1.6)[kind - 250]
            return (wrong, 0.1) if kind & 1 else (0.1, wrong)
        lon, lat = 2 * math.pi * self.unit(), math.asin(2 * self.unit() - 1)
        steps = (kind >> 4) - 8
        if kind & 1:
            lat = _LATITUDES[kind >> 1 & 7]
            lat = min(max(lat + steps * 2.0**-52, -math.pi / 2), math.pi / 2)
        if kind & 2:
            lon = (self.byte() % 17 - 8) * math.pi / 4 + steps * 2.0**-51
        return lon, lat

    def positions(self, n: int, *, bad: bool = False) -> tuple[Any, Any]:
        found = np.array([self.position(bad=bad) for _ in range(n)]).reshape(n, 2)
        return found[:, 0].copy(), found[:, 1].copy()

    def vector(self) -> Any:
        """A unit vector."""
        return vectors(*self.position())

    def rotation(self) -> Any:
        """A rotation: none, quarter turns, or any."""
        kind = self.byte()
        if kind < 32:
            return np.eye(3)
        if kind < 64:
            turn = np.roll(np.eye(3), kind % 3, axis=0)
            return np.ascontiguousarray(turn)
        first, second = self.vector(), self.vector()
        across = np.cross(first, second)
        size = np.linalg.norm(across)
        if size < 1e-3:
            return np.eye(3)
        across /= size
        return np.ascontiguousarray(np.stack([first, across, np.cross(first, across)]))

    def polygon(self, most: int = 8) -> Any:
        """Vertices of a polygon as unit vectors: stars, slivers, degenerate and crossed ones, around poles."""
        kind, n = self.byte(), 3 + self.byte() % (most - 2)
        if kind >= 224:
            # Any vertices, also the same and opposite ones.
            found = [self.vector() for _ in range(n)]
            if kind & 1:
                found[1] = found[0].copy()
            if kind & 2:
                found[2] = -found[0]
            return np.array(found)
        centre = self.vector()
        east, north = tangent_axes(centre)
        radius = self.size(1.5)
        turns = 2 * np.pi * np.arange(n) / n
        if kind & 1:
            turns = turns[::-1]
        scale = np.array([0.2 + 0.8 * self.unit() if kind & 2 else 1.0 for _ in range(n)])
        narrow = 1e-3 if kind & 4 else 1.0
        turns = turns + (2 * np.pi * self.unit() if kind & 8 else 0)
        if kind & 16:
            # A pentagram, and the like.
            turns = turns[(2 * np.arange(n)) % n] if n % 2 else turns[np.roll(np.arange(n), 1)]
        found = centre + radius * (
            (scale * np.cos(turns))[:, None] * east + (narrow * scale * np.sin(turns))[:, None] * north
        )
        return found / np.linalg.norm(found, axis=1)[:, None]


def tangent_axes(place: Any) -> tuple[Any, Any]:
    """Two unit vectors at right angles to a place and to each other."""
    east = np.cross(np.eye(3)[2 if abs(place[2]) < 0.9 else 0], place)
    east /= np.linalg.norm(east)
    return east, np.cross(place, east)


def vectors(lon: Any, lat: Any) -> Any:
    """Unit vectors of positions in radians, shape (..., 3)."""
    return np.stack(np.broadcast_arrays(np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)), axis=-1)
