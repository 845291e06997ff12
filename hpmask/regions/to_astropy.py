"""The outline of a mask as regions of astropy's `regions` package."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from astropy import units as u
from astropy.coordinates import SkyCoord, UnitSphericalRepresentation

from hpmask.core.outline import one_ring_each, outline
from hpmask.core.value import MaskValue

__all__ = ["to_regions"]


def to_regions(mask: MaskValue, *, simplify: u.Quantity | str | None = None) -> Any:
    """See `hpmask.Mask.to_regions`."""
    from regions import PolygonSkyRegion, Regions

    rings = one_ring_each(outline(mask, simplify=simplify, split=True).rings)
    lon, lat = rings.lon * u.rad, rings.lat * u.rad
    several = (UnitSphericalRepresentation(lon[a:b], lat[a:b]) for a, b in pairwise(rings.ring_offsets))
    return Regions([PolygonSkyRegion(SkyCoord(points, frame=mask.frame)) for points in several])
