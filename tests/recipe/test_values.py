"""Recipe entries for images and maps, sizes for rows without one, and entries that are dilated."""

import functools
import re
import warnings
from contextlib import nullcontext

import healpy
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning
from scipy import ndimage

from hpmask import EnergyAxis, HealpixMap, Mask, io
from hpmask.recipe import RecipeError

BINS = "energy = { edges = ['1 GeV', '2 GeV', '3 GeV'] }\n"
AXIS = EnergyAxis([1, 2, 3] * u.GeV)
ZONE = '[[exclude]]\nzone = { lat = ["-2 deg", "2 deg"] }\n'


def a_wcs(shape=(20, 30), frame="icrs", size=0.5):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ("RA---TAN", "DEC--TAN") if frame == "icrs" else ("GLON-CAR", "GLAT-CAR")
    wcs.wcs.crval = (83.0, 22.0) if frame == "icrs" else (40.0, 0.0)
    wcs.wcs.crpix = (shape[1] + 1) / 2, (shape[0] + 1) / 2
    wcs.wcs.cdelt = -size, size
    return wcs


def write_image(path, values, wcs=None, **cards):
    header = (wcs or a_wcs(values.shape[-2:])).to_header()
    header.update(cards)
    fits.writeto(path, np.asarray(values), header, overwrite=True)


@functools.cache
def pixels_of_cells(order, frame, shape=(20, 30)):
    """The pixel of `a_wcs` under each cell centre in NESTED order, by astropy, and whether there is one."""
    lon, lat = healpy.pix2ang(1 << order, np.arange(12 << 2 * order), nest=True, lonlat=True)
    with np.errstate(invalid="ignore"):
        x, y = a_wcs(shape).world_to_pixel(SkyCoord(lon, lat, unit="deg", frame=frame))
        ok = (x > -0.5) & (x < shape[1] - 0.5) & (y > -0.5) & (y < shape[0] - 0.5)
    return np.rint(y[ok]).astype(int), np.rint(x[ok]).astype(int), ok


def at_cells(values, outside=False, order=8, frame="icrs"):
    """Values of an image with the WCS `a_wcs` under all cell centres; `outside` where there is no pixel. NESTED."""
    y, x, ok = pixels_of_cells(order, frame)
    found = np.full(ok.size, outside, dtype=values.dtype)
    found[ok] = values[y, x]
    return found


def apply_hysteresis(values, low, high, connectivity=2):
    """Hysteresis by scipy: what is above `low` in a component that has something above `high`."""
    with np.errstate(invalid="ignore"):
        labels, _ = ndimage.label(values > low, ndimage.generate_binary_structure(2, connectivity))
        return np.isin(labels, np.unique(labels[values > high])) & (labels > 0)


@pytest.fixture
def ones(tmp_path):
    """An image of 0 and 1 beside the recipe."""
    values = np.random.default_rng(3).integers(0, 2, (20, 30))
    write_image(tmp_path / "ones.fits", values)
    return values


