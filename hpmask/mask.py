"""Mask, the class that users see. Its methods are thin: the work is done in the packages below."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, Self, TypeVar

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.typing import ArrayLike, NDArray

from hpmask._utils.arguments import MAX_ORDER, Closed, as_area
from hpmask._utils.history import Expression
from hpmask._utils.modes import Mode, PixelMode
from hpmask._utils.parallel import for_the_call
from hpmask._utils.words import counted, quantity_text
from hpmask.catalog import answers
from hpmask.catalog import masks as catalogs
from hpmask.catalog import patches as parts
from hpmask.catalog.masks import Column
from hpmask.catalog.patches import Patches
from hpmask.core import algebra, energy_bins, fractions, full_maps, lookup, randoms, transform
from hpmask.core import outline as outlines
from hpmask.core.healpix_map import HealpixMap
from hpmask.core.outline import Outline
from hpmask.core.positions import Positions
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
from hpmask.energy.axis import EnergyAxis, check_axis, summary
from hpmask.morphology import area_filters, dilation, distance
from hpmask.morphology.components import Components, count
from hpmask.morphology.dilation import Width
from hpmask.regions import clip, in_shapes, masks, to_astropy
from hpmask.regions import visible as visible_sky
from hpmask.regions.batches import Shapes
from hpmask.values import credible as credible_regions
from hpmask.values import function, sums
from hpmask.values.credible import Crossing
from hpmask.values.criterion import Keep, Nan
from hpmask.wcs import fits_image, from_image, to_image
from hpmask.wcs.pixel_frame import pixel_frame

if TYPE_CHECKING:
    from astropy.coordinates import EarthLocation
    from astropy.table import Table
    from astropy.time import Time
    from astropy.visualization.wcsaxes import WCSAxes
    from astropy.wcs import WCS
    from gammapy.catalog import SourceCatalog
    from gammapy.maps import Geom, Map
    from gammapy.modeling.models import DatasetModels
    from gammapy.modeling.models import ModelBase as Model
    from healsparse import HealSparseMap
    from matplotlib.figure import Figure, SubFigure
    from mocpy import MOC, SFMOC
    from regions import Regions

    from hpmask.interop.gammapy import ExclusionMask, Extension
    from hpmask.interop.hats.search import MaskSearch
    from hpmask.plotting import BinPlot, Page

__all__ = ["Mask"]

# A table of any kind.
T = TypeVar("T")


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
        Frame of the mask.
    energy : EnergyAxis, optional
        Energy bins of the mask. A single plane is used for all of them.
    history : str, optional
        How the mask was made, as an expression. It is ignored in comparisons. By default the number of ranges.

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
            Order of the mask, 0 to 29. A set operation with a finer mask has the finer order, so 0 is usually enough.
        energy : EnergyAxis, optional
            Energy bins.
        frame : {"icrs", "galactic"}, optional
            Frame of the mask.

        Returns
        -------
        Mask
            The whole sky, in each bin.

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
            A mask without sky, in each bin.

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
        resolution: u.Quantity | str | None = None,
        mode: Mode = "center",
        frame: str = "icrs",
        energy: EnergyAxis | None = None,
        within: Mask | None = None,
        n_threads: int | None = None,
        progress: bool = False,
    ) -> Mask:
        """Return the union of discs on the sphere, one or many millions.

        Parameters
        ----------
        center : `~astropy.coordinates.SkyCoord`, scalar or shape (n,)
            Centres, in any frame. A position with a distance means the direction in which it is seen.
        radius : `~astropy.units.Quantity`, str or callable
            Radii as great-circle angles from 0 to 180 deg: a scalar or shape (n,). With `energy` also shape (n, n_bins)
            or (1, n_bins), a radius for each bin, or a function of the energy axis that returns angles of one of these
            shapes or of shape (n_bins,).
        order : int, optional
            Order of the cells, 0 to 29. By default, the coarsest order at which the area of the smallest disc is right
            to 1 % in mode "center". Discs of radius 0 do not count. It must be given if that is above 16, or would need
            more than 50 million ranges.
        resolution : `~astropy.units.Quantity` or str, optional
            Instead of `order`, the largest width of a cell, such as "1 arcmin". The width is the square root of the
            area, 58.6 deg / 2**order.
        mode : {"center", "overlap", "inside"}, optional
            Whether a cell is in if its centre is in a disc, if any part of it is, or only if all of it is in one disc.
        frame : {"icrs", "galactic"}, optional
            Frame of the mask.
        energy : EnergyAxis, optional
            Energy bins of the mask.
        within : Mask, optional
            A footprint in the frame of the mask, without energy or with the same bins. The result is the intersection
            with it, and discs that do not reach it take almost no time.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.
        progress : bool, optional
            Show a progress bar.

        Returns
        -------
        Mask
            True inside the discs: ``~`` of it is the exclusion mask.

        Raises
        ------
        TypeError
            If `center` is not a SkyCoord, `radius` is a bare number, or both `order` and `resolution` are given.
        ValueError
            If a position or radius is not finite, a radius is negative or above 180 deg (the message names the first
            such row), the shapes do not fit, `within` has another frame or other energy bins, or the order to choose
            would be too fine: the message has the size of the smallest disc and the order that it would need.

        Warns
        -----
        UserWarning
            If discs hold no cell centre in mode "center", or no full cell in mode "inside". The message has their
            number, and the order at which they do.

        Notes
        -----
        Discs are closed: a cell whose centre is on the edge, within 1e-14 rad, is in.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> stars = SkyCoord([10, 20], [-5, 89], unit="deg")
        >>> Mask.from_cones(stars, "0.3 deg", order=9)
        <Mask icrs order=9 | 15 ranges, 240 B | 1.494e-05 of the sky>
        >>> Mask.from_cones(stars, "0.3 deg", resolution="1 arcmin").history
        'from_cones(2 discs, 0.3 deg, order=12 from resolution 1 arcmin)'
        >>> Mask.from_cones(stars, "0.3 deg").history
        'from_cones(2 discs, 0.3 deg, order=13 chosen)'
        """
        return cls._own(
            masks.from_shapes(
                Shapes.cones(center, radius),
                "from_cones",
                order=order,
                resolution=resolution,
                mode=mode,
                frame=frame,
                energy=energy,
                within=within,
                n_threads=n_threads,
                progress=progress,
            )
        )

    @classmethod
    def from_ellipses(
        cls,
        center: SkyCoord,
        semi_major: Width,
        semi_minor: Width,
        position_angle: u.Quantity | str,
        *,
        order: int | None = None,
        resolution: u.Quantity | str | None = None,
        mode: Mode = "center",
        frame: str = "icrs",
        energy: EnergyAxis | None = None,
        within: Mask | None = None,
        n_threads: int | None = None,
        progress: bool = False,
    ) -> Mask:
        """Return the union of spherical ellipses, one or many millions.

        Parameters
        ----------
        center : `~astropy.coordinates.SkyCoord`, scalar or shape (n,)
            Centres, in any frame. A position with a distance means the direction in which it is seen.
        semi_major, semi_minor : `~astropy.units.Quantity`, str or callable
            The semi-axes as angles above 0 and below 90 deg. A scalar or shape (n,). With `energy` also shape
            (n, n_bins) or (1, n_bins), or a function of the energy axis, as the `radius` of `from_cones`. The first is
            at least the second.
        position_angle : `~astropy.units.Quantity` or str
            The angle from north through east to the major axis, in the frame of the centre. A scalar or shape (n,).
        order : int, optional
            Order of the cells, 0 to 29. By default, the coarsest order at which the area of the smallest ellipse is
            right to 1 % in mode "center". It must be given if that is above 16, or would need more than 50 million
            ranges.
        resolution : `~astropy.units.Quantity` or str, optional
            Instead of `order`, the largest width of a cell, such as "1 arcmin". The width is the square root of the
            area, 58.6 deg / 2**order.
        mode : {"center", "overlap", "inside"}, optional
            Whether a cell is in if its centre is in an ellipse, if any part of it is, or only if all of it is in one
            ellipse.
        frame : {"icrs", "galactic"}, optional
            Frame of the mask.
        energy : EnergyAxis, optional
            Energy bins of the mask.
        within : Mask, optional
            A footprint in the frame of the mask, without energy or with the same bins. The result is the intersection
            with it, and ellipses that do not reach it take almost no time.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.
        progress : bool, optional
            Show a progress bar.

        Returns
        -------
        Mask
            True inside the ellipses: ``~`` of it is the exclusion mask.

        Raises
        ------
        TypeError
            If `center` is not a SkyCoord, a size or angle is a bare number, or both `order` and `resolution` are given.
        ValueError
            If a value is not finite or is masked, or a size is not within its limits (the message names the first such
            row), the shapes do not fit, `within` has another frame or other energy bins, or the order to choose would
            be too fine.

        Warns
        -----
        UserWarning
            If ellipses hold no cell centre in mode "center", or no full cell in mode "inside". The message has their
            number, and the order at which they do.

        See Also
        --------
        from_regions : the same for regions of files and of astropy's `regions` package.

        Notes
        -----
        An ellipse is the set of points whose great-circle distances to two foci have at most a given sum. Ellipses are
        closed.

        Examples
        --------
        >>> from astropy import units as u
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> galaxies = SkyCoord([10.68, 23.46], [41.27, 30.66], unit="deg")
        >>> Mask.from_ellipses(galaxies, [1.6, 0.6] * u.deg, [0.5, 0.35] * u.deg, [35, 22] * u.deg, order=11)
        <Mask icrs order=11 | 139 ranges, 2.2 kB | 7.677e-05 of the sky>
        """
        return cls._own(
            masks.from_shapes(
                Shapes.ellipses(center, semi_major, semi_minor, position_angle),
                "from_ellipses",
                order=order,
                resolution=resolution,
                mode=mode,
                frame=frame,
                energy=energy,
                within=within,
                n_threads=n_threads,
                progress=progress,
            )
        )

    @classmethod
    def from_boxes(
        cls,
        center: SkyCoord,
        width: Width,
        height: Width,
        position_angle: u.Quantity | str = "0 deg",
        *,
        order: int | None = None,
        resolution: u.Quantity | str | None = None,
        mode: Mode = "center",
        frame: str = "icrs",
        energy: EnergyAxis | None = None,
        within: Mask | None = None,
        n_threads: int | None = None,
        progress: bool = False,
    ) -> Mask:
        """Return the union of rectangles with sides on great circles, one or many millions.

        Parameters
        ----------
        center : `~astropy.coordinates.SkyCoord`, scalar or shape (n,)
            Centres, in any frame. A position with a distance means the direction in which it is seen.
        width, height : `~astropy.units.Quantity`, str or callable
            The full sizes, above 0 and below 180 deg: great-circle angles between the middles of opposite sides. A
            scalar or shape (n,). With `energy` also shape (n, n_bins) or (1, n_bins), or a function of the energy
            axis, as the `radius` of `from_cones`.
        position_angle : `~astropy.units.Quantity` or str, optional
            The angle from north through east to the direction in which `height` is measured, in the frame of the
            centre. A scalar or shape (n,).
        order : int, optional
            Order of the cells, 0 to 29. By default, the coarsest order at which the area of the smallest box is
            right to 1 % in mode "center". It must be given if that is above 16, or would need more than 50 million
            ranges.
        resolution : `~astropy.units.Quantity` or str, optional
            Instead of `order`, the largest width of a cell, such as "1 arcmin". The width is the square root of the
            area, 58.6 deg / 2**order.
        mode : {"center", "overlap", "inside"}, optional
            Whether a cell is in if its centre is in a box, if any part of it is, or only if all of it is in one
            box.
        frame : {"icrs", "galactic"}, optional
            Frame of the mask.
        energy : EnergyAxis, optional
            Energy bins of the mask.
        within : Mask, optional
            A footprint in the frame of the mask, without energy or with the same bins. The result is the intersection
            with it, and boxes that do not reach it take almost no time.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.
        progress : bool, optional
            Show a progress bar.

        Returns
        -------
        Mask
            True inside the boxes: ``~`` of it is the exclusion mask.

        Raises
        ------
        TypeError
            If `center` is not a SkyCoord, a size or angle is a bare number, or both `order` and `resolution` are given.
        ValueError
            If a value is not finite or is masked, or a size is not within its limits (the message names the first such
            row), the shapes do not fit, `within` has another frame or other energy bins, or the order to choose would
            be too fine.

        Warns
        -----
        UserWarning
            If boxes hold no cell centre in mode "center", or no full cell in mode "inside". The message has their
            number, and the order at which they do.

        See Also
        --------
        from_regions : the same for regions of files and of astropy's `regions` package.

        Notes
        -----
        With the position angle 0, `width` is the size from east to west and `height` that from south to north. These
        are the conventions of ``RectangleSkyRegion`` of the `regions` package, whose `angle` is the position angle.

        A box does not follow parallels of latitude, as `from_zone` does.

        Examples
        --------
        Diffraction spikes of two stars, at 45 and 135 deg from north:

        >>> import numpy as np
        >>> from astropy import units as u
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> stars = SkyCoord([10, 10, 11, 11], [-5, -5, -4, -4], unit="deg")
        >>> lengths = [10, 10, 4, 4] * u.arcmin
        >>> Mask.from_boxes(stars, "20 arcsec", lengths, [45, 135, 45, 135] * u.deg, order=14)
        <Mask icrs order=14 | 110 ranges, 1.8 kB | 6.488e-08 of the sky>
        """
        return cls._own(
            masks.from_shapes(
                Shapes.boxes(center, width, height, position_angle),
                "from_boxes",
                order=order,
                resolution=resolution,
                mode=mode,
                frame=frame,
                energy=energy,
                within=within,
                n_threads=n_threads,
                progress=progress,
            )
        )

    @classmethod
    def from_annuli(
        cls,
        center: SkyCoord,
        inner_radius: Width,
        outer_radius: Width,
        *,
        order: int | None = None,
        resolution: u.Quantity | str | None = None,
        mode: Mode = "center",
        frame: str = "icrs",
        energy: EnergyAxis | None = None,
        within: Mask | None = None,
        n_threads: int | None = None,
        progress: bool = False,
    ) -> Mask:
        """Return the union of annuli, discs without a smaller disc around the same centre, one or many millions.

        Parameters
        ----------
        center : `~astropy.coordinates.SkyCoord`, scalar or shape (n,)
            Centres, in any frame. A position with a distance means the direction in which it is seen.
        inner_radius, outer_radius : `~astropy.units.Quantity`, str or callable
            Radii as great-circle angles, of which the first is below the second, from 0 to 180 deg. A scalar or shape
            (n,). With `energy` also shape (n, n_bins) or (1, n_bins), or a function of the energy axis, as the `radius`
            of `from_cones`.
        order : int, optional
            Order of the cells, 0 to 29. By default, the coarsest order at which the area of the smallest annulus is
            right to 1 % in mode "center". It must be given if that is above 16, or would need more than 50 million
            ranges.
        resolution : `~astropy.units.Quantity` or str, optional
            Instead of `order`, the largest width of a cell, such as "1 arcmin". The width is the square root of the
            area, 58.6 deg / 2**order.
        mode : {"center", "overlap", "inside"}, optional
            Whether a cell is in if its centre is in an annulus, if any part of it is, or only if all of it is in one
            annulus.
        frame : {"icrs", "galactic"}, optional
            Frame of the mask.
        energy : EnergyAxis, optional
            Energy bins of the mask.
        within : Mask, optional
            A footprint in the frame of the mask, without energy or with the same bins. The result is the intersection
            with it, and annuli that do not reach it take almost no time.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.
        progress : bool, optional
            Show a progress bar.

        Returns
        -------
        Mask
            True inside the annuli: ``~`` of it is the exclusion mask.

        Raises
        ------
        TypeError
            If `center` is not a SkyCoord, a radius is a bare number, or both `order` and `resolution` are given.
        ValueError
            If a value is not finite or is masked, or a size is not within its limits (the message names the first such
            row), the shapes do not fit, `within` has another frame or other energy bins, or the order to choose would
            be too fine.

        Warns
        -----
        UserWarning
            If annuli hold no cell centre in mode "center", or no full cell in mode "inside". The message has their
            number, and the order at which they do.

        See Also
        --------
        from_regions : the same for regions of files and of astropy's `regions` package.

        Notes
        -----
        The outer edge belongs to an annulus, the inner one does not. With an inner radius of 0, an annulus is a disc.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> stars = SkyCoord([10, 20], [-5, 40], unit="deg")
        >>> rings = Mask.from_annuli(stars, "0.5 deg", "1 deg", order=10)
        >>> rings == Mask.from_cones(stars, "1 deg", order=10) - Mask.from_cones(stars, "0.5 deg", order=10)
        True
        """
        return cls._own(
            masks.from_shapes(
                Shapes.annuli(center, inner_radius, outer_radius),
                "from_annuli",
                order=order,
                resolution=resolution,
                mode=mode,
                frame=frame,
                energy=energy,
                within=within,
                n_threads=n_threads,
                progress=progress,
            )
        )

    @classmethod
    def from_polygons(
        cls,
        vertices: Any,
        *,
        offsets: ArrayLike | None = None,
        holes: ArrayLike | None = None,
        larger: ArrayLike = False,
        vertex_frame: str = "icrs",
        order: int | None = None,
        resolution: u.Quantity | str | None = None,
        mode: Mode = "center",
        frame: str = "icrs",
        energy: EnergyAxis | None = None,
        within: Mask | None = None,
        n_threads: int | None = None,
        progress: bool = False,
    ) -> Mask:
        """Return the union of polygons with great-circle edges, one or many millions.

        Parameters
        ----------
        vertices : SkyCoord, list of SkyCoord, shapely objects or GeoJSON-like mappings
            The vertices of each polygon, in either sense; the first may be repeated at the end. One of:

            * a `~astropy.coordinates.SkyCoord` of shape (k,), a polygon, or (n, k), n polygons of k vertices;
            * a SkyCoord of shape (n_vertices,), with `offsets`;
            * a list of SkyCoords, a ring in each;
            * polygons and multipolygons of shapely, in a list, an array or a series of geopandas;
            * a mapping as in GeoJSON, an object with ``__geo_interface__``, or a list of these: Polygon, MultiPolygon,
              Feature, FeatureCollection or GeometryCollection. Each polygon in them counts as one.

            SkyCoords may be in any frame. shapely and GeoJSON have longitudes and latitudes in degrees.
        offsets : array_like of int, shape (n_rings + 1,), optional
            The first vertex of each ring, and the number of vertices.
        holes : array_like of bool, shape (n_rings,), optional
            For SkyCoords, whether each ring belongs to the polygon of the ring before it, as a hole or as another part.
            By default each ring is a polygon.
        larger : bool or array_like of bool, shape (n,), optional
            Whether the larger side of a polygon is inside. By default it is the smaller one.
        vertex_frame : str, optional
            Frame of vertices that are not SkyCoords, such as "icrs", "galactic" or "fk5".
        order : int, optional
            Order of the cells, 0 to 29. By default, the coarsest order at which the area of the smallest polygon is
            right to 1 % in mode "center". It must be given if that is above 16, or would need more than 50 million
            ranges.
        resolution : `~astropy.units.Quantity` or str, optional
            Instead of `order`, the largest width of a cell, such as "1 arcmin". The width is the square root of the
            area, 58.6 deg / 2**order.
        mode : {"center", "overlap", "inside"}, optional
            Whether a cell is in if its centre is in a polygon, if any part of it is, or only if all of it is in one
            polygon.
        frame : {"icrs", "galactic"}, optional
            Frame of the mask.
        energy : EnergyAxis, optional
            Energy bins of the mask.
        within : Mask, optional
            A footprint in the frame of the mask, without energy or with the same bins. The result is the intersection
            with it, and polygons that do not reach it take almost no time.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.
        progress : bool, optional
            Show a progress bar.

        Returns
        -------
        Mask
            True inside the polygons: ``~`` of it is the exclusion mask.

        Raises
        ------
        TypeError
            If `vertices` is none of these, or both `order` and `resolution` are given.
        ValueError
            If a polygon has fewer than three different vertices, a vertex is not finite or is masked, or two neighbours
            are opposite on the sky (the message names the row), the shapes do not fit, `within` has another frame or
            other energy bins, or the order to choose would be too fine.

        Warns
        -----
        UserWarning
            If polygons hold no cell centre in mode "center", or no full cell in mode "inside". The message has their
            number, and the order at which they do.

        See Also
        --------
        from_regions : the same for regions of files and of astropy's `regions` package.

        Notes
        -----
        Edges are great circles, not straight lines in longitude and latitude. A point is inside a polygon if it is
        inside an odd number of its rings. A ring that crosses itself has the even-odd rule as well. An edge that is
        there twice divides nothing.

        Examples
        --------
        The chips of a camera:

        >>> from astropy import units as u
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> lon = [[10.0, 10.2, 10.2, 10.0], [10.3, 10.5, 10.5, 10.3]] * u.deg
        >>> lat = [[5.0, 5.0, 5.4, 5.4], [5.0, 5.0, 5.4, 5.4]] * u.deg
        >>> chips = Mask.from_polygons(SkyCoord(lon, lat), order=12)
        >>> print(f"{chips.area:.3f}")
        0.159 deg2

        A triangle with a hole:

        >>> lon, lat = [0, 10, 5, 4, 6, 5], [0, 0, 10, 2, 2, 5]
        >>> corners = SkyCoord(lon, lat, unit="deg")
        >>> frame = Mask.from_polygons(corners, offsets=[0, 3, 6], holes=[False, True], order=8)
        >>> frame.contains(SkyCoord([2, 5], [1, 3], unit="deg"))
        array([ True, False])
        """
        return cls._own(
            masks.from_shapes(
                Shapes.polygons(vertices, offsets=offsets, holes=holes, larger=larger, vertex_frame=vertex_frame),
                "from_polygons",
                order=order,
                resolution=resolution,
                mode=mode,
                frame=frame,
                energy=energy,
                within=within,
                n_threads=n_threads,
                progress=progress,
            )
        )

    @classmethod
    def from_paths(
        cls,
        vertices: Any,
        width: Width,
        *,
        offsets: ArrayLike | None = None,
        vertex_frame: str = "icrs",
        order: int | None = None,
        resolution: u.Quantity | str | None = None,
        mode: Mode = "center",
        frame: str = "icrs",
        energy: EnergyAxis | None = None,
        within: Mask | None = None,
        n_threads: int | None = None,
        progress: bool = False,
    ) -> Mask:
        """Return the union of lines with a width, such as satellite trails and scan tracks, one or many millions.

        Parameters
        ----------
        vertices : SkyCoord, list of SkyCoord, shapely objects or GeoJSON-like mappings
            The points of each line, which great-circle arcs join; in the forms that `from_polygons` takes. shapely and
            GeoJSON give LineStrings and MultiLineStrings.
        width : `~astropy.units.Quantity`, str or callable
            The full widths, above 0 and below 180 deg. A scalar or shape (n,). With `energy` also shape (n, n_bins) or
            (1, n_bins), or a function of the energy axis, as the `radius` of `from_cones`.
        offsets : array_like of int, shape (n + 1,), optional
            The first vertex of each line, and the number of vertices.
        vertex_frame : str, optional
            Frame of vertices that are not SkyCoords, such as "icrs", "galactic" or "fk5".
        order : int, optional
            Order of the cells, 0 to 29. By default, the coarsest order at which the area of the smallest path is
            right to 1 % in mode "center". It must be given if that is above 16, or would need more than 50 million
            ranges.
        resolution : `~astropy.units.Quantity` or str, optional
            Instead of `order`, the largest width of a cell, such as "1 arcmin". The width is the square root of the
            area, 58.6 deg / 2**order.
        mode : {"center", "overlap", "inside"}, optional
            Whether a cell is in if its centre is in a path, if any part of it is, or only if all of it is in one
            path.
        frame : {"icrs", "galactic"}, optional
            Frame of the mask.
        energy : EnergyAxis, optional
            Energy bins of the mask.
        within : Mask, optional
            A footprint in the frame of the mask, without energy or with the same bins. The result is the intersection
            with it, and paths that do not reach it take almost no time.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.
        progress : bool, optional
            Show a progress bar.

        Returns
        -------
        Mask
            True inside the paths: ``~`` of it is the exclusion mask.

        Raises
        ------
        TypeError
            If `vertices` is none of these, `width` is a bare number, or both `order` and `resolution` are given.
        ValueError
            If a line has fewer than two vertices, a vertex is not finite or is masked, a width is not within its
            limits, or two neighbours are opposite on the sky (the message names the row), the shapes do not fit,
            `within` has another frame or other energy bins, or the order to choose would be too fine.

        Warns
        -----
        UserWarning
            If paths hold no cell centre in mode "center", or no full cell in mode "inside". The message has their
            number, and the order at which they do.

        See Also
        --------
        from_regions : the same for regions of files and of astropy's `regions` package.

        Notes
        -----
        A path holds all points within half of `width` of its line. Its ends are therefore round, and so are its bends.
        In mode "inside", a cell is in if it is inside the part of a path that belongs to one arc.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> trails = SkyCoord([[10, 12], [11, 11]], [[-5, -4], [-6, -3]], unit="deg")
        >>> mask = Mask.from_paths(trails, "20 arcsec", order=14)
        >>> print(f"{mask.area:.4f}")
        0.0289 deg2
        """
        return cls._own(
            masks.from_shapes(
                Shapes.paths(vertices, width, offsets=offsets, vertex_frame=vertex_frame),
                "from_paths",
                order=order,
                resolution=resolution,
                mode=mode,
                frame=frame,
                energy=energy,
                within=within,
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
        resolution: u.Quantity | str | None = None,
        mode: Mode = "center",
        frame: str = "icrs",
        energy: EnergyAxis | None = None,
        invert: bool = False,
        invalid: Literal["raise", "skip"] = "raise",
        wcs: Any = None,
        line_width: u.Quantity | str | None = None,
        point_radius: u.Quantity | str | None = None,
        within: Mask | None = None,
        format: str | None = None,
        region_frame: str | None = None,
        min_weight: float | None = None,
        columns: tuple[str, str] | None = None,
        n_threads: int | None = None,
    ) -> Mask:
        """Return the union of regions on the sphere.

        Parameters
        ----------
        regions : str, path, astropy Region or Regions, a list of these, or callable
            A text in one of the region formats, the path of such a file, or regions of astropy's `regions` package, in
            any frame of the sky or in pixels; or a function of the energy axis that returns a list with such an item
            for each bin. The formats are ds9, CRTF, FITS regions, STC-S, GeoJSON, the polygon files of mangle, and
            tables of polygons: see :doc:`/region-files`.
        order : int, optional
            Order of the cells, 0 to 29. By default, the coarsest order at which the area of the smallest region in any
            bin is right to 1 % in mode "center". Points do not count, and a compound region counts by its parts. It
            must be given if that is above 16, or would need more than 50 million ranges.
        resolution : `~astropy.units.Quantity` or str, optional
            Instead of `order`, the largest width of a cell, such as "1 arcmin". The width is the square root of the
            area, 58.6 deg / 2**order.
        mode : {"center", "overlap", "inside"}, optional
            Whether a cell is in if its centre is in a region, if any part of it is, or only if all of it is in one
            region (a compound counts as one). For a point, the cell that contains it is in, in the modes "center" and
            "overlap".
        frame : {"icrs", "galactic"}, optional
            Frame of the mask.
        energy : EnergyAxis, optional
            Energy bins of the mask; the regions hold in all of them, unless they are a function.
        invert : bool, optional
            Keep the sky outside the regions, as gammapy's ``region_mask(..., inside=False)`` does.
        invalid : {"raise", "skip"}, optional
            Whether regions that cannot be in a mask raise an error, or are left out, named in a warning and counted in
            the history. These are regions without an area (lines without `line_width`, rulers), without a position on
            the sky (pixel coordinates without `wcs`), of an unknown kind or with an impossible size, and parts of a
            text that cannot be read. After a line that may have stated another frame, no region is used until the next
            line that states one.
        wcs : `~astropy.wcs.WCS`, FITS header, image HDU, path or gammapy geometry, optional
            The image that regions in pixels belong to. The physical coordinates of ds9 need a header or a file.
        line_width : `~astropy.units.Quantity` or str, optional
            Width of lines, vectors and segments, such as "10 arcsec": they have all points within half of it.
        point_radius : `~astropy.units.Quantity` or str, optional
            Radius of points, which are discs then.
        within : Mask, optional
            A footprint in the frame of the mask, without energy or with the same bins. The result is the intersection
            with it, and regions that do not reach it take almost no time.
        format : {"ds9", "crtf", "fits", "stcs", "geojson", "mangle", "table"}, optional
            Format of the texts and files. By default, the content decides, or else the suffix.
        region_frame : str, optional
            Frame of the positions in formats that may leave it open (STC-S, GeoJSON, mangle and tables): any frame of
            astropy that is fixed to the sky, or "ecliptic". By default, the frame is the one that the file names, and
            ICRS if it names none.
        min_weight : float, optional
            For polygon files of mangle, the least weight of the polygons that count. By default, those with a weight
            above 0 count; with 0, all of them do.
        columns : (str, str), optional
            For tables of tiles, the names of the columns with the longitudes and latitudes of the corners, where ``{}``
            stands for the number of the corner: ``("ra{}", "dec{}")``. By default, they are found by their names.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        Mask
            True inside the regions, or outside them with `invert`.

        Raises
        ------
        TypeError
            If an item is not a region, both `order` and `resolution` are given, or an option for files is given and
            there is no text or file.
        ValueError
            If a region cannot be in a mask and `invalid` is "raise" (the message has its number, kind and line), if a
            text holds no region that can be read, the format has no such option, or if the order to choose would be
            too fine.
        FileNotFoundError
            If there is no such file.

        Warns
        -----
        UserWarning
            If regions are left out; the message counts and names them. If regions hold no cell centre in mode "center",
            or no full cell in mode "inside"; the message has their number, and the order at which they do.

        Notes
        -----
        Regions are spherical: a circle is a great-circle distance, and the sides of rectangles and polygons are great
        circles. Widths and heights are full axes. The position angle is that of the height axis, from north through
        east, in the frame of the region's centre.

        A compound region (``|``, ``&``, ``^`` of regions, and what a subtraction leaves of one) is decided as a whole:
        a cell is in if any part of it is in the compound ("overlap"), or if all of it is ("inside"), also where several
        regions cover it together. In cells that the outlines of several regions pass, parts without an area do not
        count: regions that only touch have no cell in common. Next to vertices and crossings in such a cell, parts
        smaller than 1/256 of its width may be missed; next to ellipses, parts thinner than that.

        Excluded regions are subtracted from the other regions of the same list, text or file: in ds9 from all of them,
        in CRTF from those before them. If there are no others, they are subtracted from the whole sky.

        Texts and the annotations of CRTF are ignored, and counted in the history. :doc:`/regions` says what every shape
        of ds9 and CRTF becomes.

        Examples
        --------
        >>> from hpmask import Mask
        >>> Mask.from_regions("galactic; ellipse(184.557, -5.784, 1.0, 0.5, 30)", order=9, frame="galactic")
        <Mask galactic order=9 | 22 ranges, 352 B | 3.846e-05 of the sky>

        A region of the Virtual Observatory, as in columns ``s_region``:

        >>> Mask.from_regions("POLYGON ICRS 83 21 84 21 84 23 83 23", order=9)
        <Mask icrs order=9 | 27 ranges, 432 B | 4.387e-05 of the sky>

        Regions that shrink with energy:

        >>> from hpmask import EnergyAxis
        >>> axis = EnergyAxis.from_bounds("1 TeV", "100 TeV", 2)
        >>> def circles(axis):
        ...     return [f"icrs; circle(83.6, 22, {0.5 * energy.to_value('TeV') ** -0.5})" for energy in axis.center]
        >>> Mask.from_regions(circles, order=10, energy=axis).area.round(3)
        <Quantity [0.249, 0.023] deg2>

        A line with a width, and a circle in the pixels of an image:

        >>> Mask.from_regions("icrs; line(83, 22, 84, 22.5)", line_width="2 arcmin", order=14).area.round(4)
        <Quantity 0.0359 deg2>
        >>> from astropy.wcs import WCS
        >>> wcs = WCS(naxis=2)
        >>> wcs.wcs.ctype, wcs.wcs.cdelt = ["RA---TAN", "DEC--TAN"], [-0.01, 0.01]
        >>> Mask.from_regions("image; circle(100, 80, 30)", wcs=wcs, order=12).area.round(4)
        <Quantity 0.2824 deg2>
        """
        return cls._own(
            masks.from_regions(
                regions,
                order=order,
                resolution=resolution,
                mode=mode,
                frame=frame,
                energy=energy,
                invert=invert,
                invalid=invalid,
                pixels=pixel_frame(wcs),
                line_width=line_width,
                point_radius=point_radius,
                within=within,
                format=format,
                region_frame=region_frame,
                min_weight=min_weight,
                columns=columns,
                n_threads=n_threads,
            )
        )

    @classmethod
    def from_catalog(
        cls,
        table: Table | Any,
        radius: Column | None = None,
        *,
        inner_radius: Column | None = None,
        outer_radius: Column | None = None,
        semi_major: Column | None = None,
        semi_minor: Column | None = None,
        width: Column | None = None,
        height: Column | None = None,
        position_angle: Column | None = None,
        missing: u.Quantity | str | Mapping[str, u.Quantity | str] | None = None,
        where: str | Sequence[str] | NDArray[np.bool_] | Callable[[Table], Any] | None = None,
        within: Mask | None = None,
        lon: str | None = None,
        lat: str | None = None,
        catalog_frame: str | None = None,
        epoch: Time | str | None = None,
        catalog_epoch: Time | str | None = None,
        motion: tuple[str, str] | None = None,
        invalid: Literal["raise", "skip"] = "raise",
        order: int | None = None,
        resolution: u.Quantity | str | None = None,
        mode: Mode = "center",
        frame: str = "icrs",
        energy: EnergyAxis | None = None,
        n_threads: int | None = None,
        progress: bool = False,
    ) -> Mask:
        """Return the union of discs, annuli, ellipses or boxes around the sources of a catalog.

        Give `radius` for discs, `inner_radius` and `outer_radius` for annuli, `semi_major`, `semi_minor` and
        `position_angle` for ellipses, or `width` and `height` for boxes.

        Parameters
        ----------
        table : `~astropy.table.Table`, data frame, structured array, dict of columns, str or path
            The catalog, or a FITS, ECSV, CSV, VOTable or parquet file that holds it. From a FITS file, the first table
            with positions is used. Data frames are those of pandas, polars and Arrow. The table of a gammapy catalog
            is ``catalog.table``; `from_gammapy` takes the spatial models of its sources. A file may be given by a URL.
            A HATS catalog (the path or URL of its folder or collection, or a catalog of LSDB) is read partition by
            partition, with the columns that are needed, and without the partitions that cannot reach `within`. It is
            read twice if the order is to be chosen, and conditions and sizes cannot be arrays of all rows.
        radius : `~astropy.units.Quantity`, str or callable, optional
            An angle for all sources or one for each, of shape (n,), (n, n_bins) or (1, n_bins); the name of a column
            of angles, which may have one value per energy bin; or a function. Without `energy` it is called as
            ``radius(table)`` and returns angles of one of these shapes. With `energy` it is called as
            ``radius(table, energy)`` and returns angles that broadcast to (n, n_bins). The table is an astropy Table in
            which missing numbers are NaN. A string that is the name of a column always means the column.
            `hpmask.catalog.MagnitudeLaw` makes a function of the magnitude.
        inner_radius, outer_radius : `~astropy.units.Quantity`, str or callable, optional
            Radii of annuli, given as `radius` is.
        semi_major, semi_minor : `~astropy.units.Quantity`, str or callable, optional
            Semi-axes of ellipses below 90 deg, given as `radius` is.
        width, height : `~astropy.units.Quantity`, str or callable, optional
            Full sides of boxes below 180 deg, given as `radius` is.
        position_angle : `~astropy.units.Quantity`, str or callable, optional
            The direction of the major axis of ellipses, or of the height of boxes, in the frame of the catalog, from
            north through east; given as `radius` is. Boxes have the position angle 0 by default.
        missing : `~astropy.units.Quantity`, str or mapping, optional
            The radius of the rows for which `radius` has no value (NaN or masked): an angle, or one for each energy
            bin, of shape (n_bins,). For other shapes, a mapping such as ``{"semi_minor": "0.1 deg"}``. The history has
            the number of these rows.
        where : str, sequence of str, array of bool or callable, optional
            The rows to take: a condition such as ``"Vmag < 8"`` or ``"CLASS1 != 'psr'"`` or several, all of which must
            be fulfilled; a bool for each row; or a function of the table that returns them. Rows without a value in
            the column of a condition are not taken.
        within : Mask, optional
            Keep only what is in this mask. Sources that cannot reach it cost nothing.
        lon, lat : str, optional
            Columns of the positions; by default found by their usual names (RAJ2000, ra, GLON, ...) and UCDs. `lon`
            alone may name a column of SkyCoord.
        catalog_frame : str, optional
            Frame of the positions, any that SkyCoord knows. By default the columns determine it.
        epoch : `~astropy.time.Time` or str, optional
            The epoch to which proper motions move the positions, such as "J2026.5". Rows without a proper motion stay
            where they are; the history has their number.
        catalog_epoch : `~astropy.time.Time` or str, optional
            The epoch of the positions in the catalog, such as "J2016.0", or the name of a column of Julian years. By
            default, the column ``ref_epoch``.
        motion : tuple of str, optional
            The columns of the proper motions in longitude, with the factor cos(latitude), and in latitude. By default
            found by their usual names (pmRA and pmDE, pmra and pmdec, ...) and UCDs.
        invalid : {"raise", "skip"}, optional
            Whether rows without a usable position or size raise an error that names them, or are left out and
            counted in a warning and in the history. A row whose size `missing` gives is usable.
        order : int, optional
            Order of the cells, 0 to 29. By default, the coarsest order at which the area of the smallest shape is right
            to 1 % in mode "center". Discs of radius 0 do not count. It must be given if that is above 16, or would need
            more than 50 million ranges.
        resolution : `~astropy.units.Quantity` or str, optional
            Instead of `order`, the largest width of a cell, such as "1 arcmin". The width is the square root of the
            area, 58.6 deg / 2**order.
        mode : {"center", "overlap", "inside"}, optional
            Whether a cell is in if its centre is in a shape, if any part of it is, or only if all of it is in one
            shape.
        frame : {"icrs", "galactic"}, optional
            Frame of the mask.
        energy : EnergyAxis, optional
            Energy bins of the mask.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.
        progress : bool, optional
            Show a progress bar.

        Returns
        -------
        Mask
            True inside the shapes: ``~`` of it is the exclusion mask. Its history has the name of the file and the
            first digits of its SHA-256 digest.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ImportError
            If a package that reads the file is not installed.
        TypeError
            If `table` is not a table, the sizes are none or those of different shapes, a size is a bare number or a
            function of other arguments, or both `order` and `resolution` are given.
        ValueError
            If a file cannot be read, the columns are not found or have a wrong unit, rows cannot be used and `invalid`
            is "raise" (the message has their numbers, from 0), an epoch is not known, or the order to choose would be
            too fine.

        Warns
        -----
        UserWarning
            If rows are left out; the message counts them. If shapes hold no cell centre in mode "center", or no full
            cell in mode "inside"; the message has their number, and the order at which they do.

        Examples
        --------
        >>> from astropy.table import Table
        >>> from hpmask import Mask
        >>> stars = Table({"ra": [10.0, 20.0], "dec": [-5.0, 60.0], "mag": [2.0, 7.0]})
        >>> import astropy.units as u
        >>> Mask.from_catalog(stars, lambda t: (0.5 - 0.05 * t["mag"]) * u.deg, order=10)
        <Mask icrs order=10 | 23 ranges, 368 B | 1.391e-05 of the sky>

        Three times the size of each source, or else 0.3 deg:

        >>> sources = Table({"ra": [10.0, 20.0], "dec": [-5.0, 60.0], "size": [0.2, float("nan")] * u.deg})
        >>> mask = Mask.from_catalog(sources, lambda t: 3 * t["size"].quantity, missing="0.3 deg", order=10)
        >>> mask == Mask.from_catalog(sources, [0.6, 0.3] * u.deg, order=10)
        True

        Diffraction spikes of bright stars, upright and across:

        >>> spikes = Mask.from_catalog(stars, width="5 arcsec", height="4 arcmin", where="mag < 5", order=16)
        >>> spikes |= Mask.from_catalog(stars, width="4 arcmin", height="5 arcsec", where="mag < 5", order=16)
        """
        return cls._own(
            catalogs.from_catalog(
                table,
                radius,
                inner_radius=inner_radius,
                outer_radius=outer_radius,
                semi_major=semi_major,
                semi_minor=semi_minor,
                width=width,
                height=height,
                position_angle=position_angle,
                missing=missing,
                where=where,
                within=within,
                lon=lon,
                lat=lat,
                catalog_frame=catalog_frame,
                epoch=epoch,
                catalog_epoch=catalog_epoch,
                motion=motion,
                invalid=invalid,
                order=order,
                resolution=resolution,
                mode=mode,
                frame=frame,
                energy=energy,
                n_threads=n_threads,
                progress=progress,
            )
        )

    @classmethod
    def from_hats(
        cls, catalog: str | os.PathLike[str] | Any, *, by: Literal["partitions", "point_map"] = "partitions"
    ) -> Mask:
        """Return the sky that a HATS catalog covers: its partitions, or the cells in which it has rows.

        Parameters
        ----------
        catalog : str, path or lsdb.catalog.Catalog
            The path or the URL of a HATS catalog or collection, or a catalog of LSDB.
        by : {"partitions", "point_map"}, optional
            "partitions" are the cells of the partitions: a mask of the order of the smallest one. "point_map" are the
            cells in which the map of the number of rows, ``point_map.fits``, is not 0: a mask of the order of the map,
            finer than the partitions. With a catalog of LSDB, it is the coverage (MOC) that LSDB has read from the map
            and has changed with the searches since then.

        Returns
        -------
        Mask
            The mask, in ICRS, as catalogs of HATS are.

        Raises
        ------
        FileNotFoundError
            If there is no HATS catalog.
        TypeError
            If `catalog` is neither a path nor a catalog of LSDB.
        ValueError
            If the catalog has no point map, or the map has rows outside the partitions, as the maps of hipscat whose
            header says RING and whose cells are NESTED; or the files of the catalog are not valid.

        See Also
        --------
        from_catalog : Return shapes around the sources of a catalog.
        from_map : Return a mask from a map by a threshold on the number of rows.

        Examples
        --------
        >>> import tempfile
        >>> from hpmask import Mask
        >>> from hpmask.catalog import write_hats
        >>> stars = {"ra": [45.0, 225.0], "dec": [20.0, -20.0]}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_hats(stars, f"{folder}/stars", max_rows=1)
        ...     for by in ("partitions", "point_map"):
        ...         print(Mask.from_hats(f"{folder}/stars", by=by))
        <Mask icrs order=0 | 2 ranges, 32 B | 0.1667 of the sky>
        <Mask icrs order=8 | 2 ranges, 32 B | 2.543e-06 of the sky>
        """
        from hpmask.interop.hats.coverage import covered

        return cls._own(covered(catalog, by=by))

    @classmethod
    def from_zone(
        cls,
        lon: tuple[Any, Any] | u.Quantity | None = None,
        lat: tuple[Any, Any] | u.Quantity | None = None,
        *,
        order: int | None = None,
        resolution: u.Quantity | str | None = None,
        closed: Closed = "left",
        zone_frame: str = "icrs",
        mode: Mode = "center",
        frame: str = "icrs",
        energy: EnergyAxis | None = None,
    ) -> Mask:
        """Return a mask of the sky between two longitudes and two latitudes.

        Parameters
        ----------
        lon : pair of angles, optional
            The western and the eastern longitude. The zone runs from the first eastwards to the second, across 0 if
            need be; both are taken modulo 360 deg. Two longitudes that are 360 deg apart, the second larger, are the
            full circle: (0, 360) or (-180, 180) deg. By default all longitudes.
        lat : pair of angles, optional
            The southern and the northern latitude. By default all latitudes.
        order : int, optional
            Order of the cells, 0 to 29. By default, the coarsest order at which the area of the zone is right to 1 % in
            mode "center". Its narrower side determines it. It must be given if that is above 16, or would need more
            than 50 million ranges.
        resolution : `~astropy.units.Quantity` or str, optional
            Instead of `order`, the largest width of a cell, such as "1 arcmin". The width is the square root of the
            area, 58.6 deg / 2**order.
        closed : {"left", "right", "both", "neither"}, optional
            Which edges belong to the zone, in both directions: the western and southern ("left"), the eastern and
            northern ("right"), all or none. It decides the cells whose centre lies on an edge. Neighbouring zones that
            are all closed on the left, or all on the right, share no cell and leave none out. A pole belongs to a zone
            that ends there, and the full circle has no edges.
        zone_frame : str, optional
            Frame of the longitudes and latitudes: any frame of astropy that is fixed to the sky.
        mode : {"center", "overlap", "inside"}, optional
            Whether a cell is in if its centre is in the zone, if any part of it is, or only if all of it is.
        frame : {"icrs", "galactic"}, optional
            Frame of the mask.
        energy : EnergyAxis, optional
            Energy bins of the mask; the zone holds in all of them.

        Returns
        -------
        Mask
            True inside the zone.

        Raises
        ------
        TypeError
            If an angle is a bare number, or both `order` and `resolution` are given.
        ValueError
            If neither `lon` nor `lat` is given; if a latitude is outside [-90, 90] deg, or the latitudes do not ascend;
            if `lon` goes around more than once; if a pair has no width, unless `closed` is "both"; or if the order to
            choose would be too fine. Pairs such as (360, 0) or (180, -180) deg, which go from a meridian to itself,
            have no width.

        Warns
        -----
        UserWarning
            If the zone holds no cell centre in mode "center", or no full cell in mode "inside".

        Notes
        -----
        A centre within 1e-14 rad (2e-9 arcsec) of an edge is on it, so that edges may be given with 15 digits. If
        `zone_frame` is the frame of the cells, all cells of a HEALPix ring, and all on a meridian, are decided alike.

        The modes "overlap" and "inside" include all edges in the zone, whatever `closed` is. A cell that touches an
        edge from outside is in "overlap", and a cell that touches it from inside is not in "inside".

        Examples
        --------
        The Galactic plane, in ICRS cells:

        >>> from hpmask import Mask
        >>> plane = Mask.from_zone(lat=("-2 deg", "2 deg"), zone_frame="galactic", order=8)
        >>> print(f"{plane.sky_fraction:.4f}")
        0.0349

        The hemispheres share no cell, although the centres of many cells are on the equator:

        >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=8)
        >>> south = Mask.from_zone(lat=("-90 deg", "0 deg"), order=8)
        >>> ~north == south
        True
        """
        return cls._own(
            masks.from_zone(
                lon,
                lat,
                order=order,
                resolution=resolution,
                closed=closed,
                zone_frame=zone_frame,
                mode=mode,
                frame=frame,
                energy=energy,
            )
        )

    @classmethod
    def visible(
        cls,
        site: EarthLocation | str,
        time: Time | str | Any,
        *,
        min_altitude: u.Quantity | str | None = None,
        max_altitude: u.Quantity | str | None = None,
        max_airmass: float | None = None,
        azimuth: tuple[Any, Any] | u.Quantity | None = None,
        how: Literal["any", "all"] = "any",
        pressure: u.Quantity | str | None = None,
        temperature: u.Quantity | str | None = None,
        relative_humidity: float | None = None,
        obswl: u.Quantity | str | None = None,
        order: int | None = None,
        resolution: u.Quantity | str | None = None,
        mode: Mode = "center",
        frame: str = "icrs",
    ) -> Mask:
        """Return the sky that is seen from a site at one time, or at some or all of the times of a night.

        A cell is kept if astropy's transformation of its centre to `~astropy.coordinates.AltAz` is within the limits:
        with precession, nutation, aberration, polar motion and, if there is a pressure, refraction.

        Parameters
        ----------
        site : `~astropy.coordinates.EarthLocation` or str
            The place, or its name for `EarthLocation.of_site`. A name is looked up in the list of sites that astropy
            has downloaded before, and nothing is downloaded now.
        time : `~astropy.time.Time`, str or datetime, scalar or of any shape
            The time, or several times. A text is in UTC.
        min_altitude : `~astropy.units.Quantity` or str, optional
            The lowest altitude above the horizon, from -90 to 90 deg. By default 0 deg, the mathematical horizon.
        max_altitude : `~astropy.units.Quantity` or str, optional
            The highest altitude, for telescopes that do not point to the zenith and for zones of altitude. By default
            90 deg.
        max_airmass : float, optional
            Instead of `min_altitude`, the largest airmass, from 1. The airmass is the secant of the zenith angle, as
            ``secz`` of astropy and in astroplan: 2 is an altitude of 30 deg.
        azimuth : pair of angles, optional
            The first and the last azimuth, from north through east. The zone runs from the first clockwise to the
            second, through north if need be, and includes the first. By default all azimuths.
        how : {"any", "all"}, optional
            For several times: whether a position is seen at one of them at least, or at all of them.
        pressure : `~astropy.units.Quantity` or str, optional
            The pressure of the air, for refraction. By default altitudes are without refraction, as those of astropy.
        temperature : `~astropy.units.Quantity` or str, optional
            Only with `pressure`: the temperature of the air, such as "10 deg_C". By default 0 deg_C, as in astropy.
        relative_humidity : float, optional
            Only with `pressure`: the humidity from 0 to 1. By default 0.
        obswl : `~astropy.units.Quantity` or str, optional
            Only with `pressure`: the wavelength of the observation. By default 1 micron.
        order : int, optional
            Order of the cells, 0 to 29. By default, the coarsest order at which the area of the zone is right to 1 % in
            mode "center". It must be given if that is above 16.
        resolution : `~astropy.units.Quantity` or str, optional
            Instead of `order`, the largest width of a cell, such as "1 arcmin". The width is the square root of the
            area, 58.6 deg / 2**order.
        mode : {"center", "overlap", "inside"}, optional
            Whether a cell is in if its centre is seen, if any part of it is, or only if all of it is at one time. In
            the modes "overlap" and "inside", cells within about 10 arcsec of the edge are in or out, respectively.
        frame : {"icrs", "galactic"}, optional
            Frame of the mask.

        Returns
        -------
        Mask
            True where the sky is seen.

        Raises
        ------
        TypeError
            If `site` or `time` is something else, an angle is a bare number, two arguments exclude each other, or there
            is a `temperature`, `relative_humidity` or `obswl` without `pressure`.
        ValueError
            If a site is not known, there is no time, or a limit is out of its range.

        Warns
        -----
        UserWarning
            If no cell centre, or in mode "inside" no full cell, is seen at a time.
        AstropyWarning
            If a time is beyond astropy's tables of the Earth's rotation. Altitudes are then right to some arcseconds.

        See Also
        --------
        from_cones : With ``get_body("moon", time, site)`` as centre, the discs around the Moon, the Sun or a planet.
        coverage : With a list of masks, at how many times each cell is seen.

        Notes
        -----
        Times in the future need predictions of the Earth's rotation. They are taken from the tables that astropy has in
        memory or in the package ``astropy-iers-data``, however old these are: predictions of a year ago move the edge
        by arcseconds. Nothing is downloaded, whatever ``astropy.utils.iers.conf.auto_download`` is.

        Examples
        --------
        The sky with an airmass below 2 in three hours of a night:

        >>> import numpy as np
        >>> from astropy import units as u
        >>> from astropy.coordinates import EarthLocation, get_body
        >>> from astropy.time import Time
        >>> from hpmask import Mask
        >>> paranal = EarthLocation.from_geodetic("-70.4045 deg", "-24.6272 deg", 2669 * u.m)
        >>> times = Time("2024-06-22 01:00") + np.linspace(0, 3, 7) * u.hour
        >>> Mask.visible(paranal, times, max_airmass=2, order=8)
        <Mask icrs order=8 | 825 ranges, 13.2 kB | 0.3486 of the sky>
        >>> always = Mask.visible(paranal, times, max_airmass=2, order=8, how="all")
        >>> print(f"{always.sky_fraction:.3f}")
        0.153

        Without the sky within 40 deg of the Moon:

        >>> dark = always - Mask.from_cones(get_body("moon", times, paranal), "40 deg", order=8)
        >>> print(f"{dark.sky_fraction:.3f}")
        0.082
        """
        return cls._own(
            visible_sky.visible(
                site,
                time,
                min_altitude=min_altitude,
                max_altitude=max_altitude,
                max_airmass=max_airmass,
                azimuth=azimuth,
                how=how,
                pressure=pressure,
                temperature=temperature,
                relative_humidity=relative_humidity,
                obswl=obswl,
                order=order,
                resolution=resolution,
                mode=mode,
                frame=frame,
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
        to_healpix : The inverse.

        Examples
        --------
        >>> import numpy as np
        >>> from hpmask import Mask
        >>> Mask.from_healpix(np.arange(48) < 4, nest=True, frame="icrs")
        <Mask icrs order=1 | 1 range, 16 B | 0.08333 of the sky>
        """
        return cls._own(full_maps.from_map(values, nest=nest, cells=cells, order=order, frame=frame, energy=energy))

    @classmethod
    def from_map(
        cls,
        values: Any,
        threshold: Any = None,
        *,
        low: Any = None,
        high: Any = None,
        keep: Keep = ">",
        closed: Closed = "left",
        nan: Nan = "raise",
        connectivity: int = 8,
        invert: bool = False,
        outside: bool = False,
        nest: bool | None = None,
        cells: ArrayLike | None = None,
        uniq: ArrayLike | None = None,
        order: int | None = None,
        mode: Mode = "center",
        frame: str | None = None,
        energy: EnergyAxis | None = None,
        column: int | str | None = None,
        bits: int | str | Iterable[int | str] | None = None,
        hdu: int | str | None = None,
        within: Mask | Shapes | Any = None,
        n_threads: int | None = None,
    ) -> Mask:
        """Return a mask from a map of values: by a threshold, an interval or hysteresis, or from 0 and 1.

        The mask has the map's own cells, and equal neighbours merge into large cells. A map of a part of the sky never
        becomes a full map.

        Parameters
        ----------
        values : HealpixMap, array_like, path, FITS image HDU, gammapy map or healsparse map
            The map. An array is a HEALPix map of shape (n_cells,) or (n_bins, n_cells) and needs `nest` and `frame`,
            as `HealpixMap` does. A path is a HEALPix file, which `hpmask.io.read_map` reads, a FITS file of healsparse,
            for which that package is not needed, or a FITS image. Images and their HDUs are those of `from_wcs`, and
            gammapy maps those of `from_gammapy`. The cells of a healsparse map are its valid pixels. Pixels with the
            sentinel value are outside the map. A map of booleans whose sentinel is True has values on the whole sky.
        threshold : float, Quantity or str, scalar or shape (n_bins,), or a pair (low, high), optional
            The value that the map is compared with, or one for each energy bin. A number is in the unit of the map. It
            is a pair for `keep` "between" and "outside". Without a threshold, the map must have booleans, or 0 and 1 of
            any numeric type.
        low, high : float, Quantity or str, scalar or shape (n_bins,), optional
            Instead of `threshold`, the two thresholds of hysteresis: the region consists of what is above `low` and
            connected to something above `high`, on the neighbour graph of the sphere. If they are equal, the result is
            that of a threshold.
        keep : {">", ">=", "<", "<=", "between", "outside"}, optional
            Which values are kept. For hysteresis, ">" and ">=" keep the region, and "<" and "<=" keep the rest, as an
            exclusion mask of significant emission does.
        closed : {"left", "right", "both", "neither"}, optional
            Which ends of the interval belong to it, for `keep` "between" and "outside".
        nan : {"raise", "keep", "exclude"}, optional
            What happens to cells without a value: NaN, masked or UNSEEN. They are never part of the region of
            hysteresis.
        connectivity : {8, 4}, optional
            For hysteresis: whether cells that share an edge or a corner are neighbours (8), or an edge (4).
        invert : bool, optional
            True for maps in which 1 or True means excluded. With a threshold, its opposite is kept. It does not apply
            to `outside` and `nan`.
        outside : bool, optional
            Whether the sky without a cell or pixel is kept.
        nest : bool, optional
            For arrays, and for HEALPix files that do not say so: whether the cells are numbered NESTED (True) or RING
            (False).
        cells : array_like of int, shape (n_cells,), optional
            For arrays: cell numbers, for a map of a part of the sky. They need `order`.
        uniq : array_like of int, shape (n_cells,), optional
            For arrays: UNIQ numbers, for a multi-order map.
        order : int, optional
            Order of the cells of an array. For other maps, order of the mask, 0 to 29; by default that of a HEALPix
            map, and for images as in `from_wcs` and `from_gammapy`.
        mode : {"center", "overlap", "inside"}, optional
            For images as in `from_wcs`. For HEALPix maps it applies to an `order` that is coarser than theirs, as in
            `at_order`.
        frame : {"icrs", "galactic"}, optional
            Frame of the cells of an array, or of a healsparse map or a HEALPix file that does not say so. For other
            maps, frame of the mask; by default that of a HEALPix map, and for images as in `from_wcs` and
            `from_gammapy`.
        energy : EnergyAxis, optional
            Energy bins, for a map that has none of its own and is not one of gammapy. A map with one row is valid in
            all of them.
        column : int or str, optional
            For HEALPix files: number or name of the column, as in `hpmask.io.read_map`. For healsparse maps of records:
            number or name of the field.
        bits : int, str or iterable of int and str, optional
            For healsparse maps that are wide masks or have integers, instead of a threshold: the bits of which one must
            be set, by number or name.
        hdu : int or str, optional
            For HEALPix files and images: number or name of the HDU.
        within : Mask, Shapes or regions, optional
            The sky that is wanted, as in `read`: the result is the mask of the map within it. Of a file of healsparse,
            only the blocks that matter are read, unless the threshold has hysteresis.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        Mask
            With the energy bins of the map, or `energy`.

        Raises
        ------
        TypeError
            If an argument is of another type, is missing, or does not apply to this kind of map.
        ValueError
            If a cell has no value and `nan` is "raise", or, without a threshold, is neither 0 nor 1 (the message names
            the first one); if the thresholds contradict each other, or have another unit; or if the cells are not
            valid.
        MaskFormatError
            If a file is damaged, or has no map.

        See Also
        --------
        from_wcs, from_gammapy : Images with other options, and sources.
        hpmask.HealpixMap : Values on HEALPix cells.

        Examples
        --------
        >>> import numpy as np
        >>> from hpmask import Mask
        >>> Mask.from_map(np.arange(48.0), 40, keep="<", nest=True, frame="icrs")
        <Mask icrs order=1 | 1 range, 16 B | 0.8333 of the sky>

        Cells 20 to 22 are above 3, and cell 20 is above 5. Cell 30 is above 3, but not connected to it:

        >>> significance = np.zeros(48)
        >>> significance[[20, 21, 22, 30]] = 6, 4, 4, 4
        >>> source = Mask.from_map(significance, low=3, high=5, nest=True, frame="icrs")
        >>> source.planes[0].cells()
        array([20, 21, 22], dtype=uint64)
        >>> background = Mask.from_map(significance, low=3, high=5, keep="<", nest=True, frame="icrs")
        >>> background == ~source
        True
        """
        from hpmask.interop import maps
        from hpmask.io.format import as_footprint, cut

        footprint = None if within is None else as_footprint(masks.footprint(within))
        mask = cls._own(
            maps.from_map(
                values,
                threshold,
                low=low,
                high=high,
                keep=keep,
                closed=closed,
                nan=nan,
                connectivity=connectivity,
                invert=invert,
                outside=outside,
                nest=nest,
                cells=cells,
                uniq=uniq,
                order=order,
                mode=mode,
                frame=frame,
                energy=energy,
                column=column,
                bits=bits,
                hdu=hdu,
                within=footprint,
                n_threads=n_threads,
            )
        )
        return cls._own(cut(mask, footprint))

    @classmethod
    def from_skymap(
        cls,
        skymap: Any,
        credible: float | Sequence[float] = 0.9,
        *,
        crossing: Crossing = "include",
        split_order: int | None = None,
        normalize: bool = False,
        density: bool | None = None,
        column: str | int | None = None,
        hdu: int | str | None = None,
        nest: bool | None = None,
        frame: str | None = None,
        n_threads: int | None = None,
    ) -> Any:
        """Return the credible region of a sky map: the cells of highest density that hold a given probability.

        Cells are taken from the highest probability density downwards until the sum of their probabilities reaches the
        level. Cells of the same density are taken in NESTED order. The sums are exact to the last bit and do not depend
        on the number of threads.

        Parameters
        ----------
        skymap : path, HealpixMap, `~astropy.table.Table`, structured array, dict or data frame
            A HEALPix FITS file, flat or multi-order, a map in memory, or a table with a column UNIQ of cells and a
            column of values. The cells must not overlap, and may be in any order.
        credible : float or sequence of float, optional
            The level, above 0 and at most 1. The region of level 1 has all cells with a probability above 0.
        crossing : {"include", "exclude", "split", "split-exclude"}, optional
            What happens to the cell at which the sum crosses the level. It is in the region ("include"), so that the
            region holds at least the level, or it is not ("exclude"). Or it is split into cells of `split_order`, which
            share its probability. The first of these in NESTED order are taken, with ("split") or without
            ("split-exclude") the one that crosses the level.
        split_order : int, optional
            The order to which the crossing cell is split. By default the order of the map.
        normalize : bool, optional
            Whether levels are fractions of the sum of the map. By default they are probabilities, and the sum must be
            1 to one percent. Other values, such as counts, need True.
        density : bool, optional
            Whether the values are densities, per unit of solid angle, or sums over the cells. By default, values in a
            unit per solid angle and those of a column with DENSITY in its name, such as PROBDENSITY, are densities.
        column : str or int, optional
            Column of the values: its name, or for a file also its number. By default PROBDENSITY, PROB or PROBABILITY
            of a table, and the first column of values of a file.
        hdu : int or str, optional
            Number or name of the table in a file with several.
        nest : bool, optional
            Whether the cells of a file without the keyword ORDERING are numbered NESTED (True) or RING (False).
        frame : {"icrs", "galactic"}, optional
            Frame of the cells of a table or file that does not say it by the keyword COORDSYS, which a table has in its
            ``meta``. By default "icrs" for such a table; a file needs it. A HealpixMap has its own.
        n_threads : int, optional
            Number of threads. By default that of `hpmask.set_num_threads`.

        Returns
        -------
        Mask or list of Mask
            The region, at the order of the map, or at `split_order` if the crossing cell is split. A map with energy
            bins gives the region of each bin. A sequence of levels gives a list of masks.

        Raises
        ------
        TypeError, ValueError
            If a value is negative or not a finite number (the message names the row), cells overlap, the sum is not 1,
            or an argument is not valid.

        See Also
        --------
        sum_of : The probability in a mask.

        Notes
        -----
        The four ways to treat the crossing cell are in use: ``find_greedy_credible_levels(p) <= level`` of ligo.skymap
        excludes the cell, and mocpy does so by default. ``MOC.from_valued_healpix_cells`` of mocpy includes it with
        ``strict=False``, splits it with ``no_split=False, strict=False`` and splits it without the sub-cell at the
        level with ``no_split=False``. A sum that differs from the level by less than 1e-12 of it has reached it. No
        cell is then split or left out.

        Examples
        --------
        >>> import numpy as np
        >>> from astropy.table import Table
        >>> from hpmask import Mask
        >>> table = Table({"UNIQ": np.arange(16, 64), "PROB": np.arange(48, 0, -1) / 1176})
        >>> Mask.from_skymap(table, 0.5)
        <Mask icrs order=1 | 1 range, 16 B | 0.3125 of the sky>
        >>> [mask.planes[0].n_cells for mask in Mask.from_skymap(table, [0.5, 0.9])]
        [15, 34]
        """
        skymap, words = cls._sky_map(skymap, "skymap", column=column, hdu=hdu, nest=nest, frame=frame)
        found = credible_regions.from_skymap(
            skymap,
            credible,
            crossing=crossing,
            split_order=split_order,
            normalize=normalize,
            density=density,
            n_threads=n_threads,
            **words,
        )
        return [cls._own(mask) for mask in found] if isinstance(found, list) else cls._own(found)

    @staticmethod
    def _sky_map(value: Any, argument: str, **words: Any) -> tuple[Any, dict[str, Any]]:
        """The map in a file, or a map or table as it is with the words that are for tables."""
        if isinstance(value, str | Path):
            from hpmask import io

            return io.read_map(value, **words), {}
        for name in ("hdu", "nest"):
            if words.pop(name) is not None:
                raise TypeError(f"{name} is for files, but {argument} is not a path")
        return value, words

    @classmethod
    def from_function(
        cls,
        func: Callable[..., ArrayLike],
        *,
        order: int,
        refine_from: int | None = None,
        within: Mask | None = None,
        energy: EnergyAxis | None = None,
        frame: str = "icrs",
        progress: bool = False,
    ) -> Mask:
        """Return a mask from a function of position, or of position and energy.

        A cell is kept if the function is True at its centre.

        Parameters
        ----------
        func : callable
            ``func(coord)``, or with energy bins ``func(coord, energy)``. `coord` is a SkyCoord of shape (n,), the
            centres of cells in `frame`. The centres of the bins, `energy`, are a Quantity of shape (n_bins, 1), so that
            both broadcast. The result is an array of bool, True = kept, of shape (n,), or with energy bins (n_bins, n),
            or one that can be broadcast to it.
        order : int
            Order of the cells, 0 to 29.
        refine_from : int, optional
            Evaluate the function at all cells of this coarser order first, and at finer cells only where it changes.
            Cells next to a cell with another value, in any energy bin, are divided, up to `order`. The result is that
            of all cells if the kept sky and the rest have no parts that are narrower than cells of this order. Smaller
            parts may be missed. By default the function is evaluated at all cells of `order`.
        within : Mask, optional
            The part of the sky in which the function is evaluated, in the frame of the new mask. Cells with their
            centre outside are not kept. With `refine_from`, the function is also called for centres of larger cells
            that overlap this part.
        energy : EnergyAxis, optional
            Energy bins.
        frame : {"icrs", "galactic"}, optional
            Frame of the mask, and of the positions that the function gets.
        progress : bool, optional
            Show a progress bar.

        Returns
        -------
        Mask
            At `order`.

        Raises
        ------
        TypeError, ValueError
            If the result of the function is not of bool or has another shape, an argument is not valid, or there are
            more than 12 * 4**15 cells to evaluate.

        See Also
        --------
        from_zone : Zones of longitude and latitude, without a function.

        Examples
        --------
        >>> import numpy as np
        >>> from astropy import units as u
        >>> from hpmask import EnergyAxis, Mask
        >>> Mask.from_function(lambda coord: abs(coord.b) > 10 * u.deg, order=9, refine_from=4, frame="galactic")
        <Mask galactic order=9 | 2039 ranges, 32.6 kB | 0.8262 of the sky>

        A half-width of the Galactic plane that depends on energy:

        >>> axis = EnergyAxis([1, 10, 100] * u.TeV)
        >>> def outside_plane(coord, energy):
        ...     return abs(coord.b) > 2 * u.deg * (energy / u.TeV) ** -0.5
        >>> mask = Mask.from_function(outside_plane, order=8, energy=axis, frame="galactic")
        >>> print(mask.sky_fraction.round(3))
        [0.98  0.993]
        """
        return cls._own(
            function.from_function(
                func,
                order=order,
                refine_from=refine_from,
                within=within,
                energy=energy,
                frame=frame,
                progress=progress,
            )
        )

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
            Order of the mask, 0 to 29. A set operation with a finer mask has the finer order, so 0 is usually enough.
        frame : {"icrs", "galactic"}, optional
            Frame of the mask.

        Returns
        -------
        Mask
            The whole sky in these bins, and nothing in the others.

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
        data: Map | Geom | SourceCatalog | DatasetModels | Model | Sequence[Model],
        threshold: Any = None,
        *,
        low: Any = None,
        high: Any = None,
        keep: Keep = ">",
        closed: Closed = "left",
        nan: Nan = "raise",
        connectivity: int = 8,
        invert: bool = False,
        order: int | None = None,
        resolution: u.Quantity | str | None = None,
        mode: Mode = "center",
        frame: str | None = None,
        outside: bool | None = None,
        extension: Extension | u.Quantity | str | Callable[[EnergyAxis], u.Quantity] | None = None,
        invalid: Literal["raise", "skip"] | None = None,
        energy: EnergyAxis | None = None,
        n_threads: int | None = None,
        progress: bool | None = None,
    ) -> Mask:
        """Return a mask from a gammapy map or geometry, or from the sources of a gammapy catalog or of models.

        The mask of a map is True where the map is True, or fulfils the condition of a threshold. The mask of a geometry
        is True on the sky of its pixels or of its region. The mask of sources is True on the extent of each source,
        which `extension` defines: ``~`` of it is the exclusion mask.

        Parameters
        ----------
        data : `~gammapy.maps.Map`, `~gammapy.maps.Geom`, `~gammapy.catalog.SourceCatalog`, models or list
            A map (WcsNDMap, HpxNDMap or RegionNDMap) of values for a threshold, or of booleans, True = kept. Without a
            threshold, values 0 and 1 of other types are taken as False and True, because gammapy's files often return
            masks in this way. The map may have an energy axis. Other axes must have one bin. Or the geometry of a map
            (WcsGeom, HpxGeom or RegionGeom). Or a catalog, models of a dataset, one model, or a list of sky models and
            spatial models. Models of the background are ignored. The radii in the columns of a catalog need
            ``Mask.from_catalog(catalog.table, ...)`` instead.
        threshold : float, Quantity or str, scalar or shape (n_bins,), or a pair (low, high), optional
            For maps only: which values are kept, as in `from_map`. A number is in the unit of the map.
        low, high : float, Quantity or str, scalar or shape (n_bins,), optional
            For maps only: two thresholds for hysteresis, as in `from_map`, in each energy bin. Images use their own
            pixels, as in `from_wcs`. Maps of regions have no neighbours and raise an error.
        keep : {">", ">=", "<", "<=", "between", "outside"}, optional
            Which side of the threshold is kept.
        closed : {"left", "right", "both", "neither"}, optional
            Which ends of the interval belong to it, for `keep` "between" and "outside".
        nan : {"raise", "keep", "exclude"}, optional
            For maps only: what happens to values that are NaN or UNSEEN.
        connectivity : {8, 4}, optional
            For hysteresis: whether pixels that share an edge or a corner are neighbours (8), or an edge (4).
        invert : bool, optional
            For maps only: True for maps in which 1 or True means excluded. With a threshold, its opposite is kept. It
            does not apply to `outside` and `nan`.
        order : int, optional
            Order of the cells, 0 to 29. By default HEALPix maps keep theirs, and images have cells smaller than an
            eighth of a pixel, so that `to_gammapy` on the same geometry returns the image. Pixels much thinner than the
            others, at the poles of CAR maps, need a finer order. For maps of regions and for sources, the default is
            the coarsest order at which the area of the smallest shape is right to 1 %, as in `from_regions`.
        resolution : `~astropy.units.Quantity` or str, optional
            Instead of `order`, the largest width of a cell, such as "1 arcmin". The width is the square root of the
            area, 58.6 deg / 2**order.
        mode : {"center", "overlap", "inside"}, optional
            For images as in `from_wcs`, for regions and sources as in `from_regions`. For HEALPix maps it applies to an
            `order` that is coarser than theirs, as in `at_order`. In another frame, HEALPix maps have "center" only.
        frame : {"icrs", "galactic"}, optional
            Frame of the mask. The default is the frame of the map, and "icrs" for sources and for maps in other frames.
        outside : bool, optional
            For maps only: whether the sky outside the map is kept. By default it is not.
        extension : `~hpmask.interop.gammapy.Extension`, `~astropy.units.Quantity`, str or callable, optional
            For sources only. An Extension is a rule for the extent of each spatial model; the default is
            ``Extension()``, with ellipses of 5 sigma for Gaussians. An angle (a scalar, or with `energy` shape
            (1, n_bins)) or a function of the energy axis that returns shape (n_bins,) is the radius of a disc around
            the position of each source.
        invalid : {"raise", "skip"}, optional
            For sources only: whether sources without an extent (models of the whole sky, templates whose file is
            missing) raise an error, which is the default, or are left out and counted in a warning and in the history.
        energy : EnergyAxis, optional
            For sources only: energy bins of the mask. A map has its own.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.
        progress : bool, optional
            For sources only: show a progress bar.

        Returns
        -------
        Mask
            With the energy bins of the map or the geometry, or `energy`.

        Raises
        ------
        ImportError
            If gammapy is not installed.
        TypeError
            If `data` is none of these, or an option is given that does not apply to it.
        ValueError
            If a value of a map is NaN and `nan` is "raise", or, without a threshold, is neither 0 nor 1 (the first one
            is named); if the thresholds contradict each other, or have another unit; if a map has other axes, no order
            fits, or sources have no extent and `invalid` is "raise".

        Warns
        -----
        UserWarning
            If `invalid` is "skip" and sources are left out.

        Examples
        --------
        >>> import pytest
        >>> models = pytest.importorskip("gammapy.modeling.models", exc_type=ImportError)
        >>> from hpmask import Mask
        >>> nebula = models.GaussianSpatialModel(lon_0="83.6 deg", lat_0="22 deg", sigma="0.2 deg")
        >>> print(f"{Mask.from_gammapy(nebula, order=12).area:.2f}")  # 5 sigma are 1 deg
        3.14 deg2

        A map comes back from its own geometry:

        >>> from gammapy.maps import WcsGeom
        >>> excluded = Mask.from_gammapy(nebula, extension="0.5 deg", order=12)
        >>> map_ = excluded.to_gammapy(WcsGeom.create(skydir=(83.6, 22.0), width=2, binsz=0.1))
        >>> bool((Mask.from_gammapy(map_).to_gammapy(map_.geom).data == map_.data).all())
        True

        A geometry becomes the sky that its pixels cover:

        >>> print(f"{Mask.from_gammapy(map_.geom).area:.2f}")
        4.00 deg2

        A map of values becomes a mask by a threshold:

        >>> from gammapy.maps import Map
        >>> sqrt_ts = Map.from_geom(map_.geom, data=np.arange(400.0).reshape(20, 20) / 50)
        >>> faint = Mask.from_gammapy(sqrt_ts, 5, keep="<", nan="keep")
        >>> bool((faint.to_gammapy(map_.geom).data == (sqrt_ts.data < 5)).all())
        True
        """
        from hpmask.interop.gammapy import convert

        return cls._own(
            convert.from_gammapy(
                data,
                threshold,
                low=low,
                high=high,
                keep=keep,
                closed=closed,
                nan=nan,
                connectivity=connectivity,
                invert=invert,
                order=order,
                resolution=resolution,
                mode=mode,
                frame=frame,
                outside=outside,
                extension=extension,
                invalid=invalid,
                energy=energy,
                n_threads=n_threads,
                progress=progress,
            )
        )

    @classmethod
    def from_moc(cls, moc: MOC) -> Mask:
        """Return a mask from a `mocpy.MOC`.

        Parameters
        ----------
        moc : mocpy.MOC
            A space MOC. MOCs are in ICRS.

        Returns
        -------
        Mask
            In ICRS, without energy, with the order of the MOC.

        Raises
        ------
        TypeError
            If `moc` is not a space MOC, for example a time or frequency MOC.

        Examples
        --------
        >>> from mocpy import MOC
        >>> from hpmask import Mask
        >>> Mask.from_moc(MOC.from_string("1/0-3 2/20"))
        <Mask icrs order=2 | 2 ranges, 32 B | 0.08854 of the sky>
        """
        from hpmask.interop import mocpy

        return cls._own(mocpy.from_moc(moc))

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
        threshold: Any = None,
        low: Any = None,
        high: Any = None,
        keep: Keep = ">",
        closed: Closed = "left",
        nan: Nan = "raise",
        connectivity: int = 8,
        invert: bool = False,
        energy: EnergyAxis | None = None,
        frame: str = "icrs",
        n_threads: int | None = None,
    ) -> Mask:
        """Return a mask from a WCS image: a cell is in if and only if the pixel under its centre is kept.

        The pixel under a position is the one that astropy's ``wcs.world_to_pixel`` gives, distortions included.
        Cylindrical images repeat themselves after 360 degrees of longitude, and so do HPX and the belt of the cubes
        TSC, CSC and QSC: pixels beyond native longitude +-180 degrees are used. If an image shows a position twice, the
        pixel nearer to CRPIX counts.

        Parameters
        ----------
        image : numpy.ndarray, path, FITS image HDU, `~astropy.nddata.NDData` or gammapy map
            Pixels, shape (ny, nx) or (n_bins, ny, nx): values for a threshold, or without a threshold booleans, or 0
            and 1 of any numeric type. True = kept. A file may be packed by gzip, bzip2 or xz, or in compressed tiles.
            Of an NDData, such as a CCDData, the pixels are its data. Where its mask is True, a pixel has no value, and
            `nan` says what happens to it. The mask itself, in which True means bad, is read by
            ``Mask.from_wcs(ccd.mask, ccd, invert=True)``.
        wcs : `~astropy.wcs.WCS`, FITS header, image HDU, path, NDData or gammapy geometry, optional
            The WCS of the image, as in `to_wcs`. An array needs one; the others have their own.
        hdu : int or str, optional
            Number or name of the HDU with the image; needed if the file has several images of the sky.
        order : int, optional
            Order of the cells, 0 to 29. By default a cell is no larger than half the smallest pixel. `to_wcs` gives the
            image back if the cell at the centre of each pixel has its own centre in that pixel. This is certain if no
            pixel is narrower than 2.14 / 2**order radians, since a cell extends at most half of that from its centre.
        mode : {"center", "overlap", "inside"}, optional
            Whether a cell is in if the pixel under its centre is True, if any part of it is in a True pixel, or only
            if all of it is. In the last two modes, the area of a pixel is the quadrangle of its corners with
            great-circle edges. Pixels with a corner outside the projection still count by the centres of cells.
        outside : bool, optional
            Whether cells whose centre lies outside the image are kept.
        threshold : float, Quantity or str, scalar or shape (n_bins,), or a pair (low, high), optional
            Which pixels are kept, as in `from_map`. A Quantity is compared in the unit of the image: that of the array
            or the gammapy map, or BUNIT.
        low, high : float, Quantity or str, scalar or shape (n_bins,), optional
            Two thresholds for hysteresis, as in `from_map`. The neighbours are those on the image, before it becomes a
            mask: the left and the right end of an image of the whole sky do not touch. With ``connectivity=4`` the
            pixels are those of ``skimage.filters.apply_hysteresis_threshold``.
        keep : {">", ">=", "<", "<=", "between", "outside"}, optional
            Which side of the threshold is kept.
        closed : {"left", "right", "both", "neither"}, optional
            Which ends of the interval belong to it, for `keep` "between" and "outside".
        nan : {"raise", "keep", "exclude"}, optional
            What happens to pixels without a value: NaN, masked or UNSEEN.
        connectivity : {8, 4}, optional
            For hysteresis: whether pixels that share an edge or a corner are neighbours (8), or an edge (4).
        invert : bool, optional
            True for images in which 1 or True means excluded. With a threshold, its opposite is kept. It does not apply
            to `outside` and `nan`.
        energy : EnergyAxis, optional
            Energy bins of the planes of a cube. A gammapy map has its own, and so has a file with one table of energies
            that fits its planes: the table that BANDSHDU names, EBOUNDS, ENERGIES, or any table with columns such as
            E_MIN and E_MAX. In ENERGIES the planes belong to single energies: the bins end halfway between them, in the
            logarithm, as in gammapy.
        frame : {"icrs", "galactic"}, optional
            Frame of the mask.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        Mask
            With energy bins for a cube, and otherwise without, unless `energy` is given: the plane then holds in all
            bins.

        Raises
        ------
        TypeError
            If `image` is an array and `wcs` is not given, or an argument is of another type.
        ValueError
            If a pixel has no value and `nan` is "raise", or, without a threshold, is neither 0 nor 1 (the message names
            the first one); if the thresholds contradict each other, or have another unit; if the
            WCS is not celestial, a number in it is NaN or infinite (the message names the keyword), or astropy cannot
            transform its frame; if the planes do not fit the energy bins; or if `order` is so fine that the outline of
            the image would not fit in memory.
        MaskFormatError
            If the file is damaged (CHECKSUM and DATASUM of the HDUs that are used are checked, if there are any), if it
            has no image of the sky, or if it has several and `hdu` is not given. Any fault of the image or of its WCS
            raises this error for a file. The message begins with the path.

        Warns
        -----
        UserWarning
            If pixels that differ from `outside` lie outside the projection, or show sky that belongs to another pixel.
            The message gives their number. A frame of one value around an image of the whole sky does not count.

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

        An image of values needs a threshold:

        >>> values = np.array([[0.0, 3.0, 0.0], [4.0, 7.0, np.nan], [0.0, 2.0, 0.0]])
        >>> mask = Mask.from_wcs(values, wcs, threshold=2.5, nan="exclude")
        >>> mask.to_wcs(wcs, image.shape).astype(int)
        array([[0, 1, 0],
               [1, 1, 0],
               [0, 0, 0]])
        """
        return cls._own(
            from_image.from_wcs(
                image,
                wcs,
                hdu=hdu,
                order=order,
                mode=mode,
                outside=outside,
                threshold=threshold,
                low=low,
                high=high,
                keep=keep,
                closed=closed,
                nan=nan,
                connectivity=connectivity,
                invert=invert,
                energy=energy,
                frame=frame,
                n_threads=n_threads,
            )
        )

    @classmethod
    def from_sfmoc(cls, sfmoc: SFMOC, energy: EnergyAxis | None = None, *, how: Literal["any", "all"] = "any") -> Mask:
        """Return a mask with energy bins from a `mocpy.SFMOC`, a coverage of sky and frequency.

        Parameters
        ----------
        sfmoc : mocpy.SFMOC
            The coverage. SF-MOCs are in ICRS.
        energy : EnergyAxis, optional
            The energy bins of the mask. By default there is a bin edge at each frequency at which the sky of the
            coverage changes. An SF-MOC does not store where empty bins at the ends began and ended, nor edges between
            bins with the same sky.
        how : {"any", "all"}, optional
            Whether a bin of `energy` keeps the sky that the coverage has at any of its frequencies, or only the sky
            that it has at all of them.

        Returns
        -------
        Mask
            In ICRS, with the sky order of the coverage.

        Raises
        ------
        ImportError
            If mocpy is older than 0.18.
        TypeError, ValueError
            If `sfmoc` is not an SF-MOC, is empty and `energy` is not given, or a bin is narrower than the cells of
            frequency.

        Examples
        --------
        >>> from hpmask import EnergyAxis, Mask
        >>> mask = Mask.from_energy(EnergyAxis.from_bounds("1 TeV", "100 TeV", 2), "10 TeV")
        >>> Mask.from_sfmoc(mask.to_sfmoc(), mask.energy) == mask
        True
        """
        from hpmask.interop import sfmoc as module

        return cls._own(module.from_sfmoc(sfmoc, energy, how=how))

    @classmethod
    def read(
        cls,
        path: str | os.PathLike[str] | IO[bytes],
        *,
        format: str | None = None,
        column: str | int | None = None,
        hdu: str | int | None = None,
        nest: bool | None = None,
        frame: str | None = None,
        within: Mask | Shapes | Any = None,
        layer: str | None = None,
    ) -> Mask:
        """Read a mask file.

        Parameters
        ----------
        path : str, path or binary file
            A path, a URL such as ``"s3://bucket/mask.fits"`` (through fsspec: ``pip install "hpmask[remote]"``), or a
            file that is open in binary mode, which is read to its end and stays open. It is a file that `write` wrote,
            an IVOA MOC as FITS (NUNIQ or RANGE, versions 1.1 and 2.0), ASCII or JSON, a HEALPix map of 0 and 1 as FITS,
            or a FITS file of healsparse with booleans or, for `layer`, a wide mask; gzipped or not.
        format : str, optional
            Name of the format, one of `hpmask.io.formats`. By default the content of the file decides, or else its
            name; an option for HEALPix maps means the format "healpix".
        column : str or int, optional
            For HEALPix maps: name or number of the column, as in `hpmask.io.read_map`. By default all energy bins, or
            else the first column.
        hdu : str or int, optional
            For HEALPix maps: name or number of the HDU. By default the first HEALPix map of the file.
        nest : bool, optional
            For HEALPix maps without the keyword ORDERING: whether the cells are numbered NESTED.
        frame : {"icrs", "galactic"}, optional
            For HEALPix maps and files of healsparse without the keyword COORDSYS: frame of the cells.
        within : Mask, Shapes or regions, optional
            The sky that is wanted: a mask without energy bins in the frame of the file, `hpmask.Shapes`, or regions as
            `from_regions` takes them. The result is the mask of the file within it. Of files that are sorted along
            the sky and have an index, only the parts that matter are read. Those of parquet files and folders are
            checked. A large FITS file that `write` wrote is searched by bisection: the digest of the whole mask cannot
            be checked then. FITS files of others, NUNIQ tables and gzipped files are read as a whole.
        layer : str, optional
            For a file with the layers of a `MaskSet`: the name of the layer.

        Returns
        -------
        Mask
            The mask. For a FITS file that `write` wrote, its history is that of the mask that was written. For other
            files it is ``read('name', sha256 ...)``, with the first 12 hexadecimal digits of the SHA-256 digest of the
            file, and the HISTORY lines of the file below it. Of a file that is read in parts, there is no digest.

        Raises
        ------
        FileNotFoundError
            If the file does not exist.
        MaskFormatError
            If the file is not a mask or is damaged. The message begins with the path and says what is wrong.
        TypeError
            If an option is not of the types above.
        ValueError
            If `format` is not a known format, or does not have an option that is given; or if there is no such layer.

        Warns
        -----
        UserWarning
            If a MOC has rows of 0 after its last cell, as some files by CDSjavaAPI have.

        See Also
        --------
        write : Write a mask file.
        hpmask.io.read_map : Read a HEALPix map of other values than 0 and 1.
        hpmask.io.register : Add a file format.

        Examples
        --------
        >>> import tempfile
        >>> from hpmask import Mask
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Mask.full(order=3).write(f"{folder}/all.fits")
        ...     Mask.read(f"{folder}/all.fits")
        <Mask icrs order=3 | 1 range, 16 B | 1 of the sky>
        """
        from hpmask import io

        footprint = None if within is None else masks.footprint(within)
        options: dict[str, Any] = {"column": column, "hdu": hdu, "nest": nest, "frame": frame}
        return cls._own(io.read(path, format=format, within=footprint, layer=layer, **options))

    # ------------------------------------------------------------------ properties and queries

    def contains(
        self,
        positions: SkyCoord | u.Quantity | ArrayLike | Any,
        lat: u.Quantity | ArrayLike | str | None = None,
        *,
        energy: u.Quantity | str | None = None,
        energy_unit: u.UnitBase | str | None = None,
        lon: str | None = None,
        catalog_frame: str | None = None,
        invalid: Literal["raise", "skip"] = "raise",
        n_threads: int | None = None,
    ) -> Any:
        """Return whether positions (and energies) are kept.

        The positions are a SkyCoord, longitudes and latitudes in the frame of the mask, or the rows of a table of any
        kind: astropy, pandas, polars, Arrow and others, a structured array, or a dict of columns.

        In a table, the column ``_healpix_29`` of HATS catalogs is used if there is one, no column is named and the mask
        is in ICRS: these are cells, and the answer needs no trigonometry. Otherwise the columns of positions are found
        by their units, UCDs and names, as in `from_catalog`.

        Parameters
        ----------
        positions : `~astropy.coordinates.SkyCoord`, `~astropy.units.Quantity`, array-like or table
            Positions of any shape and in any frame; or longitudes, in degrees if they are numbers; or a table. A
            position with a distance means the direction in which it is seen. A position within 1e-14 rad of the edge
            between two cells belongs to the northern cell.
        lat : `~astropy.units.Quantity`, array-like or str, optional
            Latitudes, in degrees if they are numbers, which are broadcast against the longitudes. For a table, the name
            of their column.
        energy : `~astropy.units.Quantity` or str, optional
            Energies, which are broadcast against the positions, or the name of a column of the table. Nothing is kept
            at energies outside all bins. A mask without energy gives the same answer at all energies.
        energy_unit : `~astropy.units.Unit` or str, optional
            Only for a column of energies that has no unit. Its unit.
        lon : str, optional
            Only for a table. The name of the column of longitudes, or of a column of SkyCoord.
        catalog_frame : str, optional
            Only for a table. The frame of its positions, such as "icrs", "galactic" or "fk4".
        invalid : {"raise", "skip"}, optional
            What to do with positions that are missing, not finite or beyond a pole, and with energies that are NaN:
            raise an error that names the first one, or treat them as not kept.
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
            If the positions are none of these, a table has no columns of positions, `energy` is not an energy, or a
            value is not finite or is masked.

        See Also
        --------
        select : the rows of a table that are kept.
        flag : a table with the answers as a new column.
        contains_cells : whether HEALPix cells are kept.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(None, ("0 deg", "90 deg"), order=4)
        >>> north.contains(SkyCoord([10, 10], [45, -45], unit="deg"))
        array([ True, False])
        >>> north.contains([10, 10], [45, -45])
        array([ True, False])
        >>> north.contains({"RAJ2000": [10.0, 10.0], "DEJ2000": [45.0, -45.0]})
        array([ True, False])
        """
        return answers.contains(
            self,
            positions,
            lat,
            energy=energy,
            energy_unit=energy_unit,
            lon=lon,
            catalog_frame=catalog_frame,
            invalid=invalid,
            n_threads=n_threads,
        )

    def select(
        self,
        table: T,
        *,
        lon: str | None = None,
        lat: str | None = None,
        catalog_frame: str | None = None,
        energy: u.Quantity | str | None = None,
        energy_unit: u.UnitBase | str | None = None,
        invalid: Literal["raise", "skip"] = "raise",
        n_threads: int | None = None,
    ) -> T:
        """Return the rows of a table that are kept, as a table of the same kind.

        The positions are found as in `contains`. Of a table that is worked on later (polars LazyFrame, Dask DataFrame,
        lsdb catalog), the result is worked on later as well.

        Parameters
        ----------
        table : `~astropy.table.Table`, data frame, structured array, FITS table or dict of columns
            The table. A data frame is one of any library that narwhals knows (pandas, polars, Arrow and others) or of
            a class that is derived from them, a Dask DataFrame, or a catalog of lsdb.
        lon, lat : str, optional
            The columns of longitude and latitude, if their names are not known ones. `lon` alone may name a column of
            SkyCoord.
        catalog_frame : str, optional
            The frame of the positions, such as "icrs", "galactic" or "fk4", if the table does not say it.
        energy : `~astropy.units.Quantity` or str, optional
            The energies of the rows, or the name of their column. A mask with energy needs them.
        energy_unit : `~astropy.units.Unit` or str, optional
            The unit of a column of energies that has none.
        invalid : {"raise", "skip"}, optional
            What to do with rows whose position or energy is missing or not finite: raise an error that names the
            first one, or leave them out.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        table
            With the columns, the metadata and the index of the rows that are kept.

        Raises
        ------
        TypeError, ValueError
            If it is not a table, it has no columns of positions, a row has no position, or the mask has energy bins and
            `energy` is not given.

        See Also
        --------
        flag : all rows, with the answers as a new column.
        contains : the answers alone.
        hpmask.catalog.filter_file : the same for files.

        Examples
        --------
        >>> import pandas as pd
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(None, ("0 deg", "90 deg"), order=4)
        >>> stars = pd.DataFrame({"ra": [10.0, 20.0, 30.0], "dec": [45.0, -45.0, 5.0]}, index=["a", "b", "c"])
        >>> north.select(stars)
             ra   dec
        a  10.0  45.0
        c  30.0   5.0
        """
        where = {"lon": lon, "lat": lat, "catalog_frame": catalog_frame, "energy_unit": energy_unit}
        kept = answers.kept_rows(self, energy=energy, invalid=invalid, n_threads=n_threads, **where)
        selected: T = answers.select(table, kept)
        return selected

    def flag(
        self,
        table: T,
        column: str = "kept",
        *,
        lon: str | None = None,
        lat: str | None = None,
        catalog_frame: str | None = None,
        energy: u.Quantity | str | None = None,
        energy_unit: u.UnitBase | str | None = None,
        invalid: Literal["raise", "skip"] = "raise",
        overwrite: bool = False,
        n_threads: int | None = None,
    ) -> T:
        """Return a table of the same kind with a new column: whether each row is kept.

        The given table is not changed. The positions are found as in `contains`, and tables that are worked on later
        are treated as in `select`.

        Parameters
        ----------
        table : `~astropy.table.Table`, data frame, structured array, FITS table or dict of columns
            The table, as in `select`.
        column : str, optional
            Name of the new column, of booleans: True for rows that are kept.
        lon, lat : str, optional
            The columns of longitude and latitude, if their names are not known ones. `lon` alone may name a column of
            SkyCoord.
        catalog_frame : str, optional
            The frame of the positions, such as "icrs", "galactic" or "fk4", if the table does not say it.
        energy : `~astropy.units.Quantity` or str, optional
            The energies of the rows, or the name of their column. A mask with energy needs them.
        energy_unit : `~astropy.units.Unit` or str, optional
            The unit of a column of energies that has none.
        invalid : {"raise", "skip"}, optional
            What to do with rows whose position or energy is missing or not finite: raise an error that names the
            first one, or treat them as not kept.
        overwrite : bool, optional
            Replace a column of that name.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        table
            With all rows, the metadata and the index.

        Raises
        ------
        TypeError, ValueError
            As in `select`, or if there is a column of that name and `overwrite` is False.

        See Also
        --------
        select : the rows that are kept.
        hpmask.catalog.flag_file : the same for files.

        Examples
        --------
        >>> from astropy.table import Table
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(None, ("0 deg", "90 deg"), order=4)
        >>> north.flag(Table({"RA": [10.0, 20.0], "DEC": [45.0, -45.0]}), column="north").pprint()
         RA   DEC  north
        ---- ----- -----
        10.0  45.0  True
        20.0 -45.0 False
        """
        where = {"lon": lon, "lat": lat, "catalog_frame": catalog_frame, "energy_unit": energy_unit}
        kept = answers.kept_rows(self, energy=energy, invalid=invalid, n_threads=n_threads, **where)
        name = answers.check_column(column)
        flagged: T = answers.with_columns(table, lambda part: {name: kept(part)}, overwrite=overwrite)
        return flagged

    def contains_cells(self, cells: ArrayLike, order: int = MAX_ORDER, *, mode: Mode = "center") -> Any:
        """Return whether HEALPix cells are kept.

        Parameters
        ----------
        cells : array-like of int, any shape
            NESTED cells in the frame of the mask, 0 to ``12 * 4**order - 1``. The column ``_healpix_29`` of a HATS
            catalog has such cells, in ICRS.
        order : int, optional
            Their order, 0 to 29.
        mode : {"center", "overlap", "inside"}, optional
            Only for cells that are coarser than the mask. Such a cell is kept if its centre is ("center"), if any part
            of it is ("overlap"), or if all of it is ("inside"), as in `at_order`.

        Returns
        -------
        bool or numpy.ndarray of bool
            The answers, in the shape of `cells`. For a mask with energy, the answer of each bin: shape (n_bins, ...).

        Raises
        ------
        TypeError, ValueError
            If `cells` are not cells of this order, or `order` or `mode` is another one.

        Examples
        --------
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(None, ("0 deg", "90 deg"), order=4)
        >>> north.contains_cells([0, 11], order=0)
        array([ True, False])
        """
        answers = [plane.contains(cells, order, mode=mode) for plane in self.planes]
        return answers[0] if self.energy is None else np.array(answers)

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
        energy_range_wcs : The same for the pixels of an image.
        energy_range_healpix : The same for the cells of a HEALPix map.

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
        positions = Positions.of_coord(coord, self.frame, "coord")
        kept = lookup.contains(self.planes, self.order, axis, positions, None, n_threads=n_threads)
        return energy_bins.kept_range(np.asarray(kept), axis)

    def energy_range_wcs(
        self, wcs: WCS, shape: tuple[int, int] | None = None, *, n_threads: int | None = None
    ) -> tuple[u.Quantity, u.Quantity]:
        """Return the lowest and the highest energy that is kept at the centres of the pixels of an image.

        Parameters
        ----------
        wcs : `~astropy.wcs.WCS`, FITS header, path, image HDU, gammapy geometry or pair (wcs, shape)
            Any celestial WCS, as in `to_wcs`.
        shape : (int, int), optional
            Number of pixels (ny, nx), by default the shape of the WCS.
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
        self,
        coord: SkyCoord,
        energy: u.Quantity | str | None = None,
        *,
        n_threads: int | None = None,
        progress: bool = False,
    ) -> u.Quantity:
        """Return the distances of positions from the edge of the mask: positive inside, negative outside.

        Inside the mask, the distance is the angle to the nearest centre of a cell (of the mask's order) that is not
        kept. Outside, it is minus the angle to the nearest centre of a cell that is kept. Angles are exact to rounding,
        about 1e-15 rad. If there is no such cell, the distance is infinite: +inf in a full mask, -inf in an empty one.

        Parameters
        ----------
        coord : `~astropy.coordinates.SkyCoord`, any shape
            Positions, in any frame. A position with a distance means the direction in which it is seen.
        energy : `~astropy.units.Quantity` or str, optional
            Energies, which are broadcast against `coord`. Nothing is kept at energies outside all bins: the distance is
            -inf.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.
        progress : bool, optional
            Show a progress bar.

        Returns
        -------
        `~astropy.units.Quantity`
            Distances in deg, in the broadcast shape of `coord` and `energy`. If the mask has energy bins and `energy`
            is not given, there is one row for each bin: shape (n_bins, ...).

        Raises
        ------
        TypeError, ValueError
            If `coord` is not a SkyCoord, `energy` is not an energy, or a value is not finite or is masked.

        See Also
        --------
        distance_map : Distances of the centres of all cells.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(None, ("0 deg", "90 deg"), order=10)
        >>> print(north.distance(SkyCoord([10, 10], [45, -30], unit="deg")).round(2))
        [ 45.04 -30.  ] deg
        """
        return distance.distance(self, coord, energy, n_threads=n_threads, progress=progress)

    def distance_map(
        self, *, order: int | None = None, nest: bool = False, n_threads: int | None = None, progress: bool = False
    ) -> u.Quantity:
        """Return the `distance` of the centres of all cells, as a full HEALPix map in the mask's frame.

        Parameters
        ----------
        order : int, optional
            Order of the map, by default that of the mask. In either case distances are measured to the centres of
            cells of the mask's order.
        nest : bool, optional
            Number the cells NESTED instead of RING.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.
        progress : bool, optional
            Show a progress bar.

        Returns
        -------
        `~astropy.units.Quantity`
            Distances in deg, shape (12 * 4**order,) or (n_bins, 12 * 4**order). The map is the only array of its size
            that is allocated.

        Raises
        ------
        TypeError, ValueError
            If `order` is not an integer from 0 to 29, or the map would take more than 16 GiB.

        See Also
        --------
        distance : Distances of positions.

        Examples
        --------
        >>> from hpmask import Mask, RangeSet
        >>> mask = Mask(RangeSet.from_cells([0, 1, 2, 3], order=0))
        >>> print(mask.distance_map().round(1))
        [ 58.2  58.2  58.2  58.2 -58.2 -58.2 -58.2 -58.2 -83.6 -83.6 -83.6 -83.6] deg
        """
        return distance.distance_map(self, order=order, nest=nest, n_threads=n_threads, progress=progress)

    def apodize(
        self,
        width: Width,
        *,
        kind: Literal["C1", "C2", "smooth"] = "C1",
        order: int | None = None,
        nest: bool = False,
        n_threads: int | None = None,
        progress: bool = False,
    ) -> NDArray[np.float64]:
        """Return weights that fall smoothly to 0 towards the edge, as a full HEALPix map in the mask's frame.

        The kinds are those of NaMaster's ``mask_apodization``. Cells outside the mask have the weight 0. For a cell
        inside, theta is the distance from its centre to the nearest centre of a cell outside, and
        x = sqrt((1 - cos theta) / (1 - cos width)):

        * "C1": the weight is x - sin(2 pi x) / (2 pi) for x < 1, and 1 for larger x.
        * "C2": the weight is (1 - cos(pi x)) / 2 for x < 1, and 1 for larger x.
        * "smooth": cells with theta <= 2.5 width are set to 0, the map is convolved with a Gaussian whose standard
          deviation is `width`, and cells outside the mask are set to 0 again. The convolution uses spherical harmonics
          up to 3 nside - 1, so that some weights may be slightly below 0 or above 1. It needs healpy
          (``pip install "hpmask[healpy]"``).

        Parameters
        ----------
        width : `~astropy.units.Quantity`, str or callable
            Width of the apodization, above 0 and at most 180 deg: a scalar, or for a mask with energy bins also an
            array of shape (n_bins,), or a function of the energy axis that returns one of these.
        kind : {"C1", "C2", "smooth"}, optional
            Form of the apodization.
        order : int, optional
            Order of the map, by default that of the mask. The mask is first converted to it, as by `at_order`.
        nest : bool, optional
            Number the cells NESTED instead of RING.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.
        progress : bool, optional
            Show a progress bar.

        Returns
        -------
        numpy.ndarray of float
            Weights, shape (12 * 4**order,) or (n_bins, 12 * 4**order).

        Raises
        ------
        TypeError, ValueError
            If `width` is not an angle above 0, `kind` is not one of the three, or the map would take more than 16 GiB.
        ImportError
            If `kind` is "smooth" and healpy is not installed.

        Notes
        -----
        C1 and C2 are those of Grain, Tristram & Stompor (`2009, Phys. Rev. D 79, 123515
        <https://doi.org/10.1103/PhysRevD.79.123515>`_), with the names of NaMaster, which are exchanged in the paper.

        The weights of C1 and C2 are those of NaMaster 3.0, to 1e-11. Those of "smooth" differ: NaMaster sets all pixels
        to 0 that a disc of the radius 2.5 `width` may touch, which is about one pixel more.

        Examples
        --------
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(None, ("0 deg", "90 deg"), order=5)
        >>> weights = north.apodize("10 deg", kind="C2")
        >>> print(f"{weights.mean():.3f} of {north.sky_fraction:.3f}")
        0.468 of 0.505
        """
        return distance.apodize(self, width, kind=kind, order=order, nest=nest, n_threads=n_threads, progress=progress)

    def components(self, *, connectivity: int = 8) -> Components:
        """Return the connected components of the mask, the largest first.

        Two cells of the mask's order are connected if they are neighbours. The work is proportional to the number of
        ranges.

        Parameters
        ----------
        connectivity : {8, 4}, optional
            Which cells are neighbours: those that share an edge or a corner (8), or an edge (4). With 8, a cell has
            seven neighbours where three base cells meet.

        Returns
        -------
        Components
            A sequence of masks, with arrays of their areas, centres and extents. Components of equal area are in the
            order of their first cells. If the mask has energy bins with the same sky in all of them, the masks of the
            components have its energy axis.

        Raises
        ------
        ValueError
            If the sky differs from bin to bin: first combine the bins with `reduce`, or take one bin, ``mask[i]``. Also
            if `connectivity` is neither 8 nor 4.

        See Also
        --------
        n_components : The number of components in each bin.

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
        """Return the number of connected components of the mask.

        Parameters
        ----------
        connectivity : {8, 4}, optional
            Which cells are neighbours: those that share an edge or a corner (8), or an edge (4).
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        int or numpy.ndarray of int
            The number; for a mask with energy bins one number per bin, shape (n_bins,).

        Raises
        ------
        ValueError
            If `connectivity` is neither 8 nor 4.

        See Also
        --------
        components : The components as masks.

        Examples
        --------
        >>> from hpmask import Mask, RangeSet
        >>> corners = Mask(RangeSet.from_cells([0, 3], order=3))
        >>> corners.n_components(), corners.n_components(connectivity=4)
        (1, 2)
        """
        counts = planewise(self, lambda plane: count(plane, connectivity), n_threads=n_threads)
        return per_plane(self, counts)  # type: ignore[no-any-return]

    def outline(self, *, simplify: u.Quantity | str | None = None, split: bool = False) -> Outline:
        """Return the outline of the mask: closed rings along the sides of cells, grouped into polygons with holes.

        Each polygon is a connected component of the mask, with cells as neighbours that share an edge. Cells that only
        share a corner are in different polygons, or their polygon touches itself in this corner. Rings never cross
        themselves or others. Of the rings of a component, the outer one is that with the most sky beyond it; the others
        are holes.

        The cells of the mask's order whose centres are inside the rings are the cells of the mask. Sides of cells are
        not great circles: where a great circle would be farther than 1/64 of a cell from a side, as near the poles and
        for large cells, the rings have points along the side.

        Parameters
        ----------
        simplify : `~astropy.units.Quantity` or str, optional
            Leave out points, by the method of Douglas and Peucker, such that no point of a ring is farther than this
            angle (below 45 deg) from the exact ring, and no point of the exact ring is farther than this angle from the
            ring. Rings that are not wider than about this angle vanish; the outline counts them. Simplified rings may
            cross themselves or each other. By default the outline is exact.
        split : bool, optional
            Cut polygons that enclose more than 45% of the sky along the edges of base cells. Most programs take the
            smaller side of a ring, and do not understand larger polygons. With this, the whole sky is 12 polygons;
            without, it has no ring, and the outline's `is_full` is True. Points on the cuts stay when the outline is
            simplified, so that there is no gap between the pieces.

        Returns
        -------
        Outline
            A sequence of polygons, the largest component first, with arrays of all points in the mask's frame. Along a
            ring, the kept sky is to the left, seen from outside the sphere, as in GeoJSON. The empty mask has no
            polygon.

        Raises
        ------
        TypeError, ValueError
            If the sky differs from bin to bin: first combine the bins with `reduce`, or take one bin, ``mask[i]``. Also
            if `simplify` is not an angle from 0 to 45 deg.

        See Also
        --------
        to_regions : The outline as astropy regions.
        write : The outline in a file for ds9, CASA and others.
        boundary : The strip of cells along the edge of the mask.

        References
        ----------
        D. H. Douglas, T. K. Peucker, "Algorithms for the reduction of the number of points required to represent a
        digitized line or its caricature", Cartographica 10 (1973) 112.

        Examples
        --------
        >>> from hpmask import Mask
        >>> ring = Mask.from_regions("icrs; annulus(40, 10, 2, 5)", order=9)
        >>> ring.outline()
        <Outline icrs order=9 | 1 polygon, 2 rings, 293 points>
        >>> outer, holes = ring.outline(simplify="0.2 deg")[0]
        >>> outer[:3].to_string(precision=2)
        ['41.40 5.15', '42.89 5.83', '44.21 7.11']
        """
        return outlines.outline(self, simplify=simplify, split=split)

    def sum_of(
        self,
        skymap: Any,
        *,
        density: bool | None = None,
        column: str | int | None = None,
        hdu: int | str | None = None,
        nest: bool | None = None,
        frame: str | None = None,
        nan: Literal["raise", "exclude"] = "raise",
    ) -> float | NDArray[np.float64]:
        """Return the sum of the values of a map in the sky that is kept, such as a probability or a number of counts.

        A cell of the map that is partly in the mask counts by that fraction of its area. The fractions are exact.

        Parameters
        ----------
        skymap : HealpixMap, path, `~astropy.table.Table`, structured array, dict or data frame
            A map in memory, a HEALPix FITS file, flat or multi-order, or a table with a column UNIQ of cells and a
            column of values. It must be in the frame of the mask. Sky without a cell counts as 0.
        density : bool, optional
            Whether the values are densities, which are multiplied by the area of the cell. By default, values in a unit
            per solid angle and those of a column with DENSITY in its name, such as PROBDENSITY, are densities.
        column : str or int, optional
            Column of the values: its name, or for a file also its number. By default PROBDENSITY, PROB or PROBABILITY
            of a table, and the first column of values of a file.
        hdu : int or str, optional
            Number or name of the table in a file with several.
        nest : bool, optional
            Whether the cells of a file without the keyword ORDERING are numbered NESTED (True) or RING (False).
        frame : {"icrs", "galactic"}, optional
            Frame of the cells of a table or file that does not say it by the keyword COORDSYS, which a table has in its
            ``meta``. By default "icrs" for such a table; a file needs it. A HealpixMap has its own.
        nan : {"raise", "exclude"}, optional
            Whether values in the mask that are NaN, masked or UNSEEN raise an error or are left out of the sum.

        Returns
        -------
        float or numpy.ndarray of float, shape (n_bins,)
            The sum, in the unit of the map. For a density per solid angle, it is that unit times steradian. If the mask
            or the map has energy bins, there is a sum for each of them.

        Raises
        ------
        TypeError, ValueError
            If frames or energy bins differ, values in the mask are missing and `nan` is "raise", or `skymap` is not a
            map.

        See Also
        --------
        from_skymap : Credible regions of a sky map.

        Examples
        --------
        >>> import numpy as np
        >>> from hpmask import HealpixMap, Mask
        >>> counts = HealpixMap(np.arange(12), nest=True, frame="icrs")
        >>> Mask.full().sum_of(counts)
        66.0
        >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=6)
        >>> round(north.sum_of(counts), 2)
        17.17
        """
        skymap, words = self._sky_map(skymap, "skymap", column=column, hdu=hdu, nest=nest, frame=frame)
        return sums.sum_of(self, skymap, density=density, nan=nan, **words)

    def random(
        self,
        n: int | None = None,
        *,
        density: u.Quantity | str | None = None,
        poisson: bool = False,
        seed: int | np.random.Generator | np.random.SeedSequence | None = None,
        n_threads: int | None = None,
    ) -> Any:
        """Return random positions that are distributed uniformly over the sky that is kept.

        Parameters
        ----------
        n : int, optional
            The number of positions; with energy bins, that in each bin. Either `n` or `density` is needed.
        density : `~astropy.units.Quantity` or str, optional
            Number of positions per area, such as ``"1000 deg-2"``. The number is `density` times the area, rounded.
        poisson : bool, optional
            Draw the number from the Poisson distribution whose mean is `density` times the area.
        seed : int, numpy.random.Generator or numpy.random.SeedSequence, optional
            Where the random numbers come from. The same integer gives the same positions. A Generator is advanced,
            so that the next call gives other positions. Without a seed, each call gives other positions.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        `~astropy.coordinates.SkyCoord` or list of `~astropy.coordinates.SkyCoord`
            Positions in the frame of the mask, in random order: shape (n,). For a mask with energy, shape (n_bins, n);
            by `density`, the bins have different numbers, and the result is a list with a SkyCoord of shape (n,) for
            each bin. Bins are independent of each other.

        Raises
        ------
        TypeError, ValueError
            If neither or both of `n` and `density` are given, an argument is not valid, or `n` positions are wanted
            where the mask, or a bin of it, keeps nothing.

        See Also
        --------
        write_randoms : Any number of positions, to a parquet file.

        Notes
        -----
        All places have the same probability, to one part in 1e19: a cell of order 29 is drawn by its number among the
        cells that are kept, and a position in its square. The projection of HEALPix preserves areas, so a position that
        is uniform in the square is uniform on the sphere [1]_. `contains` is True for each position. Positions keep
        1e-13 rad away from the edges of the cells of the mask's order, so that rounding cannot carry them across.

        With one seed, the first positions are the same for every `n`.

        References
        ----------
        .. [1] Gorski et al. 2005, ApJ 622, 759, section 5.

        Examples
        --------
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=6)
        >>> positions = north.random(1000, seed=1)
        >>> positions.shape, north.contains(positions).all()
        ((1000,), np.True_)
        >>> north.random(density="2 deg-2", seed=1).shape
        (41468,)
        """
        return randoms.random(self, n, density=density, poisson=poisson, seed=seed, n_threads=n_threads)

    def write_randoms(
        self,
        path: str | Path | IO[bytes],
        n: int | None = None,
        *,
        density: u.Quantity | str | None = None,
        poisson: bool = False,
        seed: int | np.random.Generator | np.random.SeedSequence | None = None,
        chunk: int = 1 << 20,
        overwrite: bool = False,
        n_threads: int | None = None,
        progress: bool = False,
    ) -> list[int]:
        """Write random positions to a parquet file, piece by piece: any number of them in little memory.

        They are the positions of `random` with the same seed. The columns are ``ra`` and ``dec``, or ``l`` and ``b`` in
        the Galactic frame, in degrees. A mask with energy adds the column ``bin``, the number of the energy bin, by
        which the rows are sorted.

        Parameters
        ----------
        path : str, path or binary file
            The file, which takes its place when it is complete.
        n : int, optional
            The number of positions, for each energy bin. Either `n` or `density` is needed.
        density : `~astropy.units.Quantity` or str, optional
            Number of positions per area.
        poisson : bool, optional
            Draw the number from a Poisson distribution.
        seed : int, numpy.random.Generator or numpy.random.SeedSequence, optional
            Where the random numbers come from. These four are those of `random`.
        chunk : int, optional
            Positions in a row group of the file, and in memory at once.
        overwrite : bool, optional
            Replace an existing file.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The positions do not depend on it.
        progress : bool, optional
            Show a progress bar.

        Returns
        -------
        list of int
            The number of positions in each energy bin; one number for a mask without energy.

        Raises
        ------
        FileExistsError
            If there is a file and `overwrite` is False.
        ImportError
            If pyarrow is not installed.
        TypeError, ValueError
            As in `random`.

        See Also
        --------
        random : Positions in memory.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from astropy.table import Table
        >>> from hpmask import Mask
        >>> mask = Mask.from_zone(lat=("0 deg", "90 deg"), order=6)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     numbers = mask.write_randoms(Path(folder) / "randoms.parquet", 5000, seed=1)
        ...     table = Table.read(Path(folder) / "randoms.parquet")
        >>> numbers, table.colnames, bool((table["ra"] == mask.random(5000, seed=1).ra.deg).all())
        ([5000], ['ra', 'dec'], True)
        """
        from hpmask.io.randoms import write_randoms

        return write_randoms(
            self,
            path,
            n,
            density=density,
            poisson=poisson,
            seed=seed,
            chunk=chunk,
            overwrite=overwrite,
            n_threads=n_threads,
            progress=progress,
        )

    def fraction(self, order: int, *, full: bool = False) -> HealpixMap:
        """Return the fraction of the area of each cell of an order that is kept.

        Parameters
        ----------
        order : int
            Order of the cells, 0 to 29. At the order of the mask and beyond, all fractions are 1.
        full : bool, optional
            Return a full map, with 0 in cells of which nothing is kept. By default, the map has the other cells only,
            and its memory is in proportion to their number.

        Returns
        -------
        HealpixMap
            The fractions in float64, in the frame of the mask. For a mask with energy, there is a row for each bin, on
            the cells of which some bin keeps a part. `hpmask.io.write_map` writes the map to a file.

        Raises
        ------
        TypeError, ValueError
            If `order` is not an integer from 0 to 29, or the map takes more than 16 GiB.

        See Also
        --------
        at_order : The mask at a coarser order, by a threshold of the fraction.
        hpmask.Coverage.mean : The mean number of shapes in each cell.

        Notes
        -----
        The fractions are exact: numbers of cells of the mask, divided by a power of two. (With more than 2**53 cells of
        the mask in a cell, 27 orders apart, they are rounded.)

        Examples
        --------
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=6)
        >>> north.fraction(0).values.round(3)
        array([1.   , 1.   , 1.   , 1.   , 0.508, 0.508, 0.508, 0.508])

        The area in each cell, and the cells of which more than half is kept:

        >>> fractions = north.fraction(0)
        >>> (fractions.values * fractions.areas).to("deg2").round()
        <Quantity [3438., 3438., 3438., 3438., 1746., 1746., 1746., 1746.] deg2>
        >>> north.at_order(0, threshold=0.5).planes[0] == fractions.set_of(fractions.values > 0.5)
        True
        """
        return fractions.fraction(self, order, full=full)

    def patches(self, n: int, *, method: Literal["compact", "curve"] = "compact") -> Patches:
        """Return parts of the mask that have equal areas, such as for jackknife estimates.

        Parameters
        ----------
        n : int
            The number of patches.
        method : {"compact", "curve"}, optional
            "compact" divides the mask in two, across its longest direction, and divides the parts again. "curve" cuts
            the sequence of NESTED cells in pieces. It takes less time, but a patch may consist of several areas that
            are far from each other.

        Returns
        -------
        Patches
            A sequence of `n` masks that share no sky and whose union is the mask. Their numbers of cells, at the order
            of the mask, differ by one at most. ``patches.numbers(positions)`` is the number of the patch of each
            position.

        Raises
        ------
        TypeError, ValueError
            If `n` is not a positive integer, the mask has fewer cells than patches, or it has energy bins.

        Examples
        --------
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=6)
        >>> patches = north.patches(5)
        >>> [patch.planes[0].n_cells for patch in patches]
        [4940, 4941, 4941, 4941, 4941]
        >>> patches.numbers([10, 20], [45, 85])
        array([3, 3], dtype=int32)
        >>> without_one = [north - patch for patch in patches]
        """
        return parts.patches(self, n, method=method)

    @for_the_call
    def overlaps_many(
        self, shapes: Any, *, order: int | None = None, mode: Mode = "overlap", n_threads: int | None = None
    ) -> NDArray[np.bool_]:
        """Return whether the mask has sky in common with each of many shapes.

        Parameters
        ----------
        shapes : Shapes, str, path, astropy Region or Regions, or a list of these
            The shapes: `hpmask.Shapes`, or regions as for `from_regions`. The rows of a table of pointings are shapes
            such as ``Shapes.cones(SkyCoord(table["ra"], table["dec"]), "1 deg")``.
        order : int, optional
            Order of the cells that stand for the shapes, by default that of the mask.
        mode : {"center", "overlap", "inside"}, optional
            Whether a cell belongs to a shape if its centre is in it, if any part of it is, or only if all of it is.
            With the default, "overlap", and the order of the mask, the answer is exact: whether any point of the shape
            is kept.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        numpy.ndarray of bool, shape (n,) or (n_bins, n)
            The answer for each shape, and for each energy bin if the mask has any.

        Raises
        ------
        TypeError, ValueError
            If an argument is not valid, or `order` is too fine for the shapes.

        Warns
        -----
        UserWarning
            If shapes hold no cell in the modes "center" and "inside".

        See Also
        --------
        overlaps : The same for another mask.
        area_in : The area in each shape.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask, Shapes
        >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=8)
        >>> tiles = Shapes.boxes(SkyCoord([10, 20, 30], [-5, -0.4, 5], unit="deg"), "1 deg", "1 deg")
        >>> north.overlaps_many(tiles)
        array([False,  True,  True])
        """
        return in_shapes.overlaps_many(self, shapes, order=order, mode=mode, n_threads=n_threads)

    @for_the_call
    def area_in(
        self, shapes: Any, *, order: int | None = None, mode: Mode = "center", n_threads: int | None = None
    ) -> u.Quantity:
        """Return the area of the mask in each of many shapes.

        Shapes may overlap: each has its own area. The time depends on the number of ranges of cells in the shapes, and
        hardly on the mask.

        Parameters
        ----------
        shapes : Shapes, str, path, astropy Region or Regions, or a list of these
            The shapes: `hpmask.Shapes`, or regions as for `from_regions`. The rows of a table of pointings are shapes
            such as ``Shapes.cones(SkyCoord(table["ra"], table["dec"]), "1 deg")``.
        order : int, optional
            Order of the cells that stand for the shapes, 0 to 29. By default that of the mask, or a finer one at which
            the area of each shape is right to 1 %.
        mode : {"center", "overlap", "inside"}, optional
            Whether a cell belongs to a shape if its centre is in it, if any part of it is, or only if all of it is.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        `~astropy.units.Quantity`, shape (n,) or (n_bins, n)
            Areas in deg2, for each energy bin if the mask has any.

        Raises
        ------
        TypeError, ValueError
            If an argument is not valid, or `order` is not given and would have to be above 16.

        Warns
        -----
        UserWarning
            If shapes hold no cell.

        See Also
        --------
        fraction_in : The same as a fraction of each shape.
        overlaps_many : Whether there is any.
        hpmask.values.shape_sums : The sum of a map in each shape.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask, Shapes
        >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=12)
        >>> tiles = Shapes.cones(SkyCoord([10, 20, 30], [-5, 0, 5], unit="deg"), "1 deg")
        >>> print(north.area_in(tiles).round(2))
        [0.   1.58 3.14] deg2
        """
        return in_shapes.area_in(self, shapes, order=order, mode=mode, n_threads=n_threads)

    @for_the_call
    def fraction_in(
        self, shapes: Any, *, order: int | None = None, mode: Mode = "center", n_threads: int | None = None
    ) -> NDArray[np.float64]:
        """Return the fraction of each of many shapes that the mask keeps.

        Shapes may overlap: each has its own fraction. The time depends on the number of ranges of cells in the shapes,
        and hardly on the mask.

        Parameters
        ----------
        shapes : Shapes, str, path, astropy Region or Regions, or a list of these
            The shapes: `hpmask.Shapes`, or regions as for `from_regions`. The rows of a table of pointings are shapes
            such as ``Shapes.cones(SkyCoord(table["ra"], table["dec"]), "1 deg")``.
        order : int, optional
            Order of the cells that stand for the shapes, 0 to 29. By default that of the mask, or a finer one at which
            the area of each shape is right to 1 %.
        mode : {"center", "overlap", "inside"}, optional
            Whether a cell belongs to a shape if its centre is in it, if any part of it is, or only if all of it is.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        numpy.ndarray of float, shape (n,) or (n_bins, n)
            Fractions of the area of the cells of each shape, for each energy bin if the mask has any; NaN for a shape
            without a cell.

        Raises
        ------
        TypeError, ValueError
            If an argument is not valid, or `order` is not given and would have to be above 16.

        Warns
        -----
        UserWarning
            If shapes hold no cell.

        See Also
        --------
        area_in : The area instead of the fraction.
        overlaps_many : Whether there is any.
        hpmask.values.shape_sums : The sum of a map in each shape.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask, Shapes
        >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=12)
        >>> tiles = Shapes.cones(SkyCoord([10, 20, 30], [-5, 0, 5], unit="deg"), "1 deg")
        >>> north.fraction_in(tiles).round(2)
        array([0. , 0.5, 1. ])
        """
        return in_shapes.fraction_in(self, shapes, order=order, mode=mode, n_threads=n_threads)

    def plot(
        self,
        ax: WCSAxes | None = None,
        *,
        style: str | None = None,
        energy: u.Quantity | str | None = None,
        kept: Any = None,
        excluded: Any = None,
        edge: Any = None,
        label: str | None = None,
        alpha: float | None = None,
        legend: bool = True,
        title: str | None = None,
        frame: str | None = None,
        center: SkyCoord | u.Quantity | tuple[u.Quantity, u.Quantity] | str | None = None,
        width: u.Quantity | str | None = None,
        height: u.Quantity | str | None = None,
        projection: str | None = None,
        wcs: Any = None,
        shape: tuple[int, int] | None = None,
        hdu: int | str | None = None,
        lon_unit: str | None = None,
        vector: bool | None = None,
        figure: Figure | SubFigure | None = None,
        figsize: tuple[float, float] | None = None,
    ) -> WCSAxes:
        """Draw the mask: the whole sky, a field, or over an image or other masks.

        The picture shows what the mask is for. A mask that keeps more than half of the sky is an exclusion mask: the
        excluded sky is filled. Any other is a footprint: the kept sky is filled, and the rest is clear. Longitude
        increases to the left.

        Parameters
        ----------
        ax : `~astropy.visualization.wcsaxes.WCSAxes` or map of skyproj, optional
            Axes to draw over within their present limits: those of an earlier picture, ``plt.subplot(projection=wcs)``,
            or those of gammapy's ``Map.plot``. Axes that show nothing yet get the limits of their WCS. It cannot be
            combined with the options from `frame` to `lon_unit`. Maps of skyproj and their axes are also accepted, with
            `frame`.
        style : {"exclusion", "footprint", "outline"}, optional
            "exclusion" fills the excluded sky, over a pale kept sky unless there is something below; "footprint" fills
            the kept sky; "outline" draws edges only. By default "exclusion" if the mask keeps more than half of the
            sky, and "footprint" otherwise.
        energy : `~astropy.units.Quantity` or str, optional
            Draw only the energy bin that contains this energy. By default all bins are drawn, and sky that is kept in
            only some of them has a colour of its own.
        kept, excluded : matplotlib colour, optional
            Colours of the sky that is kept and of the sky that is not, by default those of the style. "none" draws
            nothing.
        edge : matplotlib colour, optional
            Colour of the edge of the mask. "none" draws no edge; by default, footprints have one.
        label : str, optional
            Name of the mask in the legend. Several masks on the same axes share one legend, and each has a colour of
            its own.
        alpha : float, optional
            Opacity of the fills, from 0 to 1. By default 0.5 over an image, 1 for an exclusion mask, and 0.75 for
            footprints and for masks that share a picture.
        legend : bool, optional
            Whether to draw a legend. On the whole sky it says which part of the sky each colour is. Other artists with
            a label are in it as well, and ``ax.legend()`` draws a new one.
        title : str, optional
            Title of the axes.
        frame : {"icrs", "galactic", "ecliptic"}, optional
            Frame of the picture, by default that of the mask. "ecliptic" is the barycentric mean ecliptic of J2000. On
            a map of skyproj, which does not know its frame, that of its longitudes and latitudes.
        center : `~astropy.coordinates.SkyCoord`, `~astropy.units.Quantity`, (Quantity, Quantity) or str, optional
            Middle of the picture: a position, as a SkyCoord, as the longitude and the latitude, or as text, "35 -10"
            (degrees) or "02h20m -10d00m". Text and pairs are in the `frame` of the picture. For the whole sky only the
            longitude counts, which may also be given alone, "35 deg"; by default it is 180 deg in ICRS and 0 deg in the
            other frames. "auto" is the middle of the mask, so that it is not cut in two.
        width, height : `~astropy.units.Quantity` or str, optional
            Size of a field around `center`, as angles at the scale of its centre; the height is by default the width.
            Without them the whole sky is drawn.
        projection : str, optional
            "MOL" (Mollweide, the default) or "AIT" (Hammer-Aitoff) for the whole sky; one of
            `hpmask.wcs.field.PROJECTIONS` for a field, by default "TAN".
        wcs : `~astropy.wcs.WCS`, FITS header, path, image HDU or gammapy geometry, optional
            Draw the field of this image, instead of one given by the options above.
        shape : (int, int), optional
            Number of pixels (ny, nx) of `wcs`, by default its own shape.
        hdu : int or str, optional
            Number or name of the HDU with the image; needed if the file has several images of the sky.
        lon_unit : {"deg", "hour"}, optional
            Unit of the longitudes on the labels, by default degrees.
        vector : bool, optional
            Whether the mask is drawn as shapes (True) or as an image of pixels (False). By default it is drawn as
            shapes if they are few enough.
        figure : `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`, optional
            Figure to draw in, by default a new one of pyplot.
        figsize : (float, float), optional
            Width and height of the figure in inches. By default ``rcParams["figure.figsize"]`` if it was changed, or
            else as fits the picture.

        Returns
        -------
        `~astropy.visualization.wcsaxes.WCSAxes`
            The axes, or those of skyproj. ``ax.get_transform("icrs")`` and the like draw more on a WCSAxes.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `ax` has no sky projection, `center` is not a position for a field with a width, or `label` is not a
            text.
        ValueError
            If `style`, `frame`, `center`, `projection` or `lon_unit` is not one of these; if `energy` is outside all
            bins, or is given for a mask without energy; if options exclude each other; or if the number of pixels of a
            WCS is not known.

        See Also
        --------
        MaskSet.plot : Draw several masks on one sky.
        plot_grid : Draw each energy bin.
        plot_interactive : Draw the energy bins with a slider.

        Notes
        -----
        Fonts and colours of text are those of matplotlib's ``rcParams``. Sizes of text that are matplotlib's defaults
        are scaled with the figure, so that a figure for one column of a journal and a poster are readable.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> plane = Mask.from_zone(lat=("-2 deg", "2 deg"), zone_frame="galactic", order=7)
        >>> ax = (~plane).plot(title="away from the Galactic plane")
        >>> ax.figure.savefig("sky.png")  # doctest: +SKIP

        A footprint, and sources to avoid, in one picture with one legend:

        >>> survey = Mask.from_zone(lat=("-40 deg", "10 deg"), lon=("300 deg", "60 deg"), order=7)
        >>> ax = survey.plot(center="auto", label="survey")
        >>> ax = (~plane).plot(ax, label="Galactic plane")

        A field of 20 deg around the Crab nebula, in Galactic coordinates:

        >>> crab = SkyCoord(83.633, 22.014, unit="deg")
        >>> ax = (~plane).plot(frame="galactic", center=crab, width="20 deg", excluded="black", figsize=(5, 5))
        """
        from hpmask import plotting

        return plotting.plot(
            self,
            ax,
            style=style,
            energy=energy,
            kept=kept,
            excluded=excluded,
            edge=edge,
            label=label,
            alpha=alpha,
            legend=legend,
            title=title,
            frame=frame,
            center=center,
            width=width,
            height=height,
            projection=projection,
            wcs=wcs,
            shape=shape,
            hdu=hdu,
            lon_unit=lon_unit,
            vector=vector,
            figure=figure,
            figsize=figsize,
        )

    def plot_grid(
        self,
        *,
        ncols: int | None = None,
        style: str | None = None,
        energy: u.Quantity | str | None = None,
        kept: Any = None,
        excluded: Any = None,
        edge: Any = None,
        label: str | None = None,
        alpha: float | None = None,
        legend: bool = True,
        title: str | None = None,
        frame: str | None = None,
        center: SkyCoord | u.Quantity | tuple[u.Quantity, u.Quantity] | str | None = None,
        width: u.Quantity | str | None = None,
        height: u.Quantity | str | None = None,
        projection: str | None = None,
        wcs: Any = None,
        shape: tuple[int, int] | None = None,
        hdu: int | str | None = None,
        lon_unit: str | None = None,
        vector: bool | None = None,
        figure: Figure | SubFigure | None = None,
        figsize: tuple[float, float] | None = None,
    ) -> Figure | SubFigure:
        """Draw each energy bin in a separate picture of the whole sky, or of a field.

        Parameters
        ----------
        ncols : int, optional
            Number of columns of the grid, by default about the number of rows.
        style : {"exclusion", "footprint", "outline"}, optional
            As in `plot`, the same for all bins. By default "exclusion" if the bins keep more than half of the sky, on
            average.
        energy : `~astropy.units.Quantity` or str, optional
            Draw only the energy bin that contains this energy.
        kept, excluded, edge : matplotlib colour, optional
            Colours of the sky that is kept, of the sky that is not, and of the edge, as in `plot`.
        label : str, optional
            Name of the mask in the legend.
        alpha : float, optional
            Opacity of the fills, from 0 to 1; by default as in `plot`.
        legend : bool, optional
            Whether to draw one legend for all pictures.
        title : str, optional
            Title of the figure.
        frame, center, width, height, projection, wcs, shape, hdu, lon_unit, vector, figure, figsize : optional
            What each picture shows, and the figure, as in `plot`.

        Returns
        -------
        `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`
            The figure, with one of its `axes` for each bin; a mask without energy has one.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `center` is not a position for a field with a width.
        ValueError
            If `ncols` is not positive, an option is not valid, options exclude each other, or the number of pixels of
            a WCS is not known.

        See Also
        --------
        plot : Draw one picture; all options are explained there.

        Examples
        --------
        >>> from astropy import units as u
        >>> from hpmask import EnergyAxis, Mask
        >>> mask = Mask.full(energy=EnergyAxis([1, 10, 100] * u.GeV))
        >>> figure = mask.plot_grid(ncols=1)
        >>> [ax.get_title() for ax in figure.axes]
        ['1-10 GeV: 100 % kept', '10-100 GeV: 100 % kept']
        """
        from hpmask import plotting

        return plotting.plot_grid(
            self,
            ncols=ncols,
            style=style,
            energy=energy,
            kept=kept,
            excluded=excluded,
            edge=edge,
            label=label,
            alpha=alpha,
            legend=legend,
            title=title,
            frame=frame,
            center=center,
            width=width,
            height=height,
            projection=projection,
            wcs=wcs,
            shape=shape,
            hdu=hdu,
            lon_unit=lon_unit,
            vector=vector,
            figure=figure,
            figsize=figsize,
        )

    def plot_interactive(
        self,
        ax: WCSAxes | None = None,
        *,
        style: str | None = None,
        energy: u.Quantity | str | None = None,
        kept: Any = None,
        excluded: Any = None,
        edge: Any = None,
        label: str | None = None,
        alpha: float | None = None,
        legend: bool = True,
        title: str | None = None,
        frame: str | None = None,
        center: SkyCoord | u.Quantity | tuple[u.Quantity, u.Quantity] | str | None = None,
        width: u.Quantity | str | None = None,
        height: u.Quantity | str | None = None,
        projection: str | None = None,
        wcs: Any = None,
        shape: tuple[int, int] | None = None,
        hdu: int | str | None = None,
        lon_unit: str | None = None,
        vector: bool | None = None,
        figure: Figure | None = None,
        figsize: tuple[float, float] | None = None,
    ) -> BinPlot:
        """Draw one energy bin, with a slider that selects the bin.

        Parameters
        ----------
        ax : `~astropy.visualization.wcsaxes.WCSAxes`, optional
            Axes to draw over, as in `plot`; the slider is placed below them.
        style : {"exclusion", "footprint", "outline"}, optional
            As in `plot`, the same for all bins. By default "exclusion" if the bins keep more than half of the sky, on
            average.
        energy : `~astropy.units.Quantity` or str, optional
            Begin with the bin that contains this energy, by default with the first.
        kept, excluded, edge : matplotlib colour, optional
            Colours of the sky that is kept, of the sky that is not, and of the edge, as in `plot`.
        label : str, optional
            Name of the mask in the legend.
        alpha : float, optional
            Opacity of the fills, from 0 to 1; by default as in `plot`.
        legend : bool, optional
            Whether to draw a legend.
        title : str, optional
            Title of the axes, above the name of the bin.
        frame, center, width, height, projection, wcs, shape, hdu, lon_unit, vector, figure, figsize : optional
            What the picture shows, and the figure, as in `plot`.

        Returns
        -------
        hpmask.plotting.BinPlot
            An object with the axes, the figure and the slider. Matplotlib's slider works where figures are
            interactive, such as in windows or with ``%matplotlib widget``. Other notebooks show a picture for each bin
            with a slider in HTML.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `ax` has no sky projection, or `center` is not a position for a field with a width.
        ValueError
            If the mask has no energy bins, an option is not valid, options exclude each other, or the number of pixels
            of a WCS is not known.

        See Also
        --------
        plot : Draw one picture; all options are explained there.

        Examples
        --------
        >>> from astropy import units as u
        >>> from hpmask import EnergyAxis, Mask
        >>> mask = Mask.full(energy=EnergyAxis([1, 10, 100] * u.GeV))
        >>> picture = mask.plot_interactive()
        >>> picture.slider.set_val(1)
        >>> picture.ax.get_title()
        '10-100 GeV: 100 % kept'
        """
        from hpmask import plotting

        return plotting.plot_interactive(
            self,
            ax,
            style=style,
            energy=energy,
            kept=kept,
            excluded=excluded,
            edge=edge,
            label=label,
            alpha=alpha,
            legend=legend,
            title=title,
            frame=frame,
            center=center,
            width=width,
            height=height,
            projection=projection,
            wcs=wcs,
            shape=shape,
            hdu=hdu,
            lon_unit=lon_unit,
            vector=vector,
            figure=figure,
            figsize=figsize,
        )

    def view(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        title: str | None = None,
        style: Literal["exclusion", "footprint", "outline"] | None = None,
        energy: u.Quantity | str | None = None,
        frame: str | None = None,
        center: SkyCoord | u.Quantity | str | None = None,
        width: u.Quantity | str | None = None,
        projection: Literal["MOL", "AIT", "SIN"] = "MOL",
        background: str | None = None,
        aladin: bool | str | os.PathLike[str] | None = None,
        max_bytes: int = 30_000_000,
        open: bool | None = None,
        overwrite: bool = False,
    ) -> Page:
        """Make a page for a browser: a map of the mask to pan, zoom and query.

        The page is one HTML file with the cells of the mask, which needs neither a server nor a network. It looks up
        each pixel of the map in the mask, so that all details can be seen at any zoom, and tells what is kept under the
        pointer, in all energy bins. `hpmask.plotting.view` does the same for a mapping from names to masks, which may
        have different frames.

        Parameters
        ----------
        path : str or path, optional
            HTML file to write. By default the page is kept in memory, and a temporary file is written to open it.
        title : str, optional
            Title of the page, by default "Mask".
        style : {"exclusion", "footprint", "outline"}, optional
            What has colour at first: the excluded sky, the kept sky, or the edges between them. By default the excluded
            sky if more than half of the sky is kept, and the kept sky otherwise.
        energy : `~astropy.units.Quantity` or str, optional
            An energy in the bin that is shown first, by default the first bin.
        frame : {"icrs", "galactic"}, optional
            Coordinates of the map at first, by default the frame of the mask.
        center : `~astropy.coordinates.SkyCoord`, `~astropy.units.Quantity` or str, optional
            Middle of the map at first: a position such as ``"83.63 22.01"`` in `frame`, a longitude, or "auto" for the
            middle of the mask. By default 180 deg in ICRS and 0 deg in Galactic coordinates.
        width : `~astropy.units.Quantity` or str, optional
            Width of the map at first, as an angle at the scale of its middle. By default the whole sky.
        projection : {"MOL", "AIT", "SIN"}, optional
            Projection at first: Mollweide, Hammer-Aitoff, or a sphere seen from outside. Fields below 75 deg are drawn
            in a zenithal equal-area projection, unless this is "SIN".
        background : str, optional
            Name of a HiPS survey whose images are shown under the mask, such as "CDS/P/DSS2/color". It needs Aladin
            Lite and, when the page is open, a network.
        aladin : bool, str or path, optional
            Where Aladin Lite comes from, which draws the `background`: the URL of its ``aladin.js``, which the page
            loads; or the path of that file, which the page will contain; or True for a public server. The default is
            True with a `background`, and False without.
        max_bytes : int, optional
            Size of the mask in the page. If it would take more, the page has a coarser order, which it names, and a
            warning is issued.
        open : bool, optional
            Whether to open the page in a browser. By default it is opened unless `path` is given, or the result is
            displayed in a notebook.
        overwrite : bool, optional
            Whether an existing file may be replaced.

        Returns
        -------
        hpmask.plotting.Page
            The page, with the attributes `path`, `html`, `title` and `order`. A notebook displays it.

        Raises
        ------
        FileExistsError
            If there is a file and `overwrite` is False.
        FileNotFoundError
            If `aladin` is a path without a file.
        TypeError, ValueError
            If an argument has another type or is not one of the words above, or `width` is given without `center`.

        Warns
        -----
        UserWarning
            If the page has a coarser order, or no browser is found.

        See Also
        --------
        plot : Draw the mask with matplotlib.

        Notes
        -----
        By default, the page makes no requests, and its content security policy does not allow any. hpmask does not
        contain Aladin Lite, which is licensed under the GPL. Its file is ``dist/aladin.js`` in the npm package
        ``aladin-lite``.

        Examples
        --------
        >>> from hpmask import Mask
        >>> mask = ~Mask.from_regions("icrs; circle(83.63, 22.01, 5)", order=9)
        >>> page = mask.view(center="83.63 22.01", width="20 deg", open=False)
        >>> page.order
        9
        """
        from hpmask import plotting

        return plotting.view(
            self,
            path,
            title=title,
            style=style,
            energy=energy,
            frame=frame,
            center=center,
            width=width,
            projection=projection,
            background=background,
            aladin=aladin,
            max_bytes=max_bytes,
            open=open,
            overwrite=overwrite,
        )

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
        hpmask.union_all : The union of a list of masks.

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
        hpmask.intersection_all : The intersection of a list of masks.

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
            True if `other` keeps all of it. An empty mask is a subset of every mask.

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
            True if some sky is in both.

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
            True if no sky is in both.

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
            If `how` is neither "any" nor "all".

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
            If `energy` is not an EnergyAxis or has another name, or `how` is neither "any" nor "all".

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
            If the mask has no energy bins, no bin lies between the energies, or an argument is not an energy.

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

    def at_order(self, order: int, *, mode: Mode | None = None, threshold: float | None = None) -> Mask:
        """Return the mask at another order.

        Parameters
        ----------
        order : int
            The new order, 0 to 29. At a finer order, the mask keeps the same sky.
        mode : {"center", "overlap", "inside"}, optional
            Only for a coarser order. A cell is in the new mask if its centre is in the old one ("center", the default),
            if any part of it is ("overlap"), or if all of it is ("inside"). Four cells of the old mask meet at the
            centre of a cell. The northern one decides, as in `contains`.
        threshold : float, optional
            Only for a coarser order, and instead of `mode`. A cell is in the new mask if more than this fraction of its
            area is in the old one, as in ``healpy.ud_grade(values, nside) > threshold``. At least 0, which is the same
            as "overlap", and below 1.

        Returns
        -------
        Mask
            The mask with cells of this order.

        Raises
        ------
        TypeError, ValueError
            If `order` is not an integer from 0 to 29, `mode` is not one of these words, `threshold` is not from 0 to
            below 1, or both are given.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> disc = Mask.from_cones(SkyCoord(10, 20, unit="deg"), "5 deg", order=9)
        >>> coarse = [disc.at_order(5, mode=mode) for mode in ("inside", "center", "overlap")]
        >>> coarse[0] <= coarse[1] <= coarse[2]
        True
        """
        return transform.at_order(self, order, mode=mode, threshold=threshold)

    def to_frame(self, frame: str, *, order: int | None = None, n_threads: int | None = None) -> Mask:
        """Return the mask in another frame. A new cell is in if and only if its centre was.

        Parameters
        ----------
        frame : {"icrs", "galactic"}
            The new frame.
        order : int, optional
            Order of the new cells, 0 to 29, by default that of the mask. The outline of the mask changes by about half
            a cell. It must be given for a mask whose order is so much finer than its cells that the result would have
            more than 1e7 ranges.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        Mask
            The mask with cells in the new frame.

        Raises
        ------
        TypeError, ValueError
            If `frame` is neither "icrs" nor "galactic", `order` is not an integer from 0 to 29, or it must be given.

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
        """Return the part of the mask near a position. Nothing is kept elsewhere.

        Only the ranges near the position are read, so a small cutout of a large mask is fast.

        Parameters
        ----------
        center : `~astropy.coordinates.SkyCoord`, scalar
            The position, in any frame. A position with a distance means the direction in which it is seen.
        radius : `~astropy.units.Quantity` or str, optional
            Radius of a disc, above 0 and at most 180 deg.
        width, height : `~astropy.units.Quantity` or str, optional
            Instead of `radius`, the full width and height of a rectangle, above 0 and below 180 deg. The height runs
            north in the frame of the mask, and is by default the width.

        Returns
        -------
        Mask
            All sky that this mask keeps within the region, and in cells that reach beyond it by up to about a hundredth
            of its size, or by a cell of the mask.

        Raises
        ------
        TypeError
            If the sizes that are given are neither `radius` nor `width`, with or without `height`, a size is a bare
            number, or `center` is not a SkyCoord.
        ValueError
            If `center` is not a single position, or a size is not an angle within its limits.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=12)
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
        """Return the mask dilated by an angle: all cells within that angle of a kept cell.

        The angle is measured along great circles, between the centres of cells. The result is exact on the whole sphere
        and at any order, also at the poles and across longitude 0.

        Parameters
        ----------
        width : `~astropy.units.Quantity`, str or callable, optional
            Angle from 0 to 180 deg: a scalar, or for a mask with energy bins also an array of shape (n_bins,), or a
            function of the energy axis that returns one of these.
        steps : int, optional
            Number of steps to neighbouring cells, instead of `width`.
        connectivity : {8, 4}, optional
            Which cells are neighbours: those that share an edge or a corner (8), or an edge (4).
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.
        progress : bool, optional
            Show a progress bar.

        Returns
        -------
        Mask
            The dilated mask, of the same order.

        Raises
        ------
        TypeError, ValueError
            If both or neither of `width` and `steps` are given, or one of them is invalid. Also if the order is so fine
            that the result would not fit into memory.

        See Also
        --------
        erode : The dual operation. An exclusion mask keeps the sky far from sources: erode it to exclude more.

        Notes
        -----
        A dilation by `width` depends neither on pixels nor on a projection. A square structuring element, such as
        gammapy's ``kernel="box"``, is not defined on the sphere: use the disc of the same radius.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> star = Mask.from_cones(SkyCoord(10, 89.9, unit="deg"), "0.5 deg", order=8)
        >>> star.dilate("1 deg").issubset(Mask.from_cones(SkyCoord(10, 89.9, unit="deg"), "1.6 deg", order=8))
        True
        """
        return self._changed("dilate", width, steps, connectivity, n_threads, progress)

    def erode(
        self,
        width: Width | None = None,
        *,
        steps: int | None = None,
        connectivity: Literal[4, 8] = 8,
        n_threads: int | None = None,
        progress: bool = False,
    ) -> Mask:
        """Return the mask eroded by an angle: the kept cells farther than that angle from all cells that are not kept.

        Erosion is the dual of dilation: ``mask.erode(width) == ~((~mask).dilate(width))``.

        Parameters
        ----------
        width : `~astropy.units.Quantity`, str or callable, optional
            Angle from 0 to 180 deg: a scalar, or for a mask with energy bins also an array of shape (n_bins,), or a
            function of the energy axis that returns one of these.
        steps : int, optional
            Number of steps to neighbouring cells, instead of `width`.
        connectivity : {8, 4}, optional
            Which cells are neighbours: those that share an edge or a corner (8), or an edge (4).
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.
        progress : bool, optional
            Show a progress bar.

        Returns
        -------
        Mask
            The eroded mask, of the same order.

        Raises
        ------
        TypeError, ValueError
            If both or neither of `width` and `steps` are given, or one of them is invalid. Also if the order is so fine
            that the result would not fit into memory.

        See Also
        --------
        dilate : The dual operation.

        Examples
        --------
        A field of view without the margin that a PSF of 0.2 deg needs:

        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> field = Mask.from_cones(SkyCoord(83.6, 22, unit="deg"), "2 deg", order=13)
        >>> print(f"{field.area:.2f} {field.erode('0.2 deg').area:.2f}")
        12.56 deg2 10.19 deg2
        """
        return self._changed("erode", width, steps, connectivity, n_threads, progress)

    def opening(
        self,
        width: Width | None = None,
        *,
        steps: int | None = None,
        connectivity: Literal[4, 8] = 8,
        n_threads: int | None = None,
        progress: bool = False,
    ) -> Mask:
        """Return the mask without all parts that are narrower than twice the width: `erode`, then `dilate`.

        Parameters
        ----------
        width : `~astropy.units.Quantity`, str or callable, optional
            Angle from 0 to 180 deg: a scalar, or for a mask with energy bins also an array of shape (n_bins,), or a
            function of the energy axis that returns one of these.
        steps : int, optional
            Number of steps to neighbouring cells, instead of `width`.
        connectivity : {8, 4}, optional
            Which cells are neighbours: those that share an edge or a corner (8), or an edge (4).
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.
        progress : bool, optional
            Show a progress bar.

        Returns
        -------
        Mask
            The opened mask, of the same order. It is a subset of this mask.

        Raises
        ------
        TypeError, ValueError
            If both or neither of `width` and `steps` are given, or one of them is invalid. Also if the order is so fine
            that the result would not fit into memory.

        See Also
        --------
        closing : The dual operation.
        remove_small : Remove components by their area.

        Examples
        --------
        A bridge between two discs disappears, the discs stay about as they were:

        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> discs = Mask.from_cones(SkyCoord([10, 16], [0, 0], unit="deg"), "2 deg", order=9)
        >>> bridge = Mask.from_zone(("10 deg", "16 deg"), ("-0.3 deg", "0.3 deg"), order=9)
        >>> (discs | bridge).n_components(), (discs | bridge).opening("0.5 deg").n_components()
        (1, 2)
        """
        return self._changed("opening", width, steps, connectivity, n_threads, progress)

    def closing(
        self,
        width: Width | None = None,
        *,
        steps: int | None = None,
        connectivity: Literal[4, 8] = 8,
        n_threads: int | None = None,
        progress: bool = False,
    ) -> Mask:
        """Return the mask with all gaps filled that are narrower than twice the width: `dilate`, then `erode`.

        Parameters
        ----------
        width : `~astropy.units.Quantity`, str or callable, optional
            Angle from 0 to 180 deg: a scalar, or for a mask with energy bins also an array of shape (n_bins,), or a
            function of the energy axis that returns one of these.
        steps : int, optional
            Number of steps to neighbouring cells, instead of `width`.
        connectivity : {8, 4}, optional
            Which cells are neighbours: those that share an edge or a corner (8), or an edge (4).
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.
        progress : bool, optional
            Show a progress bar.

        Returns
        -------
        Mask
            The closed mask, of the same order. This mask is a subset of it.

        Raises
        ------
        TypeError, ValueError
            If both or neither of `width` and `steps` are given, or one of them is invalid. Also if the order is so fine
            that the result would not fit into memory.

        See Also
        --------
        opening : The dual operation.
        fill_holes : Fill holes by their area.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> pair = Mask.from_cones(SkyCoord([30, 31], [5, 5], unit="deg"), "0.48 deg", order=10)
        >>> middle = SkyCoord(30.5, 5, unit="deg")
        >>> pair.contains(middle), pair.closing("0.1 deg").contains(middle)
        (False, True)
        """
        return self._changed("closing", width, steps, connectivity, n_threads, progress)

    def boundary(
        self,
        width: Width | None = None,
        *,
        steps: int | None = None,
        connectivity: Literal[4, 8] = 8,
        side: Literal["inner", "outer", "both"] = "inner",
        n_threads: int | None = None,
        progress: bool = False,
    ) -> Mask:
        """Return the strip along the edge of the mask.

        Parameters
        ----------
        width : `~astropy.units.Quantity`, str or callable, optional
            Width of the strip on each side, from 0 to 180 deg: a scalar, or for a mask with energy bins also an
            array of shape (n_bins,), or a function of the energy axis that returns one of these.
        steps : int, optional
            Number of steps to neighbouring cells, instead of `width`.
        connectivity : {8, 4}, optional
            Which cells are neighbours: those that share an edge or a corner (8), or an edge (4).
        side : {"inner", "outer", "both"}, optional
            The cells that `erode` removes ("inner"), those that `dilate` adds ("outer"), or both.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.
        progress : bool, optional
            Show a progress bar.

        Returns
        -------
        Mask
            The strip, of the same order.

        Raises
        ------
        TypeError, ValueError
            If both or neither of `width` and `steps` are given, or one of them is invalid, or `side` is not one of the
            three. Also if the order is so fine that the result would not fit into memory.

        Examples
        --------
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(None, ("0 deg", "90 deg"), order=10)
        >>> print(f"{north.boundary('5 deg').sky_fraction:.3f}")  # sin(5 deg) / 2
        0.043

        The cells that have a neighbour outside the mask:

        >>> north.boundary(steps=1) == north - north.erode(steps=1)
        True
        """
        if side not in ("inner", "outer", "both"):
            raise ValueError(f"side must be 'inner', 'outer' or 'both', got {side!r}")
        return self._changed(side, width, steps, connectivity, n_threads, progress)

    def _changed(
        self,
        operation: dilation.Operation,
        width: Width | None,
        steps: int | None,
        connectivity: int,
        n_threads: int | None,
        progress: bool,
    ) -> Mask:
        """The mask after an operation of `hpmask.morphology.dilation`."""
        planes = dilation.planes_after(
            operation,
            self.planes,
            self.energy,
            width,
            n_steps=steps,
            connectivity=connectivity,
            n_threads=n_threads,
            progress=progress,
        )
        amount = _text_of(width) if steps is None else f"steps={steps}, connectivity={connectivity}"
        strip = operation in ("inner", "outer", "both")
        words = f"boundary({amount}, side={operation!r})" if strip else f"{operation}({amount})"
        return with_planes(self, planes, words)

    @for_the_call
    def fill_holes(
        self, max_area: u.Quantity | str | None = None, *, connectivity: int = 8, n_threads: int | None = None
    ) -> Mask:
        """Return the mask with its holes filled.

        Holes are connected components of the sky that is not kept. They have the dual connectivity: 4 if that of the
        mask is 8, and 8 if it is 4. A closed ring therefore always has an inside.

        Parameters
        ----------
        max_area : `~astropy.units.Quantity` or str, optional
            Area of the largest hole to fill, such as "0.01 deg2". By default all components except the largest one are
            holes: the largest one is taken for the outside. A mask of nearly the whole sky keeps its largest gap.
        connectivity : {8, 4}, optional
            Which cells of the mask are neighbours: those that share an edge or a corner (8), or an edge (4).
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        Mask
            The mask and its holes, of the same order.

        Raises
        ------
        TypeError, ValueError
            If `max_area` is not an area, or `connectivity` is neither 8 nor 4.

        See Also
        --------
        closing : Fill gaps by their width.

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
        """Return the mask without the connected components that are smaller than an area.

        Parameters
        ----------
        min_area : `~astropy.units.Quantity` or str
            The smallest area to keep, such as "3 arcmin2".
        connectivity : {8, 4}, optional
            Which cells are neighbours: those that share an edge or a corner (8), or an edge (4).
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        Mask
            The components of at least this area, of the same order.

        Raises
        ------
        TypeError, ValueError
            If `min_area` is not an area, or `connectivity` is neither 8 nor 4.

        See Also
        --------
        components : The components as masks.

        Examples
        --------
        >>> import astropy.units as u
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> discs = Mask.from_cones(SkyCoord([10, 20], [0, 0], unit="deg"), [1, 2] * u.deg, order=9)
        >>> discs.n_components(), discs.remove_small("5 deg2").n_components()
        (2, 1)
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
        """Return the largest connected components of the mask, in each bin.

        Parameters
        ----------
        n : int, optional
            Number of components to keep. Of components of equal area, those with the lowest cells in NESTED order are
            kept.
        connectivity : {8, 4}, optional
            Which cells are neighbours: those that share an edge or a corner (8), or an edge (4).
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        Mask
            The components, of the same order.

        Raises
        ------
        TypeError, ValueError
            If `n` is not an integer of at least 0, or `connectivity` is neither 8 nor 4.

        See Also
        --------
        components : The components as masks.

        Examples
        --------
        >>> import astropy.units as u
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> discs = Mask.from_cones(SkyCoord([10, 20], [0, 0], unit="deg"), [1, 2] * u.deg, order=9)
        >>> discs.keep_largest() == Mask.from_cones(SkyCoord(20, 0, unit="deg"), "2 deg", order=9)
        True
        """
        history = then(self, f"keep_largest({n}, connectivity={connectivity})")
        return mapped(
            self, lambda plane: area_filters.keep_largest(plane, n, connectivity), history=history, n_threads=n_threads
        )

    # ------------------------------------------------------------------ export

    def to_regions(self, *, simplify: u.Quantity | str | None = None) -> Regions:
        """Return the outline of the mask as astropy regions, for programs that take a list of regions.

        Each connected component of the mask is a polygon (cells are neighbours if they share an edge). A hole is
        joined to the outer ring by a line that is passed there and back, so that each polygon is one ring. For programs
        that decide by the even-odd rule, as the `regions` package, ds9 and hpmask do, the hole is outside. Polygons
        that enclose more than 45% of the sky are cut along the edges of base cells.

        `from_regions` makes the same mask of them, at the mask's order.

        Parameters
        ----------
        simplify : `~astropy.units.Quantity` or str, optional
            Leave out points, within this angle; see `outline`. By default the regions are exact.

        Returns
        -------
        regions.Regions
            `~regions.PolygonSkyRegion` objects in the mask's frame, without those that vanish when they are simplified.
            The empty mask has none.

        Raises
        ------
        TypeError, ValueError
            If the sky differs from bin to bin: first combine the bins with `reduce`, or take one bin, ``mask[i]``. Also
            if `simplify` is not an angle from 0 to 45 deg.

        See Also
        --------
        outline : The rings, with the holes on their own.
        write : The same polygons in a file for ds9, CASA and others.

        Examples
        --------
        >>> from hpmask import Mask
        >>> ring = Mask.from_regions("icrs; annulus(40, 10, 2, 5)", order=9)
        >>> regions = ring.to_regions()
        >>> len(regions)
        1
        >>> Mask.from_regions(regions, order=9) == ring
        True
        """
        return to_astropy.to_regions(self, simplify=simplify)

    def to_moc(self) -> MOC:
        """Return the mask as a `mocpy.MOC`.

        Returns
        -------
        mocpy.MOC
            A space MOC of the mask's order.

        Raises
        ------
        ValueError
            If the mask has energy bins (`reduce` combines them) or is not in ICRS (`to_frame` converts it).

        Examples
        --------
        >>> from hpmask import Mask
        >>> Mask.full(order=2).to_moc().to_string()
        '0/0-11 2/'
        """
        from hpmask.interop import mocpy

        return mocpy.to_moc(self)

    def to_healsparse(
        self, *, order: int | None = None, nside_coverage: int | None = None, bit_packed: bool | None = None
    ) -> HealSparseMap:
        """Return the mask as a map of booleans of healsparse.

        The map is made from the ranges, block by block. It needs the memory of its blocks, which is in proportion to
        the area of the coverage pixels that the mask meets, and not to its area. `write` makes a file without
        healsparse and without that memory.

        Parameters
        ----------
        order : int, optional
            Order of the pixels, by default that of the mask. A pixel of a coarser order is True if its centre is kept.
        nside_coverage : int, optional
            NSIDE of the coverage map, a power of two. By default 32 from order 9 to order 17, less for coarser maps,
            and up to 128 for finer ones.
        bit_packed : bool, optional
            Whether eight pixels share a byte, which needs a coverage map two orders coarser than the map. By default
            they do if that is so.

        Returns
        -------
        healsparse.HealSparseMap
            True where the mask is kept. Its metadata has the frame, as ``COORDSYS``.

        Raises
        ------
        ImportError
            If healsparse is not installed.
        TypeError, ValueError
            If an argument is not as above, the mask has energy bins (take one, or `reduce`), or the map would take more
            than 16 GiB.

        See Also
        --------
        from_map : Masks from maps of healsparse.
        write : Files of healsparse, with the suffix ``.hsp``.

        Examples
        --------
        >>> from hpmask import Mask
        >>> disc = Mask.from_regions("icrs; circle(40, 10, 5)", order=9)
        >>> map_ = disc.to_healsparse()
        >>> map_.nside_sparse, map_.nside_coverage, map_.is_bit_packed_map
        (512, 32, True)
        >>> int(map_.n_valid) == disc.planes[0].n_cells
        True
        >>> Mask.from_map(map_) == disc
        True
        """
        from hpmask.interop import healsparse

        return healsparse.to_healsparse(self, order=order, nside_coverage=nside_coverage, bit_packed=bit_packed)

    def to_search(
        self,
        *,
        energy: u.Quantity | str | None = None,
        energy_unit: u.UnitBase | str | None = None,
        fine: bool = True,
    ) -> MaskSearch:
        """Return a search for the rows of a LSDB catalog that are in the mask.

        ``catalog.search(mask.to_search())`` leaves out the partitions that do not touch the mask, before anything is
        read. The rows of the others are looked up by their column ``_healpix_29``, without their coordinates, if the
        mask is in ICRS, and else by right ascension and declination. The margin of the catalog is searched as well, and
        the coverage (MOC) of the result is that of the catalog within the mask.

        `hpmask.interop.hats.search.MaskSearch` makes the same search from the path of a mask, which the workers of a
        cluster read. This is faster for a mask of many ranges, which is else sent with each partition.

        Parameters
        ----------
        energy : `~astropy.units.Quantity` or str, optional
            For a mask with energy bins: an energy for all rows, or, with `energy_unit`, the name of a column of the
            energies of the rows. A row without an energy, or with one outside all bins, is not in the mask.
        energy_unit : `~astropy.units.Unit` or str, optional
            Unit of the column `energy`.
        fine : bool, optional
            Whether to look up the rows. If not, all rows of the partitions that touch the mask are found.

        Returns
        -------
        hpmask.interop.hats.search.MaskSearch
            The search, a ``lsdb.core.search.abstract_search.AbstractSearch``.

        Raises
        ------
        ImportError
            If LSDB is not installed: ``pip install "hpmask[lsdb]"``.
        TypeError, ValueError
            If `energy` is missing for a mask with energy bins, is given for one without, or is not an energy.

        See Also
        --------
        from_catalog : The mask of the sources of a HATS catalog.

        Examples
        --------
        >>> import lsdb  # doctest: +SKIP
        >>> stars = lsdb.open_catalog("https://data.lsdb.io/hats/gaia_dr3")  # doctest: +SKIP
        >>> kept = stars.search((~bright_stars).to_search())  # doctest: +SKIP
        """
        from hpmask.interop.hats import search

        return search.MaskSearch(self, energy=energy, energy_unit=energy_unit, fine=fine)

    def to_sfmoc(self, *, frequency_order: int = 30) -> SFMOC:
        """Return the mask as a `mocpy.SFMOC`, a coverage of sky and frequency.

        It is meant for other tools. To store a mask use `write`, because an SF-MOC does not keep all bin edges.

        Parameters
        ----------
        frequency_order : int, optional
            Order of the cells of frequency, 20 to 45. The edges of the energy bins move to the nearest boundary between
            cells: by less than 1e-4 of the energy at order 20, by less than 1e-7 at order 30.

        Returns
        -------
        mocpy.SFMOC
            With the frequencies E / h in Hz and the mask's order. Neighbouring bins do not overlap.

        Raises
        ------
        ImportError
            If mocpy is older than 0.18.
        TypeError, ValueError
            If the mask has no energy bins, is not in ICRS, or a bin is narrower than the cells of frequency; or if
            `frequency_order` is not an integer from 20 to 45.

        Examples
        --------
        >>> from hpmask import EnergyAxis, Mask
        >>> mask = Mask.full(energy=EnergyAxis.from_bounds("1 TeV", "100 TeV", 2))
        >>> print(f"{mask.to_sfmoc().min_frequency:.4g}")
        2.418e+26 Hz
        """
        from hpmask.interop import sfmoc

        return sfmoc.to_sfmoc(self, frequency_order=frequency_order)

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
        from_healpix : The inverse.

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
        """Return the mask on the pixels of an image.

        The sky position of a pixel's centre is the one that astropy's ``wcs.pixel_to_world`` gives, distortions
        included. Tiles of pixels over which the mask is uniform are decided at once. Strict bounds on the sky of a tile
        guarantee that each pixel has the same value as if it were computed alone. Such bounds exist for TAN, SIN, STG,
        ARC, ZEA, CAR, CEA, MER, SFL and AIT, with or without SIP polynomials. With other projections and distortions,
        every pixel is computed.

        Parameters
        ----------
        wcs : `~astropy.wcs.WCS`, FITS header, image HDU, path, NDData, gammapy geometry or pair (wcs, shape)
            Any celestial WCS, in any frame that astropy can transform to that of the mask. The two celestial axes of a
            cube are used. Slices of a WCS, and other WCS objects with astropy's common interface, are accepted if they
            have two pixel axes. A RADESYS beside Galactic axes is ignored, because astropy misinterprets it. Ecliptic
            axes raise an error, because astropy takes them for ICRS. A pair of one of these and a shape, as
            `hpmask.wcs.field_wcs` returns it, has that shape. In the mask of an NDData, such as
            a CCDData, True means bad: write ``ccd.mask = ~mask.to_wcs(ccd)``.
        shape : (int, int), optional
            Number of pixels (ny, nx), by default the shape of the WCS.
        mode : {"center", "overlap", "inside", "fraction"}, optional
            "center": a pixel is True if and only if the sky position of its centre is in the mask.

            "overlap": a pixel is True if any part of its area is in the mask. A cell within a thousandth of the pixel
            of its edge may count as touching it, and no cell that touches it is missed. To exclude every pixel that
            touches excluded sky, use "inside", or equally ``~(~mask).to_wcs(..., mode="overlap")``.

            "inside": a pixel is True only if all of its area is in the mask, to the same accuracy.

            "fraction": the part of the pixel's area, as a solid angle, that is in the mask, to better than 1e-3.

            The area of a pixel is the sky under its square of pixel coordinates, with sides that are followed to 2e-4
            of the pixel. Pixels at the rim of an all-sky image, of which a part is outside the projection, and pixels
            that the edge of a facet tears apart (HPX, XPH, TSC, CSC, QSC) are sampled at 32 x 32 points. Their fraction
            is good to about 1e-2, or 1e-1 if only a small part of the pixel is inside the projection.

            Pixels outside the projection, such as the corners of an all-sky image, are False or 0 in all modes.
        hdu : int or str, optional
            Number or name of the HDU with the image; needed if the file has several images of the sky.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        numpy.ndarray of bool or float32, shape (ny, nx) or (n_bins, ny, nx)
            Of float32 for "fraction". There is a plane for each energy bin if the mask has energy bins, or if `wcs` has
            them: a gammapy geometry, or a file with a table of energies (EBOUNDS, ENERGIES, or the table that BANDSHDU
            names). If both have energy bins, each bin of `wcs` must lie in one bin of the mask. A plane that belongs
            to a single energy gets the bin of the mask at that energy.

        Raises
        ------
        TypeError
            If `wcs` is not a WCS, or `hdu` is given without a file.
        ValueError
            If the WCS is not celestial, a number in it is NaN or infinite, or astropy cannot transform its frame; if no
            shape is known; if energy bins do not fit; or if `mode` is not one of these.
        MaskFormatError
            If a file is damaged (CHECKSUM and DATASUM of the HDUs that are used are checked, if there are any), if it
            has no image of the sky, or if it has several and `hdu` is not given.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from astropy.wcs import WCS
        >>> from hpmask import Mask
        >>> wcs = WCS(naxis=2)
        >>> wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
        >>> wcs.wcs.crval = 83.6, 22.0
        >>> wcs.wcs.crpix = 3, 2
        >>> wcs.wcs.cdelt = -0.1, 0.1
        >>> star = Mask.from_cones(SkyCoord(83.6, 22.0, unit="deg"), "0.11 deg", order=12)
        >>> star.to_wcs(wcs, (3, 5)).astype(int)
        array([[0, 0, 1, 0, 0],
               [0, 1, 1, 1, 0],
               [0, 0, 1, 0, 0]])
        """
        return to_image.to_wcs(self, wcs, shape, mode=mode, hdu=hdu, n_threads=n_threads)

    def to_wcs_many(
        self, fields: Iterable[Any], *, mode: PixelMode = "center", n_threads: int | None = None
    ) -> Iterator[NDArray[Any]]:
        """Yield the mask on many images, such as one per observation.

        The look-up tables of the mask are built once. Each image is made when it is asked for, and is not stored.

        Parameters
        ----------
        fields : iterable
            For each image a `wcs` as in `to_wcs`, such as a pair (wcs, shape). It may be a generator.
        mode : {"center", "overlap", "inside", "fraction"}, optional
            As in `to_wcs`.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Yields
        ------
        numpy.ndarray
            The images as `to_wcs` returns them, in the order of `fields`.

        Raises
        ------
        TypeError, ValueError, MaskFormatError
            As in `to_wcs`: for `mode` and `n_threads` at once, and for a field when its image is asked for.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> from hpmask.wcs import field_wcs
        >>> mask = Mask.from_zone(None, ("0 deg", "90 deg"), order=13)
        >>> fields = (field_wcs(SkyCoord(10, lat, unit="deg"), "2 deg") for lat in (-0.5, 0, 0.5))
        >>> [round(float(image.mean()), 2) for image in mask.to_wcs_many(fields)]
        [0.25, 0.5, 0.75]
        """
        return to_image.to_wcs_many(self, fields, mode=mode, n_threads=n_threads)

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
        """Write the mask on the pixels of an image as a FITS image of bytes, 1 = kept.

        The image is the primary HDU, named MASK. gammapy's ``Map.read`` reads it as a boolean map. Energy bins, those
        of the mask or of a cube given as `wcs`, make the image a cube, in the order of increasing energy that gammapy
        needs, with the table MASK_BANDS of the bins; the layout is that of
        https://gamma-astro-data-formats.readthedocs.io/en/latest/skymaps/wcs/index.html. Look-up tables of distortions
        follow as further extensions.

        The history of the mask goes into HISTORY cards. Lines that are longer than a card or are not printable ASCII
        are escaped as in Python strings. A backslash at the end of a card means that the line continues in the next
        card.

        Parameters
        ----------
        path : str or path
            File to write; ``.fits.gz`` is compressed. The file is replaced atomically, as by `write`.
        wcs : `~astropy.wcs.WCS`, `~astropy.io.fits.Header`, image HDU, path, gammapy geometry or pair (wcs, shape)
            As in `to_wcs`, but only with astropy's own FITS WCS.
        shape : (int, int), optional
            Number of pixels (ny, nx), by default the shape of the WCS.
        mode : {"center", "overlap", "inside"}, optional
            As in `to_wcs`.
        hdu : int or str, optional
            Number or name of the HDU with the image; needed if the file has several images of the sky.
        overwrite : bool, optional
            Whether to replace an existing file.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Raises
        ------
        FileExistsError
            If the file exists and `overwrite` is False.
        TypeError
            If `wcs` is not a FITS WCS, or as in `to_wcs`.
        ValueError, MaskFormatError
            As in `to_wcs`.

        Examples
        --------
        >>> from pathlib import Path
        >>> from tempfile import mkdtemp
        >>> from astropy.io import fits
        >>> from astropy.wcs import WCS
        >>> from hpmask import Mask
        >>> wcs = WCS(naxis=2)
        >>> wcs.wcs.ctype = "GLON-AIT", "GLAT-AIT"
        >>> wcs.wcs.crpix = 3, 2
        >>> wcs.wcs.cdelt = -70, 60
        >>> path = Path(mkdtemp()) / "sky.fits"
        >>> Mask.full().write_wcs(path, wcs, (3, 5))
        >>> fits.getdata(path)
        array([[0, 1, 1, 1, 0],
               [1, 1, 1, 1, 1],
               [0, 1, 1, 1, 0]], dtype=uint8)
        """
        fits_image.write_wcs(self, path, wcs, shape, mode=mode, hdu=hdu, overwrite=overwrite, n_threads=n_threads)

    def to_gammapy(self, geom: Geom, *, mode: Mode = "center", n_threads: int | None = None) -> Map:
        """Return the mask as a boolean gammapy map on a geometry.

        Parameters
        ----------
        geom : `~gammapy.maps.WcsGeom`, `~gammapy.maps.HpxGeom` or `~gammapy.maps.RegionGeom`
            Geometry of the map. Its energy axis, "energy" or "energy_true", must have the energy bins of the mask,
            unless the mask has none. Along other axes the mask is repeated. HEALPix geometries may cover the whole sky,
            a part of it or a list of cells, in either frame, RING or NESTED, with one nside or one per plane.
        mode : {"center", "overlap", "inside"}, optional
            Whether a pixel is True if its centre is kept, if any part of it is, or only if all of it is. The centre of
            a region is the one that gammapy gives it. The centre of a HEALPix pixel larger than the mask's cells is the
            corner of four of them, and the northern cell decides, as in `contains`. HEALPix geometries have the modes
            "overlap" and "inside" only in the mask's frame and for powers of two as nside.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        `~gammapy.maps.Map`
            A new boolean map, whose geometry is the object `geom` itself. It can be set as a mask of a dataset:
            ``dataset.mask_fit = mask.to_gammapy(dataset.counts.geom)``. Pixels outside the projection are False.

        Raises
        ------
        ImportError
            If gammapy is not installed.
        TypeError
            If `geom` is not a geometry of gammapy.
        ValueError
            If the energy bins of `geom` are not those of the mask, or `mode` is not possible on this geometry.

        Examples
        --------
        >>> import pytest
        >>> maps = pytest.importorskip("gammapy.maps", exc_type=ImportError)
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> crab = SkyCoord(83.63, 22.01, unit="deg")
        >>> geom = maps.WcsGeom.create(skydir=crab, width="2 deg", binsz="0.02 deg")
        >>> int(Mask.from_cones(crab, "0.3 deg", order=14).to_gammapy(geom).data.sum())
        714
        """
        from hpmask.interop.gammapy import to_maps

        return to_maps.to_map(self, geom, mode=mode, n_threads=n_threads)

    def to_exclusion_mask(self, *, mode: Mode = "center", n_threads: int | None = None) -> ExclusionMask:
        """Return an object for the option ``exclusion_mask`` of gammapy's background makers.

        Use it as in ``FoVBackgroundMaker(exclusion_mask=mask.to_exclusion_mask())``. The object covers the whole sky.
        Each maker evaluates the mask at its own pixels, and no map is made before that.

        Parameters
        ----------
        mode : {"center", "overlap", "inside"}, optional
            Whether a pixel is kept if its centre is kept, if any part of it is, or only if all of it is. With "inside",
            an excluded region that is smaller than a pixel excludes that pixel.
        n_threads : int, optional
            Number of threads at each call of a maker, by default that of `hpmask.set_num_threads`. The result does not
            depend on it.

        Returns
        -------
        `~hpmask.interop.gammapy.ExclusionMask`
            An object with the methods of a gammapy map that the makers use.

        Raises
        ------
        TypeError, ValueError
            If `mode` is not one of these, or `n_threads` is not a positive integer.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> sources = Mask.from_cones(SkyCoord(83.63, 22.01, unit="deg"), "0.3 deg", order=12)
        >>> exclusion = (~sources).to_exclusion_mask(mode="inside")
        >>> exclusion.mode, exclusion.mask == ~sources
        ('inside', True)
        """
        from hpmask.interop import gammapy

        return gammapy.ExclusionMask(self, mode=mode, n_threads=n_threads)

    def write(
        self,
        path: str | os.PathLike[str] | IO[bytes],
        *,
        overwrite: bool = False,
        format: str | None = None,
        simplify: u.Quantity | str | None = None,
    ) -> None:
        """Write the mask to a file, atomically: at any moment there is the complete old file or the complete new one.

        Parameters
        ----------
        path : str, path or binary file
            A path, a URL (through fsspec), or a file that is open in binary mode, for which `format` is needed. Its
            name gives the format: ``.fits`` is FITS, which holds every mask, with an IVOA MOC 2.0 for other programs;
            ``.txt`` is MOC ASCII and ``.json`` is MOC JSON, for masks without energy in ICRS. ``.hsp`` is a bit-packed
            map of healsparse, for masks without energy.
            ``.reg`` is ds9, ``.crtf`` is CRTF (CASA), ``.geojson`` is GeoJSON and ``.stcs`` is STC-S: these have the
            outline of the mask, which must be the same in all energy bins and not be empty (see `to_regions`), and
            `from_regions` reads them. A name that ends in ``.gz`` as well is compressed.
        overwrite : bool, optional
            Whether to replace an existing file; or, for a format that makes a folder, a folder that is empty or holds
            a mask in such a format.
        format : str, optional
            Name of the format, one of `hpmask.io.formats`, if it is not that of the name. "healpix" is a HEALPix map of
            bytes in NESTED order, 1 = kept, as healpy and others read it. It has all cells of its order, or
            only the kept ones with their numbers (INDXSCHM = 'EXPLICIT'), whichever takes fewer bytes. Energy bins are
            columns, as in gammapy's maps.
        simplify : `~astropy.units.Quantity` or str, optional
            For the formats with an outline: leave out points, within this angle; see `outline`. By default the outline
            is exact.

        Raises
        ------
        FileExistsError
            If the file exists and `overwrite` is False, or there is a folder that is not a mask.
        FileNotFoundError
            If the directory does not exist.
        OSError
            If the file cannot be written, or `path` is not a file.
        TypeError, ValueError
            If the format is not known or cannot hold the mask, or `simplify` is not an angle or not for this format.

        See Also
        --------
        read : Read a mask file.
        write_wcs : Write the mask on the pixels of an image.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from hpmask import Mask
        >>> mask = Mask.from_zone(lat=("0 deg", "90 deg"), order=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     mask.write(f"{folder}/north.txt")
        ...     print(Path(f"{folder}/north.txt").read_text().strip())
        0/0-7

        The outline for ds9:

        >>> disc = Mask.from_regions("icrs; circle(40, 10, 5)", order=9)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     disc.write(f"{folder}/disc.reg")
        ...     Mask.from_regions(f"{folder}/disc.reg", order=9) == disc
        True
        """
        from hpmask import io

        io.write(self, path, overwrite=overwrite, format=format, simplify=simplify)

    @classmethod
    def _own(cls, value: MaskValue) -> Self:
        """The result of a worker as a mask of this class."""
        if isinstance(value, cls):
            return value
        return cls(value.planes, order=value.order, frame=value.frame, energy=value.energy, history=history_of(value))

    def _repr_html_(self) -> str:
        from hpmask.plotting import notebooks

        return notebooks.html(self)


def _leaf(method: str, text: str, energy: EnergyAxis | None) -> str:
    """The history of a mask of one kind of sky, with or without energy bins."""
    return f"{method}({text})" if energy is None else f"{method}({text}, {summary(check_axis(energy))})"


def _text_of(width: Any) -> str:
    """A width as the history gives it."""
    if isinstance(width, u.Quantity) and width.ndim:
        return counted(width.size, "width")
    return getattr(width, "__name__", quantity_text(width))


set_face(Mask)
