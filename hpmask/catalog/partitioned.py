"""Masks of catalogs in partitions: one partition after another, in the memory of one."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from hpmask._files.hats_folder import Partition
from hpmask._utils.arguments import as_angle, as_flag
from hpmask._utils.balanced import BalancedSum
from hpmask._utils.modes import Mode, check_mode
from hpmask._utils.progress import track
from hpmask._utils.warn import warn
from hpmask.catalog.conditions import Condition
from hpmask.catalog.partitions import near
from hpmask.catalog.parts import Parts
from hpmask.catalog.rows import Account, Rows, angles_of, columns_needed, read_rows
from hpmask.core.rangeset import RangeSet
from hpmask.core.value import binwise
from hpmask.energy.axis import EnergyAxis
from hpmask.geometry import frames
from hpmask.regions.arrays import Batch
from hpmask.regions.batches import Shapes, columns_of
from hpmask.regions.masks import cells_of, mode_text
from hpmask.regions.order import order_of_batches, warn_of_misses

__all__ = ["Cells", "PartitionedShapes"]

Make = Callable[..., Shapes]


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of the shapes around the sources of a catalog in partitions.

    Attributes
    ----------
    planes : RangeSet or list of RangeSet
        The cells: the same for all energy bins, or those of each.
    text : str
        For the history.
    n_shapes : int
        The number of shapes.
    account : Account, optional
        That of the rows that were read; None if no partition was.
    """

    planes: RangeSet | list[RangeSet]
    text: str
    n_shapes: int
    account: Account | None


class PartitionedShapes:
    """The shapes around the sources of a catalog in partitions.

    Parameters
    ----------
    parts : Parts
        The catalog.
    shapes : callable
        The constructor of the shapes, one of those of `hpmask.Shapes`.
    sizes : mapping
        Their sizes, as in `hpmask.catalog.rows.read_rows`.
    reading : mapping
        The other arguments of `read_rows`, by their names.
    frame : {"icrs", "galactic"}
        The frame of the cells.
    energy : EnergyAxis, optional
        The energy bins of the cells.

    Raises
    ------
    TypeError
        If a condition or a size is an array for all rows: the rows of partitions have no common numbers.
    ValueError
        As in `read_rows`, about columns.
    """

    def __init__(
        self,
        parts: Parts,
        shapes: Make,
        sizes: Mapping[str, Any],
        reading: Mapping[str, Any],
        *,
        frame: str,
        energy: EnergyAxis | None,
    ) -> None:
        _check_no_rows(sizes, reading["where"])
        self._parts, self._shapes, self._sizes = parts, shapes, sizes
        self._frame, self._energy = frames.check_frame(frame), energy
        self._reading = dict(reading)
        if reading["lon"] is None and reading["lat"] is None and parts.lonlat is not None:
            self._reading["lon"], self._reading["lat"] = parts.lonlat
            if reading["catalog_frame"] is None:
                self._reading["catalog_frame"] = "icrs"
        words = {name: self._reading[name] for name in _OF_COLUMNS}
        self._columns, self._of_sizes = columns_needed(parts.example, sizes, source=parts.source, **words)

    def order(self) -> int:
        """The order of the cells: see `hpmask.regions.order.order_of_batches`. All partitions are read."""
        return order_of_batches(self._batches())

    def cells(
        self,
        order: int,
        order_text: str,
        *,
        mode: Mode,
        footprints: Sequence[RangeSet] | None = None,
        n_threads: int | None = None,
        progress: bool = False,
    ) -> Cells:
        """The cells of the shapes, which are rasterized partition by partition.

        Parameters
        ----------
        order : int
            Order of the cells.
        order_text : str
            The order, for the history.
        mode, footprints, n_threads, progress
            As in `hpmask.regions.masks.planes_of`.

        Raises
        ------
        FileNotFoundError, ImportError, ValueError
            As in `read_rows`; the message has the partition.
        """
        mode, progress = check_mode(mode), as_flag(progress, "progress")
        parts = self._parts
        wanted = parts.partitions if footprints is None else self._near(RangeSet.union_all(footprints))
        unions = BalancedSum(_united)
        missed, narrowest = 0, math.inf
        account: Account | None = None
        n_shapes = 0
        for partition in track(wanted, total=len(wanted), what="partitions", shown=progress):
            rows = self._rows(partition)
            account = rows.account if account is None else account + rows.account
            columns = self._batches_of(rows)
            n_shapes += len(columns[0])
            planes, n, width = cells_of(columns, order=order, mode=mode, footprints=footprints, n_threads=n_threads)
            missed, narrowest = missed + n, min(narrowest, width) if n else narrowest
            unions.add(list(planes))
        kind = self._kind()
        if account is not None and account.n_skipped:
            warn(f"{parts.source}: left out {account.n_skipped} of {account.n_rows} rows")
        warn_of_misses(missed, kind.counted_as(n_shapes), 0.0 if math.isinf(narrowest) else narrowest, order, mode)
        some = "" if len(wanted) == len(parts.partitions) else f"{len(wanted)} of "
        source = f"{parts.source}{parts.digest}, {some}{len(parts.partitions)} partitions"
        text = source if account is None else account.text(source)
        fixed = (f", {name} {given}" for name, given in self._sizes.items() if _is_angle(given))
        text = f"{text}, {kind.counted_as(n_shapes)}{''.join(fixed)}, {order_text}{mode_text(mode)}"
        united = unions.total() or [RangeSet.empty(order)]
        n_bins = 1 if self._energy is None else self._energy.n_bins
        return Cells(united if len(united) == n_bins > 1 else united[0], text, n_shapes, account)

    def _rows(self, partition: Partition) -> Rows:
        """The rows of a partition."""
        with _errors_name(f"{self._parts.source}, partition {partition}"):
            return self._read(partition, self._columns, self._reading)

    def _read(self, partition: Partition, names: Sequence[str], reading: Mapping[str, Any]) -> Rows:
        try:
            return read_rows(self._parts.read(partition, names), self._sizes, warns=False, **reading)
        except KeyError:
            # A function took another column than with the example.
            if len(names) == len(self._parts.columns):
                raise
        return read_rows(self._parts.read(partition, self._parts.columns), self._sizes, warns=False, **reading)

    def _batches_of(self, rows: Rows) -> list[Batch]:
        """The shapes around some rows."""
        return columns_of(self._shapes(rows.center, **rows.sizes), self._frame, self._energy)

    def _batches(self) -> Iterator[Batch]:
        """The shapes of the partitions, one after another."""
        for partition in self._parts.partitions:
            yield from dict.fromkeys(self._batches_of(self._rows(partition)))

    def _kind(self) -> type[Batch]:
        """The kind of the shapes."""
        sizes = dict(zip(self._sizes, ("1 deg", "2 deg", "0 deg"), strict=False))
        if "semi_major" in sizes:
            sizes |= {"semi_major": "2 deg", "semi_minor": "1 deg"}
        nowhere = SkyCoord([] * u.deg, [] * u.deg)
        return type(columns_of(self._shapes(nowhere, **sizes), self._frame, None)[0])

    # ------------------------------------------------------------------ near a footprint

    def _near(self, footprint: RangeSet) -> list[Partition]:
        """The partitions whose shapes may reach a footprint.

        Of a partition that is outside, only the columns of the sizes are read, or none if there are no such columns.
        """
        everything = self._parts.partitions
        # Stars move out of their partitions, and wrong motions lead anywhere.
        if self._reading["epoch"] is not None or not everything:
            return everything
        reach = np.zeros(len(everything))
        if self._of_sizes:
            for k in np.flatnonzero(~near(everything, footprint, self._frame)).tolist():
                reach[k] = self._reach(self._parts.read(everything[k], self._of_sizes))
        else:
            reach[:] = self._reach(self._parts.example)
        found = near(everything, footprint, self._frame, reach)
        return [one for one, is_near in zip(everything, found, strict=True) if is_near]

    def _reach(self, table: Table) -> float:
        """The largest distance from a source to a point of its shape, in radians. Sources need no positions for it."""
        if not len(table):
            return 0.0
        try:
            angles, *_ = angles_of(table, self._sizes, self._reading["missing"], self._reading["energy"])
            known = {name: angle[np.isfinite(angle)] if angle.ndim else angle for name, angle in angles.items()}
            largest = {name: angle if not angle.ndim else angle.max() for name, angle in known.items() if angle.size}
            if len(largest) < len(angles):
                return 0.0
            if "inner_radius" in largest:
                largest["inner_radius"] = 0 * u.deg
            batches = columns_of(self._shapes(SkyCoord(0 * u.deg, 0 * u.deg), **largest), self._frame, None)
        except (KeyError, TypeError, ValueError):
            # Sizes that are not valid are reported when the partition is read.
            return math.pi
        return float(max(batch.caps[2].max() for batch in batches))