class TestImage:
    head = "order = 8\n"
    entry = 'image = "ones.fits"\n'

    @pytest.mark.parametrize("frame", ["icrs", "galactic"])
    def test_sky_of_the_entry_is_where_the_image_is_1(self, recipe, ones, frame):
        sky = at_cells(ones, frame=frame) == 1
        assert 0 < sky.sum() < sky.size
        head = f'{self.head}frame = "{frame}"\n'
        assert np.array_equal(recipe(f"{head}[[keep]]\n{self.entry}").build().to_healpix(nest=True), sky)
        assert np.array_equal(recipe(f"{head}[[exclude]]\n{self.entry}").build().to_healpix(nest=True), ~sky)

    @pytest.mark.parametrize("outside", [False, True])
    @pytest.mark.parametrize("invert", [False, True])
    def test_invert_and_outside(self, recipe, ones, invert, outside):
        """`outside` is about the sky of the entry, and so is not inverted."""
        sky = at_cells(ones, outside=2)
        expected = np.where(sky == 2, outside, sky == (0 if invert else 1))
        words = f"invert = {str(invert).lower()}\noutside = {str(outside).lower()}\n"
        mask = recipe(f"{self.head}[[keep]]\n{self.entry}{words}").build()
        assert np.array_equal(mask.to_healpix(nest=True), expected)

    @pytest.mark.parametrize("mode", ["center", "overlap", "inside"])
    def test_mode(self, recipe, tmp_path, ones, mode):
        mask = recipe(f'{self.head}[[exclude]]\nmode = "{mode}"\n{self.entry}').build()
        assert mask == ~Mask.from_wcs(tmp_path / "ones.fits", order=8, mode=mode)

    def test_missing_pixels(self, recipe, tmp_path, ones):
        values = ones.astype(float)
        values[3:7, 4:9] = np.nan
        write_image(tmp_path / "ones.fits", values)
        with pytest.raises(RecipeError, match=r"toml:2: \[\[keep\]\] ones\.fits: .*20 .*nan = 'skip'.*nan = 'select'"):
            recipe(f"{self.head}[[keep]]\n{self.entry}").build()
        for word, value in (("skip", 0), ("select", 1)):
            sky = at_cells(np.where(np.isnan(values), value, values)) == 1
            mask = recipe(f'{self.head}[[exclude]]\n{self.entry}nan = "{word}"\n').build()
            assert np.array_equal(~mask.to_healpix(nest=True), sky)

    def test_order_is_that_of_the_pixels(self, recipe, tmp_path, ones):
        plan = recipe(f"[[exclude]]\n{self.entry}")
        assert plan.build() == ~Mask.from_wcs(tmp_path / "ones.fits")
        zone = '[[exclude]]\nzone = { lat = ["-20 deg", "20 deg"] }\n'
        orders = [recipe(text).resolve().order for text in (zone, f"[[exclude]]\n{self.entry}")]
        assert orders[0] < orders[1] == recipe(f"{zone}[[exclude]]\n{self.entry}").resolve().order

    def test_images_of_very_fine_pixels(self, recipe, tmp_path):
        write_image(tmp_path / "ones.fits", np.ones((4, 4), int), a_wcs((4, 4), size=0.5 / 3600))
        text = f"[[keep]]\n{self.entry}"
        assert recipe(text).resolve().order > 16
        with pytest.raises(RecipeError, match=r"toml:1: \[\[keep\]\] ones\.fits: its order is .* give order = "):
            recipe(f'{text}[[exclude]]\nds9 = "icrs; circle(1,2,3)"\n').resolve()

    def test_hdu(self, recipe, tmp_path, ones):
        header = a_wcs().to_header()
        hdus = [fits.PrimaryHDU(), fits.ImageHDU(ones, header, "A"), fits.ImageHDU(1 - ones, header, "B")]
        fits.HDUList(hdus).writeto(tmp_path / "two.fits")
        for hdu, values in (('"A"', ones), ("2", 1 - ones), ('"b"', 1 - ones)):
            plan = recipe(f'{self.head}[[keep]]\nimage = "two.fits"\nhdu = {hdu}\n')
            assert np.array_equal(plan.build().to_healpix(nest=True), at_cells(values) == 1)
            assert plan.entries[0].name == f"two.fits [{hdu.strip(chr(34))}]"
        with pytest.raises(RecipeError, match=r"toml:2: .*two\.fits: there are 2 images.*choose one by hdu"):
            recipe(f'{self.head}[[keep]]\nimage = "two.fits"\n').build()

    def test_planes_of_energy_bins(self, recipe, tmp_path, ones):
        cube = np.stack([ones, 1 - ones])
        write_image(tmp_path / "cube.fits", cube)
        text = '[[keep]]\nimage = "cube.fits"\n'
        mask = recipe(f"{BINS}{self.head}{text}").build()
        assert mask.energy == AXIS
        for plane, values in zip(mask.planes, cube, strict=True):
            assert plane == Mask.from_wcs(values, a_wcs(), order=8).planes[0]
        with pytest.raises(RecipeError, match=r"toml:2: .*cube\.fits: .*give energy for more"):
            recipe(f"{self.head}{text}").build()
        # An image without energies holds in all bins.
        planes = recipe(f"{BINS}{self.head}[[keep]]\n{self.entry}").build().planes
        assert planes == (Mask.from_wcs(ones, a_wcs(), order=8).planes[0],) * 2

    @pytest.mark.deep
    def test_energies_of_the_file(self, recipe, tmp_path, ones):
        mask = Mask([Mask.from_wcs(one, a_wcs(), order=8).planes[0] for one in (ones, 1 - ones)], energy=AXIS)
        mask.write_wcs(tmp_path / "cube.fits", a_wcs(), (20, 30))
        text = '[[keep]]\nimage = "cube.fits"\n'
        assert (
            recipe(f"{BINS}{self.head}{text}").build().planes == Mask.from_wcs(tmp_path / "cube.fits", order=8).planes
        )
        for energy in ("", BINS.replace("2 GeV", "2.5 GeV")):
            with pytest.raises(RecipeError, match=r"cube\.fits has the energy bins .*\[1, 2, 3\] GeV.* but the recipe"):
                recipe(f"{energy}{self.head}{text}").build()

    @pytest.mark.deep
    def test_the_mask_of_an_analysis(self, recipe, data):
        """1 = excluded in this file: the entry excludes it as it is, and keeps the rest if it is inverted."""
        path = data("masks/GammaCygni_exclusion_mask.fits.gz")
        with fits.open(path) as hdus:
            hdu = next(one for one in hdus if one.header.get("NAXIS", 0) >= 2 and one.is_image)
            values, wcs = np.asarray(hdu.data).squeeze(), WCS(hdu.header).celestial
        assert (values == 1).sum() == 799
        y, x = np.indices(values.shape)
        where = wcs.pixel_to_world(x, y)
        mask = recipe(f'[[exclude]]\nimage = "{path}"\n', folders=[path.parent]).build()
        assert np.array_equal(mask.contains(where), values == 0)
        text = f'[[keep]]\nimage = "{path}"\ninvert = true\noutside = '
        assert recipe(f"{text}true\n", folders=[path.parent]).build() == mask
        inside = recipe(f"{text}false\n", folders=[path.parent]).build()
        assert np.array_equal(inside.contains(where), values == 0)
        assert inside.area < 0.1 * mask.area

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("invert = 1", "invert must be true or false, got 1"),
            ('outside = "yes"', "outside must be true or false, got 'yes'"),
            ('nan = "keep"', "nan must be 'raise', 'skip' or 'select', got 'keep'"),
            ("hdu = 1.5", "hdu must be a string or an integer, got 1.5"),
            ('invret = "yes"', "no key 'invret': did you mean 'invert'"),
        ],
    )
    def test_mistakes(self, recipe, ones, tmp_path, line, message):
        with pytest.raises(RecipeError, match=re.escape(message)) as caught:
            recipe(f"{self.head}[[exclude]]\n{self.entry}{line}\n")
        assert str(caught.value).startswith(f"{tmp_path / 'recipe.toml'}:4: ")

    def test_what_is_no_image(self, recipe, tmp_path):
        (tmp_path / "bad.fits").write_text("this is no image")
        for head in ("", self.head):
            with pytest.raises(RecipeError, match=r"toml:[12]: \[\[keep\]\] bad\.fits: "):
                recipe(f'{head}[[keep]]\nimage = "bad.fits"\n').build()
        with pytest.raises(RecipeError, match=r"toml:3: image: the file .*no\.fits does not exist"):
            recipe(f'{self.head}[[keep]]\nimage = "no.fits"\n')


@pytest.fixture
def heights(tmp_path):
    """An image of values beside the recipe, with NaN in a corner."""
    values = np.random.default_rng(4).normal(size=(20, 30)) * 3
    values[12:, 20:] = np.nan
    write_image(tmp_path / "heights.fits", values, BUNIT="cm2 s")
    return values


