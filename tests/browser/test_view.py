"""The page of `Mask.view` in a real browser, against `Mask.contains`, HEALPix numbers and projections of others."""

import io
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from astropy_healpix import HEALPix

from hpmask import EnergyAxis, Mask, MaskSet

CRAB = SkyCoord(83.63, 22.01, unit="deg")
POLES_AND_SEAM = [(0, 90), (0, -90), (123, 90), (0, 0), (359.9999999999, 0), (1e-12, 30), (180, 41.8103148957786)]


def drawn(page):
    page.wait_for_selector("body[data-drawn=full]", timeout=20_000)


def settled(page):
    """Wait until what was asked for just now is drawn."""
    page.wait_for_timeout(60)
    drawn(page)


def positions(n, seed):
    rng = np.random.default_rng(seed)
    lon, lat = rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    return np.append(lon, [one for one, _ in POLES_AND_SEAM]), np.append(lat, [one for _, one in POLES_AND_SEAM])


def around(mask, n, seed):
    """Positions at the edges of the cells of a mask, of a few cells' size around them; and random ones."""
    rng = np.random.default_rng(seed)
    plane = mask.planes[0]
    edges = rng.choice(plane.boundaries, n)
    shift = np.uint64(2 * (29 - mask.order))
    cells = np.minimum(edges >> shift, np.uint64((12 << 2 * mask.order) - 1)).astype(np.int64)
    points = HEALPix(2**mask.order, order="nested", frame="icrs").healpix_to_skycoord(cells)
    size = np.sqrt(np.pi / 3) / 2**mask.order * u.rad
    near = points.directional_offset_by(rng.uniform(0, 360, n) * u.deg, rng.uniform(0, 2, n) * size)
    lon, lat = positions(n, seed)
    return np.append(near.ra.deg, lon), np.append(near.dec.deg, lat)


@pytest.fixture
def disc():
    return Mask.from_cones(CRAB, "5 deg", order=9)


@pytest.fixture
def three_bins():
    axis = EnergyAxis([1, 10, 100, 1000] * u.GeV)
    return ~Mask.stack([Mask.from_cones(CRAB, f"{size} deg", order=9) for size in (8, 4, 2)], energy=axis)


# ---------------------------------------------------------------------- numbers and answers


def test_nested_numbers_are_those_of_healpix(viewed, disc):
    page = viewed(disc)
    lon, lat = positions(100_000, 1)
    numbers = page.evaluate(
        "([lon, lat]) => lon.map((one, k) => hpmask.cell(one, lat[k]).toString())", [lon.tolist(), lat.tolist()]
    )
    numbers = np.array(numbers, dtype=np.uint64)
    for order in (0, 5, 14, 15, 20, 24):
        there = HEALPix(2**order, order="nested").lonlat_to_healpix(lon * u.deg, lat * u.deg)
        here = (numbers >> np.uint64(2 * (29 - order))).astype(np.int64)
        # On the seams between faces, which are positions of the list, rounding decides.
        assert (here != there)[: -len(POLES_AND_SEAM)].sum() == 0
    finest = HEALPix(2**29, order="nested").lonlat_to_healpix(lon * u.deg, lat * u.deg)
    assert np.mean(numbers.astype(np.int64) == finest) > 0.9999


@pytest.mark.parametrize(
    "mask",
    [
        Mask.from_cones(CRAB, "5 deg", order=9),
        ~Mask.from_cones(SkyCoord([0, 0, 10, 359.99], [90, -90, 41.81, 0], unit="deg"), "3 deg", order=14),
        Mask.from_cones(CRAB, "10 arcmin", order=18),
        Mask.from_cones(SkyCoord([83.63, 0, 45], [22.01, 90, 41.81], unit="deg"), "0.2 arcsec", order=27),
        Mask.from_cones(SkyCoord([83.63, 0, 200], [22.01, -90, 0], unit="deg"), "0.05 arcsec", order=29),
        Mask.empty(order=3),
        Mask.full(order=3),
    ],
    ids=lambda mask: f"order{mask.order}",
)
def test_positions_are_kept_as_contains_says(viewed, mask):
    page = viewed(mask)
    lon, lat = around(mask, 3000, 2) if mask.n_ranges > 1 else positions(3000, 2)
    kept = page.evaluate(
        "([lon, lat]) => lon.map((one, k) => hpmask.contains('mask', one, lat[k])[0])", [lon.tolist(), lat.tolist()]
    )
    expected = np.asarray(mask.contains(lon, lat))
    # Positions that lie on an edge within rounding may go to the other side: none but at the finest orders.
    assert np.sum(np.array(kept) != expected) <= (3 if mask.order > 26 else 0)
    assert mask.order == 3 or 100 < np.sum(kept) < len(kept) - 100


