"""The ways to make a mask: the class methods of Mask."""

# The class is a part of Mask alone, so that self is a Mask, which mypy does not know.
# mypy: disable-error-code="misc"

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.typing import ArrayLike

from hpmask import energy_bins, frames, rasterize, shapes
from hpmask.arguments import Closed, as_flag
from hpmask.energy import EnergyAxis
from hpmask.history import joined
from hpmask.morphology import Width
from hpmask.rangeset import MAX_ORDER, RangeSet, check_order
from hpmask.rasterize import Mode
from hpmask.regions import cells_of_points, checked_shapes, of_bins
from hpmask.words import counted

if TYPE_CHECKING:
    from astropy.table import Table
    from mocpy import MOC, SFMOC

    from hpmask.interop.gammapy import Extension
    from hpmask.mask import Mask

__all__ = ["Making"]


class Making:
    """Class methods of Mask that make masks."""

    __slots__ = ()

    @classmethod
    def full(cls: type[Mask], *, order: int = 0, energy: EnergyAxis | None = None, frame: str = "icrs") -> Mask:
        """The mask that keeps everything."""
        return cls(RangeSet.full(order), frame=frame, energy=energy, history=["full()"])

    @classmethod
    def empty(cls: type[Mask], *, order: int = 0, energy: EnergyAxis | None = None, frame: str = "icrs") -> Mask:
        """The mask that keeps nothing."""
        return cls(RangeSet.empty(order), frame=frame, energy=energy, history=["empty()"])

    @classmethod
    def from_cones(
        cls: type[Mask],
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
        order = _needed(order, "from_cones")
        lon, lat, radii = rasterize.check_cones(center, radius, frames.check_frame(frame), energy)
        planes = rasterize.cone_planes(
            lon, lat, radii, order=order, mode=mode, n_threads=n_threads, progress=progress
        )
        history = [f"from_cones({counted(lon.size, 'disc')}, order={order}, mode={mode!r})"]
        return cls(planes if len(planes) > 1 else planes[0], frame=frame, energy=energy, history=history)

    @classmethod
    def from_regions(
        cls: type[Mask],
        regions: Any,
        *,
        order: int | None = None,
        mode: Mode = "center",
        frame: str = "icrs",
        energy: EnergyAxis | None = None,
        inside: bool = True,
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
        inside : bool, optional
            False gives the complement, as in gammapy's ``region_mask``.
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
        order = _needed(order, "from_regions")
        frame, inside = frames.check_frame(frame), as_flag(inside, "inside")
        planes, count, n_skipped = [], 0, 0
        for given in of_bins(regions, energy):
            spheres, skipped = checked_shapes(given, frame, invalid)
            n_skipped += skipped
            plane = rasterize.shapes_plane(spheres, order=order, mode=mode, n_threads=n_threads)
            if mode != "inside":
                plane = plane | cells_of_points(spheres, order)
            planes.append(plane if inside else ~plane)
            count += len(spheres)
        left_out = f", {n_skipped} left out" if n_skipped else ""
        history = [f"from_regions({counted(count, 'region')}{left_out}, order={order}, mode={mode!r}, inside={inside})"]
        return cls(planes if len(planes) > 1 else planes[0], frame=frame, energy=energy, history=history)

    @classmethod
    def from_catalog(
        cls: type[Mask],
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
        from hpmask import catalog
        from hpmask.interop.gammapy import sources

        order = _needed(order, "from_catalog")
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
        cls: type[Mask],
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
        order, frame = _needed(order, "from_zone"), frames.check_frame(frame)
        if lon is None and lat is None:
            raise ValueError("a zone needs lon, lat or both; Mask.full() is all of the sky")
        zone = shapes.Zone.from_angles(lon, lat, zone_frame=zone_frame, frame=frame, closed=closed)
        plane = rasterize.shapes_plane([zone], order=order, mode=mode)
        history = [f"from_zone({zone.summary}, closed={closed!r}, order={order}, mode={mode!r})"]
        return cls(plane, frame=frame, energy=energy, history=history)

    @classmethod
    def from_healpix(
        cls: type[Mask],
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
        cls: type[Mask],
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
            to the edge of even number. A middle is one that is exact in floating point, in the unit of `axis`.
            With `EnergyAxis.from_gammapy` the bins are those of gammapy's ``Geom.energy_mask``.
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
    def stack(cls: type[Mask], masks: Iterable[Mask], axis: EnergyAxis | None = None) -> Mask:
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
            if not isinstance(mask, cls):
                raise TypeError(f"masks must be Masks, mask {i} is a {type(mask).__name__}")
            masks[0]._check_frame(mask)
        energy = energy_bins.stacked_axis([mask.energy for mask in masks], axis)
        planes = [plane for mask in masks for plane in mask.planes]
        lines = [line for mask in masks for line in mask.history]
        history = joined(lines, (), f"stack of {counted(len(masks), 'mask')}")
        order = max(mask.order for mask in masks)
        return cls(planes, order=order, frame=masks[0].frame, energy=energy, history=history)

    @classmethod
    def from_gammapy(
        cls: type[Mask],
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
        from hpmask.interop.gammapy import maps

        return maps.from_map(map_, order=order, mode=mode, outside=outside, frame=frame)

    @classmethod
    def from_moc(cls: type[Mask], moc: MOC) -> Mask:
        """A mask from a `mocpy.MOC`, which is always ICRS."""
        from hpmask.interop import mocpy

        return cls(mocpy.to_rangeset(moc), history=["from_moc()"])

    @classmethod
    def from_wcs(
        cls: type[Mask],
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
        from hpmask import wcs as wcs_module

        return wcs_module.from_wcs(
            image, wcs, hdu=hdu, order=order, mode=mode, outside=outside, nan=nan, invert=invert, energy=energy,
            frame=frame, n_threads=n_threads,
        )  # fmt: skip

    @classmethod
    def from_sfmoc(
        cls: type[Mask], sfmoc: SFMOC, axis: EnergyAxis | None = None, *, how: Literal["any", "all"] = "any"
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
    def read(cls: type[Mask], path: str | Path, *, format: str | None = None) -> Mask:
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


def _needed(order: int | None, method: str) -> int:
    """`order`, or an error that tells how to choose one."""
    if order is None:
        raise TypeError(
            f"Mask.{method} needs order, from 0 to {MAX_ORDER}: a cell of an order is about 58.6 deg / 2**order wide "
            "(0.11 deg at order 9, 0.9 arcmin at order 12). Take cells about ten times smaller than the shapes, "
            "for example order=9 for shapes of 1 deg"
        )
    return check_order(order)
