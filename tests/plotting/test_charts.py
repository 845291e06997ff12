"""Masks on the axes of other packages. Referee: `Mask.contains`, at positions that those packages place themselves."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import ITRS, SkyCoord, UnitSphericalRepresentation
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.wcsapi import SlicedLowLevelWCS

from hpmask import Mask
from hpmask.plotting import charts, raster

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

LIME, RED = (0.0, 1.0, 0.0, 1.0), (1.0, 0.0, 0.0, 1.0)


@pytest.fixture(autouse=True)
def _figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def mask():
    """All sky but discs in the north, at the seams and at the poles, and a large one."""
    discs = SkyCoord([178, 0, 90, 10, 278, 30], [30, 88, -85, 20, -20, -50], unit="deg")
    radii = [15, 12, 15, 9, 20, 25] * u.deg
    return ~Mask.from_cones(discs, radii, order=7)


RNG = np.random.default_rng(8)
LON, LAT = RNG.uniform(0, 360, 4000), np.degrees(np.arcsin(RNG.uniform(-1, 1, 4000)))


def check(ax, mask, places, coord, *, least, vector=(False, True)):
    """Compare colours at places in pixels of the screen, shape (n, 2), with the mask at their positions."""
    wide, narrow = mask.dilate("2.5 deg").contains(coord), mask.erode("2.5 deg").contains(coord)
    for as_paths in vector:
        for artist in list(ax.images):
            if isinstance(artist, raster.SkyImage):
                artist.remove()
        limits = ax.get_xlim(), ax.get_ylim()
        raster.draw_image(ax, [mask], [LIME, RED], "icrs", vector=as_paths).set_zorder(50)
        canvas = FigureCanvasAgg(ax.figure)
        canvas.draw()
        assert (ax.get_xlim(), ax.get_ylim()) == limits
        image = np.asarray(canvas.buffer_rgba())[::-1, :, :3].astype(int)
        box = ax.get_window_extent()
        x, y = np.where(np.isfinite(places), places, -1).T
        use = (x > box.x0 + 2) & (x < box.x1 - 2) & (y > box.y0 + 2) & (y < box.y1 - 2) & (wide == narrow)
        found = image[y[use].astype(int), x[use].astype(int)]
        # The line around a map lies over places at its border.
        coloured = (found[:, 2] < 30) & (found.max(axis=1) > 200)
        assert coloured.mean() > 0.9
        assert coloured.sum() > least
        kept = narrow[use][coloured]
        assert 0.05 < kept.mean() < 0.98
        assert np.array_equal(found[coloured, 1] > 128, kept)


def placed(ax, points):
    """Pixels of the screen for points in the axes' own coordinates, in the box that the axes will have."""
    ax.apply_aspect()
    return ax.transData.transform(points)


def header(**changes):
    result = fits.Header()
    values = {
        "CTYPE1": "RA---TAN",
        "CRVAL1": 30.0,
        "CRPIX1": 50.5,
        "CDELT1": -0.9,
        "CTYPE2": "DEC--TAN",
        "CRVAL2": -25.0,
        "CRPIX2": 40.5,
        "CDELT2": 0.9,
    }
    result.update({**values, **changes})
    return result


def wcs_axes(wcs, **options):
    figure = Figure(figsize=(4, 3), dpi=60)
    ax = figure.add_subplot(projection=wcs, **options)
    ax.set_xlim(-0.5, 99.5)
    ax.set_ylim(-0.5, 79.5)
    return ax


def test_wcs_axes_with_latitude_first(mask):
    swapped = header(
        CTYPE1="DEC--TAN", CRVAL1=-25.0, CDELT1=0.9, CTYPE2="RA---TAN", CRVAL2=30.0, CDELT2=-0.9, CRPIX1=40.5
    )
    wcs = WCS(swapped)
    ax = wcs_axes(wcs)
    sky = SkyCoord(LON, LAT, unit="deg")
    near = sky.separation(SkyCoord(30, -25, unit="deg")).deg < 50
    check(ax, mask, placed(ax, np.stack(wcs.world_to_pixel(sky[near]), axis=-1)), sky[near], least=300)


