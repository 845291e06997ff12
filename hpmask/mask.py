"""Mask: a sky mask per energy bin. The value and its thin methods; the work is done in the verb modules."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.typing import ArrayLike, NDArray

from hpmask import by_area, energy_bins, frames, lookup, morphology, rasterize, regions, shapes
from hpmask.components import Components, count
from hpmask.energy import EnergyAxis, difference
from hpmask.history import joined
from hpmask.morphology import Width
from hpmask.rangeset import RangeSet, check_order

if TYPE_CHECKING:
    from astropy.table import Table
    from astropy.wcs import WCS
    from gammapy.maps import Geom, Map
    from matplotlib.axes import Axes
    from mocpy import MOC, SFMOC

    from hpmask.interop.gammapy import ExclusionMask, Extension
    from hpmask.stack import Stack

__all__ = ["Mask"]

Mode = Literal["center", "overlap", "inside"]
WcsMode = Literal["center", "overlap", "inside", "fraction"]


class Mask:
    """A set of sky cells, one per energy bin or one for all energies. True = kept.

    An exclusion mask holds the sky that stays: what is to be thrown away is not in it.

    Parameters
    ----------
    planes : RangeSet or sequence of RangeSet
        The sky: one set, or one per bin of `energy`.
    order : int, optional
        Order that the mask is resolved to; by default the finest of its planes. No plane may be finer.
    frame : {"icrs", "galactic"}, optional
        Frame of the cells.
    energy : EnergyAxis, optional
        Energy bins. A single plane then holds in all of them.
    history : sequence of str, optional
        How the mask was made, a line per step. Takes no part in comparisons.

    Raises
    ------
    TypeError, ValueError
        If the number of planes is not the number of bins, or an argument is of another kind.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.coordinates import SkyCoord
    >>> from hpmask import Mask
    >>> crab = SkyCoord(83.633, 22.014, unit="deg")
    >>> mask = ~Mask.from_cones(crab, "1 deg", order=10)
    >>> mask.contains(crab)
    False
    >>> print(f"{(~mask).area:.2f}")
    3.15 deg2
    """

    __slots__ = ("__weakref__", "_energy", "_frame", "_history", "_order", "_planes", "_stacked")

    def __init__(
        self,
        planes: RangeSet | Sequence[RangeSet],
        *,
        order: int | None = None,
        frame: str = "icrs",
        energy: EnergyAxis | None = None,
        history: Sequence[str] = (),
    ) -> None:
        if energy is not None and not isinstance(energy, EnergyAxis):
            raise TypeError(f"energy must be an EnergyAxis, got {type(energy).__name__}")
        if isinstance(history, str):
            raise TypeError(f"history must be a sequence of lines, got the string {history!r}")
        n_bins = 1 if energy is None else energy.n_bins
        planes = [planes] * n_bins if isinstance(planes, RangeSet) else list(planes)
        for plane in planes:
            if not isinstance(plane, RangeSet):
                raise TypeError(f"planes must be RangeSets, got {type(plane).__name__}")
        if len(planes) != n_bins:
            bins = "a mask without energy has one plane" if energy is None else f"energy has {n_bins} bins"
            raise ValueError(f"{bins}, got {len(planes)} planes")
        finest = max(plane.order for plane in planes)
        self._order = finest if order is None else check_order(order)
        if finest > self._order:
            raise ValueError(f"order is {self._order}, but a plane has order {finest}")
        self._planes = _shared(planes, self._order)
        self._frame = frames.check_frame(frame)
        self._energy = energy
        self._history = tuple(history)
        self._stacked: list[Stack] | None = None

    # ------------------------------------------------------------------ making

    @classmethod
    def full(cls, *, order: int = 0, energy: EnergyAxis | None = None, frame: str = "icrs") -> Mask:
        """The mask that keeps everything."""
        return cls(RangeSet.full(order), frame=frame, energy=energy, history=["full()"])

    @classmethod
    def empty(cls, *, order: int = 0, energy: EnergyAxis | None = None, frame: str = "icrs") -> Mask:
        """The mask that keeps nothing."""
        return cls(RangeSet.empty(order), frame=frame, energy=energy, history=["empty()"])

    @classmethod
    def from_cones(
        cls,
        center: SkyCoord,
        radius: Width,
        *,
        order: int,
        mode: Mode = "center",
        frame: str = "icrs",
        energy: EnergyAxis | None = None,
        n_threads: int | None = None,
        progress: bool = False,
    ) -> Mask:
        """The union of discs on the sphere, one or many millions.

        Parameters
        ----------
        center : `~astropy.coordinates.SkyCoord`, scalar or shape (n,)
            Centres, in any frame.
        radius : `~astropy.units.Quantity`, str or callable
            Radii as great-circle angles, 0 to 180 deg: a scalar or shape (n,); with `energy` also
            (n, n_bins) or (1, n_bins), a radius per bin, or a function of the energy axis that returns such or
            shape (n_bins,).
        order : int
            Order of the cells, 0 to 29.
        mode : {"center", "overlap", "inside"}, optional
            A cell is in if its centre is in a disc, if any part of it is, or only if all of it is in one
            disc.
        frame : {"icrs", "galactic"}, optional
            Frame of the mask.
        energy : EnergyAxis, optional
            Energy bins of the mask.
        n_threads : int, optional
            Threads to use, by default all processors. The result does not depend on it.
        progress : bool, optional
            Show a progress bar.

        Returns
        -------
        Mask
            True inside the discs: ``~`` of it is the exclusion mask.

        Raises
        ------
        TypeError, ValueError
            If a position or radius is not finite, a radius is negative or above 180 deg (the first such
            row is named), or the shapes do not fit.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> stars = SkyCoord([10, 20], [-5, 89], unit="deg")
        >>> Mask.from_cones(stars, "0.3 deg", order=9)
        <Mask icrs order=9 | 15 ranges, 240 B | 1.494e-05 of the sky>
        """
        lon, lat, radii = rasterize.check_cones(center, radius, frames.check_frame(frame), energy)
        planes = rasterize.cone_planes(
            lon, lat, radii, order=order, mode=mode, n_threads=n_threads, progress=progress
        )
        history = [f"from_cones({lon.size} discs, order={order}, mode={mode!r})"]
        return cls(planes if len(planes) > 1 else planes[0], frame=frame, energy=energy, history=history)

    @classmethod
    def from_regions(
        cls,
        regions_: Any,
        /,
        *,
        order: int,
        mode: Mode = "center",
        frame: str = "icrs",
        energy: EnergyAxis | None = None,
        inside: bool = True,
        n_threads: int | None = None,
    ) -> Mask:
        """The union of regions on the sphere.

        Parameters
        ----------
        regions_ : str, path, astropy Region or Regions, a list of these, or callable
            A ds9 or CRTF string, the path of such a file, or regions of astropy's `regions` package in any
            of their frames: circles, ellipses, rectangles, annuli of each, polygons and points. Excluded
            regions are taken away from the others of their list or file (`hpmask.regions` has the details).
            Or a function of the energy axis that returns a list of such, an item for each bin.
        order : int
            Order of the cells, 0 to 29.
        mode : {"center", "overlap", "inside"}, optional
            A cell is in if its centre is in a region, if any part of it is, or only if all of it is in one
            region. A point has the cell under it in the modes "center" and "overlap".
        frame : {"icrs", "galactic"}, optional
            Frame of the mask.
        energy : EnergyAxis, optional
            Energy bins of the mask; the regions hold in all of them, unless they are a function.
        inside : bool, optional
            False gives the complement, as in gammapy's ``region_mask``.
        n_threads : int, optional
            Threads to use, by default all processors.

        Raises
        ------
        TypeError, ValueError
            If a region is not one of these kinds or has no place on the sky; its number and kind are named.

        Examples
        --------
        >>> from hpmask import Mask
        >>> Mask.from_regions("galactic; ellipse(184.557, -5.784, 1.0, 0.5, 30)", order=9, frame="galactic")
        <Mask galactic order=9 | 22 ranges, 352 B | 3.846e-05 of the sky>

        Regions that shrink with energy:

        >>> from hpmask import EnergyAxis
        >>> axis = EnergyAxis.from_bounds("1 TeV", "100 TeV", 2)
        >>> def circles(axis):
        ...     return [f"icrs; circle(83.6, 22, {0.5 * energy.to_value('TeV') ** -0.5})" for energy in axis.center]
        >>> Mask.from_regions(circles, order=10, energy=axis).area.round(3)
        <Quantity [0.249, 0.023] deg2>
        """
        frame = frames.check_frame(frame)
        planes, count = [], 0
        for given in regions.of_bins(regions_, energy):
            spheres = regions.to_shapes(given, frame)
            plane = rasterize.shapes_plane(spheres, order=order, mode=mode, n_threads=n_threads)
            if mode != "inside":
                plane = plane | regions.cells_of_points(spheres, order)
            planes.append(plane if inside else ~plane)
            count += len(spheres)
        history = [f"from_regions({count} regions, order={order}, mode={mode!r}, inside={inside})"]
        return cls(planes if len(planes) > 1 else planes[0], frame=frame, energy=energy, history=history)

    @classmethod
    def from_catalog(
        cls,
        table: Table | Any,
        radius: u.Quantity | str | Callable[..., u.Quantity] | Extension | None = None,
        *,
        order: int,
        lon: str | None = None,
        lat: str | None = None,
        catalog_frame: str | None = None,
        invalid: Literal["raise", "skip"] = "raise",
        mode: Mode = "center",
        frame: str = "icrs",
        energy: EnergyAxis | None = None,
        n_threads: int | None = None,
        progress: bool = False,
    ) -> Mask:
        """The union of discs round the sources of a catalog, or of what gammapy's sources take of the sky.

        Parameters
        ----------
        table : `~astropy.table.Table`, pandas.DataFrame, str or path
            The catalog, or a FITS, ECSV, CSV, VOTable or parquet file that holds it. Or a
            `~gammapy.catalog.SourceCatalog`, `~gammapy.modeling.models.Models` or list of gammapy's models.
        radius : `~astropy.units.Quantity`, str, callable or `~hpmask.interop.gammapy.Extension`
            An angle for all sources, the name of a column (which may have one for each bin), or a function: of the
            table, that returns angles of shape (n,) or (n, n_bins); of the table and the energy axis, or of an argument
            called `axis` or `energy` alone, whose result is broadcast to (n, n_bins). For gammapy's models: an
            angle, a function of the axis, or an Extension, which is also what is taken if there is none: ellipses of
            5 sigma for Gaussians, shells with their middle, and so on. A SourceCatalog has either: an Extension, or
            what goes with a table.
        order : int
            Order of the cells, 0 to 29.
        lon, lat : str, optional
            Columns of the positions; by default found by their usual names (RAJ2000, ra, GLON, ...) and UCDs.
        catalog_frame : str, optional
            Frame of the positions; by default told by the columns.
        invalid : {"raise", "skip"}, optional
            What becomes of rows without a usable position or radius, and of gammapy's sources without an edge: an
            error that names them, or they are left out and counted in a warning and in the history.
        mode, frame, energy, n_threads, progress
            As in `from_cones`.

        Raises
        ------
        ValueError
            If the columns are not found, or rows cannot be used and `invalid` is "raise".

        Examples
        --------
        >>> from astropy.table import Table
        >>> from hpmask import Mask
        >>> stars = Table({"ra": [10.0, 20.0], "dec": [-5.0, 60.0], "mag": [2.0, 7.0]})
        >>> import astropy.units as u
        >>> Mask.from_catalog(stars, lambda t: (0.5 - 0.05 * t["mag"]) * u.deg, order=10)
        <Mask icrs order=10 | 23 ranges, 368 B | 1.391e-05 of the sky>
        """
        from hpmask import catalog
        from hpmask.interop.gammapy import sources

        if sources.is_sources(table):
            if not sources.has_columns(table, radius):
                return sources.from_sources(
                    table, radius, order=order, invalid=invalid, mode=mode, frame=frame, energy=energy,
                    n_threads=n_threads, progress=progress,
                )  # fmt: skip
            table = table.table
        if radius is None:
            raise TypeError("radius must be given for a table: an angle, the name of a column or a function")
        discs = catalog.read_discs(
            table, radius, lon=lon, lat=lat, catalog_frame=catalog_frame, invalid=invalid, energy=energy
        )
        mask = cls.from_cones(
            discs.center,
            discs.radius,
            order=order,
            mode=mode,
            frame=frame,
            energy=energy,
            n_threads=n_threads,
            progress=progress,
        )
        return mask._with_history([f"from_catalog({discs.summary}, order={order}, mode={mode!r})"])

    @classmethod
    def from_zone(
        cls,
        lon: tuple[Any, Any] | u.Quantity | None,
        lat: tuple[Any, Any] | u.Quantity | None,
        *,
        order: int,
        zone_frame: str = "icrs",
        mode: Mode = "center",
        frame: str = "icrs",
        energy: EnergyAxis | None = None,
    ) -> Mask:
        """The sky between two longitudes and two latitudes.

        Parameters
        ----------
        lon : pair of angles or None
            West to east: from the first longitude eastwards to the second, across 0 if need be. None = all.
        lat : pair of angles or None
            From the first latitude up to the second. None = all.
        order : int
            Order of the cells, 0 to 29.
        zone_frame : str, optional
            Frame that the longitudes and latitudes are meant in: any of astropy's that is fixed to the sky.
        mode, frame, energy
            As in `from_cones`.

        Raises
        ------
        TypeError, ValueError
            If an angle is a bare number, a latitude leaves [-90, 90] deg, or the latitudes do not ascend.

        Examples
        --------
        The Galactic plane, in ICRS cells:

        >>> from hpmask import Mask
        >>> plane = Mask.from_zone(None, ("-2 deg", "2 deg"), zone_frame="galactic", order=8)
        >>> print(f"{plane.sky_fraction:.4f}")
        0.0349
        """
        frame = frames.check_frame(frame)
        zone = shapes.Zone.from_angles(lon, lat, zone_frame=zone_frame, frame=frame)
        plane = rasterize.shapes_plane([zone], order=order, mode=mode)
        history = [f"from_zone({zone.summary}, order={order}, mode={mode!r})"]
        return cls(plane, frame=frame, energy=energy, history=history)

    @classmethod
    def from_healpix(
        cls,
        values: ArrayLike,
        *,
        nest: bool,
        frame: str,
        cells: ArrayLike | None = None,
        order: int | None = None,
        energy: EnergyAxis | None = None,
    ) -> Mask:
        """A mask from a boolean HEALPix map.

        Parameters
        ----------
        values : array_like of bool, shape (n_cells,) or (n_bins, n_cells)
            True = kept. 0 and 1 of other types are taken for False and True; anything else raises.
        nest : bool
            Whether the cells are numbered NESTED (True) or RING (False).
        frame : {"icrs", "galactic"}
            Frame of the map.
        cells : array_like of int, shape (n_cells,), optional
            Numbers of the cells that `values` belong to; all others are False. Needs `order`.
        order : int, optional
            Order of the cells; for a full map it follows from the number of values.
        energy : EnergyAxis, optional
            Energy bins: `values` has a row for each, or one for all.

        Raises
        ------
        TypeError, ValueError
            If the number of values is that of no full map, a cell is repeated or does not exist, or a value
            is neither True nor False.

        Examples
        --------
        >>> import numpy as np
        >>> from hpmask import Mask
        >>> Mask.from_healpix(np.arange(48) < 4, nest=True, frame="icrs")
        <Mask icrs order=1 | 1 range, 16 B | 0.08333 of the sky>
        """
        from hpmask.interop import healpy

        planes = healpy.planes_of(values, nest=nest, cells=cells, order=order, energy=energy)
        return cls(planes, frame=frame, energy=energy, history=[f"from_healpix(order={planes[0].order})"])

    @classmethod
    def from_energy(
        cls,
        axis: EnergyAxis,
        energy_min: u.Quantity | str | None = None,
        energy_max: u.Quantity | str | None = None,
        *,
        round_to_edge: bool = False,
        order: int = 0,
        frame: str = "icrs",
    ) -> Mask:
        """The whole sky between two energies, as gammapy's ``energy_mask``.

        A bin is kept iff ``low >= energy_min and high <= energy_max``: bins that a bound cuts are left out.

        Parameters
        ----------
        axis : EnergyAxis
            The bins of the mask.
        energy_min, energy_max : `~astropy.units.Quantity` or str, optional
            The energies; by default where the axis begins and ends.
        round_to_edge : bool, optional
            Take the nearest edges instead of the energies: in the logarithm for a "log" axis; from the middle of a bin
            to the edge of even number.
        order : int, optional
            Order of the mask. Together with another mask the finer order counts, so that 0 will do.
        frame : {"icrs", "galactic"}, optional
            Frame of the mask.

        Raises
        ------
        TypeError, ValueError
            If an energy is a bare number or has another unit.

        Warns
        -----
        UserWarning
            If no bin is kept, or one is lost by a rounding error of its edge.

        Examples
        --------
        >>> from hpmask import EnergyAxis, Mask
        >>> axis = EnergyAxis.from_bounds("1 TeV", "100 TeV", 2)
        >>> Mask.from_energy(axis, "3 TeV").sky_fraction
        array([0., 1.])
        >>> Mask.from_energy(axis, "3 TeV", round_to_edge=True).sky_fraction
        array([1., 1.])
        """
        kept = energy_bins.kept_bins(axis, energy_min, energy_max, round_to_edge=round_to_edge)
        told = energy_bins.told_range(energy_min, energy_max)
        if not kept.any():
            warnings.warn(f"no bin of {axis} lies within {told}: nothing is kept", UserWarning, stacklevel=2)
        full, empty = RangeSet.full(order), RangeSet.empty(order)
        history = [f"from_energy({told}, round_to_edge={round_to_edge})"]
        return cls([full if one else empty for one in kept], frame=frame, energy=axis, history=history)

    @classmethod
    def stack(cls, masks: Iterable[Mask], axis: EnergyAxis | None = None) -> Mask:
        """A mask with energy bins, each of which is a mask of its own.

        Parameters
        ----------
        masks : iterable of Mask
            Masks without energy, one for each bin; or masks with energy bins, of which each begins where the one before
            ends. All of one frame; orders may differ.
        axis : EnergyAxis, optional
            The bins, for masks without energy.

        Raises
        ------
        TypeError, ValueError
            If the number of masks is not that of the bins, frames differ, or bins do not follow on each other.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import EnergyAxis, Mask
        >>> ds9 = ["icrs; circle(83.6, 22, 2)", "icrs; ellipse(83.6, 22, 1, 0.5, 30)"]
        >>> axis = EnergyAxis.from_bounds("1 TeV", "100 TeV", 2)
        >>> Mask.stack([Mask.from_regions(text, order=10) for text in ds9], axis).contains(
        ...     SkyCoord(83.6, 23.2, unit="deg"))
        array([ True, False])
        """
        masks = list(masks)
        for i, mask in enumerate(masks):
            if not isinstance(mask, Mask):
                raise TypeError(f"masks must be Masks, mask {i} is a {type(mask).__name__}")
            masks[0]._check_frame(mask)
        energy = energy_bins.stacked_axis([mask.energy for mask in masks], axis)
        planes = [plane for mask in masks for plane in mask.planes]
        lines = [line for mask in masks for line in mask.history]
        history = joined(lines, (), f"stack of {len(masks)} masks")
        order = max(mask.order for mask in masks)
        return cls(planes, order=order, frame=masks[0].frame, energy=energy, history=history)

    @classmethod
    def from_gammapy(
        cls,
        map_: Any,
        /,
        *,
        order: int | None = None,
        mode: Mode = "center",
        outside: bool = False,
        frame: str | None = None,
    ) -> Mask:
        """A mask from a boolean gammapy map: an image, a HEALPix map or a region, with energy bins or without.

        Parameters
        ----------
        map_ : `~gammapy.maps.WcsNDMap`, `~gammapy.maps.HpxNDMap` or `~gammapy.maps.RegionNDMap`
            True = kept. 0 and 1 of other types are taken for False and True, as gammapy's files often give a mask
            back.
        order : int, optional
            Order of the cells. By default HEALPix maps keep theirs, and images have cells smaller than half a
            pixel. A region needs it.
        mode : {"center", "overlap", "inside"}, optional
            For images as in `from_wcs`, for regions as in `from_regions`.
        outside : bool, optional
            What is beyond the map: not kept, or kept.
        frame : {"icrs", "galactic"}, optional
            Frame of the mask, by default the map's.

        Raises
        ------
        ImportError
            If gammapy is not installed.
        TypeError, ValueError
            If it is no such map, or a value is neither 0 nor 1 (NaN included); the first one is named.
        """
        from hpmask.interop.gammapy import maps

        return maps.from_map(map_, order=order, mode=mode, outside=outside, frame=frame)

    @classmethod
    def from_moc(cls, moc: MOC) -> Mask:
        """A mask from a `mocpy.MOC`, which is always ICRS."""
        from hpmask.interop import mocpy

        return cls(mocpy.to_rangeset(moc), history=["from_moc()"])

    @classmethod
    def from_wcs(
        cls,
        image: Any,
        wcs: Any = None,
        *,
        order: int | None = None,
        mode: Mode = "center",
        outside: bool = False,
        nan: bool | None = None,
        invert: bool = False,
        energy: EnergyAxis | None = None,
        frame: str = "icrs",
        n_threads: int | None = None,
    ) -> Mask:
        """A mask from a WCS image: a cell is in iff the pixel under its centre is True.

        Parameters
        ----------
        image : numpy.ndarray, path, FITS image HDU or gammapy map
            Pixels, of shape (ny, nx) or (n_bins, ny, nx): booleans, or 0 and 1 of another type. True = kept.
        wcs : `~astropy.wcs.WCS`, FITS header or gammapy geometry, optional
            The image's WCS, as in `to_wcs`; needed for an array.
        order : int, optional
            Order of the cells. By default they are no larger than half the smallest pixel. Where a cell's
            corners are nearer to its centre than half the width of every pixel (1.07 / 2**order radians are
            enough), `to_wcs` gives the image back.
        mode : {"center", "overlap", "inside"}, optional
            A cell is in if the pixel under its centre is True, if any part of it is under a True pixel, or only
            if all of it is. The area of a pixel is the quadrangle of its corners with great-circle edges. In
            "overlap" and "inside", pixels of which a corner is no sky count by the cells' centres.
        outside : bool, optional
            What cells are whose centre is under no pixel.
        nan : bool, optional
            Whether NaN pixels are kept. Without it, they raise.
        invert : bool, optional
            True for images in which 1 or True means excluded.
        energy : EnergyAxis, optional
            Energy bins of a cube's planes; a gammapy map brings its own.
        frame : {"icrs", "galactic"}, optional
            Frame of the mask.
        n_threads : int, optional
            Threads to use, by default all processors.

        Raises
        ------
        TypeError, ValueError
            If a pixel is neither 0 nor 1, or is NaN and `nan` is not given (the first one is named), or the WCS
            is not celestial or does not fit.

        Examples
        --------
        >>> import numpy as np
        >>> from astropy.wcs import WCS
        >>> from hpmask import Mask
        >>> wcs = WCS(naxis=2)
        >>> wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
        >>> wcs.wcs.crval = 83.6, 22.0
        >>> wcs.wcs.crpix = 3, 2
        >>> wcs.wcs.cdelt = -0.1, 0.1
        >>> image = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]])
        >>> mask = Mask.from_wcs(image, wcs)
        >>> mask
        <Mask icrs order=11 | 18 ranges, 288 B | 1.192e-06 of the sky>
        >>> mask.to_wcs(wcs, image.shape).astype(int)
        array([[0, 1, 0],
               [1, 1, 1],
               [0, 1, 0]])
        """
        from hpmask import wcs as wcs_module

        return wcs_module.from_wcs(
            image, wcs, order=order, mode=mode, outside=outside, nan=nan, invert=invert, energy=energy,
            frame=frame, n_threads=n_threads,
        )  # fmt: skip

    @classmethod
    def from_sfmoc(
        cls, sfmoc: SFMOC, axis: EnergyAxis | None = None, *, how: Literal["any", "all"] = "any"
    ) -> Mask:
        """A mask with energy bins from a `mocpy.SFMOC`, a coverage of sky and frequency, which is always ICRS.

        Parameters
        ----------
        sfmoc : mocpy.SFMOC
            The coverage.
        axis : EnergyAxis, optional
            The bins. By default those between all frequencies at which the sky of the coverage changes: it knows
            neither empty bins at the ends nor apart what neighbouring bins with the same sky were.
        how : {"any", "all"}, optional
            Whether a bin keeps what the coverage has at any of its frequencies, or at all of them.

        Raises
        ------
        ImportError
            If mocpy is older than 0.18.
        TypeError, ValueError
            If `sfmoc` is none, is empty and `axis` is not given, or a bin is narrower than the cells of frequency.

        Examples
        --------
        >>> from hpmask import EnergyAxis, Mask
        >>> mask = Mask.from_energy(EnergyAxis.from_bounds("1 TeV", "100 TeV", 2), "10 TeV")
        >>> Mask.from_sfmoc(mask.to_sfmoc(), mask.energy) == mask
        True
        """
        from hpmask.interop import sfmoc as module

        planes, order, energy = module.to_planes(sfmoc, axis, how)
        return cls(planes, order=order, energy=energy, history=["from_sfmoc()"])

    @classmethod
    def read(cls, path: str | Path, *, format: str | None = None) -> Mask:
        """Read a mask file.

        Parameters
        ----------
        path : str or path
            A file written by `write`, an IVOA MOC as FITS (NUNIQ or RANGE, versions 1.1 and 2.0), ASCII or
            JSON.
        format : str, optional
            The format, if neither the file's name nor its beginning tells: see `hpmask.io.formats`.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        MaskFormatError
            If it is no mask or is damaged; the message says what is wrong.
        """
        from hpmask import io

        return io.read(path, format=format)

    # ------------------------------------------------------------------ looking

    @property
    def frame(self) -> str:
        """Frame of the cells, "icrs" or "galactic"."""
        return self._frame

    @property
    def order(self) -> int:
        """Order that the mask is resolved to."""
        return self._order

    @property
    def energy(self) -> EnergyAxis | None:
        """Energy bins, or None where the mask holds for all energies."""
        return self._energy

    @property
    def planes(self) -> tuple[RangeSet, ...]:
        """The sky of each bin. Equal planes are one object."""
        return self._planes

    @property
    def history(self) -> tuple[str, ...]:
        """How the mask was made, a line per step."""
        return self._history

    @property
    def n_ranges(self) -> int:
        """Number of ranges in memory; shared planes count once."""
        return sum(plane.n_ranges for plane in self._distinct())

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the ranges take; shared planes count once."""
        return sum(plane.nbytes for plane in self._distinct())

    def _distinct(self) -> list[RangeSet]:
        return list({id(plane): plane for plane in self._planes}.values())

    def _stacks(self) -> list[Stack]:
        """The distinct planes for look-ups in all of them at once, made at the first call and kept."""
        if self._stacked is None:
            from hpmask import stack

            planes = self._distinct()
            parts = (planes[k : k + stack.MOST] for k in range(0, len(planes), stack.MOST))
            self._stacked = [stack.Stack(part, self._order) for part in parts]
        return self._stacked

    def _per_plane(self, values: Iterable[Any]) -> Any:
        """One value for a mask without energy, an array of one per bin for a mask with it."""
        values = np.array(list(values))
        return values if self._energy is not None else values[0].item()

    @property
    def sky_fraction(self) -> float | NDArray[np.float64]:
        """Part of the sky that is kept, 0 to 1; an array of shape (n_bins,) for a mask with energy."""
        return self._per_plane(plane.sky_fraction for plane in self._planes)  # type: ignore[no-any-return]

    @property
    def area(self) -> u.Quantity:
        """Area that is kept, in deg2; of shape (n_bins,) for a mask with energy."""
        return (self.sky_fraction * 4 * np.pi * u.sr).to(u.deg**2)

    def contains(self, coord: SkyCoord, energy: u.Quantity | str | None = None) -> Any:
        """Whether positions (and energies) are kept.

        Parameters
        ----------
        coord : `~astropy.coordinates.SkyCoord`, any shape
            Positions, in any frame.
        energy : `~astropy.units.Quantity` or str, optional
            Energies that broadcast against `coord`. One outside all bins is not kept. A mask without
            energy gives the same answer at all energies.

        Returns
        -------
        bool or numpy.ndarray of bool
            In the broadcast shape. For a mask with energy and `energy` left out, each bin's answer:
            shape (n_bins, ...).

        Raises
        ------
        TypeError, ValueError
            If a position or energy is not finite, or of another kind.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(None, ("0 deg", "90 deg"), order=4)
        >>> north.contains(SkyCoord([10, 10], [45, -45], unit="deg"))
        array([ True, False])
        """
        return lookup.contains(self._planes, self._order, self._frame, self._energy, coord, energy)

    def energy_range(self, coord: SkyCoord) -> tuple[u.Quantity, u.Quantity]:
        """Lowest and highest energy that is kept at positions, as of gammapy's datasets.

        Parameters
        ----------
        coord : `~astropy.coordinates.SkyCoord`, any shape
            Positions, in any frame.

        Returns
        -------
        energy_min, energy_max : `~astropy.units.Quantity`, shape of `coord`
            Lower edge of the first bin that is kept and upper edge of the last one; NaN where none is. Bins in between
            that are not kept make no difference.

        Raises
        ------
        ValueError
            If the mask has no energy bins, or a position is not finite.

        Examples
        --------
        >>> from astropy import units as u
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import EnergyAxis, Mask
        >>> axis = EnergyAxis([1, 10, 100] * u.GeV)
        >>> crab = SkyCoord(83.63, 22.01, unit="deg")
        >>> mask = ~Mask.from_cones(crab, [[2, 0.5]] * u.deg, order=10, energy=axis)
        >>> mask.energy_range(SkyCoord([83.63, 83.63], [22.01, 23.01], unit="deg"))
        (<Quantity [nan, 10.] GeV>, <Quantity [ nan, 100.] GeV>)
        """
        axis = self._needed_energy()
        return energy_bins.kept_range(np.asarray(self.contains(coord)), axis)

    @property
    def energy_range_total(self) -> tuple[u.Quantity, u.Quantity] | None:
        """Lowest and highest energy at which any sky is kept, or None if none is. Of a mask with energy bins only."""
        return energy_bins.range_of_all(self._planes, self._needed_energy())

    def energy_range_wcs(
        self, wcs: WCS, shape: tuple[int, int] | None = None
    ) -> tuple[u.Quantity, u.Quantity]:
        """`energy_range` at the pixels of an image: two maps of shape (ny, nx), NaN where nothing is kept.

        Parameters as in `to_wcs`.
        """
        axis = self._needed_energy()
        return energy_bins.kept_range(self.to_wcs(wcs, shape), axis)

    def energy_range_healpix(
        self, order: int | None = None, *, nest: bool = False
    ) -> tuple[u.Quantity, u.Quantity]:
        """`energy_range` at the cells of a full HEALPix map: two maps, NaN where nothing is kept.

        Parameters as in `to_healpix`.
        """
        axis = self._needed_energy()
        maps = (one.to_healpix(order, nest=nest) for one in self.iter_bins())
        return energy_bins.kept_range(maps, axis)

    def _needed_energy(self) -> EnergyAxis:
        if self._energy is None:
            raise ValueError("the mask has no energy bins, it holds at all energies")
        return self._energy

    def iter_bins(self) -> Iterator[Mask]:
        """The masks of the bins, one after the other, each without energy: what `stack` puts together.

        Examples
        --------
        >>> from hpmask import EnergyAxis, Mask
        >>> axis = EnergyAxis.from_bounds("1 GeV", "100 GeV", 2)
        >>> mask = Mask.from_energy(axis, "10 GeV")
        >>> for bin_, sky in zip(axis, mask.iter_bins()):
        ...     print(bin_.energy_min[0], sky.sky_fraction)
        1.0 GeV 0.0
        10.0 GeV 1.0
        """
        axis = self._needed_energy()
        for i, plane in enumerate(self._planes):
            history = joined(self._history, (), f"bin {i} of {axis.n_bins}")
            yield Mask(plane, order=self._order, frame=self._frame, history=history)

    def distance(
        self, coord: SkyCoord, energy: u.Quantity | str | None = None, *, n_threads: int | None = None
    ) -> u.Quantity:
        """How far positions are from the mask's edge: positive inside, negative outside.

        For a position that is kept, the great-circle distance to the nearest centre of a cell (of the mask's
        order) that is not; for one that is not kept, minus the distance to the nearest centre of a cell that is.
        It is exact to rounding, some 1e-15 rad. Where there is no other side it is infinite: +inf in a full
        mask, -inf in an empty one.

        Parameters
        ----------
        coord : `~astropy.coordinates.SkyCoord`, any shape
            Positions, in any frame.
        energy : `~astropy.units.Quantity` or str, optional
            Energies that broadcast against `coord`. Nothing is kept at one outside all bins: -inf.
        n_threads : int, optional
            Threads to use, by default all processors. The result does not depend on it.

        Returns
        -------
        `~astropy.units.Quantity`, in deg
            In the broadcast shape. For a mask with energy and `energy` left out, each bin's answer:
            shape (n_bins, ...).

        Raises
        ------
        TypeError, ValueError
            If a position or energy is not finite, or of another kind.

        See Also
        --------
        distance_map : the same at all cells.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(None, ("0 deg", "90 deg"), order=10)
        >>> print(north.distance(SkyCoord([10, 10], [45, -30], unit="deg")).round(2))
        [ 45.04 -30.  ] deg
        """
        from hpmask import distance

        return distance.distance(self, coord, energy, n_threads=n_threads)

    def distance_map(
        self, order: int | None = None, *, nest: bool = False, n_threads: int | None = None
    ) -> u.Quantity:
        """The `distance` of the centres of all cells, as a full HEALPix map in the mask's frame.

        Parameters
        ----------
        order : int, optional
            Order of the map, by default the mask's. The distances are to cells of the mask's order all the same.
        nest : bool, optional
            Number the cells NESTED instead of RING.
        n_threads : int, optional
            Threads to use, by default all processors.

        Returns
        -------
        `~astropy.units.Quantity`, in deg, shape (12 * 4**order,) or (n_bins, 12 * 4**order)
            Positive inside, negative outside, infinite where there is no other side. The memory it takes is that
            of this map alone.

        Raises
        ------
        ValueError
            If the map would take more than 16 GiB.

        Examples
        --------
        >>> from hpmask import Mask, RangeSet
        >>> mask = Mask(RangeSet.from_cells([0, 1, 2, 3], order=0))
        >>> print(mask.distance_map().round(1))
        [ 58.2  58.2  58.2  58.2 -58.2 -58.2 -58.2 -58.2 -83.6 -83.6 -83.6 -83.6] deg
        """
        from hpmask import distance

        return distance.distance_map(self, order=order, nest=nest, n_threads=n_threads)

    def apodize(
        self,
        width: u.Quantity | str,
        *,
        kind: Literal["C1", "C2", "smooth"] = "C1",
        order: int | None = None,
        nest: bool = False,
        n_threads: int | None = None,
    ) -> NDArray[np.float64]:
        """Weights that fall smoothly to 0 towards the edge, as a full HEALPix map in the mask's frame.

        As NaMaster's ``mask_apodization`` defines them. A cell outside the mask has the weight 0. With theta the
        distance from a cell's centre to the nearest centre outside, and
        x = sqrt((1 - cos theta) / (1 - cos width)),

        * "C1": x - sin(2 pi x) / (2 pi) for x < 1, else 1
        * "C2": (1 - cos(pi x)) / 2 for x < 1, else 1
        * "smooth": cells with theta <= 2.5 width are set to 0, the map is convolved with a Gaussian of the
          standard deviation `width` and set to 0 outside the mask. This is done by spherical harmonics up to
          3 nside - 1, which may leave weights a little below 0 or above 1, and needs healpy
          (``pip install "hpmask[healpy]"``).

        Parameters
        ----------
        width : `~astropy.units.Quantity` or str
            How far the edge reaches inwards, above 0 and up to 180 deg: a scalar, or with energy also of shape
            (n_bins,).
        kind : {"C1", "C2", "smooth"}, optional
            The form of the edge.
        order : int, optional
            Order of the map, by default the mask's. The mask is first brought to it, as by `at_order`.
        nest : bool, optional
            Number the cells NESTED instead of RING.
        n_threads : int, optional
            Threads to use, by default all processors.

        Returns
        -------
        numpy.ndarray of float, shape (12 * 4**order,) or (n_bins, 12 * 4**order)

        Raises
        ------
        TypeError, ValueError
            If `width` is no positive angle or `kind` another one, or the map would take more than 16 GiB.
        ImportError
            If `kind` is "smooth" and healpy is not installed.

        Notes
        -----
        C1 and C2 are those of Grain, Tristram & Stompor (`2009, Phys. Rev. D 79, 123515
        <https://doi.org/10.1103/PhysRevD.79.123515>`_), with the two names as NaMaster has them: it is the other way
        round in the paper.

        Examples
        --------
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(None, ("0 deg", "90 deg"), order=5)
        >>> weights = north.apodize("10 deg", kind="C2")
        >>> print(f"{weights.mean():.3f} of {north.sky_fraction:.3f}")
        0.463 of 0.500
        """
        from hpmask import distance

        return distance.apodize(self, width, kind=kind, order=order, nest=nest, n_threads=n_threads)

    def components(self, *, connectivity: int = 8) -> Components:
        """The parts of the mask that hang together, largest first.

        The graph is that of neighbouring cells of the mask's order. The work is linear in the number of ranges.

        Parameters
        ----------
        connectivity : {8, 4}, optional
            8: neighbours share an edge or a corner (a cell has seven where three base cells meet). 4: they share
            an edge.

        Returns
        -------
        Components
            A sequence of masks, with arrays of their areas, centres and extents. Of components of equal area,
            that with the first cell in NESTED order comes first. For a mask with energy whose bins all have
            the same sky, the masks have its energy axis.

        Raises
        ------
        ValueError
            If the sky differs from bin to bin: `reduce` the mask, or take one of its `planes`.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> stars = SkyCoord([10, 20, 20.9], [-5, 60, 60], unit="deg")
        >>> parts = Mask.from_cones(stars, "0.3 deg", order=10).components()
        >>> parts
        <Components: 2, 0.2787 deg2 to 0.5213 deg2>
        >>> parts.center.to_string(precision=1)
        ['20.5 60.0', '10.0 -5.0']
        >>> print(parts.extent.round(2))
        [0.51 0.3 ] deg
        """
        return Components(self, connectivity)

    def n_components(self, *, connectivity: int = 8) -> int | NDArray[np.int64]:
        """How many parts the mask has that hang together; of shape (n_bins,) for a mask with energy.

        Parameters as in `components`.
        """
        counts = {id(plane): count(plane, connectivity) for plane in self._distinct()}
        return self._per_plane(counts[id(plane)] for plane in self._planes)  # type: ignore[no-any-return]

    # ------------------------------------------------------------------ algebra

    def _combine(self, other: object, sign: str) -> Any:
        if not isinstance(other, Mask):
            return NotImplemented
        energy = self._common_energy(other)
        operation = getattr(RangeSet, _OPERATIONS[sign])
        done: dict[tuple[int, int], RangeSet] = {}
        planes = []
        for a, b in self._pairs(other):
            key = (id(a), id(b))
            if key not in done:
                done[key] = operation(a, b)
            planes.append(done[key])
        history = joined(self._history, other._history, sign)
        order = max(self._order, other._order)
        return Mask(planes, order=order, frame=self._frame, energy=energy, history=history)

    def _common_energy(self, other: Mask) -> EnergyAxis | None:
        """The energy axis of an operation on both; raises if there is none."""
        self._check_frame(other)
        if self._energy is not None and other._energy is not None and self._energy != other._energy:
            raise ValueError(
                f"masks with different energy axes: {self._energy} and {other._energy}, "
                f"whose {difference(self._energy, other._energy)}"
            )
        return self._energy if self._energy is not None else other._energy

    def _check_frame(self, other: Mask) -> None:
        if not isinstance(other, Mask):
            raise TypeError(f"expected a Mask, got {type(other).__name__}")
        if self._frame != other._frame:
            raise ValueError(
                f"masks in different frames, {self._frame!r} and {other._frame!r}: "
                f"bring one to the other's with to_frame({self._frame!r}, order=...)"
            )

    def _pairs(self, other: Mask) -> Iterator[tuple[RangeSet, RangeSet]]:
        """Pairs of planes; a single plane goes with every one of the other's."""
        n = max(len(self._planes), len(other._planes))
        mine = self._planes if self._energy is not None else self._planes * n
        theirs = other._planes if other._energy is not None else other._planes * n
        return zip(mine, theirs, strict=True)

    def __or__(self, other: Mask) -> Mask:
        return self._combine(other, "|")  # type: ignore[no-any-return]

    def __and__(self, other: Mask) -> Mask:
        return self._combine(other, "&")  # type: ignore[no-any-return]

    def __mul__(self, other: Mask) -> Mask:
        return self._combine(other, "&")  # type: ignore[no-any-return]

    def __xor__(self, other: Mask) -> Mask:
        return self._combine(other, "^")  # type: ignore[no-any-return]

    def __sub__(self, other: Mask) -> Mask:
        return self._combine(other, "-")  # type: ignore[no-any-return]

    def __invert__(self) -> Mask:
        return self._mapped(RangeSet.__invert__, history=joined(self._history, (), "~"))

    def _mapped(
        self, function: Callable[[RangeSet], RangeSet], *, order: int | None = None, history: Sequence[str]
    ) -> Mask:
        """The mask with a function applied to each distinct plane, once."""
        done = {id(plane): function(plane) for plane in self._distinct()}
        planes = [done[id(plane)] for plane in self._planes]
        order = self._order if order is None else order
        return Mask(planes, order=order, frame=self._frame, energy=self._energy, history=history)

    @staticmethod
    def union(masks: Iterable[Mask]) -> Mask:
        """What any of the masks keeps, in one pass over all of them.

        Raises
        ------
        ValueError
            If there is no mask, or frames or energy axes differ.
        """
        return _many(masks, RangeSet.union, "|")

    @staticmethod
    def intersection(masks: Iterable[Mask]) -> Mask:
        """What all of the masks keep, in one pass over all of them.

        Raises
        ------
        ValueError
            If there is no mask, or frames or energy axes differ.
        """
        return _many(masks, RangeSet.intersection, "&")

    def issubset(self, other: Mask) -> bool:
        """Whether `other` keeps all that this mask keeps, in every bin."""
        self._common_energy(other)
        return all(a.issubset(b) for a, b in self._pairs(other))

    def overlaps(self, other: Mask) -> bool:
        """Whether the masks share any sky, in any bin."""
        self._common_energy(other)
        return any(a.overlaps(b) for a, b in self._pairs(other))

    def isdisjoint(self, other: Mask) -> bool:
        """Whether the masks share no sky, in no bin."""
        return not self.overlaps(other)

    def __eq__(self, other: object) -> bool:
        """Whether both keep the same sky in the same frame and the same bins, whatever their orders."""
        if not isinstance(other, Mask):
            return NotImplemented
        return self._frame == other._frame and self._energy == other._energy and self._planes == other._planes

    def __hash__(self) -> int:
        return hash((self._frame, self._energy, self._planes))

    def __bool__(self) -> bool:
        raise TypeError("a Mask is neither true nor false: ask sky_fraction, overlaps or issubset")

    # ------------------------------------------------------------------ changing

    def reduce(self, how: Literal["any", "all"] = "any") -> Mask:
        """The mask without its energy axis: the sky kept in any bin, or in all of them."""
        if how not in ("any", "all"):
            raise ValueError(f"how must be 'any' or 'all', got {how!r}")
        if self._energy is None:
            return self
        many = RangeSet.union if how == "any" else RangeSet.intersection
        history = joined(self._history, (), f"reduce({how!r})")
        return Mask(many(self._planes), order=self._order, frame=self._frame, history=history)

    def resample_energy(self, axis: EnergyAxis, how: Literal["any", "all"] = "any") -> Mask:
        """The mask in other energy bins.

        Parameters
        ----------
        axis : EnergyAxis
            The new bins, under the name of the old ones. A mask without energy holds in all of them.
        how : {"any", "all"}, optional
            A new bin keeps what any of the old bins keep that it meets, or what all of them do. Energies outside the
            old bins are not kept: "any" does not look at them, and of a new bin that reaches beyond the old ones "all"
            keeps nothing.

        Raises
        ------
        TypeError, ValueError
            If `axis` is no EnergyAxis, has another name, or `how` is none of the two.

        Examples
        --------
        >>> from hpmask import EnergyAxis, Mask
        >>> axis = EnergyAxis.from_bounds("1 TeV", "100 TeV", 4)
        >>> mask = Mask.from_energy(axis, "3 TeV")
        >>> mask.resample_energy(axis.downsample(2)).sky_fraction
        array([1., 1.])
        >>> mask.resample_energy(axis.downsample(2), how="all").sky_fraction
        array([0., 1.])
        """
        planes = energy_bins.resampled(self._planes, self._energy, axis, how)
        history = joined(self._history, (), f"resample_energy({axis.n_bins} bins, how={how!r})")
        return Mask(planes, order=self._order, frame=self._frame, energy=axis, history=history)

    def slice_energy(
        self,
        energy_min: u.Quantity | str | None = None,
        energy_max: u.Quantity | str | None = None,
        *,
        bins: int | slice | None = None,
        round_to_edge: bool = False,
    ) -> Mask:
        """The mask in some of its energy bins.

        Parameters
        ----------
        energy_min, energy_max : `~astropy.units.Quantity` or str, optional
            The bins that lie between these energies, by the rule of `from_energy`.
        bins : int or slice, optional
            Instead of energies: a bin or bins by number.
        round_to_edge : bool, optional
            As in `from_energy`.

        Raises
        ------
        TypeError, ValueError
            If the mask has no energy bins, there is none to be left, or both energies and `bins` are given.
        IndexError
            If there is no bin of that number.

        Examples
        --------
        >>> from hpmask import EnergyAxis, Mask
        >>> mask = Mask.full(energy=EnergyAxis.from_bounds("1 TeV", "100 TeV", 4))
        >>> mask.slice_energy("3 TeV").energy
        EnergyAxis([3.16228, 10, 31.6228, 100] TeV, name='energy', interp='log')
        >>> mask.slice_energy(bins=slice(1, 3)).energy
        EnergyAxis([3.16228, 10, 31.6228] TeV, name='energy', interp='log')
        """
        axis = self._needed_energy()
        if bins is None:
            bins = energy_bins.bins_between(axis, energy_min, energy_max, round_to_edge=round_to_edge)
        elif energy_min is not None or energy_max is not None:
            raise ValueError("either energies or bins must be given, not both")
        energy = axis[bins]
        planes = self._planes[bins] if isinstance(bins, slice) else [self._planes[bins]]
        span = f"{energy.edges[0]:.6g} to {energy.edges[-1]:.6g}"
        history = joined(self._history, (), f"slice_energy({span})")
        return Mask(planes, order=self._order, frame=self._frame, energy=energy, history=history)

    def at_order(self, order: int, *, mode: Mode = "center") -> Mask:
        """The mask at another order.

        Parameters
        ----------
        order : int
            A finer order keeps the sky as it is.
        mode : {"center", "overlap", "inside"}, optional
            For a coarser order: a cell is in if its centre is, if any part of it is, or only if all of it is.
        """
        order = check_order(order)
        if mode not in _HOW:
            raise ValueError(f"mode must be 'center', 'overlap' or 'inside', got {mode!r}")
        history = joined(self._history, (), f"at_order({order}, mode={mode!r})")
        if order >= self._order:
            return self._mapped(lambda plane: plane.refine(order), order=order, history=history)
        return self._mapped(lambda plane: plane.degrade(order, how=_HOW[mode]), order=order, history=history)

    def to_frame(self, frame: str, *, order: int | None = None) -> Mask:
        """The mask in another frame: a new cell is in iff its centre was.

        Parameters
        ----------
        frame : {"icrs", "galactic"}
            The new frame.
        order : int, optional
            Order of the new cells, by default the mask's own.
        """
        from hpmask import reframe

        frame = frames.check_frame(frame)
        order = self._order if order is None else check_order(order)
        if frame == self._frame:
            return self.at_order(order)
        matrix = frames.rotation(frame, self._frame)
        done = {id(plane): reframe.rotated(plane, matrix, order) for plane in self._distinct()}
        planes = [done[id(plane)] for plane in self._planes]
        history = joined(self._history, (), f"to_frame({frame!r}, order={order})")
        return Mask(planes, order=order, frame=frame, energy=self._energy, history=history)

    def cutout(self, center: SkyCoord, radius_or_size: Any) -> Mask:
        """The part of the mask near a position; nothing is kept elsewhere.

        The rest of the mask is not touched, so that a small cutout of a large mask is fast.

        Parameters
        ----------
        center : `~astropy.coordinates.SkyCoord`, scalar
            The position, in any frame.
        radius_or_size : `~astropy.units.Quantity` or str, or a pair of these
            A radius, or the width and the height of a rectangle whose height runs north in the frame of the
            mask.

        Returns
        -------
        Mask
            All that this mask keeps within the region, and in cells that reach beyond it by up to about a hundredth
            of its size, or by a cell of the mask.

        Raises
        ------
        TypeError, ValueError
            If `center` is not one position, or a size is no positive angle.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(None, ("0 deg", "90 deg"), order=12)
        >>> part = north.cutout(SkyCoord(10, 0, unit="deg"), "2 deg")
        >>> print(f"{part.area:.1f}")
        6.4 deg2
        """
        from hpmask import cutout

        region, words = cutout.region_of(center, radius_or_size, self._frame, self._order)
        history = joined(self._history, (), f"cutout({words})")
        return self._mapped(lambda plane: cutout.clipped(plane, region), history=history)

    def _with_history(self, history: Sequence[str]) -> Mask:
        return Mask(self._planes, order=self._order, frame=self._frame, energy=self._energy, history=history)

    # ------------------------------------------------------------------ growing

    def dilate(
        self,
        width: Width | None = None,
        *,
        steps: int | None = None,
        connectivity: Literal[4, 8] = 8,
        n_threads: int | None = None,
        progress: bool = False,
    ) -> Mask:
        """The mask grown by an angle: every cell whose centre is within it of the centre of a kept cell.

        True on the whole sphere, poles and longitude 0 included, at any order.

        Parameters
        ----------
        width : `~astropy.units.Quantity`, str or callable, optional
            Angle from 0 to 180 deg: a scalar; for a mask with energy also of shape (n_bins,), one per bin, or
            a function of the energy axis that returns such.
        steps : int, optional
            Instead of `width`: so many times, add the neighbours of every cell.
        connectivity : {8, 4}, optional
            Neighbours of a step: those that share an edge or a corner, or an edge only.
        n_threads : int, optional
            Threads to use, by default all processors. The result does not depend on it.
        progress : bool, optional
            Show a progress bar.

        Returns
        -------
        Mask
            Of the same order. An exclusion mask keeps what is far from sources: *shrink* it, with `erode`, to
            exclude more.

        Raises
        ------
        TypeError, ValueError
            If not one of `width` and `steps` is given, or it is not of this kind.

        Notes
        -----
        Neither pixels nor a projection take part in `width`. A square kernel, gammapy's ``kernel="box"``, has no
        meaning on the sphere: use the disc of the same radius.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> star = Mask.from_cones(SkyCoord(10, 89.9, unit="deg"), "0.5 deg", order=8)
        >>> star.dilate("1 deg").issubset(Mask.from_cones(SkyCoord(10, 89.9, unit="deg"), "1.6 deg", order=8))
        True
        """
        return self._grown("dilate", width, steps, connectivity, n_threads, progress)

    def erode(
        self,
        width: Width | None = None,
        *,
        steps: int | None = None,
        connectivity: Literal[4, 8] = 8,
        n_threads: int | None = None,
        progress: bool = False,
    ) -> Mask:
        """The mask shrunk by an angle: what is farther than it from all that is not kept.

        The dual of `dilate`: ``mask.erode(width) == ~((~mask).dilate(width))``. Parameters as there.

        Examples
        --------
        A field of view without the margin that a PSF of 0.2 deg needs:

        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> field = Mask.from_cones(SkyCoord(83.6, 22, unit="deg"), "2 deg", order=13)
        >>> print(f"{field.area:.2f} {field.erode('0.2 deg').area:.2f}")
        12.56 deg2 10.19 deg2
        """
        return self._grown("erode", width, steps, connectivity, n_threads, progress)

    def opening(
        self,
        width: Width | None = None,
        *,
        steps: int | None = None,
        connectivity: Literal[4, 8] = 8,
        n_threads: int | None = None,
        progress: bool = False,
    ) -> Mask:
        """The mask without what is narrower than twice the width: `erode`, then `dilate`. Parameters as in `dilate`."""
        return self._grown("opening", width, steps, connectivity, n_threads, progress)

    def closing(
        self,
        width: Width | None = None,
        *,
        steps: int | None = None,
        connectivity: Literal[4, 8] = 8,
        n_threads: int | None = None,
        progress: bool = False,
    ) -> Mask:
        """The mask with gaps narrower than twice the width closed: `dilate`, then `erode`. Parameters as there."""
        return self._grown("closing", width, steps, connectivity, n_threads, progress)

    def boundary(
        self,
        width: Width,
        *,
        side: Literal["inner", "outer", "both"] = "inner",
        n_threads: int | None = None,
        progress: bool = False,
    ) -> Mask:
        """The strip along the mask's edge.

        Parameters
        ----------
        width : `~astropy.units.Quantity`, str or callable
            Width of the strip (on each side), as in `dilate`.
        side : {"inner", "outer", "both"}, optional
            What `erode` takes away, what `dilate` adds, or both.
        n_threads, progress
            As in `dilate`.

        Examples
        --------
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(None, ("0 deg", "90 deg"), order=10)
        >>> print(f"{north.boundary('5 deg').sky_fraction:.3f}")  # sin(5 deg) / 2
        0.043
        """
        if side not in ("inner", "outer", "both"):
            raise ValueError(f"side must be 'inner', 'outer' or 'both', got {side!r}")
        planes = morphology.planes_after(
            side, self._planes, self._energy, width, n_threads=n_threads, progress=progress
        )
        return self._with_planes(planes, f"boundary({_told(width)}, side={side!r})")

    def fill_holes(self, max_area: u.Quantity | str | None = None, *, connectivity: int = 8) -> Mask:
        """The mask with its holes filled.

        Parameters
        ----------
        max_area : `~astropy.units.Quantity` or str, optional
            Fill what is left out in pieces of at most this area, such as "0.01 deg2". By default all pieces but
            the largest one are filled: that is taken for the outside, and a mask of nearly the whole sky keeps its
            largest gap.
        connectivity : {8, 4}, optional
            Of the mask: 8: neighbours share an edge or a corner. 4: they share an edge. What is left out hangs
            together in the other way, so that a closed ring has an inside.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> crab = SkyCoord(83.633, 22.014, unit="deg")
        >>> disc = Mask.from_cones(crab, "2 deg", order=9)
        >>> ring = disc - Mask.from_cones(crab, "1 deg", order=9)
        >>> ring.fill_holes() == disc
        True
        >>> ring.fill_holes("1 deg2") == ring
        True
        """
        area = None if max_area is None else by_area.as_area(max_area, "max_area")
        history = joined(self._history, (), f"fill_holes({max_area}, connectivity={connectivity})")
        return self._mapped(lambda plane: by_area.fill_holes(plane, area, connectivity), history=history)

    def remove_small(self, min_area: u.Quantity | str, *, connectivity: int = 8) -> Mask:
        """The mask without its parts (see `components`) that are smaller than an area.

        Parameters
        ----------
        min_area : `~astropy.units.Quantity` or str
            Parts of this area, such as "3 arcmin2", and larger ones stay.
        connectivity : {8, 4}, optional
            8: neighbours share an edge or a corner. 4: they share an edge.
        """
        area = by_area.as_area(min_area, "min_area")
        history = joined(self._history, (), f"remove_small({min_area}, connectivity={connectivity})")
        return self._mapped(lambda plane: by_area.remove_small(plane, area, connectivity), history=history)

    def keep_largest(self, n: int = 1, *, connectivity: int = 8) -> Mask:
        """The `n` largest parts (see `components`) of the mask, in each bin.

        Parameters
        ----------
        n : int, optional
            How many parts stay. Of parts of equal area those stay that have the first cells in NESTED order.
        connectivity : {8, 4}, optional
            8: neighbours share an edge or a corner. 4: they share an edge.
        """
        history = joined(self._history, (), f"keep_largest({n}, connectivity={connectivity})")
        return self._mapped(lambda plane: by_area.keep_largest(plane, n, connectivity), history=history)

    def _grown(
        self,
        operation: morphology.Operation,
        width: Width | None,
        steps: int | None,
        connectivity: int,
        n_threads: int | None,
        progress: bool,
    ) -> Mask:
        planes = morphology.planes_after(
            operation, self._planes, self._energy, width,
            n_steps=steps, connectivity=connectivity, n_threads=n_threads, progress=progress,
        )  # fmt: skip
        amount = _told(width) if steps is None else f"steps={steps}, connectivity={connectivity}"
        return self._with_planes(planes, f"{operation}({amount})")

    def _with_planes(self, planes: Sequence[RangeSet], step: str) -> Mask:
        """The mask with other planes, which `step` made of its own."""
        history = joined(self._history, (), step)
        return Mask(planes, order=self._order, frame=self._frame, energy=self._energy, history=history)

    # ------------------------------------------------------------------ handing over

    def to_moc(self) -> MOC:
        """The mask as a `mocpy.MOC`.

        Raises
        ------
        ValueError
            If it has energy bins (`reduce` it) or is not in ICRS (`to_frame`).
        """
        from hpmask.interop import mocpy

        return mocpy.from_mask(self)

    def to_sfmoc(self, order_f: int = 30) -> SFMOC:
        """The mask as a `mocpy.SFMOC`, a coverage of sky and frequency: for other tools, not to keep the mask in.

        Parameters
        ----------
        order_f : int, optional
            Order of the frequencies, 20 to 45. Edges of the bins go to the nearest boundary of cells: at order 20 they
            move by less than 1e-4 of themselves, at order 30 by less than 1e-7.

        Returns
        -------
        mocpy.SFMOC
            With frequencies E / h. Neighbouring bins do not overlap in it.

        Raises
        ------
        ImportError
            If mocpy is older than 0.18.
        ValueError
            If the mask has no energy bins, is not in ICRS, or a bin is narrower than the cells of frequency.

        Examples
        --------
        >>> from hpmask import EnergyAxis, Mask
        >>> mask = Mask.full(energy=EnergyAxis.from_bounds("1 TeV", "100 TeV", 2))
        >>> print(f"{mask.to_sfmoc().min_frequency:.4g}")
        2.418e+26 Hz
        """
        from hpmask.interop import sfmoc

        return sfmoc.from_mask(self, order_f)

    def to_healpix(self, order: int | None = None, *, nest: bool = False) -> NDArray[np.bool_]:
        """The mask as a full boolean HEALPix map.

        Parameters
        ----------
        order : int, optional
            Order of the map, by default the mask's. A coarser one takes the cells whose centre is kept.
        nest : bool, optional
            Number the cells NESTED instead of RING.

        Returns
        -------
        numpy.ndarray of bool, shape (12 * 4**order,) or (n_bins, 12 * 4**order)

        Raises
        ------
        ValueError
            If the map would take more than 16 GiB.
        """
        from hpmask.interop import healpy

        return healpy.to_map(self, order=order, nest=nest)

    def to_wcs(self, wcs: Any, shape: tuple[int, int] | None = None, *, mode: WcsMode = "center") -> NDArray[Any]:
        """The mask on the pixels of an image.

        Parameters
        ----------
        wcs : `~astropy.wcs.WCS`, FITS header, path, image HDU or gammapy geometry
            Any celestial WCS; of a cube's the celestial part is taken. `hpmask.wcs.to_wcs` has the details.
        shape : (int, int), optional
            Number of pixels (ny, nx); by default the shape that the WCS has.
        mode : {"center", "overlap", "inside", "fraction"}, optional
            A pixel is True iff the sky position of its centre is in the mask, if any part of its area is, or
            only if all of it is; "fraction" is the part of its area that is in the mask, to 1e-3. Pixels that
            are no sky are False, or 0. For sky to be excluded, ``(~mask).to_wcs(..., mode="overlap")`` is
            the safe side.

        Returns
        -------
        numpy.ndarray of bool or float32, shape (ny, nx) or (n_bins, ny, nx)
            The latter for a mask with energy bins, or a gammapy geometry with an energy axis. Each bin of that
            must lie in one of the mask's.

        Raises
        ------
        TypeError, ValueError
            If the WCS is not celestial, no shape is known, or energy bins do not fit.
        """
        from hpmask import wcs as wcs_module

        return wcs_module.to_wcs(self, wcs, shape, mode=mode)

    def to_gammapy(self, geom: Geom, *, mode: Mode = "center") -> Map:
        """The mask as a boolean gammapy map on a geometry.

        Parameters
        ----------
        geom : `~gammapy.maps.WcsGeom`, `~gammapy.maps.HpxGeom` or `~gammapy.maps.RegionGeom`
            Geometry, which the map has for its own: ``dataset.mask_fit = mask.to_gammapy(dataset.counts.geom)``. A
            mask with energy needs the same bins in "energy" or "energy_true"; along other axes it is repeated.
        mode : {"center", "overlap", "inside"}, optional
            What makes a pixel True: its centre is kept, any part of it is, or all of it is.

        Returns
        -------
        `~gammapy.maps.Map`
            Of bool, with writable data of its own. Pixels that are no sky are False.

        Raises
        ------
        ImportError
            If gammapy is not installed.
        TypeError, ValueError
            If `geom` is no geometry, or its energy bins are not the mask's.
        """
        from hpmask.interop.gammapy import onto

        return onto.to_map(self, geom, mode=mode)

    def for_gammapy(self, *, mode: Mode = "center") -> ExclusionMask:
        """The mask as gammapy's background makers take it, ``exclusion_mask=mask.for_gammapy()``.

        Each maker gets the mask exactly at its own pixels. Nothing is outside of it, and no map is made on the way.

        Parameters
        ----------
        mode : {"center", "inside", "overlap"}, optional
            When a pixel is kept: if its centre is; if all of it is, so that a source smaller than a pixel is excluded;
            or if any part of it is.
        """
        from hpmask.interop import gammapy

        return gammapy.ExclusionMask(self, mode=mode)

    def to_wcs_many(
        self, fields: Iterable[Any], *, mode: WcsMode = "center", n_threads: int | None = None
    ) -> Iterator[NDArray[Any]]:
        """The mask on many images, one after the other, as one per observation.

        The look-up tables of the mask are made once, the images on threads, and only a few are held at a time.

        Parameters
        ----------
        fields : iterable
            What `to_wcs` takes as `wcs`, or pairs of that and a shape. It may be a generator.
        mode
            As in `to_wcs`.
        n_threads : int, optional
            Threads to use, by default all processors.

        Yields
        ------
        numpy.ndarray
            What `to_wcs` returns, in the order of the fields.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> from hpmask.field import field_wcs
        >>> mask = Mask.from_zone(None, ("0 deg", "90 deg"), order=13)
        >>> fields = (field_wcs(SkyCoord(10, lat, unit="deg"), "2 deg") for lat in (-0.5, 0, 0.5))
        >>> [round(float(image.mean()), 2) for image in mask.to_wcs_many(fields)]
        [0.25, 0.5, 0.75]
        """
        from hpmask import wcs as wcs_module

        return wcs_module.to_wcs_many(self, fields, mode=mode, n_threads=n_threads)

    def write_wcs(
        self,
        path: str | Path,
        wcs: WCS,
        shape: tuple[int, int] | None = None,
        *,
        mode: Mode = "center",
        overwrite: bool = False,
    ) -> None:
        """Write the mask on the pixels of an image as FITS, 1 = kept, readable by gammapy's ``Map.read``.

        Parameters as in `to_wcs` and `write`.
        """
        from hpmask import wcs as wcs_module

        wcs_module.write_wcs(self, path, wcs, shape, mode=mode, overwrite=overwrite)

    def write(self, path: str | Path, *, overwrite: bool = False, format: str | None = None) -> None:
        """Write the mask to a file: the old file or the new one is there at any moment, never half of one.

        Parameters
        ----------
        path : str or path
            Where to. ``.fits``: an IVOA MOC 2.0 if the mask is ICRS and has no energy, else hpmask's tables
            behind a MOC of the sky kept in any bin. ``.txt``: MOC ASCII; ``.json``: MOC JSON.
        overwrite : bool, optional
            Replace a file that is there.
        format : str, optional
            The format, if the file's name does not tell: see `hpmask.io.formats`.

        Raises
        ------
        FileExistsError
            If there is a file and `overwrite` is False.
        ValueError
            If the format cannot hold the mask or is not known.
        """
        from hpmask import io

        io.write(self, path, overwrite=overwrite, format=format)

    def plot(self, ax: Axes | None = None, **options: Any) -> Any:
        """Draw the mask; see `hpmask.plot.plot`."""
        from hpmask import plot

        return plot.plot(self, ax, **options)

    def plot_grid(self, **options: Any) -> Any:
        """Draw each energy bin; see `hpmask.plot.plot_grid`."""
        from hpmask import plot

        return plot.plot_grid(self, **options)

    def plot_interactive(self, ax: Axes | None = None, **options: Any) -> Any:
        """Draw an energy bin, with a slider to the others; see `hpmask.plot_slider.plot_interactive`."""
        from hpmask import plot_slider

        return plot_slider.plot_interactive(self, ax, **options)

    # ------------------------------------------------------------------ the rest

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._planes, self._order, self._frame, self._energy, self._history)

    def __copy__(self) -> Mask:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Mask:
        return self

    def __repr__(self) -> str:
        parts = [f"{self._frame} order={self._order}"]
        if self._energy is not None:
            edges = self._energy.edges
            span = f"{edges[0].value:.4g}-{edges[-1].value:.4g} {edges.unit.to_string()}"
            parts.append(f"{self._energy.n_bins} bins {span}")
        n = self.n_ranges
        parts.append(f"{n} range{'' if n == 1 else 's'}, {_size(self.nbytes)}")
        fractions = np.unique(np.atleast_1d(self.sky_fraction))
        span = f"{fractions[0]:.4g}" + (f" to {fractions[-1]:.4g}" if fractions.size > 1 else "")
        parts.append(f"{span} of the sky")
        return f"<Mask {' | '.join(parts)}>"

    def _repr_html_(self) -> str:
        from hpmask import plot

        return plot.html(self)