class TestThresholds:
    """Values of an image, under the key `map` or `image`."""

    head = 'order = 8\n[[keep]]\nmap = "heights.fits"\nnan = "skip"\n'

    @pytest.mark.parametrize("key", ["map", "image"])
    @pytest.mark.parametrize(
        ("lines", "condition"),
        [
            ("threshold = 2", lambda v: v > 2),
            ("threshold = -2.5", lambda v: v > -2.5),
            ('threshold = "2 cm2 s"', lambda v: v > 2),
            ('threshold = "2e-4 m2 s"\nselect = ">="', lambda v: v >= 2),
            ('threshold = 2\nselect = "<"', lambda v: v < 2),
            ('threshold = 2\nselect = "<="\nconnectivity = 4', lambda v: v <= 2),
            ('threshold = ["-1 cm2 s", "2e-4 m2 s"]\nselect = "between"', lambda v: (v >= -1) & (v < 2)),
            ('threshold = [-1, 2]\nselect = "between"', lambda v: (v >= -1) & (v < 2)),
            ('threshold = [-1, 2]\nselect = "outside"\nclosed = "both"', lambda v: ~((v >= -1) & (v <= 2))),
            ("threshold = 2\ninvert = true", lambda v: ~(v > 2)),
            ("low = 1\nhigh = 6", lambda v: apply_hysteresis(v, 1, 6)),
            ('low = "1 cm2 s"\nhigh = "6 cm2 s"', lambda v: apply_hysteresis(v, 1, 6)),
            ("low = 1\nhigh = 6\nconnectivity = 4", lambda v: apply_hysteresis(v, 1, 6, 1)),
            ('low = 1\nhigh = 6\nselect = "<"', lambda v: ~apply_hysteresis(v, 1, 6)),
        ],
    )
    def test_sky_of_the_entry_is_what_is_selected(self, recipe, heights, key, lines, condition):
        text = f"{self.head.replace('map', key)}{lines}\n"
        with np.errstate(invalid="ignore"):
            selected = condition(heights) & ~np.isnan(heights)
        sky = at_cells(selected)
        assert 0 < sky.sum() < at_cells(np.ones_like(selected)).sum()
        assert np.array_equal(recipe(text).build().to_healpix(nest=True), sky)
        assert np.array_equal(recipe(text.replace("keep", "exclude")).build().to_healpix(nest=True), ~sky)

    def test_missing_values_and_the_sky_outside(self, recipe, heights):
        """Both say what belongs to the sky of the entry: an [[exclude]] excludes it."""
        with np.errstate(invalid="ignore"):
            above = heights > 2
        for nan in (False, True):
            for outside in (False, True):
                text = self.head.replace("skip", "select") if nan else self.head
                text += f"threshold = 2\noutside = {str(outside).lower()}\n"
                sky = at_cells(np.where(np.isnan(heights), nan, above), outside=outside)
                assert np.array_equal(recipe(text).build().to_healpix(nest=True), sky)
                assert np.array_equal(recipe(text.replace("keep", "exclude")).build().to_healpix(nest=True), ~sky)

    def test_advice_about_missing_values(self, recipe, heights):
        text = self.head.replace('nan = "skip"\n', "threshold = 2\n")
        with pytest.raises(RecipeError, match=r"toml:2: \[\[keep\]\] heights\.fits: .*has 80 values") as caught:
            recipe(text).build()
        advice = re.findall(r"nan = '\w+'", str(caught.value))
        assert len(advice) == 2
        assert len({recipe(f"{text}{line}\n").build() for line in advice}) == 2

    def test_values_that_need_a_threshold(self, recipe, heights):
        with pytest.raises(RecipeError, match=r"toml:2: .*heights\.fits: .*threshold"):
            recipe(self.head).build()

    def test_order_mode_and_frame(self, recipe, heights, tmp_path):
        text = self.head.replace("order = 8\n", "") + "low = 1\nhigh = 6\n"
        words = {"low": 1, "high": 6, "nan": "exclude"}
        assert recipe(text).build() == Mask.from_wcs(tmp_path / "heights.fits", **words)
        mask = recipe(f'frame = "galactic"\norder = 7\n{text}mode = "overlap"\n').build()
        assert mask == Mask.from_wcs(tmp_path / "heights.fits", order=7, frame="galactic", mode="overlap", **words)

    def test_threshold_of_each_bin(self, recipe, heights):
        with np.errstate(invalid="ignore"):
            planes = [at_cells(heights > one) for one in (1, 3)]
        for value in ("[1, 3]", '["1 cm2 s", "3e-4 m2 s"]', "[1, 3.0]"):
            mask = recipe(f"{BINS}{self.head}threshold = {value}\n").build()
            for plane, expected in zip(mask.planes, planes, strict=True):
                assert np.array_equal(Mask(plane).to_healpix(nest=True), expected)
        mask = recipe(f'{BINS}{self.head}threshold = [[1, 3], 4]\nselect = "between"\n').build()
        with np.errstate(invalid="ignore"):
            between = at_cells((heights >= 3) & (heights < 4))
        assert np.array_equal(Mask(mask.planes[1]).to_healpix(nest=True), between)
        mask = recipe(f"{BINS}{self.head}low = 1\nhigh = [6, 5]\n").build()
        assert mask.planes[1] == recipe(f"{self.head}low = 1\nhigh = 5\n").build().planes[0]

    @pytest.mark.parametrize(
        ("name", "hdu"),
        [("000029-skymap", "SIGNIFICANCEMAP"), ("000136-excess-skymap", 1), ("000146-signif-skymap", 0)],
    )
    def test_real_images(self, recipe, data, name, hdu):
        path = data(f"wcs/VERITAS_VER-{name}.fits")
        with warnings.catch_warnings(), fits.open(path) as hdus:
            warnings.simplefilter("ignore", FITSFixedWarning)
            values, wcs = np.asarray(hdus[hdu].data, dtype=float), WCS(hdus[hdu].header)
        low, high = np.nanpercentile(values, [95, 99.5])
        region = apply_hysteresis(np.where(np.isnan(values), -np.inf, values), low, high)
        assert region.any()
        text = f"[[exclude]]\nmap = '{path}'\nlow = {low}\nhigh = {high}\nnan = 'skip'\n"
        mask = recipe(f"{text}hdu = {hdu!r}\n", folders=[path.parent]).build()
        y, x = np.indices(values.shape)
        where = wcs.pixel_to_world(x, y)
        # The corners of an all-sky projection are no sky.
        ok = np.isfinite(where.data.lon.deg)
        assert ok.sum() > 1000
        assert np.array_equal(mask.contains(where[ok]), ~region[ok])

    @pytest.mark.parametrize(
        ("head", "line", "message"),
        [
            ("", "threshold = true", "threshold must be a string or a number or a list, got True"),
            ("", 'threshold = "high"', "threshold must be a number, or a quantity such as '1e11 cm2 s', got 'high'"),
            ("", "threshold = nan", "threshold must not be NaN"),
            ("", "threshold = [1, 2]", "threshold: a list, with a value for each energy bin, needs 'energy'"),
            (BINS, "threshold = [1, 2, 3]", "threshold must have a value for each of the 2 energy bins, got 3"),
            (BINS, 'threshold = [1, "2 cm2"]', "threshold must have values in units of one kind"),
            (
                BINS,
                "threshold = [1, false]",
                "threshold must be a number, or a quantity such as '1e11 cm2 s', got False",
            ),
            ("", 'select = "between"\nthreshold = [1, 2, 3]', "threshold must be two values such as [2, 5]"),
            ("", 'select = "between"\nthreshold = 3', "threshold must be a pair (low, high) for select = 'between'"),
            ("", 'select = "between"\nthreshold = [1, "2 cm2 s"]', "low and high must both have a unit"),
            ("", 'threshold = 3\nselect = "above"', "select must be '>', '>=', '<', '<=', 'between' or 'outside'"),
            ("", 'select = "<"', "select = '<' needs a threshold"),
            ("", "low = 3", "hysteresis needs low and high, got only one of them"),
            ("", "low = 3\nhigh = 2", "low must not exceed high, got 3.0 and 2.0"),
            ("", "low = 3\nhigh = 5\nthreshold = 4", "give a threshold, or low and high for hysteresis, and not both"),
            (
                "",
                "low = 3\nhigh = 5\nconnectivity = 6",
                "connectivity must be 8 (edges and corners) or 4 (edges only), got 6",
            ),
            ("", 'threshold = 3\nclosed = "west"', "closed must be 'left', 'right', 'both' or 'neither', got 'west'"),
            ("", "thresh = 3", "no key 'thresh': did you mean 'threshold'"),
        ],
    )
    def test_mistakes(self, recipe, heights, tmp_path, head, line, message):
        text = f"{head}{self.head}{line}\n"
        with pytest.raises(RecipeError, match=re.escape(message)) as caught:
            recipe(text)
        at = int(re.match(re.escape(str(tmp_path / "recipe.toml")) + r":(\d+): ", str(caught.value))[1])
        assert text.count("\n") - line.count("\n") <= at <= text.count("\n")

    def test_units_that_do_not_fit(self, recipe, heights):
        with pytest.raises(
            RecipeError, match=r"toml:2: \[\[keep\]\] heights\.fits: .*threshold must be in a unit like"
        ):
            recipe(f'{self.head}threshold = "2 GeV"\n').build()