def test_wcs_axes_with_distortions(mask):
    sip = header(CTYPE1="RA---TAN-SIP", CTYPE2="DEC--TAN-SIP", A_ORDER=2, B_ORDER=2, A_2_0=1e-3, B_1_1=-1e-3)
    wcs = WCS(sip)
    ax = wcs_axes(wcs)
    x, y = RNG.uniform(0, 99, 2000), RNG.uniform(0, 79, 2000)
    check(
        ax,
        mask,
        placed(ax, np.stack([x, y], axis=-1)),
        wcs.pixel_to_world(x, y),
        least=900,
        vector=(False,),
    )


def test_slices_of_a_cube(mask):
    cube = WCS(header(CTYPE3="FREQ", CRVAL3=1e9, CRPIX3=1.0, CDELT3=1e6, CUNIT3="Hz", WCSAXES=3))
    x, y = RNG.uniform(0, 99, 2000), RNG.uniform(0, 79, 2000)
    sky = cube.celestial.pixel_to_world(x, y)
    for slices, places in ((("x", "y", 0), (x, y)), (("y", "x", 0), (y, x))):
        ax = wcs_axes(cube, slices=slices)
        check(ax, mask, placed(ax, np.stack(places, axis=-1)), sky, least=700, vector=(False,))
    # APE 14: a WCS that is not one of FITS.
    ax = wcs_axes(SlicedLowLevelWCS(cube, (0, slice(None), slice(None))))
    check(ax, mask, placed(ax, np.stack([x, y], axis=-1)), sky, least=900, vector=(False,))


def test_an_image_of_the_whole_circle_that_begins_elsewhere(mask):
    # Native longitudes of this image go beyond 180 deg: the map goes on there.
    wcs = WCS(header(CTYPE1="RA---CAR", CTYPE2="DEC--CAR", CRVAL1=0.0, CRVAL2=0.0, CRPIX1=0.5, CDELT1=3.6, CDELT2=2.25))
    wcs.array_shape = (80, 100)
    ax = wcs_axes(wcs)
    x, y = RNG.uniform(0, 99, 3000), RNG.uniform(0, 79, 3000)
    sky = SkyCoord((x + 0.5) * 3.6, (y - 39.5) * 2.25, unit="deg")
    check(ax, mask, placed(ax, np.stack([x, y], axis=-1)), sky, least=1500)


