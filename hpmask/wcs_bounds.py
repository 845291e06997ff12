"""How far from its centre the sky under a tile of pixels may reach, and where on an image a cap of the sky may lie.

Strict bounds, so that whole tiles can be decided at once and the result is still that of every pixel by itself. They
follow from the projections' formulas (Calabretta & Greisen 2002, A&A 395, 1077), with X, Y the plane's coordinates and
phi, theta the native ones, all in radians:

* a path in the plane is stretched on the sky by no more than the largest singular value of the inverse projection's
  derivative along it (`sky`), a path on the sky by no more than that of the projection's (`plane`);
* the way from native to celestial coordinates is a rotation, and changes no distance;
* the way from pixels to the plane is linear, or, with SIP polynomials, differs from that by no more than the
  largest derivatives of the polynomials.

Where a bound does not hold, at a projection's rim, at its poles and seams, it is infinite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray

__all__ = ["Bounds"]

Floats = NDArray[np.float64]

_INF = np.inf
# Rounding of wcslib and of this module, on the sky (radians) and on the image (pixels).
_SLACK_SKY = 1e-11
_SLACK_PIXEL = 1e-6


@dataclass(frozen=True)
class _Projection:
    """Bounds of one projection.

    place(phi, theta) -> X, Y; sky(X, Y, r) -> the most by which a path within r of (X, Y) is stretched on the sky;
    plane(phi, theta, R) -> half-widths in X and Y of what holds the image of a cap of radius R.
    """

    place: Callable[[Floats, Floats], tuple[Floats, Floats]]
    sky: Callable[[Floats, Floats, Floats], Floats]
    plane: Callable[[Floats, Floats, Floats], tuple[Floats, Floats]]


def _where(valid: Any, value: Any) -> Floats:
    return np.where(valid, value, _INF)


# ---------------------------------------------------------------------- zenithal


def _zenithal(
    radius: Callable[[Floats], Floats],
    sky: Callable[[Floats], Floats],
    plane: Callable[[Floats], Floats],
    farthest: float,
) -> _Projection:
    """By the radius at an angle from the pole, and stretches that grow with the radius or that angle.

    Up to `farthest` from the pole the projection holds.
    """

    def place(phi: Floats, theta: Floats) -> tuple[Floats, Floats]:
        r = radius(np.pi / 2 - theta)
        return r * np.sin(phi), -r * np.cos(phi)

    def sky_stretch(x: Floats, y: Floats, r: Floats) -> Floats:
        return sky(np.hypot(x, y) + r)

    def half_widths(phi: Floats, theta: Floats, cap: Floats) -> tuple[Floats, Floats]:
        most = np.pi / 2 - theta + cap
        half = _where(most < farthest, cap * plane(np.minimum(most, farthest)))
        return half, half

    return _Projection(place, sky_stretch, half_widths)


def _arc_length(r: Floats) -> Floats:
    # r / sin(r), the tangential stretch
    return np.maximum(r, 1e-9) / np.sin(np.maximum(r, 1e-9))


_ZENITHAL = {
    "TAN": _zenithal(np.tan, np.ones_like, lambda a: 1 / np.cos(a) ** 2, 1.5),
    "STG": _zenithal(
        lambda a: 2 * np.tan(a / 2), np.ones_like, lambda a: 1 / np.cos(a / 2) ** 2, 2.9
    ),
    "ARC": _zenithal(
        lambda a: a, lambda r: _where(r < np.pi, 1.0), _arc_length, 2.9
    ),
    "SIN": _zenithal(
        np.sin,
        lambda r: _where(r < 0.9999, 1 / np.sqrt(1 - np.minimum(r, 0.9999) ** 2)),
        np.ones_like,
        np.pi / 2,
    ),
    "ZEA": _zenithal(
        lambda a: 2 * np.sin(a / 2),
        lambda r: _where(r < 1.9999, 1 / np.sqrt(1 - np.minimum(r, 1.9999) ** 2 / 4)),
        lambda a: 1 / np.cos(a / 2),
        2.9,
    ),
}


# ---------------------------------------------------------------------- cylinders, and what is like them


def _longitudes(phi: Floats, theta: Floats, cap: Floats) -> tuple[Floats, Floats]:
    """Half-width in longitude of a cap, infinite at a pole or at the seam; and its largest |latitude|."""
    highest = np.abs(theta) + cap
    ratio = np.sin(np.minimum(cap, 1.5)) / np.cos(np.minimum(np.abs(theta), 1.57))
    half = np.arcsin(np.minimum(ratio, 1.0))
    return _where((highest < 1.57) & (np.abs(phi) + half < np.pi - 1e-9), half), highest


def _cylinder(
    height: Callable[[Floats], Floats],
    sky: Callable[[Floats], Floats],
    plane: Callable[[Floats], Floats],
    highest: float,
) -> _Projection:
    """X = phi, by the height at a latitude; the stretches grow with |Y| and with |latitude|."""

    def place(phi: Floats, theta: Floats) -> tuple[Floats, Floats]:
        return phi, height(theta)

    def sky_stretch(x: Floats, y: Floats, r: Floats) -> Floats:
        top = np.abs(y) + r
        return _where((np.abs(x) + r < np.pi) & (top < highest), sky(np.minimum(top, highest)))

    def half_widths(phi: Floats, theta: Floats, cap: Floats) -> tuple[Floats, Floats]:
        half, top = _longitudes(phi, theta, cap)
        return half, _where(np.isfinite(half), cap * plane(np.minimum(top, 1.57)))

    return _Projection(place, sky_stretch, half_widths)


_CYLINDERS = {
    "CAR": _cylinder(lambda t: t, np.ones_like, np.ones_like, np.pi / 2),
    "CEA": _cylinder(np.sin, lambda y: 1 / np.sqrt(1 - np.minimum(y, 0.9999) ** 2), np.ones_like, 0.9999),
    "MER": _cylinder(lambda t: np.arctanh(np.sin(t)), np.ones_like, lambda t: 1 / np.cos(t), _INF),
}


def _sanson_flamsteed() -> _Projection:
    """X = phi cos(theta), Y = theta: an eastward step is dX + phi sin(theta) dY."""

    def place(phi: Floats, theta: Floats) -> tuple[Floats, Floats]:
        return phi * np.cos(theta), theta

    def sky(x: Floats, y: Floats, r: Floats) -> Floats:
        top = np.abs(y) + r
        lon = (np.abs(x) + r) / np.cos(np.minimum(top, 1.57))
        return _where((top < 1.57) & (lon < np.pi), 1 + np.minimum(lon, np.pi) * np.sin(np.minimum(top, 1.57)))

    def plane(phi: Floats, theta: Floats, cap: Floats) -> tuple[Floats, Floats]:
        half, top = _longitudes(phi, theta, cap)
        stretch = 1 + (np.abs(phi) + np.where(np.isfinite(half), half, 0)) * np.sin(np.minimum(top, 1.57))
        return _where(np.isfinite(half), cap * stretch), _where(np.isfinite(half), cap)

    return _Projection(place, sky, plane)


def _hammer_aitoff() -> _Projection:
    """Longitudes are halved, go through ZEA seen from the equator, and X is doubled."""
    zea = _ZENITHAL["ZEA"]

    def place(phi: Floats, theta: Floats) -> tuple[Floats, Floats]:
        gamma = np.sqrt(2 / (1 + np.cos(theta) * np.cos(phi / 2)))
        return 2 * gamma * np.cos(theta) * np.sin(phi / 2), gamma * np.sin(theta)

    def sky(x: Floats, y: Floats, r: Floats) -> Floats:
        valid = np.hypot(x / 2, y) + r < np.sqrt(2) - 1e-9
        # Doubling the longitudes stretches by two at most.
        return _where(valid, 2 * zea.sky(x / 2, y, r))

    def plane(phi: Floats, theta: Floats, cap: Floats) -> tuple[Floats, Floats]:
        half, _ = _longitudes(phi, theta, cap)
        away = np.arccos(np.clip(np.cos(theta) * np.cos(phi / 2), -1, 1)) + cap
        stretch = 1 / np.cos(np.minimum(away, 2.5) / 2)
        return _where(np.isfinite(half), 2 * stretch * cap), _where(np.isfinite(half), stretch * cap)

    return _Projection(place, sky, plane)


_PROJECTIONS = _ZENITHAL | _CYLINDERS | {"SFL": _sanson_flamsteed(), "AIT": _hammer_aitoff()}


# ---------------------------------------------------------------------- of a whole WCS


class Bounds:
    """The bounds of one WCS.

    Attributes
    ----------
    invertible : bool
        Whether there are bounds on the way from the sky to pixels, too (`on_image`).
    """

    def __init__(self, wcs: WCS, shape: tuple[int, int], projection: _Projection) -> None:
        self._projection = projection
        self._rows = [wcs.wcs.lng, wcs.wcs.lat]
        self._matrix = np.radians(wcs.pixel_scale_matrix)[self._rows]
        self._origin = np.asarray(wcs.wcs.crpix, dtype=np.float64) - 1
        self._inverse = np.linalg.inv(self._matrix)
        self._shift, self._slope = _sip_limits(wcs, shape)
        self.invertible = wcs.sip is None
        self._norm = float(np.linalg.norm(self._matrix, 2))
        corners = np.abs(self._matrix @ np.array([[1.0, 1.0], [1.0, -1.0]]))
        self._diagonal = float(np.hypot(*corners).max())
        self._native = self._native_axes(wcs)

    @classmethod
    def of(cls, wcs: Any, shape: tuple[int, int]) -> Bounds | None:
        """The bounds of a WCS, if it is one of those that they are known for.

        These are astropy's own with two axes in one of the projections TAN, SIN, STG, ARC, ZEA, CAR, CEA, MER, SFL and
        AIT in their plain forms, with SIP polynomials or without; no other distortions.
        """
        if not isinstance(wcs, WCS) or wcs.naxis != 2 or min(wcs.wcs.lng, wcs.wcs.lat) < 0:
            return None
        code = str(wcs.wcs.ctype[wcs.wcs.lng])[5:]
        projection = _PROJECTIONS.get(code[:3])
        if projection is None or code[3:] not in ("", "-SIP"):
            return None
        tables = (wcs.cpdis1, wcs.cpdis2, wcs.det2im1, wcs.det2im2)
        if any(table is not None for table in tables):
            return None
        for axis, number, value in wcs.wcs.get_pv():
            usual = 1.0 if code == "CEA" and number == 1 else 0.0
            if axis != wcs.wcs.lat + 1 or number > 4 or value != usual:
                return None
        if set(map(str, wcs.wcs.cunit)) != {"deg"}:
            return None
        try:
            bounds = cls(wcs, shape, projection)
        except np.linalg.LinAlgError:
            return None
        return bounds if bounds._agrees(wcs) else None

    def on_sky(self, x: Floats, y: Floats, half: float) -> Floats:
        """Radii of caps that hold the sky of squares of pixel coordinates, of half-width `half` about (x, y).

        In radians; infinite where it is not known that all of the square is sky.
        """
        u, v = self._matrix @ np.array([x - self._origin[0], y - self._origin[1]])
        # The square's own radius in the plane, and how far its centre may be from where it is without polynomials.
        reach = half * (self._diagonal + np.sqrt(2) * self._slope * self._norm)
        away = np.full_like(u, reach + self._shift * self._norm)
        return self._projection.sky(u, v, away) * reach + _SLACK_SKY

    def on_image(self, vectors: Floats, radius: float) -> tuple[Floats, Floats, Floats, Floats]:
        """Rectangles of pixel coordinates that hold the image of caps about unit vectors of shape (n, 3).

        Centres x, y and half-widths; these are infinite where there is no bound.
        """
        phi, theta = self.native(vectors)
        cap = np.full_like(phi, radius + _SLACK_SKY)
        with np.errstate(all="ignore"):
            half = np.array(self._projection.plane(phi, theta, cap))
            place = np.array(self._projection.place(phi, theta))
            x, y = self._inverse @ place + self._origin[:, np.newaxis]
            half_x, half_y = np.abs(self._inverse) @ half + _SLACK_PIXEL
        known = np.isfinite(half).all(axis=0) & np.isfinite(x) & np.isfinite(y)
        return x, y, np.where(known, half_x, _INF), np.where(known, half_y, _INF)

    def native(self, vectors: Floats) -> tuple[Floats, Floats]:
        """Native longitudes and latitudes of unit vectors."""
        p = self._native @ vectors.T
        return np.arctan2(p[1], p[0]), np.arctan2(p[2], np.hypot(p[0], p[1]))

    def _projected(self, wcs: WCS, plane: Floats) -> dict[str, Any]:
        """What wcslib makes of the pixels that ought to be at some places of the plane, shape (2, n)."""
        pixels = (self._inverse @ plane).T + self._origin
        # From 1: from 0, astropy takes 1 off the plane's coordinates, too.
        return wcs.wcs.p2s(np.ascontiguousarray(pixels + 1), 1)  # type: ignore[no-any-return]

    def _native_axes(self, wcs: WCS) -> Floats:
        """The rotation from celestial to native coordinates, as wcslib has it."""
        angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        plane = np.array([0.6 * np.cos(angle), 0.6 * np.sin(angle)])
        found = self._projected(wcs, plane)
        celestial = _vectors(*np.radians(found["world"].T[self._rows]))
        native = _vectors(*np.radians([found["phi"], found["theta"]]))
        left, _, right = np.linalg.svd(native.T @ celestial)
        return np.asarray(left @ right)

    def _agrees(self, wcs: WCS) -> bool:
        """Whether wcslib does what is thought here, tried at a few places."""
        angle = np.linspace(0, 2 * np.pi, 7, endpoint=False)
        plane = np.concatenate(
            [r * np.array([np.cos(angle + r), np.sin(angle + r)]) for r in (0.01, 0.3, 0.8)], axis=1
        )
        found = self._projected(wcs, plane)
        good = np.asarray(found["stat"]) == 0
        native = np.radians([found["phi"], found["theta"]])
        there = np.array(self._projection.place(*native))
        sky = _vectors(*np.radians(found["world"].T[self._rows]))
        turned = _vectors(*native) - sky @ self._native.T
        given = np.radians(found["imgcrd"].T[self._rows])
        return bool(
            good.all()
            and np.abs(there - plane).max() < 1e-9
            and np.abs(given - plane).max() < 1e-9
            and np.abs(turned).max() < 1e-11
        )


def _vectors(lon: Floats, lat: Floats) -> Floats:
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def _sip_limits(wcs: WCS, shape: tuple[int, int]) -> tuple[float, float]:
    """The most by which SIP polynomials move a pixel of the image, and the norm of their derivative; in pixels."""
    if wcs.sip is None:
        return 0.0, 0.0
    # The farthest that a pixel, or a tile that hangs over the edge, is from the polynomials' origin.
    origin = np.asarray(wcs.sip.crpix)
    far = [float(np.max(np.abs(np.array([-64.0, n + 64.0]) - o))) for n, o in zip(shape[::-1], origin, strict=True)]
    shift, slope = [], []
    for table in (wcs.sip.a, wcs.sip.b):
        if table is None:
            continue
        p, q = np.indices(table.shape)
        size = np.abs(table)
        shift.append(float((size * far[0] ** p * far[1] ** q).sum()))
        slope.append(float((size * p * far[0] ** np.maximum(p - 1, 0) * far[1] ** q).sum()))
        slope.append(float((size * q * far[0] ** p * far[1] ** np.maximum(q - 1, 0)).sum()))
    return float(np.linalg.norm(shift)), float(np.linalg.norm(slope))