@pytest.fixture
def cells(tmp_path):
    """Values on all cells of order 4 in Galactic coordinates, NESTED; in RING order as map.fits beside the recipe."""
    values = np.random.default_rng(5).normal(size=12 * 16**2).astype(np.float32) * 3
    values[7:19] = healpy.UNSEEN
    ring = healpy.reorder(values, n2r=True)
    minus = np.where(ring == healpy.UNSEEN, ring, -ring)
    healpy.write_map(tmp_path / "map.fits", [ring, minus], coord="G", column_names=["TS", "MINUS"], dtype=np.float32)
    return values


class TestHealpixMap:
    """A HEALPix map is converted as a mask file is."""

    text = '[[keep]]\nmap = "map.fits"\nnan = "skip"\n'
    head = f'order = 4\nframe = "galactic"\n{text}'

    @pytest.mark.parametrize(
        ("lines", "condition"),
        [
            ("threshold = 2", lambda v: v > 2),
            ('threshold = 2\nselect = "<="', lambda v: v <= 2),
            ('threshold = 2\ncolumn = "TS"', lambda v: v > 2),
            ('threshold = 2\ncolumn = "MINUS"', lambda v: -v > 2),
            ("threshold = 2\ncolumn = 1", lambda v: -v > 2),
            ("threshold = 2\nhdu = 1", lambda v: v > 2),
        ],
    )
    def test_thresholds(self, recipe, cells, lines, condition):
        sky = condition(cells) & (cells != healpy.UNSEEN)
        text = f"{self.head}{lines}\n"
        assert np.array_equal(recipe(text).build().to_healpix(nest=True), sky)
        assert np.array_equal(recipe(text.replace("keep", "exclude")).build().to_healpix(nest=True), ~sky)

    def test_missing_values(self, recipe, cells):
        text = f"{self.head}threshold = 2\n"
        sky = (cells > 2) | (cells == healpy.UNSEEN)
        assert np.array_equal(recipe(text.replace("skip", "select")).build().to_healpix(nest=True), sky)
        with pytest.raises(RecipeError, match=r"toml:3: .*map\.fits: .*12 values .*nan = 'skip' .*nan = 'select'"):
            recipe(text.replace('nan = "skip"\n', "")).build()

    def test_hysteresis(self, recipe, cells, tmp_path):
        mask = recipe(f"{self.head}low = 1\nhigh = 8\n").build()
        assert mask == Mask.from_map(tmp_path / "map.fits", low=1, high=8, nan="exclude")
        above, seeds = (recipe(f"{self.head}threshold = {level}\n").build() for level in (1, 8))
        assert mask.issubset(above)
        assert mask != above
        assert seeds.issubset(mask)

    def test_order_and_frame(self, recipe, cells, tmp_path):
        own = Mask.from_map(tmp_path / "map.fits", 2, nan="exclude")
        text = f"{self.text}threshold = 2\n"
        plan = recipe(text)
        assert plan.resolve().order == 4
        assert plan.build() == own.to_frame("icrs", order=4)
        for mode in ("center", "overlap", "inside"):
            expected = own.at_order(2, mode=mode)
            # No cell of order 2 is fully inside.
            lost = pytest.warns(UserWarning, match="no full cell at order 2") if expected.is_empty else nullcontext()
            with lost:
                assert recipe(f'order = 2\nframe = "galactic"\nmode = "{mode}"\n{text}').build() == expected
        with pytest.raises(RecipeError, match=r"toml:4: .*map\.fits.* only the mode 'center' can convert"):
            recipe(f"order = 2\nmode = 'overlap'\n\n{text}").build()

    def test_part_of_the_sky(self, recipe, tmp_path):
        values = np.full(12 * 16**2, healpy.UNSEEN)
        values[100:300] = np.arange(200) % 7
        healpy.write_map(tmp_path / "map.fits", values, nest=True, partial=True, coord="C")
        text = f"order = 4\n{self.text}threshold = 3\n"
        assert np.array_equal(recipe(text).build().to_healpix(nest=True), values > 3)
        mask = recipe(f"{text}outside = true\n").build()
        assert np.array_equal(mask.to_healpix(nest=True), (values > 3) | (values == healpy.UNSEEN))

    def test_map_of_0_and_1(self, recipe, tmp_path):
        values = (np.arange(12 * 16**2) % 5 == 0).astype(np.uint8)
        healpy.write_map(tmp_path / "map.fits", values, nest=True, dtype=np.uint8, coord="C")
        text = "order = 4\n[[exclude]]\nmap = 'map.fits'\n"
        assert np.array_equal(recipe(text).build().to_healpix(nest=True), values == 0)
        assert np.array_equal(recipe(f"{text}invert = true\n").build().to_healpix(nest=True), values == 1)

    def test_energy_bins(self, recipe, tmp_path):
        values = np.random.default_rng(6).normal(size=(2, 192))
        map_ = HealpixMap(values, nest=True, frame="icrs", energy=AXIS)
        io.write_map(map_, tmp_path / "map.fits")
        text = f"order = 2\n{self.text}threshold = [0.5, 1]\n"
        mask = recipe(f"{BINS}{text}").build()
        expected = values > [[0.5], [1]]
        assert np.array_equal(mask.to_healpix(nest=True), expected)
        for head in ("", BINS.replace("2 GeV", "2.5 GeV")):
            with pytest.raises(RecipeError, match=r"toml:\d: .*map\.fits.* energy bins"):
                recipe(head + text.replace("[0.5, 1]", "1")).build()

    def test_files_are_read_once(self, recipe, cells, tmp_path):
        plan = recipe(f"{self.text}threshold = 2\n")
        expected, resolved = plan.build(), plan.resolve()
        (tmp_path / "map.fits").unlink()
        assert resolved.build() == expected

    def test_mistakes(self, recipe, cells, tmp_path):
        for line, message in (
            ("threshold = 2\ncolumn = 'NO'", r"toml:3: .*map\.fits: .*NO"),
            ("threshold = 2\ncolumn = 1.5", r"toml:7: column must be a string or an integer, got 1\.5"),
            ("threshold = 2\nhdu = 5", r"toml:3: .*map\.fits.*: .*5"),
            ("threshold = 2\nnest = 1", r"toml:7: nest must be true or false, got 1"),
            ("threshold = 2\nframe = 'fk5'", r"toml:7: frame must be 'icrs' or 'galactic', got 'fk5'"),
            ("threshold = 2\nframe = 'icrs'", r"toml:3: .*map\.fits: .*frame is 'icrs', but .* in 'galactic'"),
        ):
            with pytest.raises(RecipeError, match=message):
                recipe(f"{self.head}{line}\n").build()
        with pytest.raises(RecipeError, match=r"toml:3: \[\[keep\]\] map\.fits: .*write map = instead of image ="):
            recipe(self.head.replace("map =", "image =")).build()
        write_image(tmp_path / "i.fits", np.ones((4, 4)))
        with pytest.raises(RecipeError, match=r"toml:2: .*i\.fits TS: column is for HEALPix maps"):
            recipe("order = 5\n[[keep]]\nmap = 'i.fits'\ncolumn = 'TS'\n").build()
        with pytest.raises(RecipeError, match=r"toml:2: .*i\.fits: .*frame is for HEALPix maps"):
            recipe("order = 5\n[[keep]]\nmap = 'i.fits'\nframe = 'icrs'\n").build()

    @pytest.mark.parametrize("key", ["map", "mask", "skymap"])
    def test_frame_of_files_that_do_not_give_it(self, recipe, tmp_path, key):
        """The default of healpy writes no COORDSYS."""
        values = np.zeros(192, dtype=np.uint8)
        values[100] = 1
        healpy.write_map(tmp_path / "map.fits", values, nest=True, dtype=np.uint8)
        text = f"order = 2\nframe = 'galactic'\n[[keep]]\n{key} = 'map.fits'\n"
        with pytest.raises(RecipeError, match=r"toml:3: .*COORDSYS is missing") as caught:
            recipe(text).build()
        advice = re.findall(r"frame='\w+'", str(caught.value))
        assert len(advice) == 2
        cell = Mask.from_healpix(values == 1, nest=True, frame="icrs")
        assert recipe(f"{text}{advice[0]}\n").build() == cell.to_frame("galactic", order=2)
        assert np.array_equal(recipe(f"{text}{advice[1]}\n").build().to_healpix(nest=True), values == 1)

    def test_scheme_of_files_that_do_not_give_it(self, recipe, tmp_path):
        values = (np.arange(192) % 3).astype(np.int16)
        table = fits.BinTableHDU.from_columns([fits.Column("V", "I", array=values)])
        table.header.update(PIXTYPE="HEALPIX", NSIDE=4, COORDSYS="C")
        fits.HDUList([fits.PrimaryHDU(), table]).writeto(tmp_path / "map.fits")
        text = "order = 2\n[[keep]]\nmap = 'map.fits'\nthreshold = 1\n"
        with pytest.raises(RecipeError, match=r"toml:2: .*nest = true .* nest = false"):
            recipe(text).build()
        for nest in (True, False):
            mask = recipe(f"{text}nest = {str(nest).lower()}\n").build()
            assert np.array_equal(mask.to_healpix(nest=nest), values > 1)

    def test_values_under_the_key_of_masks(self, recipe, cells, heights):
        """The advice of the errors is the right key."""
        for name in ("map.fits", "heights.fits"):
            text = f"order = 6\n[[keep]]\nmask = '{name}'\n"
            with pytest.raises(RecipeError, match=r"toml:2: .*: .*write \w+ = instead of mask =") as caught:
                recipe(text).build()
            key = re.search(r"write (\w+) =", str(caught.value))[1]
            assert key == ("map" if name == "map.fits" else "image")
            text = text.replace("mask", key) + "nan = 'skip'\nthreshold = 2\n"
            assert 0 < recipe(text).build().sky_fraction < 1

    def test_file_of_healsparse(self, recipe, tmp_path):
        healsparse = pytest.importorskip("healsparse")
        values = np.full(12 * 64**2, healsparse.healSparseMap.hpg.UNSEEN)
        values[1000:2000] = np.arange(1000) % 7
        healsparse.HealSparseMap(healpix_map=values, nside_coverage=8, nest=True).write(str(tmp_path / "map.hsp"))
        text = "order = 6\n[[keep]]\nmap = 'map.hsp'\nthreshold = 3\n"
        with pytest.raises(RecipeError, match=r"toml:2: .*frame must be given"):
            recipe(text).build()
        assert np.array_equal(recipe(f"{text}frame = 'icrs'\n").build().to_healpix(nest=True), values > 3)

    def test_real_map(self, recipe, data):
        path = data("skymaps/reproject_bayestar.fits.gz")
        values = healpy.read_map(path, nest=True)
        text = f"[[exclude]]\nmap = '{path}'\nthreshold = 1e-5\nselect = '>='\n"
        mask = recipe(text, folders=[path.parent]).build()
        assert np.array_equal(mask.to_healpix(nest=True), values < 1e-5)


