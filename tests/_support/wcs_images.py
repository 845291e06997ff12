"""WCS images that the tests of hpmask.wcs share."""

import warnings

import astropy.units as u
import healpy as hp
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS, Sip
from astropy.wcs.utils import wcs_to_celestial_frame
from hypothesis import strategies as st
from oracles import distinct

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


# Projections whose plane repeats itself after 360 deg of native longitude, and those of them that do so only in a belt.
_PERIODIC = ("CYP", "CEA", "CAR", "MER", "HPX", "TSC", "CSC", "QSC")
_CUBES = ("TSC", "CSC", "QSC")


def is_astropys(wcs):
    """Whether this is a whole WCS of astropy, not a slice or a wrapper of one."""
    return isinstance(wcs, WCS) and wcs.naxis == 2


def period_of(wcs):
    """The step in pixels from a place to the next one that shows the same sky, or None."""
    if not is_astropys(wcs) or wcs.has_distortion or str(wcs.wcs.ctype[wcs.wcs.lng])[5:] not in _PERIODIC:
        return None
    return np.linalg.solve(wcs.pixel_scale_matrix[[wcs.wcs.lng, wcs.wcs.lat]], [360.0, 0.0])


def sky_at(wcs, x, y):
    """The sky at pixel coordinates as astropy has it, which places have one, and which are in doubt.

    astropy has no position beyond 180 deg of native longitude, where images of periodic projections continue. Here
    these are the positions a turn or more away. In doubt are places within 1e-9 of a turn of the seam, and those beyond
    it off the belt of a cube.
    """
    x, y = (np.array(a, dtype=float) for a in np.broadcast_arrays(x, y))
    seen = np.isfinite(wcs.pixel_to_world_values(x, y)).all(axis=0)
    doubt = np.zeros(x.shape, dtype=bool)
    period = period_of(wcs)
    if period is not None:
        code = str(wcs.wcs.ctype[wcs.wcs.lng])[5:]
        rows = [wcs.wcs.lng, wcs.wcs.lat]
        plane = np.tensordot(wcs.pixel_scale_matrix[rows], np.array([x, y]) - _column(wcs.wcs.crpix - 1, x), 1)
        start = wcs.wcs.p2s([wcs.wcs.crpix], 1)["phi"][0]
        turns = (plane[0] + start) / 360
        whole = np.round(turns)
        seam = np.abs(turns - whole) > 0.5 - 1e-9
        moved = ~seen & (whole != 0) & ~seam
        x[moved] -= (whole * period[0])[moved]
        y[moved] -= (whole * period[1])[moved]
        seen[moved] = np.isfinite(wcs.pixel_to_world_values(x[moved], y[moved])).all(axis=0)
        doubt = seam | (moved & (code in _CUBES) & (np.abs(plane[1]) > 45))
    return wcs.pixel_to_world(x[seen], y[seen]), seen, doubt


def _column(values, like):
    """Two values, one for each plane of two arrays."""
    return np.reshape(values, (2,) + (1,) * like.ndim)


def referee_cells(wcs, shape, frame, order):
    """The cell under each pixel's centre; -1 outside the projection, -2 on the edge between cells or of a projection.

    On an edge, to 1e-12 deg, rounding decides which cell it is.
    """
    y, x = np.indices(shape)
    sky, seen, doubt = sky_at(wcs, x, y)
    there = sky.transform_to(frame).spherical
    lon, lat = there.lon.deg, there.lat.deg
    found = hp.ang2pix(1 << order, lon, lat, nest=True, lonlat=True)
    for north, east in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        near = np.clip(lat + 1e-12 * north, -90, 90), lon + 1e-12 * east / np.cos(np.radians(lat))
        found[hp.ang2pix(1 << order, near[1], near[0], nest=True, lonlat=True) != found] = -2
    cells = np.full(shape, -1)
    cells[seen] = found
    cells[doubt] = -2
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


def cells_around(wcs, shape, frame, order, parts=4):
    """All cells that have a point in the image, or a neighbour that has one; `parts` steps from pixel to pixel."""
    x, y = np.meshgrid(*(np.linspace(-0.5, n - 0.5, parts * n + 1) for n in shape[::-1]))
    sky = sky_at(wcs, x, y)[0].transform_to(frame).spherical
    cells = distinct(hp.ang2pix(1 << order, sky.lon.deg, sky.lat.deg, nest=True, lonlat=True))
    beside = hp.get_all_neighbours(1 << order, cells, nest=True)
    return distinct(np.concatenate([cells, beside[beside >= 0]]))


