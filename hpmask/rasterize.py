"""TEMPORARY stand-in for the real rasterizer (healpy), to be replaced."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u

from hpmask import frames
from hpmask.rangeset import RangeSet


def check_cones(center: Any, radius: Any, frame: str, energy: Any) -> Any:
    lon, lat = frames.to_lonlat(center, frame)
    lon, lat = np.atleast_1d(lon), np.atleast_1d(lat)
    r = np.asarray(frames.as_angle(radius, "radius").to_value(u.rad))
    r = np.broadcast_to(r if r.ndim == 2 else r.reshape(-1, 1), (lon.size, 1 if r.ndim < 2 else r.shape[1]))
    return lon, lat, r


def cone_planes(lon: Any, lat: Any, radii: Any, *, order: int, mode: str = "center", n_threads: Any = None, progress: bool = False) -> list[RangeSet]:
    import healpy as hp
    planes = []
    for k in range(radii.shape[1]):
        cells = [hp.query_disc(1 << order, hp.ang2vec(np.pi / 2 - b, l), r, nest=True) for l, b, r in zip(lon, lat, radii[:, k])]
        planes.append(RangeSet.from_cells(np.concatenate(cells) if cells else np.empty(0, int), order))
    return planes


def shapes_plane(shapes: Any, *, order: int, mode: str = "center", n_threads: Any = None) -> RangeSet:
    raise NotImplementedError