class TestSkymap:
    def test_published_areas(self, recipe, data):
        path = data("skymaps/bayestar.multiorder.fits")
        text = f"[[keep]]\nskymap = '{path}'\n"
        for lines, area in (("", 37.610846), ("credible = 0.5\n", 7.406111), ("crossing = 'include'", 37.610846)):
            plan = recipe(f"{text}{lines}", folders=[path.parent])
            assert plan.build().area.value == pytest.approx(area, abs=1e-6)
            assert plan.resolve().order == 11
        for lines, words in (
            ("crossing = 'exclude'\n", {"crossing": "exclude"}),
            ("crossing = 'split'\ncredible = 0.5\n", {"crossing": "split", "credible": 0.5}),
            ("column = 'PROBDENSITY'\nhdu = 1\ncredible = 1", {"credible": 1}),
        ):
            plan = recipe(f"{text}{lines}", folders=[path.parent])
            assert plan.build() == Mask.from_skymap(path, **words), lines
        plan = recipe(f"{text}credible = 0.5\n", folders=[path.parent])
        assert plan.entries[0].name == "bayestar.multiorder.fits, 50 %"

    def test_frame_and_order(self, recipe, data):
        path = data("skymaps/bayestar.multiorder.fits")
        text = f"order = 7\nframe = 'galactic'\n[[exclude]]\nskymap = '{path}'\n"
        mask = recipe(text, folders=[path.parent]).build()
        assert mask == ~Mask.from_skymap(path).to_frame("galactic", order=7)

    def test_counts_need_normalize(self, recipe, cells):
        values = np.arange(1, 193.0)
        healpy.write_map(recipe(ZONE).path.parent / "counts.fits", values, nest=True, coord="C")
        text = "[[keep]]\nskymap = 'counts.fits'\ncredible = 0.3\n"
        with pytest.raises(
            RecipeError, match=r"toml:1: \[\[keep\]\] counts\.fits, 30 %: .*normalize = true .* density = true "
        ):
            recipe(text).build()
        kept = recipe(f"{text}normalize = true\n").build().to_healpix(nest=True)
        # The largest values, until they have 30 % of the sum.
        n = int(np.searchsorted(np.cumsum(values[::-1]), 0.3 * values.sum())) + 1
        assert np.array_equal(kept, np.arange(192) >= 192 - n)
        # As densities per sr, with a sum of 1.
        dense = values / values.sum() * 192 / (4 * np.pi)
        healpy.write_map(recipe(ZONE).path.parent / "counts.fits", dense, nest=True, coord="C", overwrite=True)
        assert np.array_equal(recipe(f"{text}density = true\n").build().to_healpix(nest=True), kept)

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("credible = '90 %'", "credible must be a number, got '90 %'"),
            ("credible = 90", "credible must be above 0 and at most 1, got 90: give 0.9 for 90 %"),
            ("credible = 0", "credible must be above 0 and at most 1, got 0"),
            ("credible = nan", "credible must be above 0 and at most 1, got nan"),
            ("crossing = 'in'", "crossing must be 'include', 'exclude', 'split' or 'split-exclude', got 'in'"),
            ("normalize = 1", "normalize must be true or false, got 1"),
            ("density = 'yes'", "density must be true or false, got 'yes'"),
            ("threshold = 1", "no key 'threshold'"),
        ],
    )
    def test_mistakes(self, recipe, ones, tmp_path, line, message):
        with pytest.raises(RecipeError, match=re.escape(message)) as caught:
            recipe(f'[[exclude]]\nskymap = "ones.fits"\n{line}\n')
        assert str(caught.value).startswith(f"{tmp_path / 'recipe.toml'}:3: ")