@pytest.mark.parametrize(
    ("projection", "options", "frame", "paths"),
    [
        ("astro hours mollweide", {}, "icrs", True),
        ("astro degrees aitoff", {"center": "40d 0d"}, "icrs", True),
        ("galactic degrees mollweide", {}, "galactic", True),
        ("astro degrees zoom", {"center": "30d -30d", "radius": "35 deg"}, "icrs", True),
        ("astro globe", {"center": "10d 40d"}, "icrs", True),
        ("geo degrees mollweide", {"obstime": "2020-03-01T04:00:00"}, "itrs", True),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_ligo_skymap(mask, projection, options, frame, paths):
    pytest.importorskip("ligo.skymap.plot")
    figure = Figure(figsize=(4, 2.6), dpi=70)
    ax = figure.add_subplot(projection=projection, **options)
    lon, lat = LON, LAT
    ax.apply_aspect()
    places = ax.get_transform("world").transform(np.stack([lon, lat], axis=-1))
    there = ITRS(obstime=options["obstime"]) if frame == "itrs" else frame
    coord = SkyCoord(UnitSphericalRepresentation(lon * u.deg, lat * u.deg), frame=there)
    if "globe" in projection:
        front = coord.separation(SkyCoord(10, 40, unit="deg")).deg < 85
        places = places[front]
        coord = coord[front]
    if "zoom" in projection:
        near = coord.separation(SkyCoord(30, -30, unit="deg")).deg < 50
        places, coord = places[near], coord[near]
    check(ax, mask, places, coord.transform_to("icrs"), least=150, vector=(False, True) if paths else (False,))


HEALPY = {
    "mollview": ({"rot": (30, 20, 10)}, True),
    "cartview": ({"rot": (0, 0)}, True),
    "gnomview": ({"rot": (20, -40), "reso": 20, "xsize": 200}, True),
    "orthview": ({"rot": (20, -40)}, False),
    "azeqview": ({"rot": (20, -40), "reso": 30, "xsize": 300}, False),
}


@pytest.mark.parametrize("name", HEALPY)
@pytest.mark.parametrize("coord", [None, "G", ["C", "G"]])
@pytest.mark.parametrize("flip", ["astro", "geo"])
@pytest.mark.filterwarnings("ignore")
def test_healpy(mask, name, coord, flip):
    healpy = pytest.importorskip("healpy")
    options, paths = HEALPY[name]
    figure = plt.figure(figsize=(4, 3), dpi=60)
    getattr(healpy, name)(np.zeros(12), fig=figure.number, coord=coord, flip=flip, cbar=False, title="", **options)
    ax = figure.axes[0]
    frame = "galactic" if coord else "icrs"
    with np.errstate(invalid="ignore"):
        x, y = ax.proj.ang2xy(LON, LAT, lonlat=True)
    places = placed(ax, np.stack([np.ma.filled(x, np.nan), np.ma.filled(y, np.nan)], axis=-1))
    sky = SkyCoord(LON, LAT, unit="deg", frame=frame)
    check(ax, mask, places, sky, least=150, vector=(False, True) if paths else (False,))


@pytest.mark.parametrize("projection", ["mollweide", "hammer", "aitoff", "lambert"])
def test_projections_of_matplotlib(mask, projection):
    ax = plt.figure(figsize=(4, 3), dpi=60).add_subplot(projection=projection)
    lon = (np.radians(LON) + np.pi) % (2 * np.pi) - np.pi
    inside = np.abs(np.abs(lon) - np.pi) > 0.05
    places = placed(ax, np.stack([lon, np.radians(LAT)], axis=-1)[inside])
    check(ax, mask, places, SkyCoord(LON, LAT, unit="deg")[inside], least=1500)
    # The figure's edges have no sky.
    assert (np.asarray(ax.figure.canvas.buffer_rgba())[0, 0, :3] == 255).all()


@pytest.mark.parametrize("projection", ["mollweide", "hammer", "cart"])
@pytest.mark.filterwarnings("ignore")
def test_projview(mask, projection):
    healpy = pytest.importorskip("healpy")
    for flip, sign in (("astro", -1), ("geo", 1)):
        plt.figure(figsize=(4, 3), dpi=60)
        healpy.projview(np.zeros(12), projection_type=projection, flip=flip, cbar=False, fig=plt.gcf().number, xsize=20)
        ax = plt.gca()
        lon = (np.radians(LON) + np.pi) % (2 * np.pi) - np.pi
        inside = np.abs(np.abs(lon) - np.pi) > 0.05
        places = placed(ax, np.stack([sign * lon, np.radians(LAT)], axis=-1)[inside])
        check(ax, mask, places, SkyCoord(LON, LAT, unit="deg")[inside], least=1500)


def test_the_frame_of_axes_without_one(mask):
    for name in ("galactic", "ecliptic"):
        ax = plt.figure(figsize=(4, 3), dpi=60).add_subplot(projection="mollweide")
        raster.draw_image(ax, [mask], [LIME, RED], name).set_zorder(50)
        ax.figure.canvas.draw()
        image = np.asarray(ax.figure.canvas.buffer_rgba())[::-1]
        frame = "barycentricmeanecliptic" if name == "ecliptic" else name
        coord = SkyCoord(LON, LAT, unit="deg").transform_to(frame)
        lon, lat = coord.spherical.lon.wrap_at("180d").rad, coord.spherical.lat.rad
        x, y = placed(ax, np.stack([lon, lat], axis=-1)).astype(int).T
        use = (np.abs(lon) < 3) & (image[y, x, 2] < 30) & (image[y, x, :2].max(axis=1) > 200)
        here = SkyCoord(LON, LAT, unit="deg")
        use &= mask.dilate("2.5 deg").contains(here) == mask.erode("2.5 deg").contains(here)
        assert use.sum() > 2000
        assert np.array_equal(image[y, x, 1][use] > 128, mask.contains(here)[use])
    with pytest.raises(ValueError, match="frame"):
        charts.chart_of(ax, "fk4")


def test_plot_takes_them_all(mask):
    ax = plt.figure().add_subplot(projection="mollweide")
    assert mask.plot(ax, frame="galactic") is ax
    with pytest.raises(TypeError) as error:
        mask.plot(plt.figure().add_subplot())
    for word in ("WCSAxes", "ligo.skymap", "skyproj", "mollview", "projview", "'mollweide'", "got Axes"):
        assert word in str(error.value)
    with pytest.raises(TypeError, match="got PolarAxes"):
        mask.plot(plt.figure().add_subplot(projection="polar"))
    with pytest.raises(TypeError, match="got int"):
        mask.plot(3)
    with pytest.raises(ValueError, match="cannot be combined with frame"):
        mask.plot(wcs_axes(WCS(header())), frame="icrs")
