"""Searches of LSDB catalogs by a mask. LSDB must be installed."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from hpmask import io
from hpmask._files.digest import digest_of
from hpmask._files.hats_folder import SPATIAL_INDEX, Partition
from hpmask._utils.arguments import MAX_ORDER, as_flag
from hpmask.catalog.partitions import near
from hpmask.core import lookup
from hpmask.core.positions import Positions
from hpmask.core.rangeset import RangeSet
from hpmask.core.value import MaskValue, check_mask
from hpmask.energy.units import as_energy
from hpmask.geometry import frames
from hpmask.io.identity import mask_digest

try:
    from lsdb.core.search.abstract_search import AbstractSearch
    from mocpy import MOC
except ImportError as error:
    raise ImportError(f'searches of LSDB catalogs need lsdb: pip install "hpmask[lsdb]" ({error})') from error

__all__ = ["MaskSearch"]


class MaskSearch(AbstractSearch):  # type: ignore[misc]
    """A search of a LSDB catalog by a mask, for ``catalog.search``; see `hpmask.Mask.to_search`.

    Parameters
    ----------
    mask : Mask, str or path
        The mask, or the path of its file. Each process of a Dask cluster reads the file when it needs it, and keeps the
        mask: with a mask of many ranges, this is faster than to send it with each partition.
    energy : `~astropy.units.Quantity` or str, optional
        As in `hpmask.Mask.to_search`.
    energy_unit : `~astropy.units.Unit` or str, optional
        As in `hpmask.Mask.to_search`.
    fine : bool, optional
        As in `hpmask.Mask.to_search`.

    Raises
    ------
    ImportError
        If LSDB is not installed.
    TypeError, ValueError
        As in `hpmask.Mask.to_search`.
    """

    def __init__(
        self,
        mask: MaskValue | str | os.PathLike[str],
        *,
        energy: u.Quantity | str | None = None,
        energy_unit: u.UnitBase | str | None = None,
        fine: bool = True,
    ) -> None:
        super().__init__(as_flag(fine, "fine"))
        self._mask: MaskValue | None = None
        self._file = ("", "")
        if isinstance(mask, str | os.PathLike):
            self._file = os.path.abspath(mask), digest_of(mask)
        else:
            check_mask(mask, "mask")
            self._mask = mask
        self._unit = None if energy_unit is None else u.Unit(energy_unit)
        self._column: str | None = None
        self._energy: u.Quantity | None = None
        if self._unit is not None:
            as_energy(1 * self._unit, "energy_unit")
            if not isinstance(energy, str):
                raise TypeError(f"with energy_unit, energy must be the name of a column, got {energy!r}")
            self._column = energy
        elif energy is not None:
            self._energy = _one_energy(energy)
        value = self.mask
        if value.energy is None and energy is not None:
            raise ValueError("energy is given, but the mask has no energy bins")
        if value.energy is not None and energy is None:
            raise ValueError(
                "energy must be given for a mask with energy bins: an energy, or a column of energies and energy_unit. "
                "reduce() makes a mask that is valid at all energies"
            )

    @property
    def mask(self) -> MaskValue:
        """The mask."""
        return _read(*self._file) if self._mask is None else self._mask

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        return type(self).__name__, mask_digest(self.mask), self._file, str(self._energy), self._column, str(self._unit)

    def _sky(self) -> RangeSet:
        """The sky that may be in the result, whatever the energies of the rows are."""
        value = self.mask
        if self._energy is None:
            return RangeSet.union_all(value.planes)
        assert value.energy is not None
        number = int(value.energy.bin_of(self._energy))
        return RangeSet.empty(value.order) if number < 0 else value.planes[number]

    def perform_hc_catalog_filter(self, hc_structure: Any) -> Any:
        """Leave out the partitions that do not touch the mask, and intersect the coverage of the catalog with it.

        Parameters
        ----------
        hc_structure : hats.catalog.HealpixDataset
            The catalog.

        Returns
        -------
        hats.catalog.HealpixDataset
            With a mask in Galactic coordinates, the coverage is that of the partitions that are left.
        """
        kind = str(getattr(hc_structure.catalog_info.catalog_type, "value", hc_structure.catalog_info.catalog_type))
        if kind == "map" and self.fine:
            raise ValueError("the rows of a map are tiles, and no points: search it with fine=False")
        frame, sky = self.mask.frame, self._sky()
        if frame == "icrs":
            return hc_structure.filter_by_moc(MOC.from_depth29_ranges(sky.order, sky.ranges))
        partitions = [Partition(one.order, one.pixel) for one in hc_structure.get_healpix_pixels()]
        kept = [one for one, is_near in zip(partitions, near(partitions, sky, frame), strict=True) if is_near]
        ranges = np.array([(one.start, one.stop) for one in kept], dtype=np.uint64).reshape(-1, 2)
        order = max((one.order for one in kept), default=0)
        return hc_structure.filter_by_moc(MOC.from_depth29_ranges(order, ranges))

    def search_points(self, frame: Any, metadata: Any) -> Any:
        """The rows of a partition that are in the mask.

        Parameters
        ----------
        frame : pandas.DataFrame
            The partition.
        metadata : hats.catalog.TableProperties
            The properties of the catalog.

        Returns
        -------
        pandas.DataFrame
        """
        return frame[self._inside(frame, metadata)]

    def _inside(self, frame: Any, metadata: Any) -> NDArray[np.bool_]:
        value = self.mask
        energy, known = self._energy, True
        if self._column is not None:
            if self._column not in frame.columns:
                raise ValueError(f"energy is {self._column!r}, which is not a column of the catalog as it was opened")
            numbers = frame[self._column].to_numpy(dtype=np.float64, na_value=np.nan)
            # Without an energy, a row is in no bin.
            known = ~np.isnan(numbers)
            energy = u.Quantity(np.where(known, numbers, 1.0), self._unit)
        positions = _positions(frame, metadata, value)
        # A worker of Dask has its own threads.
        inside = lookup.contains(
            value.planes, value.order, value.energy, positions, energy, invalid="skip", n_threads=1
        )
        return np.asarray(inside & known, dtype=np.bool_)


def _one_energy(energy: u.Quantity | str) -> u.Quantity:
    try:
        one = as_energy(energy, "energy")
    except (TypeError, ValueError) as error:
        if not isinstance(energy, str):
            raise
        raise ValueError(
            f"energy must be an energy such as '10 GeV', or the name of a column with energy_unit, got {energy!r}"
        ) from error
    if one.ndim:
        raise ValueError(f"energy must be a single energy, got the shape {one.shape}")
    return one


@lru_cache(maxsize=8)
def _read(path: str, digest: str) -> MaskValue:
    """The mask of a file, read once in each process; the digest makes a changed file another one."""
    found = digest_of(path)
    if found != digest:
        raise ValueError(f"{path}: the file has changed since the search was made: its sha256 is {found}, not {digest}")
    return io.read(path)


def _positions(frame: Any, metadata: Any, mask: MaskValue) -> Positions:
    """Where the rows are: by their cells, if the mask has cells of that frame and none that are smaller."""
    name = metadata.healpix_column or SPATIAL_INDEX
    order = MAX_ORDER if metadata.healpix_order is None else int(metadata.healpix_order)
    if mask.frame == "icrs" and order >= mask.order:
        for source in (frame.index if frame.index.name == name else None, frame.get(name)):
            if source is not None:
                return Positions.of_cells(source.to_numpy().astype(np.int64), order, name)
    lonlat = metadata.ra_column, metadata.dec_column
    if None in lonlat or any(column not in frame.columns for column in lonlat):
        raise ValueError(
            f"the search needs the column {name!r} or the columns of positions {lonlat[0]!r} and {lonlat[1]!r}: open "
            "the catalog with them"
        )
    lon, lat = (frame[column].to_numpy(dtype=np.float64, na_value=np.nan) for column in lonlat)
    matrix = None if mask.frame == "icrs" else frames.rotation("icrs", mask.frame)
    return Positions.of_angles(lon, lat, unit=float(np.radians(1)), matrix=matrix)