class TestCellsThatAreTooLarge:
    """An entry whose sky is lost in the cells of the recipe does not vanish without a word."""

    @pytest.fixture(autouse=True)
    def small(self, tmp_path):
        values = np.zeros((20, 30))
        values[3, 4] = 1
        write_image(tmp_path / "image.fits", values)
        disc = Mask.from_cones(SkyCoord(83.0, 22.0, unit="deg"), "0.1 deg", order=10)
        disc.write(tmp_path / "mask.fits")
        disc.write(tmp_path / "map.fits", format="healpix")

    @pytest.mark.parametrize("key", ["image", "mask", "map"])
    def test_warning(self, recipe, key):
        text = f'[[exclude]]\n{key} = "{key}.fits"\n'
        for mode, cell in (("center", "cell centre"), ("inside", "full cell")):
            with pytest.warns(
                UserWarning, match=f"{key}.fits: the sky of the entry holds no {cell} at order 3"
            ) as caught:
                assert recipe(f'order = 3\nmode = "{mode}"\n{text}').build().is_full
            finest = re.search(r"order >= (\d+)", str(caught[0].message))[1]
            assert not recipe(f'order = {finest}\nmode = "center"\n{text}').build().is_full
        assert not recipe(f'order = 3\nmode = "overlap"\n{text}').build().is_full

    def test_nothing_to_lose(self, recipe, tmp_path):
        write_image(tmp_path / "none.fits", np.zeros((20, 30)))
        assert recipe('order = 3\n[[exclude]]\nimage = "none.fits"\n').build().is_full


