"""Mask, the class that users see. Its methods are thin: the work is done in the packages below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.typing import ArrayLike, NDArray

from hpmask._utils.arguments import Closed, as_area
from hpmask._utils.history import Expression
from hpmask._utils.modes import Mode, PixelMode
from hpmask._utils.parallel import for_the_call
from hpmask._utils.words import counted, quantity_text
from hpmask.catalog import masks as catalogs
from hpmask.core import algebra, energy_bins, full_maps, lookup, transform
from hpmask.core.rangeset import RangeSet
from hpmask.core.value import (
    MaskValue,
    check_mask,
    history_of,
    mapped,
    needed_energy,
    per_plane,
    planewise,
    set_face,
    then,
    with_planes,
)
from hpmask.energy.axis import EnergyAxis, summary
from hpmask.morphology import area_filters, dilation, distance
from hpmask.morphology.components import Components, count
from hpmask.morphology.dilation import Width
from hpmask.regions import clip, masks
from hpmask.wcs import convert

if TYPE_CHECKING:
    from astropy.table import Table
    from astropy.wcs import WCS
    from gammapy.maps import Geom, Map
    from matplotlib.axes import Axes
    from mocpy import MOC, SFMOC

    from hpmask.interop.gammapy import ExclusionMask, Extension

__all__ = ["Mask"]


class Mask(MaskValue):
    """A mask of the sky: a set of HEALPix cells, or one set for each energy bin. True = kept.

    For an exclusion mask, the kept sky is the sky that remains in the analysis. The excluded sky is not in the set.

    Masks are immutable, hashable and picklable. Two masks are equal if they keep the same sky in the same frame and the
    same energy bins, whatever their orders are. The operators are those of Python's sets: ``|``, ``&`` (or ``*``),
    ``^``, ``-``, ``~``, and ``<=``, ``<``, ``>=``, ``>`` for subsets. A mask without energy counts in all bins of the
    other mask. For a mask with energy, ``mask[2]`` is the mask of one bin (without energy), ``mask[2:5]`` is a mask of
    three bins, and iteration yields the mask of each bin.

    Parameters
    ----------
    planes : RangeSet or sequence of RangeSet
        The cells that are kept: one set, or one for each bin of `energy`.
    order : int, optional
        Order of the mask, 0 to 29. By default the finest order of its planes. No plane may be finer.
    frame : {"icrs", "galactic"}, optional
        Frame of the cells.
    energy : EnergyAxis, optional
        Energy bins. A single plane is used for all of them.
    history : str, optional
        How the mask was made, as an expression. It takes no part in comparisons. By default the number of ranges.

    Raises
    ------
    TypeError, ValueError
        If the number of planes is not the number of bins, a plane is finer than `order`, or an argument has another
        type.

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

    __slots__ = ()

    def __init__(
        self,
        planes: RangeSet | Sequence[RangeSet],
        *,
        order: int | None = None,
        frame: str = "icrs",
        energy: EnergyAxis | None = None,
        history: str | Expression = "",
    ) -> None:
        # Here, so that Python's errors about arguments name Mask.
        super().__init__(planes, order=order, frame=frame, energy=energy, history=history)

    # ------------------------------------------------------------------ constructors

    @classmethod
    def full(cls, *, order: int = 0, energy: EnergyAxis | None = None, frame: str = "icrs") -> Mask:
        """Return a mask that keeps the whole sky.

        Parameters
        ----------
        order : int, optional
            Order of the mask, 0 to 29. The result of a set operation has the finer order of two masks, so that 0 is
            fine enough.
        energy : EnergyAxis, optional
            Energy bins.
        frame : {"icrs", "galactic"}, optional
            Frame of the mask.

        Returns
        -------
        Mask

        Raises
        ------
        TypeError, ValueError
            If `order` is not an integer from 0 to 29, or another argument is not of its kind.

        Examples
        --------
        >>> from hpmask import Mask
        >>> Mask.full()
        <Mask icrs order=0 | 1 range, 16 B | 1 of the sky>
        """
        return cls(RangeSet.full(order), frame=frame, energy=energy, history=_leaf("full", f"order={order}", energy))

    @classmethod
    def empty(cls, *, order: int = 0, energy: EnergyAxis | None = None, frame: str = "icrs") -> Mask:
        """Return a mask that keeps nothing.

        Parameters
        ----------
        order : int, optional
            Order of the mask, 0 to 29.
        energy : EnergyAxis, optional
            Energy bins.
        frame : {"icrs", "galactic"}, optional
            Frame of the mask.

        Returns
        -------
        Mask

        Raises
        ------
        TypeError, ValueError
            If `order` is not an integer from 0 to 29, or another argument is not of its kind.

        Examples
        --------
        >>> from hpmask import Mask
        >>> Mask.empty().is_empty
        True
        """
        return cls(RangeSet.empty(order), frame=frame, energy=energy, history=_leaf("empty", f"order={order}", energy))

    @classmethod
    def from_cones(
        cls,
        center: SkyCoord,
        radius: Width,
        *,
        order: int | None = None,
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
            Centres, in any frame. Distances make no difference: the direction counts in which a position is seen.
        radius : `~astropy.units.Quantity`, str or callable
            Radii as great-circle angles, 0 to 180 deg: a scalar or shape (n,); with `energy` also
            (n, n_bins) or (1, n_bins), a radius per bin, or a function of the energy axis that returns such or
            shape (n_bins,).
        order : int
            Order of the cells, 0 to 29. It must be given.
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
        return cls._own(
            masks.from_cones(
                center,
                radius,
                order=order,
                mode=mode,
                frame=frame,
                energy=energy,
                n_threads=n_threads,
                progress=progress,
            )
        )

    @classmethod
    def from_regions(
        cls,
        regions: Any,
        *,
        order: int | None = None,
        mode: Mode = "center",
        frame: str = "icrs",
        energy: EnergyAxis | None = None,
        invert: bool = False,
        invalid: Literal["raise", "skip"] = "raise",
        n_threads: int | None = None,
    ) -> Mask:
        """The union of regions on the sphere.

        Parameters
        ----------
        regions : str, path, astropy Region or Regions, a list of these, or callable
            A ds9 or CRTF string, the path of such a file, or regions of astropy's `regions` package in any
            of their frames: circles, ellipses, rectangles, annuli of each, polygons and points. Excluded
            regions are taken away from the others of their list or file (`hpmask.regions` has the details).
            Or a function of the energy axis that returns a list of such, an item for each bin.
        order : int
            Order of the cells, 0 to 29. It must be given.
        mode : {"center", "overlap", "inside"}, optional
            A cell is in if its centre is in a region, if any part of it is, or only if all of it is in one
            region. A point has the cell under it in the modes "center" and "overlap".
        frame : {"icrs", "galactic"}, optional
            Frame of the mask.
        energy : EnergyAxis, optional
            Energy bins of the mask; the regions hold in all of them, unless they are a function.
        invert : bool, optional
            Keep the sky outside the regions, as gammapy's ``region_mask(..., inside=False)`` does.
        invalid : {"raise", "skip"}, optional
            What becomes of regions that no mask can have: those without an area (texts, lines, annotations), without
            a place on the sky (pixel coordinates), of another kind or with a size that none can have. They raise
            an error, or are left out and counted in a warning and in the history. A line of a text that cannot
            be read is always an error.
        n_threads : int, optional
            Threads to use, by default all processors.

        Raises
        ------
        TypeError, ValueError
            If a region is not one of these kinds or has no place on the sky; its number, kind and line are named.
            If a line of a text cannot be read.

        Warns
        -----
        UserWarning
            If `invalid` is "skip" and regions are left out; they are counted and named.

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
        return cls._own(
            masks.from_regions(
                regions,
                order=order,
                mode=mode,
                frame=frame,
                energy=energy,
                invert=invert,
                invalid=invalid,
                n_threads=n_threads,
            )
        )

    @classmethod
    def from_catalog(
        cls,
        table: Table | Any,
        radius: u.Quantity | str | Callable[..., u.Quantity] | Extension | None = None,
        *,
        order: int | None = None,
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
            Order of the cells, 0 to 29. It must be given.
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
        from hpmask.interop.gammapy import sources

        if sources.is_sources(table):
            if not sources.has_columns(table, radius):
                return cls._own(
                    sources.from_sources(
                        table,
                        radius,
                        order=order,
                        mode=mode,
                        frame=frame,
                        energy=energy,
                        invalid=invalid,
                        n_threads=n_threads,
                        progress=progress,
                    )
                )
            table = table.table
        if radius is None:
            raise TypeError("radius must be given for a table: an angle, the name of a column or a function")
        return cls._own(
            catalogs.from_catalog(
                table,
                radius,
                lon=lon,
                lat=lat,
                catalog_frame=catalog_frame,
                invalid=invalid,
                order=order,
                mode=mode,
                frame=frame,
                energy=energy,
                n_threads=n_threads,
                progress=progress,
            )
        )

    @classmethod
    def from_zone(
        cls,
        lon: tuple[Any, Any] | u.Quantity | None = None,
        lat: tuple[Any, Any] | u.Quantity | None = None,
        *,
        order: int | None = None,
        closed: Closed = "left",
        zone_frame: str = "icrs",
        mode: Mode = "center",
        frame: str = "icrs",
        energy: EnergyAxis | None = None,
    ) -> Mask:
        """The sky between two longitudes and two latitudes.

        Parameters
        ----------
        lon : pair of angles, optional
            From the first longitude eastwards to the second, across 0 if need be; both are taken modulo 360 deg. Two
            that are 360 deg apart, the second the larger, are the full circle: (0, 360) or (-180, 180) deg. By
            default all longitudes.
        lat : pair of angles, optional
            From the first latitude up to the second. By default all latitudes.
        order : int
            Order of the cells, 0 to 29. It must be given.
        closed : {"left", "right", "both", "neither"}, optional
            Which edges the zone holds, of both intervals: the western and southern ("left"), the eastern and northern
            ("right"), all or none. It decides the cells whose centre lies on an edge: neighbouring zones that are all
            closed on the left, or all on the right, share no cell and leave none out. A zone that ends at a pole holds
            the pole, and the full circle has no edges.
        zone_frame : str, optional
            Frame that the longitudes and latitudes are meant in: any of astropy's that is fixed to the sky.
        mode, frame, energy
            As in `from_cones`.

        Raises
        ------
        TypeError, ValueError
            If an angle is a bare number, a latitude leaves [-90, 90] deg, or the latitudes do not ascend; if neither
            `lon` nor `lat` is given; if `lon` goes round more than once; or if a pair has no width, unless `closed`
            is "both". Pairs such as (360, 0) or (180, -180) deg, which go from a meridian to itself, have no width.

        Notes
        -----
        A centre within 1e-14 rad (2e-9 arcsec) of an edge is on it, so that an edge may be given in 15 digits. Where
        `zone_frame` is the frame of the cells, all cells of a HEALPix ring, and all on a meridian, decide alike.

        The modes "overlap" and "inside" take the zone with all its edges, whatever `closed` is: a cell that touches an
        edge from outside is in "overlap", and one that touches it from within is not in "inside".

        Examples
        --------
        The Galactic plane, in ICRS cells:

        >>> from hpmask import Mask
        >>> plane = Mask.from_zone(None, ("-2 deg", "2 deg"), zone_frame="galactic", order=8)
        >>> print(f"{plane.sky_fraction:.4f}")
        0.0349

        The hemispheres share no cell, though many are centred on the equator:

        >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=8)
        >>> south = Mask.from_zone(lat=("-90 deg", "0 deg"), order=8)
        >>> ~north == south
        True
        """
        return cls._own(
            masks.from_zone(
                lon, lat, order=order, closed=closed, zone_frame=zone_frame, mode=mode, frame=frame, energy=energy
            )
        )

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
        """Return a mask from a boolean HEALPix map.

        Parameters
        ----------
        values : array_like of bool, shape (n_cells,) or (n_bins, n_cells)
            True = kept. 0 and 1 of other types count as False and True; any other value raises an error.
        nest : bool
            Whether the cells are numbered NESTED (True) or RING (False).
        frame : {"icrs", "galactic"}
            Frame of the map.
        cells : array_like of int, shape (n_cells,), optional
            Cell numbers of `values`, for a map of a part of the sky. All other cells are False. It needs `order`.
        order : int, optional
            Order of the cells, 0 to 29. The number of values determines the order of a full map.
        energy : EnergyAxis, optional
            Energy bins. `values` has a row for each bin, or a single row for all of them.

        Returns
        -------
        Mask
            At the order of the map.

        Raises
        ------
        TypeError, ValueError
            If there is no full map with this number of values, a cell is repeated or does not exist, or a value is
            neither True nor False. The first such row is named.

        See Also
        --------
        to_healpix : the other way.

        Examples
        --------
        >>> import numpy as np
        >>> from hpmask import Mask
        >>> Mask.from_healpix(np.arange(48) < 4, nest=True, frame="icrs")
        <Mask icrs order=1 | 1 range, 16 B | 0.08333 of the sky>
        """
        return cls._own(full_maps.from_map(values, nest=nest, cells=cells, order=order, frame=frame, energy=energy))

    @classmethod
    def from_energy(
        cls,
        energy: EnergyAxis,
        energy_min: u.Quantity | str | None = None,
        energy_max: u.Quantity | str | None = None,
        *,
        round_to_edge: bool = False,
        order: int = 0,
        frame: str = "icrs",
    ) -> Mask:
        """Return a mask that keeps the whole sky in the bins between two energies, like gammapy's ``energy_mask``.

        A bin is kept if and only if it lies fully between the energies: its lower edge is at least `energy_min`, and
        its upper edge is at most `energy_max`.

        Parameters
        ----------
        energy : EnergyAxis
            The bins of the mask.
        energy_min, energy_max : `~astropy.units.Quantity` or str, optional
            The energies, scalar. By default the ends of the axis.
        round_to_edge : bool, optional
            Move the energies to the nearest edges first. The distance is measured in the logarithm for a "log" axis.
            Halfway between two edges, the edge with the even number is taken, as by ``numpy.round``. The result is
            that of gammapy's ``Geom.energy_mask`` for an axis from `hpmask.interop.gammapy.axis_from_gammapy`.
        order : int, optional
            Order of the mask, 0 to 29. The result of a set operation has the finer order of two masks, so that 0 is
            fine enough.
        frame : {"icrs", "galactic"}, optional
            Frame of the mask.

        Returns
        -------
        Mask

        Raises
        ------
        TypeError, ValueError
            If `energy` is not an EnergyAxis, or an energy is a bare number, an array or NaN, or has another unit.

        Warns
        -----
        UserWarning
            If no bin is kept, or if a bin is left out because its edge has a rounding error.

        Examples
        --------
        >>> from hpmask import EnergyAxis, Mask
        >>> axis = EnergyAxis.from_bounds("1 TeV", "100 TeV", 2)
        >>> Mask.from_energy(axis, "3 TeV").sky_fraction
        array([0., 1.])
        >>> Mask.from_energy(axis, "3 TeV", round_to_edge=True).sky_fraction
        array([1., 1.])
        """
        return cls._own(
            transform.from_energy(energy, energy_min, energy_max, round_to_edge=round_to_edge, order=order, frame=frame)
        )

    @classmethod
    def stack(cls, masks: Iterable[Mask], energy: EnergyAxis | None = None) -> Mask:
        """Return a mask with energy bins from masks of these bins.

        Parameters
        ----------
        masks : iterable of Mask
            Masks without energy, one for each bin of `energy`. Or masks with energy, each of which begins at the energy
            where the one before ends. They have the same frame and any order.
        energy : EnergyAxis, optional
            The bins, for masks without energy.

        Returns
        -------
        Mask
            At the finest order of the masks.

        Raises
        ------
        TypeError, ValueError
            If the number of masks is not the number of bins, the frames differ, or the bins are not contiguous.

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
        return cls._own(transform.stack(masks, energy))

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
            Order of the cells. By default HEALPix maps keep theirs, and images have cells smaller than an eighth
            of a pixel, so that `to_gammapy` gives the image back. A region needs it.
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
        from hpmask.interop.gammapy import from_maps

        return cls._own(from_maps.from_map(map_, order=order, mode=mode, outside=outside, frame=frame))

    @classmethod
    def from_moc(cls, moc: MOC) -> Mask:
        """A mask from a `mocpy.MOC`, which is always ICRS."""
        from hpmask.interop import mocpy

        return cls(mocpy.to_rangeset(moc), history="from_moc()")

    @classmethod
    def from_wcs(
        cls,
        image: Any,
        wcs: Any = None,
        *,
        hdu: int | str | None = None,
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

        Cylindrical images repeat themselves after 360 degrees of longitude, and so do HPX and the belt of TSC, CSC
        and QSC: pixels beyond native longitude +-180 degrees are used. If an image has a position twice, the pixel
        nearer to CRPIX counts.

        Parameters
        ----------
        image : numpy.ndarray, path, FITS image HDU or gammapy map
            Pixels, of shape (ny, nx) or (n_bins, ny, nx): booleans, or 0 and 1 of another type. True = kept.
        wcs : `~astropy.wcs.WCS`, FITS header or gammapy geometry, optional
            The image's WCS, as in `to_wcs`; needed for an array.
        hdu : int or str, optional
            Number or name of the image that counts, of a file with several.
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
            Energy bins of a cube's planes. A gammapy map brings its own, and so does a file with one table of energies
            for its planes: that which BANDSHDU names, EBOUNDS, or ENERGIES. The planes of the last belong to single
            energies: the bins end halfway between them (in the logarithm), as in gammapy.
        frame : {"icrs", "galactic"}, optional
            Frame of the mask.
        n_threads : int, optional
            Threads to use, by default all processors.

        Raises
        ------
        TypeError, ValueError
            If a pixel is neither 0 nor 1, or is NaN and `nan` is not given (the first one is named), or the WCS
            is not celestial or does not fit, or a number in it is NaN or infinite (the keyword is named).
        MaskFormatError
            If the file has no image of the sky that could be a mask, or several and `hdu` is not given, or is damaged:
            CHECKSUM and DATASUM of what is used are checked, if it has them. The message begins with the path.

        Warns
        -----
        UserWarning
            If pixels that differ from `outside` lie off the sky, or where another pixel has the sky, with their
            number. A frame of one value round an image of the whole sky does not count.

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
        return cls._own(
            convert.from_wcs(
                image,
                wcs,
                hdu=hdu,
                order=order,
                mode=mode,
                outside=outside,
                nan=nan,
                invert=invert,
                energy=energy,
                frame=frame,
                n_threads=n_threads,
            )
        )

    @classmethod
    def from_sfmoc(cls, sfmoc: SFMOC, energy: EnergyAxis | None = None, *, how: Literal["any", "all"] = "any") -> Mask:
        """A mask with energy bins from a `mocpy.SFMOC`, a coverage of sky and frequency, which is always ICRS.

        Parameters
        ----------
        sfmoc : mocpy.SFMOC
            The coverage.
        energy : EnergyAxis, optional
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

        planes, order, axis = module.to_planes(sfmoc, energy, how)
        return cls(planes, order=order, energy=axis, history="from_sfmoc()")

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

        return cls._own(io.read(path, format=format))

    # ------------------------------------------------------------------ properties and queries

    def contains(self, coord: SkyCoord, energy: u.Quantity | str | None = None, *, n_threads: int | None = None) -> Any:
        """Return whether positions (and energies) are kept.

        Parameters
        ----------
        coord : `~astropy.coordinates.SkyCoord`, any shape
            Positions, in any frame. A position with a distance means the direction in which it is seen. A position
            within 1e-14 rad of the edge between two cells belongs to the northern cell.
        energy : `~astropy.units.Quantity` or str, optional
            Energies, which are broadcast against `coord`. Nothing is kept at energies outside all bins. A mask without
            energy gives the same answer at all energies.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        bool or numpy.ndarray of bool
            In the broadcast shape. For a mask with energy and without `energy`, the answer of each bin: shape
            (n_bins, ...).

        Raises
        ------
        TypeError, ValueError
            If `coord` is not a SkyCoord, `energy` is not an energy, or a value is not finite or is masked.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(None, ("0 deg", "90 deg"), order=4)
        >>> north.contains(SkyCoord([10, 10], [45, -45], unit="deg"))
        array([ True, False])
        """
        return lookup.contains(self.planes, self.order, self.frame, self.energy, coord, energy, n_threads=n_threads)

    def energy_range(
        self, coord: SkyCoord | None = None, *, n_threads: int | None = None
    ) -> tuple[u.Quantity, u.Quantity]:
        """Return the lowest and the highest energy that is kept, like gammapy's ``Dataset.energy_range``.

        Parameters
        ----------
        coord : `~astropy.coordinates.SkyCoord`, any shape, optional
            Positions, in any frame. A position with a distance means the direction in which it is seen. Without
            `coord`, the energies at which any sky is kept.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        energy_min, energy_max : `~astropy.units.Quantity`, shape of `coord`
            The lower edge of the lowest bin and the upper edge of the highest bin that is kept; NaN if no bin is. Bins
            between them need not be kept.

        Raises
        ------
        TypeError, ValueError
            If the mask has no energy bins, or a position is not finite or is masked.

        See Also
        --------
        energy_range_wcs : for the pixels of an image.
        energy_range_healpix : for the cells of a HEALPix map.

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
        axis = needed_energy(self)
        if coord is None:
            return energy_bins.kept_range(np.array([bool(plane) for plane in self.planes]), axis)
        return energy_bins.kept_range(np.asarray(self.contains(coord, n_threads=n_threads)), axis)

    def energy_range_wcs(
        self, wcs: WCS, shape: tuple[int, int] | None = None, *, n_threads: int | None = None
    ) -> tuple[u.Quantity, u.Quantity]:
        """Return the lowest and the highest energy that is kept at the centres of the pixels of an image.

        Parameters
        ----------
        wcs : `~astropy.wcs.WCS`, FITS header, path, image HDU or gammapy geometry
            Any celestial WCS, as in `to_wcs`.
        shape : (int, int), optional
            Number of pixels (ny, nx). By default the shape in the WCS.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        energy_min, energy_max : `~astropy.units.Quantity`, shape (ny, nx)
            As in `energy_range`; NaN where no bin is kept.

        Raises
        ------
        TypeError, ValueError
            If the mask has no energy bins, the WCS is not celestial, or no shape is known.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import EnergyAxis, Mask
        >>> from hpmask.wcs.field import field_wcs
        >>> mask = Mask.from_energy(EnergyAxis.from_bounds("1 TeV", "100 TeV", 2), "10 TeV")
        >>> wcs, shape = field_wcs(SkyCoord(83.6, 22, unit="deg"), "2 deg", binsz="1 deg")
        >>> mask.energy_range_wcs(wcs, shape)[0]
        <Quantity [[10., 10.],
                   [10., 10.]] TeV>
        """
        axis = needed_energy(self)
        return energy_bins.kept_range(self.to_wcs(wcs, shape, n_threads=n_threads), axis)

    def energy_range_healpix(self, *, order: int | None = None, nest: bool = False) -> tuple[u.Quantity, u.Quantity]:
        """Return the lowest and the highest energy that is kept in the cells of a full HEALPix map.

        Parameters
        ----------
        order : int, optional
            Order of the map, by default that of the mask.
        nest : bool, optional
            Number the cells NESTED instead of RING.

        Returns
        -------
        energy_min, energy_max : `~astropy.units.Quantity`, shape (12 * 4**order,)
            As in `energy_range`; NaN where no bin is kept. The maps are in the frame of the mask.

        Raises
        ------
        TypeError, ValueError
            If the mask has no energy bins, or `order` is not an integer from 0 to 29.

        Examples
        --------
        >>> from hpmask import EnergyAxis, Mask
        >>> mask = Mask.from_energy(EnergyAxis.from_bounds("1 TeV", "100 TeV", 2), "10 TeV")
        >>> energy_min, energy_max = mask.energy_range_healpix(order=0)
        >>> energy_min[:3]
        <Quantity [10., 10., 10.] TeV>
        """
        axis = needed_energy(self)
        maps = (one.to_healpix(order=order, nest=nest) for one in self)
        return energy_bins.kept_range(maps, axis)

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
            Positions, in any frame. Distances make no difference: the direction counts in which a position is seen.
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
        return distance.distance(self, coord, energy, n_threads=n_threads)

    def distance_map(self, *, order: int | None = None, nest: bool = False, n_threads: int | None = None) -> u.Quantity:
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
        return distance.distance_map(self, order=order, nest=nest, n_threads=n_threads)

    def apodize(
        self,
        width: Width,
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
        width : `~astropy.units.Quantity`, str or callable
            How far the edge reaches inwards, above 0 and up to 180 deg: a scalar, or with energy also of shape
            (n_bins,), or a function of the energy axis that returns such.
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
        0.468 of 0.505
        """
        return distance.apodize(self, width, kind=kind, order=order, nest=nest, n_threads=n_threads)

    def components(self, *, connectivity: int = 8) -> Components:
        """The connected components of the mask, the largest first.

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

    def n_components(self, *, connectivity: int = 8, n_threads: int | None = None) -> int | NDArray[np.int64]:
        """The number of connected components of the mask; of shape (n_bins,) for a mask with energy.

        Parameters as in `components`; `n_threads` is for the energy bins.
        """
        counts = planewise(self, lambda plane: count(plane, connectivity), n_threads=n_threads)
        return per_plane(self, counts)  # type: ignore[no-any-return]

    def plot(self, ax: Axes | None = None, **options: Any) -> Any:
        """Draw the mask; see `hpmask.plotting.static.plot`."""
        from hpmask.plotting import static

        return static.plot(self, ax, **options)

    def plot_grid(self, **options: Any) -> Any:
        """Draw each energy bin; see `hpmask.plotting.static.plot_grid`."""
        from hpmask.plotting import static

        return static.plot_grid(self, **options)

    def plot_interactive(self, ax: Axes | None = None, **options: Any) -> Any:
        """Draw an energy bin, with a slider to the others; see `hpmask.plotting.slider.plot_interactive`."""
        from hpmask.plotting import slider

        return slider.plot_interactive(self, ax, **options)

    # ------------------------------------------------------------------ set operations

    def union(self, *others: Mask | Iterable[Mask]) -> Mask:
        """Return the union of this mask and others, in one pass over all of them.

        Parameters
        ----------
        *others : Mask or iterable of Mask
            Other masks, with the same frame and of any order. A mask without energy counts in all bins of the others.

        Returns
        -------
        Mask
            The sky that any of them keeps, at the finest of their orders.

        Raises
        ------
        TypeError, ValueError
            If one of them is not a Mask, or the frames or energy axes differ.

        See Also
        --------
        hpmask.union_all : the union of a list of masks.

        Examples
        --------
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=5)
        >>> tropics = Mask.from_zone(lat=("-23.4 deg", "23.4 deg"), order=5)
        >>> north.union(tropics) == north.union([tropics]) == north | tropics
        True
        """
        return algebra.union(self, others)

    def intersection(self, *others: Mask | Iterable[Mask]) -> Mask:
        """Return the intersection of this mask and others, in one pass over all of them.

        Parameters
        ----------
        *others : Mask or iterable of Mask
            Other masks, with the same frame and of any order. A mask without energy counts in all bins of the others.

        Returns
        -------
        Mask
            The sky that all of them keep, at the finest of their orders.

        Raises
        ------
        TypeError, ValueError
            If one of them is not a Mask, or the frames or energy axes differ.

        See Also
        --------
        hpmask.intersection_all : the intersection of a list of masks.

        Examples
        --------
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=5)
        >>> tropics = Mask.from_zone(lat=("-23.4 deg", "23.4 deg"), order=5)
        >>> north.intersection(tropics) == north & tropics
        True
        """
        return algebra.intersection(self, others)

    def difference(self, *others: Mask | Iterable[Mask]) -> Mask:
        """Return the sky that this mask keeps and none of the others does.

        Parameters
        ----------
        *others : Mask or iterable of Mask
            Other masks, with the same frame and of any order. A mask without energy counts in all bins of the others.

        Returns
        -------
        Mask
            At the finest of their orders.

        Raises
        ------
        TypeError, ValueError
            If one of them is not a Mask, or the frames or energy axes differ.

        Examples
        --------
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=5)
        >>> tropics = Mask.from_zone(lat=("-23.4 deg", "23.4 deg"), order=5)
        >>> north.difference(tropics) == north - tropics
        True
        """
        return algebra.difference(self, others)

    def symmetric_difference(self, other: Mask) -> Mask:
        """Return the sky that exactly one of two masks keeps.

        Parameters
        ----------
        other : Mask
            Another mask, with the same frame and of any order. A mask without energy counts in all bins of the other.

        Returns
        -------
        Mask
            At the finer of the two orders.

        Raises
        ------
        TypeError, ValueError
            If one of them is not a Mask, or the frames or energy axes differ.

        Examples
        --------
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=5)
        >>> tropics = Mask.from_zone(lat=("-23.4 deg", "23.4 deg"), order=5)
        >>> north.symmetric_difference(tropics) == north ^ tropics
        True
        """
        return algebra.symmetric_difference(self, other)

    def issubset(self, other: Mask) -> bool:
        """Return whether another mask keeps all the sky that this mask keeps, in every bin.

        Parameters
        ----------
        other : Mask
            Another mask, with the same frame and of any order. A mask without energy counts in all bins of the other.

        Returns
        -------
        bool

        Raises
        ------
        TypeError, ValueError
            If `other` is not a Mask, or the frames or energy axes differ.

        Examples
        --------
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=5)
        >>> tropics = Mask.from_zone(lat=("-23.4 deg", "23.4 deg"), order=5)
        >>> (north & tropics).issubset(tropics)
        True
        """
        check_mask(other)
        return self <= other

    def overlaps(self, other: Mask) -> bool:
        """Return whether two masks keep any sky in common, in any bin.

        Parameters
        ----------
        other : Mask
            Another mask, with the same frame and of any order. A mask without energy counts in all bins of the other.

        Returns
        -------
        bool

        Raises
        ------
        TypeError, ValueError
            If `other` is not a Mask, or the frames or energy axes differ.

        Examples
        --------
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=5)
        >>> tropics = Mask.from_zone(lat=("-23.4 deg", "23.4 deg"), order=5)
        >>> north.overlaps(tropics)
        True
        """
        return algebra.overlaps(self, other)

    def isdisjoint(self, other: Mask) -> bool:
        """Return whether two masks keep no sky in common, in any bin.

        Parameters
        ----------
        other : Mask
            Another mask, with the same frame and of any order. A mask without energy counts in all bins of the other.

        Returns
        -------
        bool

        Raises
        ------
        TypeError, ValueError
            If `other` is not a Mask, or the frames or energy axes differ.

        Examples
        --------
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=5)
        >>> tropics = Mask.from_zone(lat=("-23.4 deg", "23.4 deg"), order=5)
        >>> north.isdisjoint(~north)
        True
        """
        return not algebra.overlaps(self, other)

    # ------------------------------------------------------------------ transformations and morphology

    def reduce(self, how: Literal["any", "all"] = "any") -> Mask:
        """Return the mask without its energy axis.

        Parameters
        ----------
        how : {"any", "all"}, optional
            Keep the sky that is kept in any bin, or the sky that is kept in all bins.

        Returns
        -------
        Mask
            Without energy. A mask without energy is returned as it is.

        Raises
        ------
        ValueError
            If `how` is another word.

        Examples
        --------
        >>> from hpmask import EnergyAxis, Mask
        >>> mask = Mask.from_energy(EnergyAxis.from_bounds("1 TeV", "100 TeV", 2), "10 TeV")
        >>> mask.reduce("any").is_full, mask.reduce("all").is_empty
        (True, True)
        """
        return transform.reduce(self, how)

    def resample_energy(self, energy: EnergyAxis, *, how: Literal["any", "all"] = "any") -> Mask:
        """Return the mask with other energy bins.

        Parameters
        ----------
        energy : EnergyAxis
            The new bins. The axis must have the same name as that of the mask. For a mask without energy, all new bins
            have its sky.
        how : {"any", "all"}, optional
            A new bin keeps the sky that any of the old bins inside it keep, or the sky that all of them keep. Old bins
            that are partly inside count. Nothing is kept at energies outside the old bins: with "any" they change
            nothing, and with "all" a new bin that extends beyond the old bins keeps nothing.

        Returns
        -------
        Mask
            At the same order.

        Raises
        ------
        TypeError, ValueError
            If `energy` is not an EnergyAxis or has another name, or `how` is another word.

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
        return transform.resample_energy(self, energy, how=how)

    def slice_energy(
        self,
        energy_min: u.Quantity | str | None = None,
        energy_max: u.Quantity | str | None = None,
        *,
        round_to_edge: bool = False,
    ) -> Mask:
        """Return the mask with only the energy bins between two energies.

        Parameters
        ----------
        energy_min, energy_max : `~astropy.units.Quantity` or str, optional
            The energies, scalar. By default the ends of the axis. Only bins that lie fully between them remain, as in
            `from_energy`.
        round_to_edge : bool, optional
            Move the energies to the nearest edges first, as in `from_energy`.

        Returns
        -------
        Mask
            With at least one bin. To choose bins by number, use ``mask[2:5]``.

        Raises
        ------
        TypeError, ValueError
            If the mask has no energy bins, no bin lies between the energies, or an energy is not one.

        Warns
        -----
        UserWarning
            If a bin is left out because its edge has a rounding error.

        Examples
        --------
        >>> from hpmask import EnergyAxis, Mask
        >>> mask = Mask.full(energy=EnergyAxis.from_bounds("1 TeV", "100 TeV", 4))
        >>> mask.slice_energy("3 TeV").energy
        EnergyAxis([3.16228, 10, 31.6228, 100] TeV, name='energy', interp='log')
        >>> mask[1:3].energy
        EnergyAxis([3.16228, 10, 31.6228] TeV, name='energy', interp='log')
        """
        return transform.slice_energy(self, energy_min, energy_max, round_to_edge=round_to_edge)

    def at_order(self, order: int, *, mode: Mode = "center") -> Mask:
        """Return the mask at another order.

        Parameters
        ----------
        order : int
            The new order, 0 to 29. At a finer order, the mask keeps the same sky.
        mode : {"center", "overlap", "inside"}, optional
            Only for a coarser order. A cell is in the new mask if its centre is in the old one ("center"), if any part
            of it is ("overlap"), or if all of it is ("inside"). Four cells of the old mask meet at the centre of a
            cell. The northern one decides, as in `contains`.

        Returns
        -------
        Mask

        Raises
        ------
        TypeError, ValueError
            If `order` is not an integer from 0 to 29, or `mode` is not one of these words.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> disc = Mask.from_cones(SkyCoord(10, 20, unit="deg"), "5 deg", order=9)
        >>> coarse = [disc.at_order(5, mode=mode) for mode in ("inside", "center", "overlap")]
        >>> coarse[0] <= coarse[1] <= coarse[2]
        True
        """
        return transform.at_order(self, order, mode=mode)

    def to_frame(self, frame: str, *, order: int | None = None, n_threads: int | None = None) -> Mask:
        """Return the mask in another frame. A new cell is in if and only if its centre was.

        Parameters
        ----------
        frame : {"icrs", "galactic"}
            The new frame.
        order : int, optional
            Order of the new cells, 0 to 29, by default that of the mask. The outline of the mask changes by about half
            a cell.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        Mask

        Raises
        ------
        TypeError, ValueError
            If `frame` is another word, or `order` is not an integer from 0 to 29.

        Examples
        --------
        >>> from hpmask import Mask
        >>> plane = Mask.from_zone(lat=("-2 deg", "2 deg"), order=9, frame="galactic", zone_frame="galactic")
        >>> print(f"{plane.to_frame('icrs').area:.0f}, was {plane.area:.0f}")
        1423 deg2, was 1423 deg2
        """
        return transform.to_frame(self, frame, order=order, n_threads=n_threads)

    def cutout(
        self,
        center: SkyCoord,
        *,
        radius: u.Quantity | str | None = None,
        width: u.Quantity | str | None = None,
        height: u.Quantity | str | None = None,
    ) -> Mask:
        """The part of the mask near a position; nothing is kept elsewhere.

        The rest of the mask is not touched, so that a small cutout of a large mask is fast.

        Parameters
        ----------
        center : `~astropy.coordinates.SkyCoord`, scalar
            The position, in any frame; its distance makes no difference.
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
        >>> part = north.cutout(SkyCoord(10, 0, unit="deg"), radius="2 deg")
        >>> print(f"{part.area:.1f}")
        6.4 deg2
        """
        region, words = clip.region_of(center, self.frame, self.order, radius=radius, width=width, height=height)
        return mapped(self, lambda plane: clip.clipped(plane, region), history=then(self, f"cutout({words})"))

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
        planes = dilation.planes_after(side, self.planes, self.energy, width, n_threads=n_threads, progress=progress)
        return with_planes(self, planes, f"boundary({_text_of(width)}, side={side!r})")

    def _grown(
        self,
        operation: dilation.Operation,
        width: Width | None,
        steps: int | None,
        connectivity: int,
        n_threads: int | None,
        progress: bool,
    ) -> Mask:
        planes = dilation.planes_after(
            operation, self.planes, self.energy, width,
            n_steps=steps, connectivity=connectivity, n_threads=n_threads, progress=progress,
        )  # fmt: skip
        amount = _text_of(width) if steps is None else f"steps={steps}, connectivity={connectivity}"
        return with_planes(self, planes, f"{operation}({amount})")

    @for_the_call
    def fill_holes(
        self, max_area: u.Quantity | str | None = None, *, connectivity: int = 8, n_threads: int | None = None
    ) -> Mask:
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
        n_threads : int, optional
            Number of threads for the energy bins, by default that of `hpmask.set_num_threads`. The result does not
            depend on it.

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
        area = None if max_area is None else as_area(max_area, "max_area")
        history = then(self, f"fill_holes({max_area}, connectivity={connectivity})")
        return mapped(
            self, lambda plane: area_filters.fill_holes(plane, area, connectivity), history=history, n_threads=n_threads
        )

    @for_the_call
    def remove_small(self, min_area: u.Quantity | str, *, connectivity: int = 8, n_threads: int | None = None) -> Mask:
        """The mask without its parts (see `components`) that are smaller than an area.

        Parameters
        ----------
        min_area : `~astropy.units.Quantity` or str
            Parts of this area, such as "3 arcmin2", and larger ones stay.
        connectivity : {8, 4}, optional
            8: neighbours share an edge or a corner. 4: they share an edge.
        n_threads : int, optional
            Number of threads for the energy bins, by default that of `hpmask.set_num_threads`. The result does not
            depend on it.
        """
        area = as_area(min_area, "min_area")
        history = then(self, f"remove_small({min_area}, connectivity={connectivity})")
        return mapped(
            self,
            lambda plane: area_filters.remove_small(plane, area, connectivity),
            history=history,
            n_threads=n_threads,
        )

    @for_the_call
    def keep_largest(self, n: int = 1, *, connectivity: int = 8, n_threads: int | None = None) -> Mask:
        """The `n` largest parts (see `components`) of the mask, in each bin.

        Parameters
        ----------
        n : int, optional
            How many parts stay. Of parts of equal area those stay that have the first cells in NESTED order.
        connectivity : {8, 4}, optional
            8: neighbours share an edge or a corner. 4: they share an edge.
        n_threads : int, optional
            Number of threads for the energy bins, by default that of `hpmask.set_num_threads`. The result does not
            depend on it.
        """
        history = then(self, f"keep_largest({n}, connectivity={connectivity})")
        return mapped(
            self, lambda plane: area_filters.keep_largest(plane, n, connectivity), history=history, n_threads=n_threads
        )

    # ------------------------------------------------------------------ export

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

    def to_healpix(self, *, order: int | None = None, nest: bool = False) -> NDArray[np.bool_]:
        """Return the mask as a full boolean HEALPix map.

        Parameters
        ----------
        order : int, optional
            Order of the map, by default that of the mask. At a coarser order, a cell is True if its centre is kept, as
            in `at_order`.
        nest : bool, optional
            Number the cells NESTED instead of RING.

        Returns
        -------
        numpy.ndarray of bool, shape (12 * 4**order,) or (n_bins, 12 * 4**order)
            True = kept, in the frame of the mask.

        Raises
        ------
        TypeError, ValueError
            If `order` is not an integer from 0 to 29, or the map takes more than 16 GiB.

        See Also
        --------
        from_healpix : the other way.

        Examples
        --------
        >>> from hpmask import Mask
        >>> Mask.from_zone(lat=("30 deg", "90 deg"), order=0).to_healpix()
        array([ True,  True,  True,  True, False, False, False, False, False,
               False, False, False])
        """
        return full_maps.to_map(self, order=order, nest=nest)

    def to_wcs(
        self,
        wcs: Any,
        shape: tuple[int, int] | None = None,
        *,
        mode: PixelMode = "center",
        hdu: int | str | None = None,
        n_threads: int | None = None,
    ) -> NDArray[Any]:
        """The mask on the pixels of an image.

        Parameters
        ----------
        wcs : `~astropy.wcs.WCS`, FITS header, path, image HDU or gammapy geometry
            Any celestial WCS; of a cube's the celestial part is taken. `hpmask.wcs.convert.to_wcs` has the details.
        shape : (int, int), optional
            Number of pixels (ny, nx); by default the shape that the WCS has.
        mode : {"center", "overlap", "inside", "fraction"}, optional
            A pixel is True iff the sky position of its centre is in the mask, if any part of its area is, or
            only if all of it is; "fraction" is the part of its area that is in the mask, to 1e-3. Pixels that
            are no sky are False, or 0. For sky to be excluded, ``(~mask).to_wcs(..., mode="overlap")`` is
            the safe side.
        hdu : int or str, optional
            Number or name of the image that counts, of a file with several.

        Returns
        -------
        numpy.ndarray of bool or float32, shape (ny, nx) or (n_bins, ny, nx)
            The latter for a mask with energy bins, or if `wcs` is a cube with energies: a gammapy geometry, or a file
            with a table of them. Each of its bins must lie in one of the mask's.

        Raises
        ------
        TypeError, ValueError
            If the WCS is not celestial, no shape is known, or energy bins do not fit.
        MaskFormatError
            If a file is damaged, or it is not clear which of its images counts.
        """
        return convert.to_wcs(self, wcs, shape, mode=mode, hdu=hdu, n_threads=n_threads)

    def to_wcs_many(
        self, fields: Iterable[Any], *, mode: PixelMode = "center", n_threads: int | None = None
    ) -> Iterator[NDArray[Any]]:
        """The mask on many images, one after the other, as one per observation.

        The look-up tables of the mask are made once, and each image when it is asked for: none needs to be kept.

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
        >>> from hpmask.wcs.field import field_wcs
        >>> mask = Mask.from_zone(None, ("0 deg", "90 deg"), order=13)
        >>> fields = (field_wcs(SkyCoord(10, lat, unit="deg"), "2 deg") for lat in (-0.5, 0, 0.5))
        >>> [round(float(image.mean()), 2) for image in mask.to_wcs_many(fields)]
        [0.25, 0.5, 0.75]
        """
        return convert.to_wcs_many(self, fields, mode=mode, n_threads=n_threads)

    def write_wcs(
        self,
        path: str | Path,
        wcs: Any,
        shape: tuple[int, int] | None = None,
        *,
        mode: Mode = "center",
        hdu: int | str | None = None,
        overwrite: bool = False,
        n_threads: int | None = None,
    ) -> None:
        """Write the mask on the pixels of an image as FITS, 1 = kept, readable by gammapy's ``Map.read``.

        Parameters as in `to_wcs` and `write`.
        """
        convert.write_wcs(self, path, wcs, shape, mode=mode, hdu=hdu, overwrite=overwrite, n_threads=n_threads)

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
        from hpmask.interop.gammapy import to_maps

        return to_maps.to_map(self, geom, mode=mode)

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

    @classmethod
    def _own(cls, value: MaskValue) -> Self:
        """The result of a worker as a mask of this class."""
        if isinstance(value, cls):
            return value
        return cls(value.planes, order=value.order, frame=value.frame, energy=value.energy, history=history_of(value))

    def _repr_html_(self) -> str:
        from hpmask.plotting import static

        return static.html(self)


def _leaf(method: str, text: str, energy: EnergyAxis | None) -> str:
    """The history of a mask of one kind of sky, with or without energy bins."""
    return f"{method}({text})" if energy is None else f"{method}({text}, {summary(energy)})"


def _text_of(width: Any) -> str:
    """A width as the history gives it."""
    if isinstance(width, u.Quantity) and width.ndim:
        return counted(width.size, "width")
    return getattr(width, "__name__", quantity_text(width))


set_face(Mask)