def test_galactic_masks_and_masks_of_two_frames(viewed):
    plane = Mask.from_zone(lat=("-5 deg", "5 deg"), order=8, frame="galactic")
    disc = Mask.from_cones(CRAB, "5 deg", order=9)
    page = viewed({"plane": plane, "disc": disc})
    lon, lat = positions(5000, 3)
    coord = SkyCoord(lon, lat, unit="deg")
    for name, mask in (("plane", plane), ("disc", disc)):
        kept = page.evaluate(
            "([name, lon, lat]) => lon.map((one, k) => hpmask.contains(name, one, lat[k])[0])",
            [name, lon.tolist(), lat.tolist()],
        )
        assert np.array_equal(kept, mask.contains(coord))


def test_the_readout_under_the_pointer(viewed, three_bins):
    page = viewed(three_bins, center=CRAB, width="30 deg")
    box = page.locator("#stage").bounding_box()
    rng = np.random.default_rng(4)
    for x, y in rng.uniform([box["x"], box["y"]], [box["x"] + 900, box["y"] + box["height"] - 2], (25, 2)):
        page.mouse.move(x, y)
        text = page.locator("#icrs").text_content().replace("\u2212", "-").split()
        lon, lat = float(text[0]), float(text[1])
        coord = SkyCoord(lon, lat, unit="deg")
        words = f"{text[2]} {text[3]}".replace("\u00b0", "d").replace("\u2032", "m").replace("\u2033", "s")
        assert SkyCoord(words).separation(coord).arcsec < 5
        galactic = page.locator("#galactic").text_content().replace("\u2212", "-").split()
        assert SkyCoord(*map(float, galactic), unit="deg", frame="galactic").separation(coord).arcsec < 5
        exact = page.evaluate("([x, y]) => hpmask.position(x, y)", [x - box["x"], y - box["y"]])
        assert exact == pytest.approx([lon, lat], abs=1e-3)
        flags = page.locator(".answer").get_attribute("data-kept")
        assert [one == "1" for one in flags] == three_bins.contains(SkyCoord(*exact, unit="deg")).tolist()
        assert page.locator("#found").text_content() == ("kept" if flags[0] == "1" else "excluded")


# ---------------------------------------------------------------------- pictures