class TestMissingSizes:
    head = 'order = 7\n[[exclude]]\ncatalog = "gaps.ecsv"\n'

    @pytest.fixture(autouse=True)
    def gaps(self, stars, tmp_path):
        """A catalog with rows without sizes."""
        stars["size"][[1, 3]] = np.nan
        stars["minor"][1] = np.nan
        stars["angle"][1] = np.nan
        stars.write(tmp_path / "gaps.ecsv")

    def test_radius(self, recipe, stars):
        plan = recipe(f'{self.head}radius = {{ column = "size", times = 3, missing = "0.9 deg" }}\n')
        center = SkyCoord(stars["ra"], stars["dec"], unit="deg")
        part = plan.part(plan.entries[0])
        assert part.mask == Mask.from_cones(center, [3, 0.9, 9, 0.9] * u.deg, order=7)
        assert part.counts == {"sources": 4, "skipped": 0, "missing": 2}

    def test_it_is_used_as_it_is(self, recipe, stars):
        words = 'times = 3, plus = "1 deg", at_least = "2 deg", at_most = "5 deg", missing = "0.9 deg"'
        mask = recipe(f'{self.head}radius = {{ column = "size", {words} }}\n').build()
        center = SkyCoord(stars["ra"], stars["dec"], unit="deg")
        assert mask == ~Mask.from_cones(center, [4, 0.9, 5, 0.9] * u.deg, order=7)

    def test_radius_of_each_bin(self, recipe, stars):
        text = f'{BINS}{self.head}radius = [{{ column = "size", missing = "0.9 deg" }}, "2 deg"]\n'
        center = SkyCoord(stars["ra"], stars["dec"], unit="deg")
        radii = [[1, 2], [0.9, 2], [3, 2], [0.9, 2]] * u.deg
        assert recipe(text).build() == ~Mask.from_cones(center, radii, order=7, energy=AXIS)
        text = f'{BINS}{self.head}radius = [{{ column = "size", missing = "0.9 deg" }}, "minor"]\n'
        with pytest.raises(RecipeError, match=r"1 of 4 rows cannot be used: a radius that is missing .*\(row 1\)"):
            recipe(text).build()

    def test_ellipses(self, recipe, stars):
        words = [
            f'{key} = {{ column = "{column}", missing = "{angle}" }}\n'
            for key, column, angle in (
                ("semi_major", "size", "2 deg"),
                ("semi_minor", "minor", "1 deg"),
                ("position_angle", "angle", "-40 deg"),
            )
        ]
        rows = [(10, -5, 0.5, 1, 0), (20, 60, 1, 2, -40), (350, -80, 1.5, 3, -60), (120, 3, 2, 2, 170)]
        regions = "".join(f"icrs; ellipse({ra}, {dec}, {b}, {a}, {pa})\n" for ra, dec, b, a, pa in rows)
        plan = recipe(self.head + "".join(words))
        assert plan.build() == ~Mask.from_regions(regions, order=7)
        assert plan.part(plan.entries[0]).counts["missing"] == 2

    def test_advice_is_a_key(self, recipe, stars):
        text = f'{self.head}radius = {{ column = "size" }}\n'
        with pytest.raises(RecipeError, match=r"rows 1, 3\)\. .*missing='0\.3 deg'") as caught:
            recipe(text).build()
        advice = re.search(r"missing='[^']*'", str(caught.value))[0]
        center = SkyCoord(stars["ra"], stars["dec"], unit="deg")
        expected = ~Mask.from_cones(center, [1, 0.3, 3, 0.3] * u.deg, order=7)
        assert recipe(text.replace(" }", f", {advice} }}")).build() == expected

    def test_hess_sources(self, recipe, data):
        path = data("catalogs/hgps_catalog_v1.fits.gz")
        text = f"[[exclude]]\ncatalog = '{path}'\nradius = {{ column = 'R70', times = 3, missing = '0.3 deg' }}\n"
        expected = Mask.from_catalog(path, lambda t: 3 * t["R70"].quantity, missing="0.3 deg")
        assert recipe(text, folders=[path.parent]).build() == ~expected

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            ("1", "missing must be a string with a unit such as '0.5 deg', got 1"),
            ('"1 GeV"', "missing must be an angle, got the unit 'GeV'"),
            ('"-1 deg"', "missing must be between 0 and 180 deg, got -1"),
            ('"181 deg"', "missing must be between 0 and 180 deg, got 181"),
            ('"nan deg"', "missing must be finite"),
        ],
    )
    def test_mistakes(self, recipe, tmp_path, value, message):
        with pytest.raises(RecipeError, match=re.escape(message)) as caught:
            recipe(f'{self.head}radius = {{ column = "size", missing = {value} }}\n')
        assert str(caught.value).startswith(f"{tmp_path / 'recipe.toml'}:4: ")


class TestCatalogKeys:
    """The keys of a catalog are those of `Mask.from_catalog`."""

    @pytest.fixture(autouse=True)
    def moving(self, stars, tmp_path):
        stars["pmRA"] = [3.6, 0, -3.6, 0] * u.arcsec / u.yr
        stars["pmDE"] = [0, 3.6, 0, np.nan] * u.arcsec / u.yr
        stars.write(tmp_path / "moving.ecsv")
        Mask.from_zone(lat=("-90 deg", "30 deg"), order=5).write(tmp_path / "south.fits")

    @pytest.mark.parametrize(
        ("keys", "arguments"),
        [
            ('width = "minor"\nheight = "size"', {"width": "minor", "height": "size"}),
            (
                'width = { column = "minor", times = 2 }\nheight = "3 deg"\nposition_angle = "angle"',
                {"width": lambda t: 2 * t["minor"].quantity, "height": "3 deg", "position_angle": "angle"},
            ),
            (
                'radius = "size"\nepoch = "J3000.0"\ncatalog_epoch = "J2000.0"',
                {"radius": "size", "epoch": "J3000.0", "catalog_epoch": "J2000.0"},
            ),
            (
                'radius = "size"\nepoch = "J3000.0"\ncatalog_epoch = "J2000.0"\nmotion = ["pmDE", "pmRA"]',
                {"radius": "size", "epoch": "J3000.0", "catalog_epoch": "J2000.0", "motion": ("pmDE", "pmRA")},
            ),
            ('radius = "size"\nwhere = ["size > 1 deg", "minor < 3 deg"]', {"radius": "size", "where": "size > 1 deg"}),
        ],
    )
    def test_same_sky(self, recipe, tmp_path, keys, arguments):
        expected = Mask.from_catalog(tmp_path / "moving.ecsv", order=7, **arguments)
        if "where" in keys:
            expected = Mask.from_catalog(
                tmp_path / "moving.ecsv", order=7, **(arguments | {"where": ["size > 1 deg", "minor < 3 deg"]})
            )
        assert recipe(f'order = 7\n[[exclude]]\ncatalog = "moving.ecsv"\n{keys}\n').build() == ~expected

    def test_within(self, recipe, tmp_path):
        plan = recipe('order = 7\n[[exclude]]\ncatalog = "moving.ecsv"\nradius = "size"\nwithin = "south.fits"\n')
        south = Mask.read(tmp_path / "south.fits")
        assert plan.build() == ~(Mask.from_catalog(tmp_path / "moving.ecsv", "size", order=7) & south)
        assert tmp_path / "south.fits" in plan.files

    def test_sizes_of_each_bin(self, recipe, tmp_path):
        text = f'{BINS}order = 7\n[[exclude]]\ncatalog = "moving.ecsv"\nwidth = ["1 deg", "2 deg"]\nheight = "size"\n'
        both = [
            Mask.from_catalog(tmp_path / "moving.ecsv", width=w, height="size", order=7) for w in ("1 deg", "2 deg")
        ]
        assert [recipe(text).build()[k] for k in range(2)] == [~mask for mask in both]

    @pytest.mark.parametrize(
        ("keys", "message"),
        [
            ('width = "size"', "needs 'height'"),
            ('radius = "size"\nposition_angle = "angle"', "position_angle is for ellipses and boxes"),
            (
                'width = "size"\nheight = "size"\nsemi_major = "size"',
                "width and semi_major are sizes of different shapes",
            ),
            ('radius = "size"\nmotion = ["pmRA"]', "motion must be two names of columns"),
            ('width = "size"\nheight = "size"\nposition_angle = ["1 deg", "2 deg"]', "position_angle must be"),
        ],
    )
    def test_mistakes(self, recipe, keys, message):
        with pytest.raises(RecipeError, match=message):
            recipe(f'{BINS}order = 7\n[[exclude]]\ncatalog = "moving.ecsv"\n{keys}\n')


