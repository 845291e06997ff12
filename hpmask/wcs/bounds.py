"""Bounds: how far the sky of a tile of pixels reaches from its centre, and where on an image a cap of the sky may lie.

The bounds are strict. Whole tiles can be decided at once, and each pixel still has the same value as if it were
computed alone. The bounds follow from the formulas of the projections (Calabretta & Greisen 2002, A&A 395, 1077). With
X, Y the coordinates of the plane and phi, theta the native ones, all in radians:

* A path in the plane is stretched on the sky by at most the largest singular value of the derivative of the inverse
  projection along the path, and a path on the sky by that of the projection (see _kernels/projections.pxd).
* Native and celestial coordinates differ by a rotation, which changes no distance.
* The plane is a linear function of the pixel coordinates. With SIP polynomials, it differs from a linear function by at
  most the largest derivatives of the polynomials.

Where no bound holds, at the rim of a projection, at its poles and at its seams, the bound is infinite.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray

from hpmask._kernels import cells_under_image as _kernel
from hpmask._kernels import pixels_under_mask as _tiles
from hpmask._kernels import projections as _projections
from hpmask.core.layers import LayeredSet
from hpmask.geometry import frames
from hpmask.wcs.grid import Grid, Turns, Way

__all__ = ["Bounds"]

Floats = NDArray[np.float64]
Ranges = tuple[NDArray[np.uint64], NDArray[np.uint64]]

# Rounding of wcslib and of the kernels, on the sky and in the plane (radians), and on the image (pixels).
_SLACK_SKY = 1e-11
_SLACK_PLANE = 1e-12
_SLACK_PIXEL = 1e-6
# A few times the relative rounding error of one number.
_ROUNDING = 2e-15
# The accuracy, in pixels, at which astropy's all_world2pix stops its iteration.
_SLACK_INVERSE = 2e-4


# Pixels by which a tile may extend beyond the image.
_OVERHANG = 64.0


class Bounds:
    """The bounds of one WCS.

    Attributes
    ----------
    invertible : bool
        Whether there are bounds from the sky to the pixels, too, which `walk` needs.
    """

    def __init__(self, wcs: WCS, shape: tuple[int, int], name: str, turns: Turns | None) -> None:
        self._turns = turns
        # A cylindrical projection shows sky up to this distance from its central meridian, in the plane.
        self._rim = np.pi if turns is None else np.inf
        self._code = _projections.CODES[name]
        self._rows = [wcs.wcs.lng, wcs.wcs.lat]
        self._matrix = np.ascontiguousarray(np.radians(wcs.pixel_scale_matrix)[self._rows])
        self._origin = np.asarray(wcs.wcs.crpix, dtype=np.float64) - 1
        self._inverse = np.ascontiguousarray(np.linalg.inv(self._matrix))
        self._sip = None if wcs.sip is None else _Sip(wcs, shape)
        self._shift, self._slope = (0.0, 0.0) if self._sip is None else self._sip.near
        self.invertible = self._sip is None or self._sip.invertible
        self._norm = float(np.linalg.norm(self._matrix, 2))
        corners = np.abs(self._matrix @ np.array([[1.0, 1.0], [1.0, -1.0]]))
        # The largest distance in the plane from a square's centre to its points, in units of its half-width.
        self._side = float(np.hypot(*corners).max()) + np.sqrt(2) * self._slope * self._norm
        # Large terms that cancel each other leave their rounding errors behind.
        farthest = np.abs(np.array([[-_OVERHANG], [_OVERHANG]]) + [[0, 0], shape[::-1]] - self._origin).max(axis=0)
        terms = float((np.abs(self._matrix) @ farthest).sum()) + self._shift * self._norm
        self._slack = _SLACK_SKY + _ROUNDING * terms
        self._native = self._native_axes(wcs)
        self._projection = self._as_projection()

    @classmethod
    def of(cls, wcs: Any, shape: tuple[int, int], *, turns: Turns | None = None) -> Bounds | None:
        """The bounds of a WCS, or None if there are none for its kind.

        There are bounds for astropy's own WCS with two axes and one of the projections TAN, SIN, STG, ARC, ZEA, CAR,
        CEA, MER, SFL and AIT, without further parameters. SIP polynomials are allowed, other distortions are not.
        """
        if not isinstance(wcs, WCS) or wcs.naxis != 2 or min(wcs.wcs.lng, wcs.wcs.lat) < 0:
            return None
        code = str(wcs.wcs.ctype[wcs.wcs.lng])[5:]
        if code[:3] not in _projections.CODES or code[3:] not in ("", "-SIP"):
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
            bounds = cls(wcs, shape, code[:3], turns)
        except np.linalg.LinAlgError:
            return None
        return bounds if bounds._agrees(wcs) else None

    @classmethod
    def of_grid(cls, grid: Grid, way: Way | None = None) -> Bounds | None:
        """The bounds of an image's WCS, or None; there are none if `way` is more than a rotation."""
        if way is not None and way.transformed is not None:
            return None
        return cls.of(grid.wcs, grid.shape, turns=grid.turns)

    def on_sky(self, x: Floats, y: Floats, half: float) -> Floats:
        """Radii, in radians, of caps that hold the sky of squares of half-width `half`, in pixels, centred on (x, y).

        A radius is infinite where the square may not be all inside the projection.
        """
        u, v = self._matrix @ np.array([x - self._origin[0], y - self._origin[1]])
        # The radius of the square in the plane, and the distance by which polynomials may move its centre.
        reach = half * self._side
        stretch = np.empty_like(u)
        _projections.stretches(self._code, u, v, np.full_like(u, reach + self._shift * self._norm), self._rim, stretch)
        return np.asarray(stretch * reach + self._slack)

    def paint(
        self,
        images: NDArray[np.uint8],
        first: int,
        rows: range,
        stack: LayeredSet,
        matrix: Floats | None,
        margin: float,
    ) -> NDArray[np.bool_] | None:
        """Write the values of a stack's sets at the pixels of some rows, and return which pixels are undecided.

        The result is an image of the rows, or None if all pixels are decided. `first` is the row of the image at which
        `images` begin. `matrix` rotates unit vectors to the frame of the sets. With a `margin` of 0.5, a pixel is
        decided only if the sets are uniform over its whole area, not only at its centre.
        """
        turn = self._native.T if matrix is None else matrix @ self._native.T
        turn = np.ascontiguousarray(turn)
        left = _tiles.paint(
            images, first, self._projection, turn, margin, stack.index, stack.order, rows.start, rows.stop
        )
        return images[0, rows.start - first : rows.stop - first] == _tiles.UNDECIDED if left else None

    def walk(
        self,
        nodes: NDArray[np.uint64],
        level: int,
        order: int,
        rotation: Floats,
        image: NDArray[np.uint8],
        total: NDArray[np.uint32],
        outside: bool,
    ) -> tuple[Ranges, Ranges]:
        """Ranges of the cells in some nodes whose centre is under a True pixel, and of the cells that are in doubt.

        Both are pairs of starts and stops. See _kernels/cells_under_image.pyx for the arguments. `rotation` takes unit
        vectors from the frame of the cells to the frame of the WCS.
        """
        native = np.ascontiguousarray(self._native @ rotation)
        return _kernel.walk(  # type: ignore[no-any-return]
            nodes, level, order, self._projection, native, image, total, outside
        )

    def _as_projection(self) -> Any:
        """The bounds as the kernels take them."""
        slack = _SLACK_PIXEL + np.abs(self._inverse).sum(axis=1) * _SLACK_PLANE
        steps = sip = limits = None
        if self._sip is not None:
            slack += _SLACK_INVERSE
            (shift, slope), margin = self._sip.far, self._sip.margin
            sip, limits = self._sip.tables, np.array([*self._sip.origin, shift, margin, slope])
        if self._turns is not None:
            slack += self._turns.gap
            steps = np.ascontiguousarray(self._turns.steps[1:])
        return _projections.Projection(
            self._code,
            self._matrix,
            self._inverse,
            self._origin,
            rim=self._rim,
            side=self._side,
            slack=self._slack,
            pixel_slack=slack,
            steps=steps,
            sip=sip,
            sip_limits=limits,
        )

    def _projected(self, wcs: WCS, plane: Floats) -> dict[str, Any]:
        """The result of wcslib for the pixels at some points of the plane, shape (2, n)."""
        pixels = (self._inverse @ plane).T + self._origin
        # With pixels counted from 0, astropy would subtract 1 from the coordinates in the plane, too.
        return wcs.wcs.p2s(np.ascontiguousarray(pixels + 1), 1)  # type: ignore[no-any-return]

    def _native_axes(self, wcs: WCS) -> Floats:
        """The rotation from celestial to native coordinates that wcslib uses."""
        angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        plane = np.array([0.6 * np.cos(angle), 0.6 * np.sin(angle)])
        found = self._projected(wcs, plane)
        celestial = frames.unit_vectors(*np.radians(found["world"].T[self._rows]))
        native = frames.unit_vectors(*np.radians([found["phi"], found["theta"]]))
        left, _, right = np.linalg.svd(native.T @ celestial)
        return np.asarray(left @ right)

    def _agrees(self, wcs: WCS) -> bool:
        """Whether wcslib agrees with the formulas of the kernels, tested at a few points."""
        angle = np.linspace(0, 2 * np.pi, 7, endpoint=False)
        plane = np.concatenate([r * np.array([np.cos(angle + r), np.sin(angle + r)]) for r in (0.01, 0.3, 0.8)], axis=1)
        found = self._projected(wcs, plane)
        good = np.asarray(found["stat"]) == 0
        native = np.radians([found["phi"], found["theta"]])
        there = np.empty((plane.shape[1], 2))
        _projections.places(self._code, frames.unit_vectors(*native), there)
        back = np.empty((plane.shape[1], 3))
        _projections.native_vectors(self._code, np.ascontiguousarray(plane.T), back)
        sky = frames.unit_vectors(*np.radians(found["world"].T[self._rows]))
        turned = frames.unit_vectors(*native) - sky @ self._native.T
        given = np.radians(found["imgcrd"].T[self._rows])
        return bool(
            good.all()
            and np.abs(there - plane.T).max() < _SLACK_PLANE
            and np.abs(back - frames.unit_vectors(*native)).max() < _SLACK_PLANE
            and np.abs(given - plane).max() < _SLACK_PLANE
            and np.abs(turned).max() < _SLACK_PLANE
        )