def under(image, x, y, doubt=1e-6):
    """Whether places are on an image, the pixels under them, and whether the edge of a pixel is within `doubt`."""
    ny, nx = image.shape
    with np.errstate(invalid="ignore"):
        i, j = np.floor(x + 0.5), np.floor(y + 0.5)
        on = (i >= 0) & (i < nx) & (j >= 0) & (j < ny)
        edge = np.abs(x + 0.5 - np.clip(np.round(x + 0.5), 0, nx)) < doubt
        edge |= np.abs(y + 0.5 - np.clip(np.round(y + 0.5), 0, ny)) < doubt
    value = np.zeros(x.shape, bool)
    value[on] = image[j[on].astype(int), i[on].astype(int)]
    return on, value, edge


def values_under(image, wcs, sky, outside, doubt=1e-6, pixel=None):
    """The values of the pixels under positions, `outside` where there is none, and which of them are in doubt.

    Images of periodic projections continue beyond 180 deg of native longitude: the place nearest to the natural one
    counts. In doubt are places within `doubt` pixels of the edge of a pixel, those at the seam, and those that are on
    the image twice. With the side of a `pixel` in radians, positions that the WCS does not project back to within it
    are not on the image, and in doubt if they are off by more than a thousandth of it.
    """
    x, y = (np.asarray(a, dtype=float) for a in wcs.world_to_pixel(sky))
    good, value, unsure = under(image, x, y, doubt)
    expected = np.where(good, value, outside)
    if pixel is not None:
        finite = np.isfinite(x) & np.isfinite(y)
        back = wcs.pixel_to_world(x[finite], y[finite])
        off = np.zeros(x.shape)
        off[finite] = np.nan_to_num(back.separation(sky[finite].transform_to(back.frame)).rad)
        expected[off > pixel], good = outside, good | (off > pixel)
        unsure |= (off > 1e-3 * pixel) & (off <= pixel)
    there = sky.transform_to(wcs_to_celestial_frame(wcs)).spherical
    axes = [there.lon.deg, there.lat.deg] if wcs.wcs.lng == 0 else [there.lat.deg, there.lon.deg]
    native = wcs.wcs.s2p(np.stack(axes, axis=1), 0)
    unsure |= np.abs(np.abs(native["phi"]) - 180) < 1e-9
    period = period_of(wcs)
    if period is None:
        return expected, unsure
    # Of a cube, only the belt repeats itself.
    off_belt = (str(wcs.wcs.ctype[wcs.wcs.lng])[5:] in _CUBES) & (np.abs(native["imgcrd"][:, wcs.wcs.lat]) > 45)
    ny, nx = image.shape
    farthest = np.abs([wcs.wcs.crpix - 0.5, wcs.wcs.crpix - 0.5 - [nx, ny]]).max(axis=0)
    for k in range(1, int(np.hypot(*farthest) / np.hypot(*period)) + 3):
        before = good.copy()
        for sign in (1, -1):
            on, value, near = under(image, x + sign * k * period[0], y + sign * k * period[1], doubt)
            on, near = on & ~before, near & ~before
            unsure |= on & (good | off_belt) | near
            expected[on] = value[on]
            good |= on
    return expected, unsure


def sampled(mask, wcs, row, column, n=100, rng=None):
    """The part of some pixels' sky that is kept, with the solid angle that each point stands for as its weight.

    The n x n points of a pixel are regular, or with `rng` at a random place each in its part: edges along rows are then
    as accurate as others.
    """
    step = (np.arange(n) + 0.5) / n - 0.5
    x, y = (a.ravel() for a in np.meshgrid(step, step))
    if rng is not None:
        x, y = (a + (rng.random(a.size) - 0.5) / n for a in (x, y))
    part = []
    for j, i in zip(row, column, strict=True):

        def vectors(dx, dy, i=i, j=j):
            return wcs.pixel_to_world(i + x + dx, j + y + dy).cartesian.xyz.value

        sky = wcs.pixel_to_world(i + x, j + y)
        good = np.isfinite(sky.spherical.lon.deg)
        h = 1e-3
        across, up = vectors(h, 0) - vectors(-h, 0), vectors(0, h) - vectors(0, -h)
        weight = np.where(good, np.linalg.norm(np.cross(across, up, axis=0), axis=0), 0)
        # Within a step of a rim the difference is not known.
        weight = np.where(good & ~np.isfinite(weight), np.nanmedian(weight[good]) if good.any() else 0, weight)
        kept = np.zeros(good.shape, bool)
        kept[good] = mask.contains(sky[good])
        part.append((kept * weight).sum() / weight.sum() if good.any() else 0.0)
    return np.array(part)


def all_sky(wcs, shape):
    """The pixels whose corners are all sky."""
    y, x = np.indices((shape[0] + 1, shape[1] + 1)) - 0.5
    good = np.isfinite(wcs.pixel_to_world_values(x, y)[0])
    return good[1:, 1:] & good[1:, :-1] & good[:-1, 1:] & good[:-1, :-1]