def _united(a: list[RangeSet], b: list[RangeSet]) -> list[RangeSet]:
    """The unions of planes, on each side one for all bins or one for each."""
    size = max(len(a), len(b))
    return binwise(zip(a * (size // len(a)), b * (size // len(b)), strict=True), operator.or_)


# The arguments of `read_rows` that decide which columns are read.
_OF_COLUMNS = ("where", "lon", "lat", "catalog_frame", "epoch", "catalog_epoch", "motion", "energy")


def _check_no_rows(sizes: Mapping[str, Any], where: Any) -> None:
    """Raise a TypeError if an argument has one value for each row."""
    texts = isinstance(where, Sequence) and all(isinstance(one, str | Condition) for one in where)
    if where is not None and not (isinstance(where, str | Condition) or callable(where) or texts):
        raise TypeError(
            "where must be a condition such as 'mag < 8', a list of them or a function of the table, for a catalog in "
            f"partitions, got {type(where).__name__}"
        )
    for name, given in sizes.items():
        shape = np.shape(given)
        if shape and shape[0] > 1:
            raise TypeError(
                f"{name} must be an angle, one for each energy bin in the shape (1, n_bins), a column or a function of "
                f"the table, for a catalog in partitions, got an array of the shape {shape}"
            )


def _is_angle(given: Any) -> bool:
    """Whether a size is one angle, and no column."""
    try:
        return bool(as_angle(given, "size").ndim == 0)
    except (TypeError, ValueError):
        return False


@contextmanager
def _errors_name(place: str) -> Iterator[None]:
    """Begin the messages of errors with the partition."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error
