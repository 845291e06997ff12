"""An object for gammapy's background makers, which evaluate it at their own pixels.

Each maker treats the edge of a map differently. FoVBackgroundMaker and AdaptiveRingBackgroundMaker call
`interp_to_geom`, which fills in False. RingBackgroundMaker calls `get_by_coord`, which gives NaN, and then its whole
map is NaN. The finders of reflected regions call `interp_to_geom` with `fill_value=True`. A mask of the whole sky has
no edge, so these differences do not matter.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from hpmask._utils.arguments import float64, unmasked
from hpmask._utils.modes import Mode, check_mode
from hpmask._utils.parallel import thread_count
from hpmask.core import lookup
from hpmask.core.transform import reduce
from hpmask.core.value import MaskValue, check_mask
from hpmask.geometry import frames
from hpmask.interop.gammapy.energy_bins import bins_at_centers
from hpmask.interop.gammapy.to_maps import checked_geom, filled

__all__ = ["ExclusionMask"]


class ExclusionMask:
    """A mask for gammapy's background makers, with the methods of a gammapy map that they use. True = kept.

    `hpmask.Mask.to_exclusion_mask` makes it. It can be pickled for the workers of parallel runs.

    Parameters
    ----------
    mask : Mask
        The mask.
    mode : {"center", "overlap", "inside"}, optional
        Whether a pixel of a maker's geometry is kept if its centre is kept, if any part of it is, or only if all of it
        is. With "inside", an excluded region that is smaller than a pixel excludes that pixel.
    n_threads : int, optional
        Number of threads at each call, by default that of `hpmask.set_num_threads`. The result does not depend on it.

    Attributes
    ----------
    mask : Mask
        The mask.
    mode : str
        The mode.
    n_threads : int or None
        The number of threads.
    is_mask : bool
        True, as for gammapy's boolean maps.

    Raises
    ------
    TypeError, ValueError
        If `mask` is not a mask, `mode` is not one of these, or `n_threads` is not a positive integer.

    Examples
    --------
    >>> import pytest
    >>> maps = pytest.importorskip("gammapy.maps", exc_type=ImportError)
    >>> from astropy.coordinates import SkyCoord
    >>> from hpmask import Mask
    >>> crab = SkyCoord(83.63, 22.01, unit="deg")
    >>> exclusion = (~Mask.from_cones(crab, "0.3 deg", order=14)).to_exclusion_mask()
    >>> geom = maps.WcsGeom.create(skydir=crab, width="2 deg", binsz="0.02 deg")
    >>> int((~exclusion.interp_to_geom(geom).data).sum())
    714
    """

    is_mask = True

    def __init__(self, mask: MaskValue, *, mode: Mode = "center", n_threads: int | None = None) -> None:
        check_mask(mask, "mask")
        self.mask = mask
        self.mode = check_mode(mode)
        self.n_threads = None if n_threads is None else thread_count(n_threads)

    def __bool__(self) -> bool:
        # Makers test in this way whether they have an exclusion mask.
        return True

    def __repr__(self) -> str:
        return f"<ExclusionMask mode={self.mode!r} of {self.mask!r}>"

    @property
    def geom(self) -> _WholeSky:
        """The properties of a map's geometry that makers read. It is flat if the mask has one energy bin or none."""
        return _WholeSky(1 if self.mask.energy is None else self.mask.energy.n_bins)

    @property
    def data(self) -> NDArray[np.bool_]:
        """Whether each plane keeps any sky, bool, shape (n_bins,). There are no pixels before a geometry is given.

        ReflectedRegionsBackgroundMaker assigns the data to themselves. Other values raise an AttributeError.
        """
        return np.array([not plane.is_empty for plane in self.mask.planes])

    @data.setter
    def data(self, value: Any) -> None:
        if not np.array_equal(value, self.data):
            raise AttributeError("the data of an ExclusionMask cannot be changed: make a new mask instead")

    def interp_to_geom(self, geom: Any, preserve_counts: bool = False, fill_value: Any = 0, **kwargs: Any) -> Any:
        """Return the mask at the pixels of a geometry.

        Parameters
        ----------
        geom : `~gammapy.maps.Geom`
            The geometry. Each of its energy bins gets the bin of the mask at its centre.
        preserve_counts : bool, optional
            For gammapy's signature. It must be False.
        fill_value : bool or None, optional
            The value at energies outside the mask's bins; None is False.
        **kwargs
            For gammapy's signature. They have no effect.

        Returns
        -------
        `~gammapy.maps.Map`
            A new boolean map on `geom`.

        Raises
        ------
        ImportError
            If gammapy is not installed.
        TypeError, ValueError
            If `geom` is not a geometry, `preserve_counts` is True, or the mask has several energy bins and the
            geometry has no energy.

        Examples
        --------
        >>> import pytest
        >>> maps = pytest.importorskip("gammapy.maps", exc_type=ImportError)
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=8).to_exclusion_mask()
        >>> north.interp_to_geom(maps.WcsGeom.create(npix=(3, 2), binsz=1)).data
        array([[False, False, False],
               [ True,  True,  True]])
        """
        if preserve_counts:
            raise ValueError("preserve_counts has no meaning for a mask")
        bins = bins_at_centers(self.mask.energy, checked_geom(geom))
        # None asks gammapy's maps to extrapolate.
        beyond = False if fill_value is None else bool(fill_value)
        return filled(self.mask, geom, bins, mode=self.mode, beyond=beyond, n_threads=self.n_threads)

    def get_by_coord(self, coords: Any, fill_value: Any = None) -> NDArray[np.bool_]:
        """Return the mask at coordinates. The position itself decides, whatever the mode is.

        Parameters
        ----------
        coords : `~gammapy.maps.MapCoord`, `~astropy.coordinates.SkyCoord`, dict or tuple
            Coordinates as gammapy's maps take them: "lon" and "lat" (Quantities, or numbers in deg, in the mask's
            frame) or "skycoord", and "energy" for a mask with several energy bins. Their shapes are broadcast.
        fill_value : optional
            For gammapy's signature. It has no effect.

        Returns
        -------
        numpy.ndarray of bool, in the broadcast shape
            False where a position is not finite or an energy is outside the mask's bins.

        Raises
        ------
        ValueError
            If the mask has several energy bins and the coordinates have no energy, or a value is masked.

        Examples
        --------
        >>> import pytest
        >>> _ = pytest.importorskip("gammapy.maps", exc_type=ImportError)
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=8).to_exclusion_mask()
        >>> north.get_by_coord(([10, 20, 30], [-5, 5, 80]))
        array([False,  True,  True])
        """
        from gammapy.maps import MapCoord

        energy = self.mask.energy
        coord = coords
        # A MapCoord has a frame, and the look-up rotates from it.
        if not isinstance(coord, MapCoord):
            names = [] if energy is None else [energy.name]
            coord = MapCoord.create(_directions(coords, self.mask.frame), frame=self.mask.frame, axis_names=names)
        lon, lat = (_radians(angle) for angle in (coord.lon, coord.lat))
        lon, lat = np.broadcast_arrays(lon, lat)
        matrix = None
        if coord.frame is not None and coord.frame != self.mask.frame:
            matrix = frames.rotation_of(coord.frame, self.mask.frame)
        planes = self.mask.planes
        if energy is None or energy.n_bins == 1:
            only = lookup.contains_lonlat(
                planes[:1], self.mask.order, lon, lat, matrix=matrix, n_threads=self.n_threads
            )
            return np.asarray(only[0])
        at = next((coord[name] for name in (energy.name, "energy", "energy_true") if name in coord.axis_names), None)
        if at is None:
            raise ValueError(
                f"the mask has {energy.n_bins} energy bins, but coords has no {energy.name!r}: add it, or combine the "
                "bins of the mask with reduce('any') or reduce('all')"
            )
        at = u.Quantity(at)
        if np.isnan(at.value).any():
            # Geometries with fewer cells in some bins have places without a position and without an energy.
            at = np.where(np.isnan(at.value) & ~(np.isfinite(lon) & np.isfinite(lat)), energy.edges[0], at)
        bins = energy.bin_of(at)
        shape = np.broadcast_shapes(lon.shape, bins.shape)
        result = np.zeros(shape, dtype=np.bool_)
        bins = np.broadcast_to(bins, shape)
        lon, lat = np.broadcast_to(lon, shape), np.broadcast_to(lat, shape)
        for k in np.unique(bins[bins >= 0]):
            here = bins == k
            result[here] = lookup.contains_lonlat(
                [planes[k]], self.mask.order, lon[here], lat[here], matrix=matrix, n_threads=self.n_threads
            )[0]
        return result

    def sum_over_axes(self, axes_names: Any = None, keepdims: bool = True, weights: Any = None) -> ExclusionMask:
        """Return the mask without its energy axis: a position is kept if any bin keeps it.

        Parameters
        ----------
        axes_names : list of str, optional
            For gammapy's signature. It has no effect.
        keepdims : bool, optional
            Return a mask of one bin unchanged, with its axis.
        weights : optional
            For gammapy's signature. It must be None.

        Returns
        -------
        ExclusionMask
            The mask itself if it has no energy axis.

        Raises
        ------
        ValueError
            If weights are given.

        Examples
        --------
        >>> from hpmask import EnergyAxis, Mask
        >>> axis = EnergyAxis.from_bounds("1 TeV", "100 TeV", 2)
        >>> exclusion = Mask.from_energy(axis, "10 TeV").to_exclusion_mask()
        >>> exclusion.data, exclusion.sum_over_axes().data
        (array([False,  True]), array([ True]))
        """
        if weights is not None:
            raise ValueError("weights have no meaning for a mask")
        if self.mask.energy is None or (keepdims and self.mask.energy.n_bins == 1):
            return self
        return ExclusionMask(reduce(self.mask, "any"), mode=self.mode, n_threads=self.n_threads)

    def copy(self) -> ExclusionMask:
        """Return the object itself, because it is immutable.

        Returns
        -------
        ExclusionMask
            The same object.

        Examples
        --------
        >>> from hpmask import Mask
        >>> exclusion = Mask.full().to_exclusion_mask()
        >>> exclusion.copy() is exclusion
        True
        """
        return self


def _directions(coords: Any, frame: str) -> Any:
    """Coordinates in which a SkyCoord is replaced by its directions. gammapy would convert it with its distance."""
    if isinstance(coords, SkyCoord):
        return frames.seen(coords, frame, "coords")
    if isinstance(coords, tuple) and coords and isinstance(coords[0], SkyCoord):
        return frames.seen(coords[0], frame, "coords"), *coords[1:]
    if isinstance(coords, dict) and "skycoord" in coords:
        return {**coords, "skycoord": frames.seen(coords["skycoord"], frame, "coords")}
    return coords


def _radians(angle: Any) -> NDArray[np.float64]:
    """Angles in radians. Bare numbers are degrees."""
    angle = angle if isinstance(angle, u.Quantity) else u.Quantity(angle, u.deg)
    return np.asarray(float64(unmasked(angle, "coords")).to_value(u.rad))


class _WholeSky:
    """The geometry of a mask, which covers the whole sky and has no pixels."""

    is_allsky = True
    is_regular = True
    is_hpx = False
    is_region = False

    def __init__(self, n_bins: int) -> None:
        self.is_flat = n_bins == 1