_OPERATIONS = {"|": "__or__", "&": "__and__", "^": "__xor__", "-": "__sub__"}
_HOW: dict[str, Literal["any", "all", "center"]] = {"center": "center", "overlap": "any", "inside": "all"}


def _shared(planes: list[RangeSet], order: int) -> tuple[RangeSet, ...]:
    """The planes, resolved to `order`, equal ones as one object."""
    distinct = {id(plane): plane.refine(order) for plane in planes}
    if len(distinct) > 1:
        first: dict[RangeSet, RangeSet] = {}
        distinct = {key: first.setdefault(plane, plane) for key, plane in distinct.items()}
    return tuple(distinct[id(plane)] for plane in planes)


def _many(masks: Iterable[Mask], many: Callable[[Iterable[RangeSet]], RangeSet], sign: str) -> Mask:
    masks = list(masks)
    if not masks:
        raise ValueError("at least one mask is needed, got none")
    for mask in masks:
        if not isinstance(mask, Mask):
            raise TypeError(f"expected Masks, got {type(mask).__name__}")
    first = next((mask for mask in masks if mask.energy is not None), masks[0])
    for mask in masks:
        first._common_energy(mask)
    n = len(first.planes)
    columns = [mask.planes if mask.energy is not None else mask.planes * n for mask in masks]
    done: dict[tuple[int, ...], RangeSet] = {}
    planes = []
    for column in zip(*columns, strict=True):
        key = tuple(id(plane) for plane in column)
        if key not in done:
            done[key] = many(column)
        planes.append(done[key])
    lines = [line for mask in masks for line in mask.history]
    history = joined(lines, (), f"{sign} of {len(masks)} masks")
    order = max(mask.order for mask in masks)
    return Mask(planes, order=order, frame=first.frame, energy=first.energy, history=history)


def _rebuild(
    planes: tuple[RangeSet, ...],
    order: int,
    frame: str,
    energy: EnergyAxis | None,
    history: tuple[str, ...],
) -> Mask:
    return Mask(planes, order=order, frame=frame, energy=energy, history=history)


def _told(width: Any) -> str:
    """A width as the history tells it."""
    if isinstance(width, u.Quantity):
        return f"{width.value:.6g} {width.unit}" if width.isscalar else f"{width.size} widths"
    return getattr(width, "__name__", str(width))


def _size(nbytes: float) -> str:
    for unit in ("B", "kB", "MB"):
        if nbytes < 1000:
            return f"{nbytes:.0f} {unit}" if unit == "B" else f"{nbytes:.1f} {unit}"
        nbytes /= 1000
    return f"{nbytes:.1f} GB"
