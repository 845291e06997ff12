"""WCS images that the tests of hpmask.wcs share."""

import warnings

import astropy.units as u
import healpy as hp
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS, Sip
from hypothesis import strategies as st

from hpmask import Mask, RangeSet

PROJECTIONS = [
    "AIT",
    "ARC",
    "AZP",
    "CAR",
    "CEA",
    "COE",
    "CSC",
    "HPX",
    "MER",
    "MOL",
    "SFL",
    "SIN",
    "STG",
    "TAN",
    "TSC",
    "ZEA",
    "ZPN",
]
# Those for which whole tiles and nodes are decided at once.
BOUNDED = ["AIT", "ARC", "CAR", "CEA", "MER", "SFL", "SIN", "STG", "TAN", "ZEA"]
# What hypothesis draws of an image's projection, beside the projection itself and the shape.
ANY_WCS = {
    "kind": st.sampled_from(["RA", "GLON"]),
    "lon": st.floats(0, 360),
    "lat": st.floats(-90, 90),
    "step": st.floats(1e-4, 3),
    "ratio": st.floats(0.2, 5),
    "rotation": st.floats(-180, 180),
}
IMAGES = [
    ("VERITAS_VER-000029-skymap.fits", 1),
    ("VERITAS_VER-000136-excess-skymap.fits", 1),
    ("VERITAS_VER-000146-signif-skymap.fits", 0),
    ("allsky_rosat.fits", 0),
    ("fermi-3fhl-gc-counts.fits.gz", 0),
    ("fermi_template_CenALobes.fits.gz", 0),
    ("fermi_template_CygnusLoop.fits.gz", 0),
    ("fermi_template_FornaxA.fits.gz", 0),
    ("fermi_template_S147.fits.gz", 0),
    ("fermi_template_W44.fits.gz", 0),
    ("galactic_2d.fits", 0),
    ("gc_2mass_k.fits", 0),
    ("gc_msx_e.fits", 0),
    ("hsc_mask_lss_flat_TAN.fits.gz", 0),
    ("panstarrs-rotated-around-orion.fits", 0),
    ("sip-wcs.fits", 0),
]


def mostly_deep(cases, *fast):
    """The cases of a test, all of them deep except the `fast` ones."""
    assert set(fast) <= set(cases)
    several = [case if isinstance(case, tuple) else (case,) for case in cases]
    return [
        pytest.param(*values, marks=[] if case in fast else pytest.mark.deep)
        for case, values in zip(cases, several, strict=True)
    ]


