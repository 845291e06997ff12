"""What gammapy's background makers take as `exclusion_mask`: the mask itself, asked at their own pixels.

Each maker asks in its own way, and each for another thing where a map ends: FoVBackgroundMaker and
AdaptiveRingBackgroundMaker by `interp_to_geom`, which fills in False; RingBackgroundMaker by `get_by_coord`, which
gives NaN, and with it a map of NaN; the finders of reflected regions by `interp_to_geom` with `fill_value=True`. A mask
of the whole sky has no end, so that none of this matters.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from hpmask._utils.arguments import float64, unmasked
from hpmask._utils.modes import Mode, check_mode
from hpmask.core import lookup
from hpmask.core.transform import reduce
from hpmask.core.value import MaskValue
from hpmask.geometry import frames
from hpmask.interop.gammapy.energies import bins_at_centres
from hpmask.interop.gammapy.to_maps import checked_geom, filled

__all__ = ["ExclusionMask"]


class ExclusionMask:
    """A mask in the form of a gammapy map, as far as gammapy's makers use one. True = kept.

    Made by `hpmask.Mask.for_gammapy`. It can be pickled, and so goes to the workers of parallel runs.

    Parameters
    ----------
    mask : Mask
        The mask.
    mode : {"center", "inside", "overlap"}, optional
        When a pixel of a maker's geometry is kept: if its centre is; if all of it is, so that an excluded region
        smaller than a pixel excludes it; or if any part of it is.
    """

    is_mask = True

    def __init__(self, mask: MaskValue, *, mode: Mode = "center") -> None:
        self.mask = mask
        self.mode = check_mode(mode)

    def __bool__(self) -> bool:
        # As a map: makers ask in this way whether they were given one.
        return True

    def __repr__(self) -> str:
        return f"<ExclusionMask mode={self.mode!r} of {self.mask!r}>"

    @property
    def geom(self) -> _WholeSky:
        """What makers want to know of a geometry: whether it is flat, that is, has one energy bin at most."""
        return _WholeSky(1 if self.mask.energy is None else self.mask.energy.n_bins)

    @property
    def data(self) -> NDArray[np.bool_]:
        """Whether each plane keeps any sky, shape (n_bins,). Of pixels there are none before a geometry is given.

        It may be set to what it is, as ReflectedRegionsBackgroundMaker does, and to nothing else.
        """
        return np.array([bool(plane) for plane in self.mask.planes])

    @data.setter
    def data(self, value: Any) -> None:
        if not np.array_equal(value, self.data):
            raise AttributeError("the data of an ExclusionMask cannot be changed: make another mask")

    def interp_to_geom(self, geom: Any, preserve_counts: bool = False, fill_value: Any = 0, **kwargs: Any) -> Any:
        """The mask at the pixels of a geometry, as a gammapy map of bool with data of its own.

        Parameters
        ----------
        geom : `~gammapy.maps.Geom`
            The geometry. In each of its energy bins, the mask's bin at its middle holds.
        preserve_counts : bool, optional
            Has no meaning for a mask and must be False.
        fill_value : bool, optional
            What there is at energies outside the mask's bins. On the sky, nothing is outside.
        **kwargs
            For gammapy's signature; they have no effect on its masks either.

        Raises
        ------
        ValueError
            If the mask has several energy bins and the geometry has no energy.
        """
        if preserve_counts:
            raise ValueError("preserve_counts has no meaning for a mask")
        bins = bins_at_centres(self.mask.energy, checked_geom(geom))
        # gammapy's None asks for extrapolation.
        beyond = False if fill_value is None else bool(fill_value)
        return filled(self.mask, geom, bins, mode=self.mode, beyond=beyond)

    def get_by_coord(self, coords: Any, fill_value: Any = None) -> NDArray[np.bool_]:
        """The mask at coordinates, in their broadcast shape; always by the position itself, whatever the mode.

        Parameters
        ----------
        coords : `~gammapy.maps.MapCoord`, dict or tuple
            As gammapy's maps take them: "lon" and "lat" (deg, in the mask's frame) or "skycoord", and "energy" for a
            mask with several energy bins.
        fill_value
            For gammapy's signature. What is no position, or outside the energy bins, is not kept.
        """
        from gammapy.maps import MapCoord

        energy = self.mask.energy
        names = [] if energy is None else [energy.name]
        # Coordinates that know their frame are rotated by the look-up.
        known = isinstance(coords, MapCoord)
        if not known:
            coords = MapCoord.create(_as_seen(coords, self.mask.frame), frame=self.mask.frame, axis_names=names)
        coord = coords
        lon, lat = (_radians(angle) for angle in (coord.lon, coord.lat))
        lon, lat = np.broadcast_arrays(lon, lat)
        matrix = None
        if coord.frame is not None and coord.frame != self.mask.frame:
            matrix = frames.rotation_of(coord.frame, self.mask.frame)
        planes = self.mask.planes
        if energy is None or energy.n_bins == 1:
            only = lookup.contains_lonlat(planes[:1], self.mask.order, lon, lat, matrix=matrix, n_threads=None)
            return np.asarray(only[0])
        at = next((coord[name] for name in (energy.name, "energy", "energy_true") if name in coord.axis_names), None)
        if at is None:
            raise ValueError(
                f"the mask has {energy.n_bins} energy bins, but coords has no {energy.name!r}: take reduce('any') or "
                "reduce('all') of the mask"
            )
        bins = energy.bin_of(u.Quantity(at))
        shape = np.broadcast_shapes(lon.shape, bins.shape)
        result = np.zeros(shape, dtype=np.bool_)
        bins = np.broadcast_to(bins, shape)
        lon, lat = np.broadcast_to(lon, shape), np.broadcast_to(lat, shape)
        for k in np.unique(bins[bins >= 0]):
            here = bins == k
            result[here] = lookup.contains_lonlat(
                [planes[k]], self.mask.order, lon[here], lat[here], matrix=matrix, n_threads=None
            )[0]
        return result

    def sum_over_axes(self, axes_names: Any = None, keepdims: bool = True, weights: Any = None) -> ExclusionMask:
        """The mask without its energy axis, as gammapy's ``sum_over_axes`` of a map: kept in any bin."""
        if weights is not None:
            raise ValueError("weights have no meaning for a mask")
        if self.mask.energy is None or (keepdims and self.mask.energy.n_bins == 1):
            return self
        return ExclusionMask(reduce(self.mask, "any"), mode=self.mode)

    def copy(self) -> ExclusionMask:
        """Itself: it does not change."""
        return self


def _as_seen(coords: Any, frame: str) -> Any:
    """Coordinates with a SkyCoord among them as its directions: gammapy would bring it to `frame` with its distance."""
    if isinstance(coords, SkyCoord):
        return frames.seen(coords, frame, "coords")
    if isinstance(coords, tuple) and coords and isinstance(coords[0], SkyCoord):
        return frames.seen(coords[0], frame, "coords"), *coords[1:]
    if isinstance(coords, dict) and "skycoord" in coords:
        return {**coords, "skycoord": frames.seen(coords["skycoord"], frame, "coords")}
    return coords


def _radians(angle: Any) -> NDArray[np.float64]:
    """Angles in radians; bare numbers are degrees."""
    angle = angle if isinstance(angle, u.Quantity) else u.Quantity(angle, u.deg)
    return np.asarray(float64(unmasked(angle, "coords")).to_value(u.rad))


class _WholeSky:
    """The geometry of a mask that covers the sky and has no pixels."""

    is_allsky = True
    is_regular = True
    is_hpx = False
    is_region = False

    def __init__(self, n_bins: int) -> None:
        self.is_flat = n_bins == 1