class _Sip:
    """Bounds on SIP polynomials, for the pixels of an image and some way beyond it.

    The polynomials move a pixel by at most `shift`, and the derivative of that has a norm of at most `slope`. `near`
    holds both for the pixels that tiles may cover. `far` holds both for all pixels within `margin` of the image, which
    is at least twice the shift there.
    """

    def __init__(self, wcs: WCS, shape: tuple[int, int]) -> None:
        self.origin = np.asarray(wcs.sip.crpix, dtype=np.float64) - 1
        tables = [np.asarray(t, dtype=np.float64) for t in (wcs.sip.a, wcs.sip.b) if t is not None]
        size = max(len(table) for table in tables)
        self.tables = np.zeros((2, size, size))
        for k, table in enumerate((wcs.sip.a, wcs.sip.b)):
            if table is not None:
                self.tables[k, : len(table), : len(table)] = table
        # wcslib does not use terms above the degree of the tables.
        p, q = np.indices((size, size))
        self.tables[:, p + q >= size] = 0
        self.margin = _OVERHANG
        self.near = self.far = self._limits(shape)
        # The shift grows with the margin, and with strong polynomials faster than that.
        while self.far[1] < 0.5 and self.margin < 2 * self.far[0]:
            self.margin = 2.5 * self.far[0]
            self.far = self._limits(shape)

    def _limits(self, shape: tuple[int, int]) -> tuple[float, float]:
        """The shift and the slope within `margin` of the image."""
        # The largest distances, along both axes, from a pixel to the origin of the polynomials.
        x, y = (
            float(np.max(np.abs(np.array([-self.margin, n + self.margin]) - o)))
            for n, o in zip(shape[::-1], self.origin, strict=True)
        )
        size = np.abs(self.tables)
        p, q = np.indices(size.shape[1:])
        shift = (size * x**p * y**q).sum(axis=(1, 2))
        along_x = (size * p * x ** np.maximum(p - 1, 0) * y**q).sum(axis=(1, 2))
        along_y = (size * q * x**p * y ** np.maximum(q - 1, 0)).sum(axis=(1, 2))
        return float(np.linalg.norm(shift)), float(np.linalg.norm([along_x, along_y]))

    @property
    def invertible(self) -> bool:
        """Whether the polynomials are weak enough to have one inverse, and bounds on it."""
        return self.far[1] < 0.5
