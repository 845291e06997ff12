"""Random WCS images: all projections of the FITS standard with parameters, places, frames, distortions and sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import astropy.units as u
import numpy as np
from astropy.wcs import WCS, DistortionLookupTable, Sip, WcsError
from wcs_images import header_wcs, sky_at

# The zenithal ones first, whose reference point is their native pole.
ZENITHAL = ("AZP", "SZP", "TAN", "STG", "SIN", "ARC", "ZPN", "ZEA", "AIR")
CONIC = ("COP", "COE", "COD", "COO")
ALL_PROJECTIONS = (
    *ZENITHAL,
    *("CYP", "CEA", "CAR", "MER", "SFL", "PAR", "MOL", "AIT"),
    *CONIC,
    *("BON", "PCO", "TSC", "CSC", "QSC", "HPX", "XPH"),
)
FACETED = ("TSC", "CSC", "QSC", "HPX", "XPH")
FRAMES = (
    ("RA", {"radesys": "ICRS"}),
    ("RA", {"radesys": "FK5", "equinox": 2000.0}),
    ("RA", {"radesys": "FK5", "equinox": 1975.0}),
    ("RA", {"radesys": "FK5", "equinox": 2031.5}),
    ("RA", {"radesys": "FK4", "equinox": 1950.0}),
    ("RA", {"radesys": "FK4-NO-E", "equinox": 1975.0}),
    ("GLON", {}),
)


@dataclass
class Image:
    """A WCS with its shape."""

    wcs: WCS
    shape: tuple[int, int]
    projection: str
    pixel: float
    """Side of a pixel on the sky, in radians: the median over the image."""


def parameters(rng: np.random.Generator, projection: str) -> list[float | None]:
    """Random values for PVi_0, PVi_1, ... of a projection, None for those that have the usual one."""
    if projection in CONIC:
        theta = rng.uniform(15, 75) * rng.choice([-1, 1])
        return [None, theta, rng.uniform(0, 14) if rng.random() < 0.7 else 0.0]
    match projection:
        case "AZP":
            return [None, rng.uniform(0, 3), rng.uniform(-50, 50)]
        case "SZP":
            return [None, rng.uniform(0.5, 4), rng.uniform(0, 360), rng.uniform(50, 90)]
        case "SIN" if rng.random() < 0.5:
            return [None, *rng.uniform(-0.6, 0.6, 2)]
        case "ZPN":
            return [0.0, 1.0, rng.uniform(-0.1, 0.2), rng.uniform(-0.05, 0.2), *([0.0, 0.02] * (rng.random() < 0.3))]
        case "AIR":
            return [None, rng.uniform(20, 90)]
        case "CYP":
            return [None, rng.uniform(0.2, 3), rng.uniform(0.3, 1.5)]
        case "CEA" if rng.random() < 0.7:
            return [None, rng.uniform(0.2, 1)]
        case "BON":
            return [None, rng.uniform(10, 80) * rng.choice([-1, 1])]
        case "HPX" if rng.random() < 0.3:
            return [None, float(rng.integers(3, 6)), 3.0]
    return []


def place(rng: np.random.Generator) -> tuple[float, float]:
    """CRVAL: anywhere, and often a pole, the equator, the meridian 0 or a corner of base cells."""
    lon = rng.choice([0.0, 360.0, 180.0, 45.0, 90.0, rng.uniform(0, 360), rng.uniform(0, 360)])
    lat = rng.choice([90.0, -90.0, 0.0, 41.8103148957786, rng.uniform(-90, 90), rng.uniform(-90, 90)])
    return float(lon), float(lat)


def random_wcs(rng: np.random.Generator, projection: str, shape: tuple[int, int], step: float) -> WCS:
    """A WCS of a projection, whose pixels are about `step` degrees wide at the reference point."""
    kind, cards = FRAMES[rng.integers(len(FRAMES))]
    names = ["RA--", "DEC-"] if kind == "RA" else ["GLON", "GLAT"]
    wcs = WCS(naxis=2)
    # Now and then, latitude is the first axis.
    lon, lat = (0, 1) if rng.random() < 0.8 else (1, 0)
    ctype, crval = ["", ""], [0.0, 0.0]
    crval[lon], crval[lat] = place(rng)
    ctype[lon], ctype[lat] = (f"{name}-{projection}" for name in names)
    wcs.wcs.ctype, wcs.wcs.crval = ctype, crval
    for card, value in cards.items():
        setattr(wcs.wcs, card, value)
    turn = np.radians(rng.choice([0.0, 90.0, 45.0, rng.uniform(-180, 180)]))
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    sides = (
        step * np.array([-1.0, 1.0]) * rng.choice([-1, 1], 2) * np.array([1, rng.choice([1.0, rng.uniform(0.4, 2)])])
    )
    if rng.random() < 0.2:
        matrix += np.array([[0, rng.uniform(-0.3, 0.3)], [0, 0]])
    way = rng.integers(4)
    if way == 0:
        wcs.wcs.cd = sides[:, np.newaxis] * matrix
    elif way == 1 and turn == 0:
        wcs.wcs.cdelt = sides
    elif way == 2:
        wcs.wcs.cunit = ["arcmin", "arcmin"]
        wcs.wcs.cdelt, wcs.wcs.pc = sides * 60, matrix
        wcs.wcs.crval = [60 * value for value in crval]
    else:
        wcs.wcs.cdelt, wcs.wcs.pc = sides, matrix
    ny, nx = shape
    crpix = np.array([(nx + 1) / 2, (ny + 1) / 2])
    if rng.random() < 0.4:
        # The reference point is elsewhere, also far outside the image.
        crpix += rng.uniform(-1, 1, 2) * (rng.uniform(0, 40) / step if rng.random() < 0.5 else np.array([nx, ny]))
    wcs.wcs.crpix = crpix
    pv = [(lat + 1, k, float(value)) for k, value in enumerate(parameters(rng, projection)) if value is not None]
    usual = list(pv)
    poles = rng.random()
    if poles < 0.4:
        wcs.wcs.lonpole = float(rng.choice([0.0, 180.0, 90.0, rng.uniform(-180, 180)]))
    if poles < 0.2:
        wcs.wcs.latpole = float(rng.choice([90.0, -90.0, 0.0, rng.uniform(-90, 90)]))
    if rng.random() < 0.05 and projection not in ("ZPN", "BON", *CONIC):
        # The native coordinates of the reference point.
        pv += [(lon + 1, 0, 1.0), (lon + 1, 1, float(rng.uniform(-20, 20))), (lon + 1, 2, float(rng.uniform(40, 70)))]
    wcs.wcs.set_pv(pv)
    try:
        wcs.wcs.set()
    except WcsError:
        # There is no native pole for these. For the usual ones there may be none at this latitude.
        wcs.wcs.lonpole = wcs.wcs.latpole = np.nan
        wcs.wcs.set_pv(usual)
        try:
            wcs.wcs.set()
        except WcsError:
            values = np.array(wcs.wcs.crval)
            values[lat] = usual_latitude(usual) * (60 if way == 2 else 1)
            wcs.wcs.crval = values
            wcs.wcs.set()
    wcs.array_shape = shape
    return wcs


def usual_latitude(pv: list[tuple[int, int, float]]) -> float:
    """A latitude at which every projection can be: that of the reference point of conics, else the equator."""
    return next((value for _, number, value in pv if number == 1 and abs(value) > 10), 0.0)


def pixel_side(wcs: WCS, shape: tuple[int, int]) -> float:
    """The median side, in radians, of some pixels of an image; NaN if none of them is sky."""
    ny, nx = shape
    x, y = np.meshgrid(np.linspace(0, nx - 1, min(nx, 9)).round(), np.linspace(0, ny - 1, min(ny, 9)).round())
    corners = []
    for dx, dy in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)):
        sky, seen, _ = sky_at(wcs, x + dx, y + dy)
        points = np.full((*x.shape, 3), np.nan)
        points[seen] = sky.cartesian.xyz.value.T
        corners.append(points)
    a, b, c, d = corners
    area = 0.5 * np.linalg.norm(np.cross(c - a, d - b), axis=-1)
    area = area[np.isfinite(area) & (area > 0)]
    return float(np.sqrt(np.median(area))) if area.size else np.nan


def draw(rng: np.random.Generator, projection: str, *, most: int = 40, widest: float = 0.7) -> Image:
    """A random image of a projection which shows some sky: a field, or now and then the whole sky.

    `most` is the largest number of pixels along a side, and 10**`widest` about the largest pixel in degrees.
    """
    while True:
        shape = tuple(int(n) for n in rng.integers(1, most + 1, 2))
        step = 10 ** rng.uniform(-5.5, widest)
        if rng.random() < 0.3:
            step = min(360 / max(shape) * rng.uniform(0.5, 1.3), 10**widest)
        wcs = random_wcs(rng, projection, shape, float(step))
        pixel = pixel_side(wcs, shape)
        # wcslib computes CSC in single precision, so that the corners of small pixels are anywhere.
        if np.isfinite(pixel) and (projection != "CSC" or pixel > 1e-3):
            return Image(wcs, shape, projection, pixel)


def order_near(rng: np.random.Generator, pixel: float, finest: int = 2) -> int:
    """An order whose cells are about as large as pixels of a side in radians: some times larger or smaller."""
    return int(np.clip(round(np.log2(np.sqrt(np.pi / 3) / pixel)) + rng.integers(-2, finest + 1), 0, 29))


# ---------------------------------------------------------------------- distortions


def sip(rng: np.random.Generator, crpix: Any, size: float, strength: float) -> Sip:
    """Polynomials of degree 2 to 4, which move pixels at the distance `size` by up to about `strength` of it."""
    degree = int(rng.integers(2, 5))
    tables = np.zeros((2, degree + 1, degree + 1))
    p, q = np.indices(tables.shape[1:])
    used = (p + q >= 2) & (p + q <= degree)
    tables[:, used] = rng.uniform(-1, 1, (2, used.sum())) * strength / size ** (p + q - 1)[used]
    return Sip(tables[0], tables[1], None, None, crpix)


def lookup_table(rng: np.random.Generator, shape: tuple[int, int], strength: float) -> DistortionLookupTable:
    """A coarse table over an image, or over a part of it, of smooth values up to about `strength` pixels."""
    ny, nx = shape
    n, m = (int(k) for k in rng.integers(2, 8, 2))
    y, x = np.indices((n, m))
    waves = rng.uniform(0.2, 0.8, 2), rng.uniform(0, 6, 2)
    data = strength * (np.sin(waves[0][0] * x + waves[1][0]) + np.cos(waves[0][1] * y + waves[1][1]))
    part = rng.choice([1.0, 0.6, 1.4])
    cdelt = max(nx * part / (m - 1), 1.0), max(ny * part / (n - 1), 1.0)
    return DistortionLookupTable(data.astype(np.float32), (1.0, 1.0), (1.0, 1.0), cdelt)


def tpv(rng: np.random.Generator, wcs: WCS, size: float) -> WCS:
    """The WCS with TPV polynomials, degree 1 to 4 and terms of the radius; `size` is its half-width in degrees."""
    header = wcs.to_header()
    # wcslib applies these polynomials before CDELT, which must be 1 for them: the matrix is CD.
    for card in [card for card in header if card.startswith(("PC", "CDELT"))]:
        del header[card]
    for (i, j), value in np.ndenumerate(wcs.pixel_scale_matrix):
        header[f"CD{i + 1}_{j + 1}"] = float(value)
    for axis in (1, 2):
        header[f"CTYPE{axis}"] = header[f"CTYPE{axis}"].replace("TAN", "TPV")
        header[f"PV{axis}_0"] = float(rng.uniform(-0.1, 0.1) * size)
        header[f"PV{axis}_1"] = float(1 + rng.uniform(-0.05, 0.05))
        header[f"PV{axis}_2"] = float(rng.uniform(-0.05, 0.05))
        for number in range(3, int(rng.choice([4, 7, 11, 17]))):
            degree = 1 if number == 3 else 2 if number < 7 else 3 if number < 12 else 4
            header[f"PV{axis}_{number}"] = float(rng.uniform(-0.03, 0.03) / size ** (degree - 1))
    return header_wcs(header)


KINDS_OF_DISTORTION = ("SIP", "TPV", "CPDIS", "D2IM", "SIP CPDIS", "SIP D2IM", "CPDIS D2IM", "SIP CPDIS D2IM")


def draw_distorted(rng: np.random.Generator, kind: str, *, weakest: float = -4) -> Image:
    """A random field with distortions of a kind: TPV, or SIP polynomials and look-up tables.

    SIP moves pixels by 10**`weakest` of the width of the field at least.
    """
    while True:
        shape = tuple(int(n) for n in rng.integers(8, 41, 2))
        # Polynomials of degrees far from the reference point grow without limit: fields up to 30 deg wide.
        step = 10 ** rng.uniform(-4.5, -0.3)
        projection = "TAN" if kind == "TPV" else str(rng.choice(["TAN", "TAN", "ZEA", "CAR", "SIN", "AIT", "COE"]))
        wcs = random_wcs(rng, projection, shape, float(step))
        wcs.wcs.crpix = np.array(shape[::-1]) * rng.uniform(0.1, 0.9, 2)
        wcs.wcs.set()
        if kind == "TPV":
            if wcs.wcs.lng != 0 or wcs.wcs.cunit[0] != u.deg:
                continue
            wcs = tpv(rng, wcs, float(step) * max(shape))
        else:
            strength = 10 ** rng.uniform(weakest, -1.3)
            if "SIP" in kind:
                wcs.sip = sip(rng, wcs.wcs.crpix + rng.uniform(-2, 2, 2), max(shape), strength)
                wcs.wcs.ctype = [f"{name}-SIP" for name in wcs.wcs.ctype]
                wcs.wcs.set()
            if "CPDIS" in kind:
                wcs.cpdis1, wcs.cpdis2 = (lookup_table(rng, shape, 20 * strength) for _ in range(2))
            if "D2IM" in kind:
                wcs.det2im1, wcs.det2im2 = (lookup_table(rng, shape, 10 * strength) for _ in range(2))
        wcs.array_shape = shape
        pixel = pixel_side(wcs, shape)
        if np.isfinite(pixel):
            return Image(wcs, shape, f"{projection} {kind}", pixel)