class TestDilate:
    """The sky of an entry is dilated before it is combined."""

    def test_each_kind_of_entry(self, recipe, stars, ones, tmp_path):
        star = Mask.from_cones(SkyCoord(50, 20, unit="deg"), "9 deg", order=7)
        star.write(tmp_path / "m.fits")
        ds9 = "icrs; circle(83, 22, 2)"
        (tmp_path / "a.reg").write_text(ds9)
        center = SkyCoord(stars["ra"], stars["dec"], unit="deg")
        for entry, mask in (
            ('catalog = "stars.ecsv"\nradius = "2 deg"', Mask.from_cones(center, "2 deg", order=7)),
            ('regions = "a.reg"', Mask.from_regions(ds9, order=7)),
            (f'ds9 = "{ds9}"', Mask.from_regions(ds9, order=7)),
            ('zone = { lat = ["-2 deg", "2 deg"] }', Mask.from_zone(lat=("-2 deg", "2 deg"), order=7)),
            ('mask = "m.fits"', star),
            ('image = "ones.fits"', Mask.from_wcs(tmp_path / "ones.fits", order=7)),
        ):
            for key in ("dilate", "erode"):
                moved = getattr(mask, key)("1 deg")
                assert moved != mask
                text = f'order = 7\n[[exclude]]\n{entry}\n{key} = "1 deg"\n'
                assert recipe(text).build() == ~moved, entry
                assert recipe(text.replace("exclude", "keep")).build() == moved, entry

    def test_only_its_own_entry(self, recipe):
        a, b = "icrs; circle(83, 22, 2)", "icrs; circle(83, 32, 2)"
        mask = recipe(f'order = 7\n[[exclude]]\nds9 = "{a}"\ndilate = "1 deg"\n[[exclude]]\nds9 = "{b}"\n').build()
        assert mask == ~(Mask.from_regions(a, order=7).dilate("1 deg") | Mask.from_regions(b, order=7))

    def test_angle_of_each_bin(self, recipe):
        text = f'{BINS}order = 7\n[[exclude]]\nds9 = "icrs; circle(83, 22, 2)"\ndilate = ["2 deg", "30 arcmin"]\n'
        disc = Mask.from_regions("icrs; circle(83, 22, 2)", order=7)
        expected = [(~disc.dilate(width)).planes[0] for width in ("2 deg", "0.5 deg")]
        assert recipe(text).build() == Mask(expected, energy=AXIS)
        # In the bins where the entry does not hold, it has no effect.
        planes = recipe(f"{text}energy_min = '2 GeV'\n").build().planes
        assert planes == (Mask.full(order=7).planes[0], expected[1])

    def test_entry_with_bins(self, recipe, stars):
        text = f'{BINS}order = 7\n[[exclude]]\ncatalog = "stars.ecsv"\nradius = ["2 deg", "1 deg"]\ndilate = '
        discs = Mask.from_cones(SkyCoord(stars["ra"], stars["dec"], unit="deg"), [[2, 1]] * u.deg, order=7, energy=AXIS)
        assert recipe(f'{text}"1 deg"\n').build() == ~discs.dilate("1 deg")
        assert recipe(f'{text}["1 deg", "2 deg"]\n').build() == ~discs.dilate([1, 2] * u.deg)

    @pytest.mark.parametrize(
        ("head", "line", "message"),
        [
            ("", "dilate = 1", "dilate must be a string with a unit such as '0.5 deg', got 1"),
            ("", "dilate = true", "dilate must be a string or a number or a list, got True"),
            ("", 'dilate = "1 GeV"', "dilate must be an angle, got the unit 'GeV'"),
            ("", 'erode = "-1 deg"', "erode must be between 0 and 180 deg, got -1"),
            ("", 'dilate = "inf deg"', "dilate must be finite"),
            (
                "",
                'dilate = ["1 deg"]',
                "dilate: a list, with a value for each energy bin, needs 'energy' in the recipe",
            ),
            (BINS, 'dilate = ["1 deg"]', "dilate must have a value for each of the 2 energy bins, got 1"),
            (BINS, 'dilate = ["1 deg", 2]', "dilate must be a string with a unit such as '0.5 deg', got 2"),
            ("", 'dilate = "1 deg"\nerode = "1 deg"', "dilate and erode exclude each other"),
        ],
    )
    def test_mistakes(self, recipe, tmp_path, head, line, message):
        text = f'{head}order = 7\n[[exclude]]\nds9 = "icrs; circle(83, 22, 2)"\n{line}\n'
        with pytest.raises(RecipeError, match=re.escape(message)) as caught:
            recipe(text)
        assert str(caught.value).startswith(f"{tmp_path / 'recipe.toml'}:{text.count(chr(10))}: ")