def stage_of(page):
    """The stage as it is on the screen, without its buttons, shape (ny, nx, 3)."""
    from PIL import Image

    page.evaluate("document.querySelector('.zoom').hidden = true")
    png = page.locator("#stage").screenshot()
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def wcs_of(projection, lon, lat, scale, shape):
    """The projection of the stage as a WCS: `scale` in pixels per radian, rows from the top."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"RA---{projection}", f"DEC--{projection}"]
    wcs.wcs.crval = [lon, lat]
    wcs.wcs.lonpole = 180
    step = np.degrees(1 / scale)
    wcs.wcs.cdelt = [-step, -step]
    wcs.wcs.crpix = [shape[1] / 2 + 0.5, shape[0] / 2 + 0.5]
    return wcs


def expected_parts(mask, wcs, shape, samples=3):
    """The part of each pixel that is kept, NaN outside the sky: shape (ny, nx)."""
    places = (np.arange(samples) + 0.5) / samples - 0.5
    j, i = np.mgrid[: shape[0], : shape[1]]
    total = np.zeros(shape)
    for dj in places:
        for di in places:
            lon, lat = wcs.wcs_pix2world((i + di).ravel(), (j + dj).ravel(), 0)
            # Outside the map, some projections give positions of other points.
            x, y = wcs.wcs_world2pix(np.nan_to_num(lon), np.nan_to_num(lat), 0)
            off = ~np.isfinite(lon) | (np.hypot(x - (i + di).ravel(), y - (j + dj).ravel()) > 1e-3)
            kept = np.asarray(mask.contains(np.where(off, 0, lon) % 360, np.where(off, 0, lat))).astype(float)
            total += np.where(off, np.nan, kept).reshape(shape)
    return total / samples**2


@pytest.mark.parametrize(
    ("projection", "name", "lon", "lat", "width"),
    [
        ("MOL", "mollweide", 180, 0, None),
        ("AIT", "aitoff", 30, 0, None),
        ("SIN", "sphere", 83, 40, None),
        ("SIN", "sphere", 80, 25, 10),
        ("ZEA", "aitoff", 80, 25, 20),
        ("ZEA", "aitoff", 83.6, 22, 0.5),
        ("ZEA", "mollweide", 0, 90, 20),
    ],
)
def test_pictures_are_those_of_a_wcs(viewed, projection, name, lon, lat, width):
    holes = Mask.from_cones(
        SkyCoord([83.6, 84, 100, 0, 200, 359], [22, 23.2, -40, 88, -75, 1], unit="deg"),
        [2, 0.4, 9, 5, 12, 3] * u.deg,
        order=11,
    )
    mask = ~holes
    fragment = f"#at={lon},{lat}&projection={name}&frame=icrs&grid=0" + (f"&width={width}" if width else "")
    page = viewed(mask, fragment, size=(560 + 280, 460))
    picture = stage_of(page)
    shape = picture.shape[:2]
    scale = (
        shape[1] / np.radians(width)
        if width
        else min(
            (shape[1] - 44) / {"SIN": 2}.get(projection, 4 * np.sqrt(2)),
            (shape[0] - 44) / {"SIN": 2}.get(projection, 2 * np.sqrt(2)),
        )
    )
    parts = expected_parts(mask, wcs_of(projection, lon, lat, scale, shape), shape)
    sky, fill = np.array([0xEE, 0xF2, 0xF6]), np.array([0xB4, 0x48, 0x2D])
    colours = {1: sky, 0: 0.9 * fill + 0.1 * sky}
    on = np.isfinite(parts)
    for shift in (-3, 3):  # without the line around the sky
        on &= np.isfinite(np.roll(parts, shift, 0)) & np.isfinite(np.roll(parts, shift, 1))
    seen = 0
    for kept, colour in colours.items():
        # Away from edges, which a pixel shares with its neighbours.
        inner = on.copy()
        for dj in (-1, 0, 1):
            for di in (-1, 0, 1):
                inner &= np.roll(parts == kept, (dj, di), (0, 1))
        assert np.abs(picture[inner] - colour).max(initial=0) <= 2
        seen += inner.sum()
    assert seen > 0.55 * np.sum(np.isfinite(parts))
    # The area of the excluded sky on the picture, to a part of a pixel along its edge.
    reddish = (sky[1] - picture[..., 1]) / (sky - colours[0])[1]
    edge = np.sum((parts > 0) & (parts < 1)) + 1
    assert abs(reddish[on].clip(0, 1).sum() - (1 - parts[on]).sum()) < 0.3 * edge


def test_a_planted_error_is_seen_by_the_test_of_pictures(viewed):
    mask = ~Mask.from_cones(CRAB, "2 deg", order=11)
    picture = stage_of(viewed(mask, "#at=83.63,22.01&width=20&projection=aitoff&frame=icrs&grid=0", size=(1040, 560)))
    shape = picture.shape[:2]
    wrong = wcs_of("ZEA", 83.9, 22.01, shape[1] / np.radians(20), shape)
    parts = expected_parts(mask, wrong, shape, samples=1)
    assert np.abs(picture[parts == 1] - [0xEE, 0xF2, 0xF6]).max() > 50


def test_what_is_much_smaller_than_a_pixel_is_seen(viewed):
    mask = ~Mask.from_cones(CRAB, "1 arcsec", order=18)
    page = viewed(mask, "#at=83.63,22.01&frame=icrs&grid=0")
    picture = stage_of(page)
    middle = picture[picture.shape[0] // 2 - 1 :, picture.shape[1] // 2 - 1 :][:3, :3]
    assert middle[..., 1].min() < 0xF2 - 20
    assert picture[picture.shape[0] // 2 - 60, picture.shape[1] // 2, 1] == 0xF2


def test_projections_agree_with_themselves(viewed, disc):
    for name in ("mollweide", "aitoff", "sphere"):
        for width in ("", "&width=60", "&width=0.001"):
            page = viewed(disc, f"#at=40,35&projection={name}&frame=galactic{width}")
            places = page.evaluate(
                "[[310, 220], [500, 354], [610, 420]].map(([x, y]) => hpmask.place(...hpmask.position(x, y)))"
            )
            assert np.array(places) == pytest.approx(np.array([[310, 220], [500, 354], [610, 420]]), abs=1e-3)


# ---------------------------------------------------------------------- controls


def colour_at(page, lon, lat):
    x, y = page.evaluate("([lon, lat]) => hpmask.place(lon, lat)", [lon, lat])
    return stage_of(page)[int(y), int(x)].tolist()


def test_layers_are_switched(viewed):
    masks = MaskSet(
        {
            "star": Mask.from_cones(SkyCoord(100, 0, unit="deg"), "12 deg", order=8),
            "halo": Mask.from_cones(SkyCoord(180, 0, unit="deg"), "12 deg", order=8),
        }
    )
    page = viewed(masks, "#at=140,0&frame=icrs&grid=0")
    clear = colour_at(page, 140, 60)
    star, halo = colour_at(page, 100, 3), colour_at(page, 180, 3)
    assert star != clear != halo != star
    page.get_by_role("checkbox", name="star").uncheck()
    settled(page)
    assert colour_at(page, 100, 3) == clear
    assert colour_at(page, 180, 3) == halo
    page.keyboard.press("Escape")
    page.locator("#stage").focus()
    page.keyboard.press("1")
    page.keyboard.press("2")
    settled(page)
    assert colour_at(page, 100, 3) == star
    assert colour_at(page, 180, 3) == clear
    page.locator("#style").select_option("exclusion")
    settled(page)
    assert colour_at(page, 100, 3) == clear
    assert colour_at(page, 140, 60) == star


def test_the_slider_chooses_the_energy_bin(viewed, three_bins):
    page = viewed(three_bins, center=CRAB, width="30 deg", energy="2 GeV")
    assert page.locator("#bin").text_content() == "1-10 GeV"
    excluded, kept = colour_at(page, 83.63, 28.5), colour_at(page, 83.63, 33)
    assert excluded != kept
    page.locator("#energy").focus()
    page.keyboard.press("ArrowRight")
    settled(page)
    assert page.locator("#bin").text_content() == "10-100 GeV"
    assert colour_at(page, 83.63, 28.5) == kept
    page.locator("#stage").focus()
    page.keyboard.press("]")
    page.keyboard.press("]")
    assert page.locator("#bin").text_content() == "100-1000 GeV"
    assert page.locator("#energy").get_attribute("aria-valuetext") == "100-1000 GeV"


def test_layers_with_other_energy_bins_share_a_slider(viewed):
    one, other = EnergyAxis([1, 10, 100] * u.GeV), EnergyAxis([0.01, 0.1, 1] * u.TeV)
    masks = {"a": Mask.full(energy=one), "b": Mask.full(energy=other), "c": Mask.full()}
    page = viewed(masks)
    assert page.evaluate("Number(document.querySelector('#energy').max)") == 2
    flags = [page.evaluate("(name) => hpmask.contains(name, 10, 10)", name) for name in "abc"]
    assert flags == [[True, True, False], [False, True, True], [True, True, True]]


@pytest.mark.parametrize(
    "text",
    [
        "83.6331 22.0145", "83.6331, +22.0145", "05h34m31.94s +22d00m52.2s", "05:34:31.94 +22:00:52.2",
        "05 34 31.94 +22 00 52.2", "05h34m31.94s+22d00m52.2s", "l=184.5575 b=-5.7844",
        "galactic 184.5575 -5.7844", "icrs 83.6331 22.0145",
    ],
)  # fmt: skip
def test_go_to_a_position(viewed, disc, text):
    page = viewed(disc, frame="galactic")
    page.locator("#place").fill(text)
    page.keyboard.press("Enter")
    settled(page)
    lon, lat = page.evaluate("[hpmask.state.lon, hpmask.state.lat]")
    target = SkyCoord(83.6331, 22.0145, unit="deg")
    there = SkyCoord(lon, lat, unit="deg", frame="galactic")
    # Numbers without a name are in the coordinates of the map.
    if text.startswith("83"):
        target = SkyCoord(83.6331, 22.0145, unit="deg", frame="galactic")
    if re.match(r"0\d", text):
        target = SkyCoord(83.63308, 22.0145, unit="deg", frame="galactic")
    assert there.separation(target).arcsec < 2
    assert page.locator("#found").text_content() == ("kept" if disc.contains(target) else "excluded")


def test_what_is_no_position_is_said(viewed, disc):
    page = viewed(disc)
    for text in ("crab", "12", "400 10", "10 95", "05h74m00s +22d00m00s", "", "10 20 30"):
        page.locator("#place").fill(text)
        page.locator("#goto button").click()
        assert "not a position" in page.locator("#message").text_content()


def test_the_mouse_and_the_keys_move_the_map(viewed, disc):
    page = viewed(disc, center=CRAB, width="40 deg", projection="AIT")
    box = page.locator("#stage").bounding_box()
    x, y = box["x"] + 620, box["y"] + 250
    before = page.evaluate("hpmask.position(620, 250)")
    page.mouse.move(x, y)
    page.mouse.wheel(0, -400)
    settled(page)
    assert page.evaluate("hpmask.state.width") < 25
    assert page.evaluate("hpmask.position(620, 250)") == pytest.approx(before, abs=0.05)
    lon, lat = page.evaluate("[hpmask.state.lon, hpmask.state.lat]")
    page.mouse.down()
    page.mouse.move(x + 100, y + 60, steps=4)
    page.mouse.up()
    settled(page)
    after = page.evaluate("[hpmask.state.lon, hpmask.state.lat]")
    assert after[0] > lon + 1
    assert after[1] > lat + 1
    page.locator("#stage").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("-")
    settled(page)
    moved = page.evaluate("[hpmask.state.lon, hpmask.state.lat]")
    assert moved[0] < after[0]
    assert moved[1] > after[1]
    assert page.locator("#icrs").text_content() != "\u2013"
    page.keyboard.press("c")
    assert page.evaluate("hpmask.state.frame") == "galactic"
    page.keyboard.press("0")
    settled(page)
    assert page.evaluate("[hpmask.state.lon, hpmask.state.width, hpmask.state.frame]") == pytest.approx(
        [83.63, 40, "icrs"], abs=1e-9
    )


def test_two_fingers_zoom(viewed, disc):
    page = viewed(disc, browser={"has_touch": True})
    finger = """(one) => document.querySelector('#stage').dispatchEvent(new PointerEvent(one.type, {
        pointerId: one.id, clientX: one.x, clientY: one.y, bubbles: true, pointerType: 'touch', button: 0}))"""
    for kind, number, x in (("down", 1, 400), ("down", 2, 500), ("move", 2, 501), ("move", 2, 700), ("up", 1, 400)):
        page.evaluate(finger, {"type": f"pointer{kind}", "id": number, "x": x, "y": 400})
    settled(page)
    assert 100 < page.evaluate("hpmask.state.width") < 150


def test_a_link_opens_the_same_view(viewed, opened, tmp_path, three_bins):
    page = viewed(three_bins)
    page.evaluate(
        "hpmask.set({lon: 83.2, lat: 21.5, width: 25, bin: 1, style: 'footprint', frame: 'icrs', opacity: 0.5})"
    )
    settled(page)
    url = page.evaluate("location.href")
    assert "width=25" in url
    again = opened(url)
    drawn(again)
    state, other = page.evaluate("hpmask.state"), again.evaluate("hpmask.state")
    assert other == state
    assert np.array_equal(stage_of(page), stage_of(again))
    # A link by hand in an open page, and one with nonsense.
    page.evaluate("location.hash = '#at=10,20&width=5'")
    page.wait_for_timeout(200)
    settled(page)
    assert page.evaluate("[hpmask.state.lon, hpmask.state.lat, hpmask.state.width]") == [10, 20, 5]
    odd = opened(url.split("#")[0], "#at=x,y&width=-3&bin=77&style=<b>&off=nobody&projection=constructor")
    drawn(odd)
    assert odd.evaluate("[hpmask.state.bin, hpmask.state.projection, hpmask.state.off]") == [0, "mollweide", []]


def test_the_link_is_copied(viewed, disc):
    page = viewed(disc, browser={"permissions": ["clipboard-read", "clipboard-write"]})
    page.evaluate("hpmask.set({lon: 12, lat: 34, width: 25})")
    page.locator("#share").click()
    page.wait_for_selector("#message:not(:empty)")
    assert "at=12,34&width=25" in page.evaluate("navigator.clipboard.readText()")


def test_the_picture_is_saved(viewed, tmp_path):
    from PIL import Image

    masks = {"star mask": Mask.from_cones(CRAB, "30 deg", order=8), "halo": Mask.full(order=1)}
    page = viewed(masks, title="Two masks", center=CRAB)
    with page.expect_download() as download:
        page.locator("#save").click()
    assert download.value.suggested_filename == "Two-masks.png"
    download.value.save_as(tmp_path / "picture.png")
    picture = np.asarray(Image.open(tmp_path / "picture.png").convert("RGB"))
    shown = stage_of(page)
    assert picture.shape[1] == shown.shape[1]
    assert picture.shape[0] > shown.shape[0] + 30
    assert np.mean(np.abs(picture[: shown.shape[0]].astype(int) - shown)) < 0.5


# ---------------------------------------------------------------------- the page as a document


@pytest.mark.parametrize(
    ("size", "dark"), [((390, 844), False), ((390, 844), True), ((1280, 800), True), ((700, 400), False)]
)
def test_pages_of_all_sizes_show_their_controls(viewed, three_bins, size, dark):
    page = viewed(
        three_bins,
        size=size,
        browser={"dark": dark},
        title="A rather long title of a page that does not fit into a small window",
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert page.evaluate("document.documentElement.scrollHeight") <= size[1]
    for name in ("#place", "#home", "#share", "#save", "#closer", "#stage", "#energy", "#icrs"):
        box = page.locator(name).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= size[0]
        assert box["width"] > 5
    assert page.locator("#stage").bounding_box()["height"] > 120
    if size[0] < 760:
        page.locator("#fold").click()
        assert not page.locator("#panel").is_visible()
        settled(page)
    paper = stage_of(page)[1, 1].tolist()
    assert paper == ([0x10, 0x15, 0x1C] if dark else [255, 255, 255])


def test_the_stage_does_not_change_when_the_pointer_enters(viewed, three_bins):
    page = viewed({"one": three_bins, "two": ~three_bins})
    before = page.locator("#stage").bounding_box()
    page.mouse.move(500, 400)
    assert page.locator("#found").text_content() != ""
    assert page.locator("#stage").bounding_box() == before


EVIL = "</script><img src=x onerror=window.hacked=1><!-- ' \" & ${1} \\u003c"


def test_names_and_titles_are_text(viewed):
    page = viewed({EVIL: Mask.full(), "<b>": Mask.empty()}, title=EVIL)
    assert page.evaluate("window.hacked") is None
    assert page.title() == EVIL
    assert page.locator("#title").text_content() == EVIL
    assert page.locator("#layers .name").all_text_contents() == [EVIL, "<b>"]
    assert page.locator("img, b").count() == 0
    page.keyboard.press("1")
    settled(page)
    assert page.evaluate("hpmask.state.off") == [EVIL]
    page.reload()
    drawn(page)
    assert page.evaluate("hpmask.state.off") == [EVIL]


def test_foreign_scripts_do_not_run(viewed, disc):
    page = viewed(disc, browser={"faulty": True})
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=data:, onerror=\"window.hacked = 1\">')")
    page.evaluate(
        "const one = document.createElement('script'); one.textContent = 'window.hacked = 2'; document.body.append(one)"
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("fetch('https://example.org').then(() => 'answer', () => 'refused')") == "refused"


def test_a_coarser_page_says_so(viewed):
    rng = np.random.default_rng(5)
    mask = Mask.from_cones(
        SkyCoord(rng.uniform(0, 360, 500), rng.uniform(-80, 80, 500), unit="deg"), "20 arcmin", order=12
    )
    with pytest.warns(UserWarning, match="the page shows cells of order"):
        page = viewed(mask, max_bytes=20_000)
    assert re.search(r"Drawn with cells of order \d+ .*mask has order 12", page.locator("#notes").text_content())


def test_a_notebook_shows_the_page_in_a_frame(opened, tmp_path, disc):
    page = disc.view(open=False)
    path = tmp_path / "notebook.html"
    path.write_text(f"<!doctype html><title>notebook</title><body>{page._repr_html_()}", "utf-8")
    outer = opened(path)
    frame = outer.frame_locator("iframe")
    frame.locator("body[data-drawn=full]").wait_for(timeout=30_000)
    assert not frame.locator("#share").is_visible()
    frame.locator("#closer").click()
    frame.locator("body[data-drawn=full]").wait_for(timeout=30_000)


def test_a_mask_of_many_ranges(viewed):
    rng = np.random.default_rng(6)
    coord = SkyCoord(rng.uniform(0, 360, 20_000), np.degrees(np.arcsin(rng.uniform(-1, 1, 20_000))), unit="deg")
    mask = ~Mask.from_cones(coord, "30 arcsec", order=17)
    assert mask.n_ranges > 1_000_000
    page = viewed(mask)
    lon, lat = around(mask, 2000, 7)
    kept = page.evaluate(
        "([lon, lat]) => lon.map((one, k) => hpmask.contains('mask', one, lat[k])[0])", [lon.tolist(), lat.tolist()]
    )
    assert np.array_equal(kept, mask.contains(lon, lat))
    assert json.dumps(page.evaluate("hpmask.times"))


# ---------------------------------------------------------------------- images of surveys


_PROPERTIES = """creator_did = ivo://test/P/sky
obs_title = test
hips_version = 1.4
hips_frame = equatorial
hips_order = 3
hips_tile_width = 128
hips_tile_format = png
dataproduct_type = image
"""


def test_without_aladin_the_map_is_there(viewed, disc):
    page = viewed(
        disc,
        aladin="https://aladin.test/aladin.js",
        background="https://hips.test/sky",
        browser={"faulty": True, "network": True, "route": _refused},
    )
    page.wait_for_selector("body[data-survey=missing]", state="attached")
    assert "Aladin Lite cannot be loaded" in page.locator("#message").text_content()
    settled(page)
    assert page.evaluate("hpmask.state.survey") is False
    assert colour_at(page, 83.63, 22.01) != colour_at(page, 120, 22.01)


def _refused(route):
    if route.request.url.startswith(("file:", "data:", "blob:")):
        route.continue_()
    else:
        route.abort()


@pytest.mark.parametrize("answers", [True, False])
def test_the_mask_lies_over_the_images_of_aladin(viewed, disc, answers):
    code = os.environ.get("HPMASK_ALADIN")
    if not code or not Path(code).exists():
        pytest.skip("needs HPMASK_ALADIN, the path of dist/aladin.js of the npm package aladin-lite")

    def serve(route):
        if answers and route.request.url.endswith("/properties"):
            headers = {"Access-Control-Allow-Origin": "*"}
            route.fulfill(status=200, body=_PROPERTIES, headers=headers, content_type="text/plain")
        else:
            _refused(route)

    page = viewed(
        disc,
        "#at=80,25&frame=icrs&width=40&grid=0",
        aladin=code,
        background="https://hips.test/sky",
        browser={"faulty": True, "network": True, "route": serve, "webgl": True},
    )
    page.wait_for_selector("body[data-survey]", state="attached", timeout=60_000)
    page.wait_for_timeout(1000)
    drawn(page)
    if not answers:
        assert "does not answer" in page.locator("#message").text_content()
        return
    for fragment in ("#at=80,25&frame=icrs&width=40", "#at=180,0&frame=galactic", "#at=80,25&projection=sphere"):
        page.evaluate("(hash) => { location.hash = hash }", fragment)
        page.wait_for_timeout(500)
        drawn(page)
        places = page.evaluate(
            "[[83, 22], [70, 20], [95, 40]].map((one) => [hpmask.place(...one), [...hpmask.survey.world2pix(...one)]])"
        )
        ours, theirs = np.array(places).swapaxes(0, 1)
        assert ours == pytest.approx(theirs, abs=1e-3)
    inside, outside = colour_at(page, 83.63, 22.01), colour_at(page, 80, 40)
    assert np.abs(np.subtract(inside, outside)).max() > 30