def header_wcs(header, fobj=None):
    """The WCS of an old header, without astropy's warning that it changed it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return WCS(header, fobj=fobj)


def text_wcs(path):
    """The WCS of a bare header, 80 characters a card."""
    return header_wcs(fits.Header.fromstring(path.read_text()))


def simple(projection="TAN", lon=83.6, lat=22.0, step=0.1, shape=(40, 60), kind="RA", rotation=0.0, **cards):
    """A small WCS; cards are set on its `wcs`."""
    wcs = WCS(naxis=2)
    names = {"RA": ("RA--", "DEC-")}.get(kind, (kind, kind.replace("LON", "LAT").replace("LN", "LT")))
    wcs.wcs.ctype = [f"{name}-{projection}" for name in names]
    wcs.wcs.crval = lon, lat
    wcs.wcs.crpix = (shape[1] + 1) / 2, (shape[0] + 1) / 2
    wcs.wcs.cdelt = (-step, step) if np.isscalar(step) else step
    angle = np.radians(rotation)
    wcs.wcs.pc = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    for card, value in cards.items():
        setattr(wcs.wcs, card, value)
    wcs.wcs.set()
    wcs.array_shape = shape
    return wcs


def distorted(path):
    """The two look-up tables of a file, stretched and made uneven, on a WCS that has a sky."""
    with fits.open(path) as hdus:
        header = hdus[0].header.copy()
        header.update(CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRVAL1=50.0, CRVAL2=-70.0)
        header.update(CDELT1=-0.01, CDELT2=0.01, CRPIX1=50.0, CRPIX2=50.0)
        for hdu in hdus[1:]:
            hdu.data = (hdu.data * 3 + 1.7 + np.indices(hdu.shape).sum(axis=0) / 5).astype(np.float32)
        return header_wcs(header, hdus)


def bent(strength, shape, projection="TAN"):
    """A WCS with SIP polynomials of the third degree: of `strength` in 1 / pixel, and that squared."""
    wcs = simple(projection, lat=0 if projection == "CAR" else 40, step=0.02, shape=shape, rotation=20)
    a, b = np.zeros((4, 4)), np.zeros((4, 4))
    a[2, 0], a[1, 1], a[0, 2], a[3, 0], a[1, 2] = strength * np.array([1, -0.7, 0.4, 20 * strength, 9 * strength])
    b[2, 0], b[1, 1], b[0, 2], b[0, 3], b[2, 1] = strength * np.array([-0.5, 1, 0.8, 15 * strength, 30 * strength])
    wcs.sip = Sip(a, b, None, None, wcs.wcs.crpix + 7.5)
    wcs.wcs.ctype = [f"{name}-SIP" for name in wcs.wcs.ctype]
    wcs.wcs.set()
    wcs.array_shape = shape
    return wcs


def scamp():
    """A WCS with TPV polynomials."""
    header = simple("TPV", step=0.02, shape=(80, 100)).to_header()
    for card, value in {
        "PV1_0": 0.0,
        "PV1_1": 1.01,
        "PV1_2": 0.003,
        "PV1_4": 0.02,
        "PV1_5": -0.01,
        "PV1_7": 0.004,
        "PV2_0": 0.0,
        "PV2_1": 0.99,
        "PV2_2": -0.002,
        "PV2_4": -0.015,
        "PV2_6": 0.01,
    }.items():
        header[card] = value
    wcs = header_wcs(header)
    wcs.array_shape = (80, 100)
    return wcs


def blobs(shape, seed, part=0.3):
    """A random image with patches of many sizes."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape)
    image = np.zeros(shape, dtype=bool)
    size = max(min(shape), 4)
    while image.mean() < part:
        radius = size * 0.25 * rng.random() ** 2
        image ^= np.hypot(y - rng.uniform(0, shape[0]), x - rng.uniform(0, shape[1])) <= radius + 0.7
    return image


def cube(order=("lon", "lat", "freq"), shape=(3, 30, 40)):
    """A cube with its axes in any order; `shape` is that of the data, (last, ..., first)."""
    wcs = WCS(naxis=3)
    values = {
        "lon": ("RA---TAN", 10.0, -0.1, "deg", 20),
        "lat": ("DEC--TAN", -60.0, 0.2, "deg", 10),
        "freq": ("FREQ", 1e9, 1e6, "Hz", 1),
    }
    picked = [values[name] for name in order]
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.cdelt, wcs.wcs.cunit, wcs.wcs.crpix = zip(*picked, strict=True)
    wcs.array_shape = shape
    return wcs


# ---------------------------------------------------------------------- referees


def referee_cells(wcs, shape, frame, order):
    """The cell under each pixel's centre; -1 outside the projection, -2 on the edge between cells.

    On an edge, to 1e-12 deg, rounding decides which cell it is.
    """
    y, x = np.indices(shape)
    sky = wcs.pixel_to_world(x, y)
    seen = np.isfinite(sky.spherical.lon) & np.isfinite(sky.spherical.lat)
    there = sky[seen].transform_to(frame).spherical
    lon, lat = there.lon.deg, there.lat.deg
    found = hp.ang2pix(1 << order, lon, lat, nest=True, lonlat=True)
    for north, east in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        near = np.clip(lat + 1e-12 * north, -90, 90), lon + 1e-12 * east / np.cos(np.radians(lat))
        found[hp.ang2pix(1 << order, near[1], near[0], nest=True, lonlat=True) != found] = -2
    cells = np.full(shape, -1)
    cells[seen] = found
    return cells


def some_of(cells, order, frame, seed=0):
    """A mask of a random half of the cells in an image, and the image that it has to give (without edges)."""
    present = np.unique(cells[cells >= 0])
    kept = present[np.random.default_rng(seed).random(present.size) < 0.5]
    return Mask(RangeSet.from_cells(kept, order), frame=frame), np.isin(cells, kept)


def order_of(wcs):
    """An order whose cells are about as large as the pixels: the hardest one to get right."""
    pixel = np.sqrt(wcs.proj_plane_pixel_area().to_value(u.rad**2))
    return int(np.clip(round(np.log2(np.sqrt(np.pi / 3) / pixel)), 3, 24))
