"""Recipes: how entries are combined, and that each mistake is reported with its line."""

import hashlib
import re
from pathlib import Path

import healpy
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import MaskedColumn, QTable, Table
from damage import damaged_tokens
from hypothesis import given
from hypothesis import strategies as st
from profiles import cases, examples

from hpmask import EnergyAxis, Mask
from hpmask._files.hats_writer import split, writing_hats
from hpmask.geometry.healpix import cells_at
from hpmask.recipe import RecipeError, read_recipe
from hpmask.recipe.columns import Size
from hpmask.recipe.sections import Section, load
from hpmask.wcs import field_wcs

# Some of the sources here are smaller than a cell of the recipes, which have few cells.

EXAMPLE = Path(__file__).parents[2] / "examples" / "fermi_exclusion"


def discs(table, radius, order=7, **options):
    center = SkyCoord(table["ra"], table["dec"], unit="deg")
    return Mask.from_cones(center, radius, order=order, **options)


class TestMeaning:
    def test_excluded(self, recipe, stars):
        mask = recipe('order = 7\n[[exclude]]\ncatalog = "stars.ecsv"\nradius = "2 deg"\n').build()
        assert mask == ~discs(stars, "2 deg")
        assert (mask.order, mask.frame, mask.energy) == (7, "icrs", None)

    def test_kept(self, recipe, stars):
        mask = recipe('order = 7\n[[keep]]\ncatalog = "stars.ecsv"\nradius = "2 deg"\n').build()
        assert mask == discs(stars, "2 deg")

    def test_kept_in_every_keep_and_in_no_exclude(self, recipe, tmp_path):
        a, b, c, d = (
            Mask.from_cones(SkyCoord(lon, 0, unit="deg"), radius, order=6)
            for lon, radius in ((0, "20 deg"), (15, "20 deg"), (10, "5 deg"), (30, "14 deg"))
        )
        for name, mask in zip("abcd", (a, b, c, d), strict=True):
            mask.write(tmp_path / f"{name}.fits")
        entries = [
            '[[keep]]\nmask = "a.fits"\n',
            '[[keep]]\nmask = "b.fits"\n',
            '[[exclude]]\nmask = "c.fits"\n',
            '[[exclude]]\nmask = "d.fits"\n',
        ]
        expected = (a & b) - (c | d)
        assert expected.sky_fraction > 0
        assert recipe("order = 6\n" + "".join(entries)).build() == expected
        assert recipe("order = 6\n" + "".join(entries[::-1])).build() == expected

    def test_list_of_masks_is_their_union(self, recipe, tmp_path):
        a, b = (Mask.from_cones(SkyCoord(lon, 0, unit="deg"), "9 deg", order=6) for lon in (0, 40))
        a.write(tmp_path / "a.fits")
        b.write(tmp_path / "b.fits")
        assert recipe('order = 6\n[[keep]]\nmask = ["a.fits", "b.fits"]\n').build() == a | b

    def test_mask_is_brought_to_order_and_frame(self, recipe, tmp_path):
        fine = Mask.from_cones(SkyCoord(50, 20, unit="deg"), "9 deg", order=9)
        fine.write(tmp_path / "fine.fits")
        for mode in ("center", "overlap", "inside"):
            mask = recipe(f'order = 6\nmode = "{mode}"\n[[keep]]\nmask = "fine.fits"\n').build()
            assert mask.order == 6
            assert mask == fine.at_order(6, mode=mode)
        mask = recipe('order = 7\nframe = "galactic"\n[[keep]]\nmask = "fine.fits"\n').build()
        assert mask == fine.to_frame("galactic", order=7)
        with pytest.raises(RecipeError, match=r"toml:4: \[\[keep\]\] fine.fits: .*only the mode 'center'"):
            recipe('order = 7\nframe = "galactic"\nmode = "overlap"\n[[keep]]\nmask = "fine.fits"\n').build()

    @pytest.mark.parametrize("closed", ["left", "right", "both", "neither"])
    def test_zone_that_is_closed(self, recipe, closed):
        text = f'order = 3\n[[keep]]\nzone = {{ lat = ["0 deg", "30 deg"], closed = "{closed}" }}\n'
        assert recipe(text).build() == Mask.from_zone(lat=("0 deg", "30 deg"), order=3, closed=closed)

    def test_zone(self, recipe):
        text = 'order = 6\n[[exclude]]\nzone = { lat = ["-2 deg", "5 deg"], frame = "galactic" }\n'
        mask = recipe(text).build()
        lon, lat = healpy.pix2ang(64, np.arange(12 * 64**2), nest=True, lonlat=True)
        b = SkyCoord(lon, lat, unit="deg").galactic.b.deg
        assert np.array_equal(mask.to_healpix(nest=True), ~((b >= -2) & (b <= 5)))

    def test_regions_and_ds9(self, recipe, tmp_path):
        text = "galactic\ncircle(100, 20, 3)\nellipse(10, -50, 4, 2, 30)\n"
        (tmp_path / "some.reg").write_text(text)
        expected = ~Mask.from_regions(text, order=7)
        assert expected.sky_fraction < 1
        assert recipe('order = 7\n[[exclude]]\nregions = "some.reg"\n').build() == expected
        assert recipe(f'order = 7\n[[exclude]]\nds9 = """\n{text}"""\n').build() == expected

    def test_mode_of_recipe_and_entry(self, recipe, stars):
        for mode in ("center", "overlap", "inside"):
            entry = '[[exclude]]\ncatalog = "stars.ecsv"\nradius = "2 deg"\n'
            expected = ~discs(stars, "2 deg", mode=mode)
            assert recipe(f'order = 7\nmode = "{mode}"\n{entry}').build() == expected
            assert recipe(f'order = 7\nmode = "inside"\n{entry}mode = "{mode}"\n').build() == expected

    def test_frame(self, recipe, stars):
        mask = recipe('order = 7\nframe = "galactic"\n[[exclude]]\ncatalog = "stars.ecsv"\nradius = "2 deg"\n').build()
        assert mask == ~discs(stars, "2 deg", frame="galactic")

    def test_history_is_the_recipe(self, recipe, stars, tmp_path):
        text = 'order = 7 # cells of 27 arcmin\n\n[[exclude]]\ncatalog = "stars.ecsv"\nradius = "2 deg"\n'
        mask = recipe(text).build()
        digest = hashlib.sha256((tmp_path / "recipe.toml").read_bytes()).hexdigest()[:12]
        call = f"recipe('recipe.toml', order=7, sha256 {digest})"
        assert mask.history == f"{call}\n{text}"
        mask.write(tmp_path / "mask.fits")
        assert Mask.read(tmp_path / "mask.fits").history == f"{call}\n{text}"
        # The text belongs to the mask of the recipe alone.
        assert (~mask.dilate("1 deg")).history == f"~{call}.dilate(1 deg)"

    def test_paths_are_relative_to_the_recipe(self, stars, tmp_path, monkeypatch):
        (tmp_path / "recipe.toml").write_text('order = 5\n[[exclude]]\ncatalog = "stars.ecsv"\nradius = "2 deg"\n')
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        monkeypatch.chdir(elsewhere)
        assert read_recipe("../recipe.toml").build() == ~discs(stars, "2 deg", order=5)

    def test_begin_is_called_with_each_entry(self, recipe, stars):
        plan = recipe(
            'order = 5\n[[exclude]]\nname = "one"\ncatalog = "stars.ecsv"\nradius = "2 deg"\n'
            '[[keep]]\ncatalog = "stars.ecsv"\nradius = "3 deg"\n'
        )
        names = []
        plan.build(begin=lambda entry: names.append(entry.name))
        assert sorted(names) == ["one", "stars.ecsv"]


class TestOrder:
    """The order is the finest of those that Python chooses for each entry."""

    CATALOG = '[[exclude]]\ncatalog = "stars.ecsv"\n'
    TEXT = "icrs; circle(100, 20, 0.2)"

    def test_the_finest_of_all_entries(self, recipe, stars):
        center = SkyCoord(stars["ra"], stars["dec"], unit="deg")
        ellipse = "icrs; ellipse(10, -5, 0.5, 0.3, 20)"
        cases = [
            (f'{self.CATALOG}radius = "2 deg"\n', Mask.from_cones(center, "2 deg")),
            (f'{self.CATALOG}radius = "size"\n', Mask.from_cones(center, stars["size"].quantity)),
            (f'[[exclude]]\nds9 = "{self.TEXT}"\n', Mask.from_regions(self.TEXT)),
            (f'[[exclude]]\nds9 = "{ellipse}"\n', Mask.from_regions(ellipse)),
            (ZONE, Mask.from_zone(lat=("-2 deg", "2 deg"))),
        ]
        orders = [mask.order for _, mask in cases]
        assert len(set(orders)) >= 3
        for text, mask in cases:
            assert recipe(text).build() == ~mask
        plan = recipe("".join(text for text, _ in cases))
        assert plan.order is None
        assert plan.resolve().order == max(orders)
        assert plan.build() == recipe(f"order = {max(orders)}\n" + "".join(text for text, _ in cases)).build()

    def test_ellipses_of_a_catalog(self, recipe, stars):
        text = f'{self.CATALOG}semi_major = "size"\nsemi_minor = "minor"\nposition_angle = "angle"\n'
        regions = "".join(
            f"icrs; ellipse({ra}, {dec}, {minor}, {major}, {angle})\n"
            for ra, dec, major, minor, angle in stars["ra", "dec", "size", "minor", "angle"].iterrows()
        )
        assert recipe(text).resolve().order == Mask.from_regions(regions).order

    def test_radius_for_each_bin_and_frame(self, recipe, stars):
        bins = "energy = { edges = ['1 GeV', '2 GeV', '3 GeV'] }\nframe = 'galactic'\n"
        center = SkyCoord(stars["ra"], stars["dec"], unit="deg")
        expected = Mask.from_cones(center, [[2, 0.3]] * u.deg, energy=EnergyAxis([1, 2, 3] * u.GeV), frame="galactic")
        mask = recipe(f'{bins}{self.CATALOG}radius = ["2 deg", "0.3 deg"]\n').build()
        assert mask == ~expected
        assert mask.order > Mask.from_cones(center, "2 deg").order

    def test_files_and_masks(self, recipe, stars, tmp_path):
        (tmp_path / "a.reg").write_text(self.TEXT)
        (tmp_path / "b.reg").write_text("icrs; circle(3, 4, 0.1)")
        both = '[[exclude]]\nregions = ["a.reg", "b.reg"]\n'
        order = Mask.from_regions("icrs; circle(3, 4, 0.1)").order
        assert recipe(both).resolve().order == order
        for finer in (order + 1, 3):
            Mask.from_cones(SkyCoord(10, 20, unit="deg"), "9 deg", order=finer).write(
                tmp_path / "m.fits", overwrite=True
            )
            assert recipe(f'{both}[[keep]]\nmask = "m.fits"\n').resolve().order == max(order, finer)
            assert recipe('[[keep]]\nmask = "m.fits"\n').resolve().order == finer

    def test_masks_of_very_fine_orders(self, recipe, tmp_path):
        Mask.from_cones(SkyCoord(10, 20, unit="deg"), "1 arcmin", order=17).write(tmp_path / "m.fits")
        keep = '[[keep]]\nmask = "m.fits"\n'
        assert recipe(keep + POINT).resolve().order == 17
        with pytest.raises(RecipeError, match=r"toml:3: \[\[keep\]\] m\.fits: its order is 17, .* 16: give order = 17"):
            recipe(ZONE + keep).resolve()

    def test_entries_without_an_area_take_the_order_of_others(self, recipe, stars):
        nothing = f'{self.CATALOG}radius = "0 deg"\n'
        disc = f'[[exclude]]\nds9 = "{self.TEXT}"\n'
        with pytest.warns(UserWarning, match="4 of 4 discs"):
            mask = recipe(POINT + nothing + WHOLE_SKY.replace("exclude", "keep") + disc).build()
        assert mask == ~Mask.from_regions([self.TEXT, "icrs; point(1, 2)"])
        for one in (POINT, nothing, WHOLE_SKY):
            with pytest.raises(RecipeError, match=r"toml:1: no entry has shapes or masks .*give order = 10"):
                recipe(one).build()

    def test_order_that_is_too_fine_has_the_line_of_its_entry(self, recipe, stars):
        with pytest.raises(RecipeError, match=r"toml:4: \[\[exclude\]\] stars\.ecsv: order must be given: .* 16"):
            recipe(f'\n\n\n{self.CATALOG}radius = "1 mas"\n').build()

    @pytest.mark.parametrize("options", [{}, {"resolution": "2 deg"}, {"resolution": 120 * u.arcmin}, {"order": 4}])
    def test_resolution_and_arguments(self, recipe, tmp_path, options):
        recipe(f'resolution = "1 deg"\n{ZONE}')
        plan = read_recipe(tmp_path / "recipe.toml", **options)
        expected = Mask.from_zone(lat=("-2 deg", "2 deg"), **(options or {"resolution": "1 deg"}))
        mask = plan.build()
        assert plan.order == mask.order == expected.order
        assert mask == ~expected
        assert plan.resolve() is plan

    @pytest.mark.parametrize(
        ("head", "how"),
        [
            ("order = 7\n", "order=7"),
            ("", "order={} chosen"),
            ('resolution = "1 deg"\n', "order=6 from resolution 1 deg"),
        ],
    )
    def test_history(self, recipe, stars, head, how):
        mask = recipe(f'{head}{self.CATALOG}radius = "2 deg"\n').build()
        how = how.format(discs(stars, "2 deg", order=None).order)
        assert mask.history.startswith(f"recipe('recipe.toml', {how}, sha256 ")

    def test_files_are_read_once(self, recipe, stars, tmp_path):
        (tmp_path / "a.reg").write_text(self.TEXT)
        Mask.full(order=3).write(tmp_path / "m.fits")
        text = f'{self.CATALOG}radius = "2 deg"\n[[exclude]]\nregions = "a.reg"\n[[keep]]\nmask = "m.fits"\n'
        plan = recipe(text)
        expected = plan.build()
        resolved = plan.resolve()
        for name in ("stars.ecsv", "a.reg", "m.fits"):
            (tmp_path / name).unlink()
        assert resolved.build() == expected

    def test_invalid_rows_and_regions_are_reported_once(self, recipe, stars):
        text = '[[exclude]]\nds9 = "icrs; circle(1,2,3); line(1,2,3,4)"\ninvalid = "skip"\n'
        with pytest.warns(UserWarning, match="left out") as caught:
            recipe(text).build()
        assert len(caught) == 1

    def test_parts_need_an_order(self, recipe):
        plan = recipe(ZONE)
        for call in (lambda: plan.part(plan.entries[0]), lambda: plan.combine([])):
            with pytest.raises(ValueError, match=r"no order: call resolve\(\)"):
                call()

    def test_both_arguments(self, recipe, tmp_path):
        recipe(ZONE)
        with pytest.raises(TypeError, match="exclude each other"):
            read_recipe(tmp_path / "recipe.toml", order=3, resolution="1 deg")


class TestCatalog:
    head = 'order = 7\n[[exclude]]\ncatalog = "stars.ecsv"\n'

    def test_radius_from_a_column(self, recipe, stars):
        mask = recipe(self.head + 'radius = "size"\n').build()
        assert mask == ~discs(stars, stars["size"].quantity)

    def test_radius_made_from_a_column(self, recipe, stars):
        size = '{ column = "size", times = 1.5, plus = "0.2 deg", at_least = "2 deg", at_most = "5 deg" }'
        mask = recipe(f"{self.head}radius = {size}\n").build()
        assert mask == ~discs(stars, [2, 3.2, 4.7, 5] * u.deg)

    def test_unit_for_a_column_without(self, recipe, stars):
        mask = recipe(self.head + 'radius = { column = "plain", unit = "deg" }\n').build()
        assert mask == ~discs(stars, [1, 2, 3, 4] * u.deg)
        with pytest.raises(RecipeError, match=r"toml:2: .*'plain' has no unit"):
            recipe(self.head + 'radius = "plain"\n').build()

    def test_ellipses(self, recipe, stars):
        mask = ~recipe(
            self.head + 'semi_major = "size"\nsemi_minor = { column = "minor", plus = "0.1 deg" }\n'
            'position_angle = "angle"\n'
        ).build()
        # All cell centres, by the cone of the spherical ellipse in the frame of its centre.
        lon, lat = healpy.pix2ang(128, np.arange(12 * 128**2), nest=True, lonlat=True)
        cells = SkyCoord(lon, lat, unit="deg")
        expected = np.zeros(lon.size, dtype=bool)
        for row in stars:
            expected |= in_ellipse(cells, row["ra"], row["dec"], row["size"], row["minor"] + 0.1, row["angle"])
        assert np.array_equal(mask.to_healpix(nest=True), expected)

    def test_where(self, recipe, stars):
        for where, rows in (
            ('"size >= 2 deg"', [1, 2, 3]),
            ('"size > 120 arcmin"', [2, 3]),
            ('["size >= 2", "name != \'C\'"]', [1, 3]),
            ("\"name == 'A'\"", [0]),
            ('"flux < 1e-8"', [0, 1]),
            ('"flux > 4e-5 / (m2 s)"', [1, 2]),
        ):
            mask = recipe(f'{self.head}radius = "2 deg"\nwhere = {where}\n').build()
            assert mask == ~discs(stars[rows], "2 deg"), where
        with pytest.raises(RecipeError, match=r"no row of stars\.ecsv .*'where'.* 4 "):
            recipe(f'{self.head}radius = "2 deg"\nwhere = "size > 5"\n').build()

    def test_columns_of_positions(self, recipe, stars, tmp_path):
        place = SkyCoord(stars["ra"], stars["dec"], unit="deg").galactic
        Table({"x": place.l.deg, "y": place.b.deg}).write(tmp_path / "odd.csv")
        mask = recipe(
            'order = 7\n[[exclude]]\ncatalog = "odd.csv"\nradius = "2 deg"\nlon = "x"\nlat = "y"\nframe = "galactic"\n'
        ).build()
        assert mask == ~discs(stars, "2 deg")

    def test_hdu(self, recipe, stars, tmp_path):
        tables = [stars[:1], stars[1:]]
        for table in tables:
            table.remove_column("name")
        hdus = [fits.PrimaryHDU(), *(fits.table_to_hdu(table) for table in tables)]
        hdus[1].name, hdus[2].name = "FIRST", "SECOND"
        fits.HDUList(hdus).writeto(tmp_path / "two.fits")
        head = 'order = 7\n[[exclude]]\ncatalog = "two.fits"\nradius = "2 deg"\n'
        assert recipe(head).build() == ~discs(tables[0], "2 deg")
        for hdu in ('"SECOND"', '"second"', "2"):
            assert recipe(f"{head}hdu = {hdu}\n").build() == ~discs(tables[1], "2 deg")
        for hdu, message in (
            ('"THIRD"', "has no HDU 'THIRD'; it has .*1 .FIRST., 2 .SECOND."),
            ("0", "HDU 0 .* is not a table"),
        ):
            with pytest.raises(RecipeError, match=message):
                recipe(f"{head}hdu = {hdu}\n").build()

    def test_rows_that_cannot_be_used(self, recipe, stars, tmp_path):
        stars["size"][1] = np.nan
        stars.write(tmp_path / "stars.ecsv", overwrite=True)
        text = self.head + 'radius = { column = "size", at_least = "2 deg" }\n'
        with pytest.raises(RecipeError, match=r"toml:2: \[\[exclude\]\] stars\.ecsv: .*1"):
            recipe(text).build()
        plan = recipe(text + 'invalid = "skip"\n')
        with pytest.warns(UserWarning, match="1 of 4 rows"):
            part = plan.part(plan.entries[0])
        assert part.counts == {"sources": 3, "skipped": 1, "missing": 0}
        assert part.mask == discs(stars[[0, 2, 3]], [2, 3, 4] * u.deg)

    def test_missing_column_names_what_there_is(self, recipe, stars):
        with pytest.raises(RecipeError, match=r"no column 'siez'.*size"):
            recipe(self.head + 'radius = { column = "siez" }\n').build()


def in_ellipse(cells, lon, lat, major, minor, angle):
    """Which positions lie in a spherical ellipse: (u / tan a)**2 + (w / tan b)**2 <= n**2."""
    offset = cells.transform_to(SkyCoord(lon, lat, unit="deg").skyoffset_frame(rotation=angle * u.deg))
    n, east, north = offset.cartesian.xyz.value
    tan = np.tan(np.radians([major, minor]))
    return (n > 0) & ((north / tan[0]) ** 2 + (east / tan[1]) ** 2 <= n**2)


class TestEnergy:
    head = 'order = 6\nenergy = { edges = ["10 GeV", "100 GeV", "1 TeV", "10 TeV"] }\n'
    entry = '[[exclude]]\ncatalog = "stars.ecsv"\n'
    axis = EnergyAxis([10, 100, 1000, 10000] * u.GeV)

    def test_entry_for_all_bins(self, recipe, stars):
        mask = recipe(f'{self.head}{self.entry}radius = "2 deg"\n').build()
        assert mask.energy == self.axis
        assert mask == Mask((~discs(stars, "2 deg", order=6)).planes[0], energy=self.axis)

    @pytest.mark.parametrize("verb", ["exclude", "keep"])
    @pytest.mark.parametrize(
        ("limits", "held"),
        [
            ('energy_min = "100 GeV"', [False, True, True]),
            ('energy_max = "1000 GeV"', [True, True, False]),
            ('energy_min = "0.1 TeV"\nenergy_max = "1 TeV"', [False, True, False]),
        ],
    )
    def test_entry_for_some_bins(self, recipe, stars, verb, limits, held):
        entry = self.entry.replace("exclude", verb)
        mask = recipe(f'{self.head}{entry}radius = "2 deg"\n{limits}\n').build()
        sky = discs(stars, "2 deg", order=6)
        part = sky if verb == "keep" else ~sky
        assert mask.planes == tuple((part if one else Mask.full(order=6)).planes[0] for one in held)

    def test_radius_for_each_bin(self, recipe, stars):
        mask = recipe(f'{self.head}{self.entry}radius = ["3 deg", "1 deg", "size"]\n').build()
        radii = ("3 deg", "1 deg", stars["size"].quantity)
        assert mask.planes == tuple((~discs(stars, radius, order=6)).planes[0] for radius in radii)

    def test_equal_bins(self, recipe, stars):
        mask = recipe(
            f'order = 6\nenergy = {{ min = "10 GeV", max = "10 TeV", bins = 3, name = "energy_true" }}\n'
            f'{self.entry}radius = "2 deg"\n'
        ).build()
        assert mask.energy == EnergyAxis(self.axis.edges, name="energy_true")

    def test_mask_with_other_bins(self, recipe, tmp_path):
        Mask.full(energy=EnergyAxis([1, 2] * u.GeV)).write(tmp_path / "e.fits")
        with pytest.raises(RecipeError, match=r"toml:3: .*\[1, 2\] GeV.*the recipe has .*10000"):
            recipe(f'{self.head}[[keep]]\nmask = "e.fits"\n').build()
        with pytest.raises(RecipeError, match=r"toml:2: .*the recipe has none"):
            recipe('order = 6\n[[keep]]\nmask = "e.fits"\n').build()


ZONE = '[[exclude]]\nzone = { lat = ["-2 deg", "2 deg"] }\n'


def entry(lines):
    return f'order = 7\n[[exclude]]\ncatalog = "stars.ecsv"\n{lines}\n'


WHOLE_SKY = '[[exclude]]\nzone = { lat = ["-90 deg", "90 deg"] }\n'
POINT = '[[exclude]]\nds9 = "icrs; point(1, 2)"\n'
SMALL = '[[exclude]]\nmode = "overlap"\nds9 = "icrs; circle(1, 2, 0.000001)"\n'
ELLIPSES = 'semi_major = "size"\nsemi_minor = "minor"\nposition_angle = '
BINS = "energy = { edges = ['1 GeV', '2 GeV', '3 GeV'] }\n"


class TestAdvice:
    """What an error advises works: each advice is taken from the message and followed."""

    # A recipe with a mistake, the advice in its error, and how to follow it: what is exchanged in the recipe for
    # what, with \\1 for the advice.
    CASES = (
        (entry('radius = "plain"'), r"as in (\{.*\})", '"plain"', r"\1"),
        (
            entry('semi_major = "plain"\nsemi_minor = "minor"\nposition_angle = "angle"'),
            r"as in (\{.*\})",
            '"plain"',
            r"\1",
        ),
        (
            entry('semi_major = "size"\nsemi_minor = "plain"\nposition_angle = "angle"'),
            r"as in (\{.*\})",
            '"plain"',
            r"\1",
        ),
        (entry(ELLIPSES + '"plain"'), r"as in (\{.*\})", '"plain"', r"\1"),
        (BINS + entry('radius = ["plain", "size"]'), r"as in (\{.*\})", '"plain"', r"\1"),
        (entry(ELLIPSES + "30"), r"such as ('0.5 deg')", "= 30", r"= \1"),
        (entry("radius = 0.5"), r"such as ('0.5 deg')", "0.5", r"\1"),
        (entry('radius = "0.5 dog"'), r"such as ('0.3 deg')", '"0.5 dog"', r"\1"),
        (entry('radius = { column = "plain", unit = "dog" }'), r"such as ('deg')", '"dog"', r"\1"),
        (entry('raduis = "1 deg"'), r"did you mean '(radius)'", "raduis", r"\1"),
        (entry(""), r"needs a ('radius')", "[[exclude]]", '[[exclude]]\nradius = "1 deg"'),
        (
            entry('semi_major = "size"'),
            r"needs '(semi_minor)'",
            '"size"',
            '"size"\n\\1 = "minor"\nposition_angle="angle"',
        ),
        (
            entry('semi_minor = "minor"\nposition_angle = "angle"'),
            r"needs '(semi_major)'",
            "semi_minor",
            '\\1="size"\nsemi_minor',
        ),
        (entry('radius = "1 deg"\nwhere = "size"'), r"such as '(.*)', got", '"size"', '"size >= 1"'),
        (entry('radius = "1 deg"\nwhere = "name < \'B\'"'), r"compared with (==)", "<", r"\1"),
        (entry('radius = "siez"'), r"columns are .*(size)", "siez", r"\1"),
        (entry('radius = "1 deg"\ninvalid = "drop"'), r"must be .* or ('skip')", '"drop"', r"\1"),
        (
            entry('radius = "1 deg"\ncatalog = "bad.ecsv"').replace('catalog = "stars.ecsv"\n', ""),
            r"With (invalid='skip')",
            "radius",
            "\\1\nradius",
        ),
        (
            entry('radius = "1 deg"\ncatalog = "noframe.ecsv"\nlon="x"\nlat="y"').replace(
                'catalog = "stars.ecsv"\n', ""
            ),
            r"give it by (frame)",
            "radius",
            '\\1 = "icrs"\nradius',
        ),
        (
            entry('radius = "1 deg"\ncatalog = "noframe.ecsv"').replace('catalog = "stars.ecsv"\n', ""),
            r"name them by (lon) and lat",
            "radius",
            '\\1="x"\nlat="y"\nframe="icrs"\nradius',
        ),
        (POINT, r"give (order = 10) ", "[[exclude]]", "\\1\n[[exclude]]"),
        (POINT, r"or (resolution = '1 arcmin'), above", "[[exclude]]", "\\1\n[[exclude]]"),
        (SMALL, r"Choose (order=) ", "[[exclude]]", "\\1 7\n[[exclude]]"),
        (SMALL, r"or (resolution=) .an angle such as", "[[exclude]]", "\\1 '1 deg'\n[[exclude]]"),
        ('order = 7\n[exclude]\nds9 = "icrs; circle(1,2,3)"', r"write (\[\[exclude\]\])", "[exclude]", r"\1"),
        ('ordr = 7\n[[exclude]]\nds9 = "icrs; circle(1,2,3)"', r"did you mean '(order)'", "ordr", r"\1"),
        (
            'order = 7\n[[exclude]]\nds9 = "icrs; circle(1,2,3);line(1,2,3,4)"',
            r"With (invalid='skip')",
            "ds9",
            "\\1\nds9",
        ),
        ('order = 7\n[[exclude]]\nregions = "line.reg"', r"With (invalid='skip')", "regions", "\\1\nregions"),
        ('order = 7\n[[exclude]]\nds9 = "circle(1,2,3)"', r"write (fk5)", "circle", r"\1;circle"),
        ('order = 7\n[[exclude]]\nds9 = "icrs;circle(1,2,3) circle(3,4,5)"', r"a '(;)' or", ") ", r")\1"),
        ('order = 7\n[[exclude]]\nzone = { lat = ["1 deg"] }', r"such as (\[.*\]), got", '["1 deg"]', r"\1"),
        ("order = 7\n[[exclude]]\nzone = {}", r"needs 'lon', '(lat)'", "{}", '{ \\1 = ["1 deg", "2 deg"] }'),
        ('order = 7\nframe = "fk5"\n[[exclude]]\nds9 = "icrs; circle(1,2,3)"', r"must be ('icrs')", '"fk5"', r"\1"),
        (
            'order = 7\nenergy = { min = 1, max = "2 GeV", bins = 2 }\n[[exclude]]\nds9 = "icrs; circle(1,2,3)"',
            r"such as ('10 GeV')",
            '1, max = "2 GeV"',
            r'\1, max = "20 GeV"',
        ),
        (
            BINS.replace("edges = [", "edges = [3, ").replace("'3 GeV'", "'30 GeV'") + entry('radius = "1 deg"'),
            r"such as ('10 GeV')",
            "3, '1 GeV', '2 GeV'",
            r"\1",
        ),
        (
            BINS + entry('radius = "1 deg"\nenergy_min = "1.5 GeV"'),
            r"one of the edges (1), .* GeV",
            "1.5 GeV",
            r"\1 GeV",
        ),
        (BINS + entry('radius = ["1 deg"]'), r"each of the (2) energy bins", '["1 deg"]', '["1 deg", "2 deg"]'),
        (
            entry('radius = "1 deg"\n[[cutout]]\ncenter = "1 2"\nwidth = "1 deg"'),
            r"needs a '(file)'",
            "center",
            '\\1 = "a.fits"\ncenter',
        ),
        (
            entry('radius = "1 deg"\n[[cutout]]\nfile="a.fits"\ncenter = "1"\nwidth = "1 deg"'),
            r"like ('83.63 22.01')",
            '"1"',
            r"\1",
        ),
        (
            entry('radius = "1 deg"\n[[cutout]]\nfile="a.fits"\ncenter = "1"\nwidth = "1 deg"'),
            r"or ('05h.*') *, got",
            '"1"',
            r"\1",
        ),
        (
            entry('radius = "1 deg"\n[[cutout]]\nfile="a.fits"\ncenter = "1 2"\nwidth = 1'),
            r"such as ('0.5 deg')",
            "= 1",
            r"= \1",
        ),
    )

    @pytest.mark.parametrize(("text", "advice", "old", "new"), CASES)
    @pytest.mark.filterwarnings("ignore:left out", "ignore:.*no cell centre")
    def test_followed(self, recipe, stars, tmp_path, text, advice, old, new):
        bad = Table({"ra": [1.0, np.nan], "dec": [2.0, 3.0]})
        bad.write(tmp_path / "bad.ecsv")
        bad.rename_columns(["ra", "dec"], ["x", "y"])
        bad[:1].write(tmp_path / "noframe.ecsv")
        (tmp_path / "line.reg").write_text("icrs; circle(1,2,3)\nline(1,2,3,4)")
        with pytest.raises(RecipeError) as caught:
            recipe(text).build()
        found = re.search(advice, str(caught.value))
        assert found, caught.value
        assert text.count(old) >= 1
        mended = text.replace(old, found.expand(new), 1)
        assert 0 < recipe(mended).build().planes[0].sky_fraction < 1


def test_position_angles(recipe, stars):
    """A column, a table about a column and one angle for all, of any sign."""
    with_unit = recipe(entry(ELLIPSES + "{ column = 'plain', unit = 'deg', times = -10 }")).build()
    turned = Table(stars)
    turned["angle"] = -10 * stars["plain"] * u.deg
    turned.write(Path(recipe("order=7\n[[keep]]\nds9='icrs;circle(1,2,3)'").path).parent / "turned.ecsv")
    assert with_unit == recipe(entry(ELLIPSES + "'angle'").replace("stars", "turned")).build()
    assert recipe(entry(ELLIPSES + "'-150 deg'")).build() == recipe(entry(ELLIPSES + "'30 deg'")).build()
    assert recipe(entry(ELLIPSES + "'-150 deg'")).build() != recipe(entry(ELLIPSES + "'40 deg'")).build()


@pytest.mark.parametrize("key", ["regions", "ds9"])
def test_regions_that_no_mask_can_have_can_be_left_out(recipe, tmp_path, key):
    text = "icrs; circle(1,2,3)\nline(1,2,3,4)"
    (tmp_path / "a.reg").write_text(text)
    value = "'a.reg'" if key == "regions" else f"'''{text}'''"
    start = f"order = 7\n[[exclude]]\n{key} = {value}\n"
    with pytest.raises(RecipeError, match=r"region 1 \(line\) in line 2 of .*With invalid='skip'"):
        recipe(start).build()
    expected = ~Mask.from_regions("icrs; circle(1,2,3)", order=7)
    with pytest.warns(UserWarning, match="left out 1 of 2 regions"):
        assert recipe(start + "invalid = 'skip'").build() == expected
    with pytest.warns(UserWarning, match="left out 1 of 2 regions"):
        assert read_recipe(recipe(start).path, invalid="skip").build() == expected
    strict = recipe(start + "invalid = 'raise'")
    with pytest.raises(RecipeError, match="With invalid='skip'"):
        read_recipe(strict.path, invalid="skip").build()


@pytest.mark.parametrize("key", ["regions", "ds9"])
def test_lines_points_and_pixels_of_regions(recipe, tmp_path, key):
    text = "icrs; line(1,2,3,4)\npoint(5,6)\nimage; circle(5,6,7)"
    (tmp_path / "a.reg").write_text(text)
    header = fits.Header({"NAXIS1": 9, "NAXIS2": 9, "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CDELT1": -1.0})
    fits.PrimaryHDU(np.zeros((9, 9)), header).writeto(tmp_path / "image.fits")
    value = "'a.reg'" if key == "regions" else f"'''{text}'''"
    start = f"order = 7\n[[keep]]\n{key} = {value}\n"
    options = {"line_width": "1 deg", "point_radius": "2 deg"}
    plan = recipe(start + "line_width = '1 deg'\npoint_radius = '2 deg'\nwcs = 'image.fits'")
    assert tmp_path / "image.fits" in plan.files
    expected = Mask.from_regions(text + "\n", wcs=tmp_path / "image.fits", order=7, **options)
    assert plan.build() == expected
    assert expected.area > 100 * u.deg**2
    with pytest.raises(RecipeError, match="no position on the sky without the WCS"):
        recipe(start + "line_width = '1 deg'").build()


class TestMistakes:
    @pytest.mark.parametrize(
        ("text", "line", "message"),
        [
            ("", 1, r"needs at least one \[\[exclude\]\] or \[\[keep\]\]"),
            (f'order = 7\nresolution = "1 deg"\n{ZONE}', 2, "order and resolution exclude each other"),
            (f"resolution = 1\n{ZONE}", 1, "resolution must be a string with a unit such as '0.5 deg', got 1"),
            (f'resolution = "1 GeV"\n{ZONE}', 1, "resolution"),
            (f'resolution = "-1 deg"\n{ZONE}', 1, "resolution must be a positive angle"),
            (f'resolution = "1e-9 arcsec"\n{ZONE}', 1, "resolution must be at least"),
            (f"{ZONE}order = 7\n", 3, r"no key 'order': .*above the first \[\["),
            (f'{ZONE}resolution = "1 deg"\n', 3, r"no key 'resolution': .*above the first \[\["),
            ("order = 7\n", 1, r"needs at least one \[\[exclude\]\] or \[\[keep\]\]"),
            (f"order = 30\n{ZONE}", 1, "order must be from 0 to 29, got 30"),
            (f'order = "7"\n{ZONE}', 1, "order must be an integer, got '7'"),
            (f"order = true\n{ZONE}", 1, "order must be an integer, got True"),
            (f'order = 7\n\nfrane = "icrs"\n{ZONE}', 3, "no key 'frane': did you mean 'frame'"),
            (f'order = 7\nframe = "fk5"\n{ZONE}', 2, "frame must be 'icrs' or 'galactic', got 'fk5'"),
            (f'order = 7\nmode = "centre"\n{ZONE}', 2, "mode must be 'center', 'overlap' or 'inside'"),
            ("order = 7\nexclude = 3\n", 2, "exclude must be a list"),
            ("order = 7\nexclude = [3]\n", 2, r"must be a list of tables, \[\[exclude\]\]"),
            ("order = 7\n[[exclude]]\n", 2, "exactly one of 'catalog', .* got none"),
            ("order = 7\n[[exclude]]\nzon = 3\n", 3, "no key 'zon': did you mean 'zone'"),
            (
                'order = 7\n[[exclude]]\ncatalog = "stars.ecsv"\nraduis = "1 deg"\n',
                4,
                "no key 'raduis': did you mean 'radius'",
            ),
            (f'order = 7\n{ZONE}ds9 = "circle(1,2,3)"\n', 3, "exactly one of .* got 'ds9' and 'zone'"),
            (
                f'order = 7\n{ZONE}[[exclude]]\n# here\nregions = "no.reg"\n',
                6,
                "regions: the file .*no.reg does not exist",
            ),
            (
                f'order = 7\n{ZONE}[[exclude]]\n# here\nregions = "icrs; circle(1, 2, 3)"\n',
                6,
                "regions: the file .*does not exist; regions as text are given by the key ds9",
            ),
            (
                'order = 7\n[[keep]]\nmask = [\n"stars.ecsv",\n"no.fits"]\n',
                3,
                "mask: the file .*no.fits does not exist",
            ),
            (f"order = 7\n{ZONE}raduis = 3\n", 4, r"\[\[exclude\]\] has no key 'raduis'"),
            ("order = 7\n[[exclude]]\nzone = 3\n", 3, "zone must be a table, got 3"),
            ("order = 7\n[[exclude]]\nzone = {}\n", 3, "a zone needs 'lon', 'lat' or both"),
            (
                "order = 7\n[[exclude]]\nzone = { lat = [-2, 2] }\n",
                3,
                "lat must be a string with a unit .* got -2",
            ),
            ('order = 7\n[[exclude]]\nzone = { lat = ["2 deg"] }\n', 3, "lat must be two angles"),
            (
                'order = 7\n[[exclude]]\nzone = { lat = ["1 deg", "2 deg"], closed = "west" }\n',
                3,
                "closed must be 'left', 'right', 'both' or 'neither', got 'west'",
            ),
            (
                'order = 7\n[[exclude]]\nzone = { lat = ["1 GeV", "2 deg"] }\n',
                3,
                "lat must be an angle, got the unit 'GeV'",
            ),
            (
                'order = 7\n[[exclude]]\n[exclude.zone]\nlar = ["1 deg", "2 deg"]\n',
                4,
                "zone has no key 'lar': did you mean 'lat'",
            ),
            (
                'order = 7\n[[exclude]]\ncatalog = "stars.ecsv"\n',
                3,
                "a catalog needs a 'radius', or 'inner_radius'",
            ),
            (
                'order = 7\n[[exclude]]\ncatalog = "stars.ecsv"\nradius = 0.5\n',
                4,
                "radius must be a string with a unit",
            ),
            (
                'order = 7\n[[exclude]]\ncatalog = "stars.ecsv"\nradius = "0.5"\n',
                4,
                "radius must be an angle",
            ),
            (
                'order = 7\n[[exclude]]\ncatalog = "stars.ecsv"\nradius = "-1 deg"\n',
                4,
                "radius must not be negative",
            ),
            (
                'order = 7\n[[exclude]]\ncatalog = "stars.ecsv"\nradius = { times = 2 }\n',
                4,
                "radius needs 'column'",
            ),
            (
                'order = 7\n[[exclude]]\ncatalog = "stars.ecsv"\nradius = { column = "size", unit = "x" }\n',
                4,
                "unit must",
            ),
            (
                'order = 7\n[[exclude]]\ncatalog = "stars.ecsv"\nradius = ["1 deg"]\n',
                4,
                "needs 'energy' in the recipe",
            ),
            (
                'order = 7\n[[exclude]]\ncatalog = "stars.ecsv"\nradius = "1 deg"\nsemi_major = "2 deg"\n',
                5,
                "semi_major and radius are sizes of different shapes",
            ),
            (
                'order = 7\n[[exclude]]\ncatalog = "stars.ecsv"\nsemi_major = "2 deg"\n',
                2,
                "needs 'semi_minor'",
            ),
            (
                'order = 7\n[[exclude]]\ncatalog = "stars.ecsv"\nradius = "1 deg"\nwhere = "size"\n',
                5,
                "where must be a condition such as",
            ),
            (
                'order = 7\n[[exclude]]\ncatalog = "stars.ecsv"\nradius = "1 deg"\nwhere = "name < \'A\'"\n',
                5,
                "text can only be compared with == and !=",
            ),
            (
                'order = 7\n[[exclude]]\ncatalog = "stars.ecsv"\nradius = "1 deg"\nwhere = "size > big"\n',
                5,
                "a number, a quantity or a quoted text, got 'big'",
            ),
            (
                'order = 7\n[[exclude]]\ncatalog = "stars.ecsv"\nradius = "1 deg"\ninvalid = "drop"\n',
                5,
                "invalid must be 'raise' or 'skip'",
            ),
            (
                f'order = 7\nenergy = {{ edges = ["1 GeV", "1 deg"] }}\n{ZONE}',
                2,
                "edges must be an energy such as",
            ),
            (
                f'order = 7\nenergy = {{ edges = ["1 GeV", "3 GeV", "2 GeV"] }}\n{ZONE}',
                2,
                "edges must increase strictly",
            ),
            (
                f'order = 7\nenergy = {{ min = "1 GeV" }}\n{ZONE}',
                2,
                "needs 'edges', or 'min', 'max' and 'bins'",
            ),
            (
                f'order = 7\nenergy = {{ min = "2 GeV", max = "1 GeV", bins = 2 }}\n{ZONE}',
                2,
                "needs 0 < min < max",
            ),
            (f'order = 7\n{ZONE}energy_min = "1 GeV"\n', 4, "energy_min needs 'energy' in the recipe"),
            (
                f'order = 7\nenergy = {{ edges = ["1 GeV", "2 GeV"] }}\n{ZONE}energy_min = "1.5 GeV"\n',
                5,
                "energy_min must be one of the edges 1, 2 GeV, got 1.5 GeV",
            ),
            (
                f'order = 7\nenergy = {{ edges = ["1 GeV", "2 GeV"] }}\n{ZONE}energy_min = "2 GeV"\n',
                5,
                "energy_min must be below energy_max",
            ),
            (f'order = 7\n{ZONE}[[cutout]]\nfile = "a.fits"\ncenter = "1 2"\n', 4, "needs 'width'"),
            (
                f'order = 7\n{ZONE}[[cutout]]\nfile = "a.fits"\ncenter = "1 two"\nwidth = "1 deg"\n',
                6,
                "a position must be",
            ),
            (f'order = 7\n{ZONE}[[cutout]]\ncenter = "1 2"\nwidth = "1 deg"\n', 4, "a cutout needs a 'file'"),
            (
                f'order = 7\n{ZONE}[[cutout]]\nfile = "a.fits"\ncenter = "1 2"\nwidth = "0 deg"\n',
                4,
                "width must be a positive angle",
            ),
            ("order = 7\n[[exclude]\n", 2, "not TOML: "),
            ("order = 7\norder = 8\n", 2, "not TOML: "),
            ('order = 7\nname = """\n\n', 4, "not TOML: "),
        ],
    )
    def test_file_and_line_are_told(self, recipe, stars, tmp_path, text, line, message):
        with pytest.raises(RecipeError, match=message) as caught:
            recipe(text)
        assert str(caught.value).startswith(f"{tmp_path / 'recipe.toml'}:{line}: ")
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        ("text", "line", "message"),
        [
            (
                f"order = 7\nenergy = {{ min = '1 GeV', max = '2 GeV', bins = 100000000 }}\n{ZONE}",
                2,
                "bins must be at most",
            ),
            (f"order = 7\nenergy = {{ min = '1 GeV', max = '2 GeV', bins = 1e8 }}\n{ZONE}", 2, "an integer"),
            (f"order = {'9' * 5000}\n{ZONE}", None, "not TOML"),
            (f"order = 7\nx = {'[' * 3000}{']' * 3000}\n{ZONE}", None, "nested too deep"),
            (f"order = 7\nx = {'{a=' * 3000}1{'}' * 3000}\n{ZONE}", None, "nested too deep"),
            (f"order = 7\nexclude = {'[' * 100}{']' * 100}", 2, "must be a list of tables"),
            (f"order = 7\n{'a.' * 3000}a = 1\n{ZONE}", None, "a key has more than 64 parts"),
            (f"order = 7\n{'a.' * 60}a = 1\n{ZONE}", 2, "no key 'a'"),
            (f"order = 7\n#{'x' * 2**20}\n{ZONE}", None, "more than 1048576 bytes"),
            ("order = 7\n[exclude]\nzone = 3\n", 2, r"write \[\[exclude\]\] with double brackets"),
            ("order = 7\n[cutout]\nfile = 'a.fits'\n", 2, r"write \[\[cutout\]\]"),
            (f"\nordr = 7\n{ZONE}", 2, "no key 'ordr': did you mean 'order'"),
        ],
    )
    def test_what_is_too_much_or_missing(self, recipe, tmp_path, text, line, message):
        with pytest.raises(RecipeError, match=message) as caught:
            recipe(text)
        if line is not None:
            assert str(caught.value).startswith(f"{tmp_path / 'recipe.toml'}:{line}: ")
        assert len(str(caught.value)) < 500

    def test_no_such_recipe(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            read_recipe(tmp_path / "no.toml")

    def test_not_text(self, tmp_path):
        (tmp_path / "recipe.toml").write_bytes(b"order = 7\n\xff\xfe")
        with pytest.raises(RecipeError, match=r"recipe\.toml: not a text file in UTF-8, byte 10 "):
            read_recipe(tmp_path / "recipe.toml")

    def test_errors_of_building_are_told_with_the_line_of_the_entry(self, recipe, tmp_path):
        (tmp_path / "bad.fits").write_text("this is no mask")
        with pytest.raises(RecipeError, match=r"toml:4: \[\[keep\]\] bad\.fits: ") as caught:
            recipe(f'order = 7\n{ZONE}[[keep]]\nmask = "bad.fits"\n').build()
        assert isinstance(caught.value.__cause__, ValueError)


# ---------------------------------------------------------------------- lines

_VALUES = (
    "1",
    '"x = 1 # [y]"',
    "'[[z]]'",
    '"""\na = 1\n[b]\n# "" \\""" c = 2\n"""',
    "'''\nd = 1\n\n[[e]]'''",
    '""""quoted""""',
    "[ # f = 1\n  1,\n\n  2 ]",
    '{ g = 1, h = "]" }',
    '[\n"]",\n{ i = [1,\n2] },\n]',
    "2024-01-01 00:00:00",
)
_NAMES = ("alpha", '"be ta"', "'ga=mma'", "delta.eps", '"[x]" . y')


@examples(100)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["table", "array", "none"]),
            st.lists(st.tuples(st.sampled_from(_NAMES), st.sampled_from(_VALUES)), max_size=4),
            st.sampled_from(["", "\n", "# comment = 1\n", "\n  # [comment]\n\n"]),
        ),
        max_size=5,
    )
)
def test_lines_of_keys(tmp_path_factory, blocks):
    """Each key is found in the line where it was put, whatever stands between."""
    text, expected, n_arrays = "", {}, 0
    for number, (kind, pairs, between) in enumerate(blocks):
        text += between
        key = ()
        if kind == "table":
            key = (f"t{number}",)
            text += f"  [ t{number} ] # a table\n"
        elif kind == "array" or number > 0:
            key = ("many", n_arrays)
            n_arrays += 1
            text += "[[many]]\n"
        if key:
            expected[key] = text.count("\n")
        seen = set()
        for name, value in pairs:
            if name in seen:
                continue
            seen.add(name)
            line = text.count("\n") + 1
            parts = [part.strip().strip("\"'") for part in name.split(".")]
            expected[(*key, *parts)] = line
            text += f"{name} = {value} # end\n"
    path = tmp_path_factory.mktemp("lines") / "a.toml"
    path.write_text(text)
    section, _ = load(path)
    for key, line in expected.items():
        assert str(section_at(section, key[:-1]).error("x", key[-1])).startswith(f"{path}:{line}: ")


def section_at(section, key):
    """The error of a table is that of its parent at its name."""
    return Section(section._file, key, {}, section._lines, section._folders)


# ---------------------------------------------------------------------- columns


class TestSize:
    table = QTable(
        {
            "deg": [1.0, 2.0, np.nan] * u.deg,
            "arcmin": MaskedColumn([60.0, 120.0, 30.0], mask=[False, True, False], unit="arcmin"),
            "energy": [1.0, 2.0, 3.0] * u.GeV,
            "text": ["a", "b", "c"],
        },
        masked=False,
    )

    def test_values(self):
        assert Size(angle=0.5 * u.deg)(self.table).to_value(u.deg).tolist() == [0.5] * 3
        np.testing.assert_array_equal(Size(column="deg")(self.table).to_value(u.deg), [1, 2, np.nan])
        np.testing.assert_allclose(Size(column="arcmin")(self.table).to_value(u.deg), [1, np.nan, 0.5])

    def test_rows_without_a_value_stay_without(self):
        size = Size(column="deg", times=2, plus=1 * u.deg, at_least=4 * u.deg, at_most=270 * u.arcmin)
        np.testing.assert_allclose(size(self.table).to_value(u.deg), [4, 4.5, np.nan])

    @pytest.mark.parametrize(("column", "message"), [("energy", "unit of angle"), ("text", "one number in each row")])
    def test_wrong_columns(self, column, message):
        with pytest.raises(ValueError, match=message):
            Size(column=column)(self.table)


# ---------------------------------------------------------------------- the example


CELLS_ORDER = 7


@pytest.fixture(scope="module")
def cells():
    nside = 1 << CELLS_ORDER
    return SkyCoord(*healpy.pix2ang(nside, np.arange(12 * nside**2), nest=True, lonlat=True), unit="deg")


@pytest.fixture(scope="module")
def tables():
    with fits.open(EXAMPLE / "gll_psc_v35_4FGL-DR4_slim.fits.gz") as hdus:
        return Table.read(hdus[1]), Table.read(hdus[2])


class TestFermi:
    """The example against all cell centres of an order, one by one."""

    @pytest.mark.deep
    def test_all_entries_but_the_regions_by_hand(self, cells, tables, tmp_path):
        text = (EXAMPLE / "recipe.toml").read_text()
        text = re.sub(r"order = \d+", f"order = {CELLS_ORDER}", text)
        text = text.replace('"gll_psc', f'"{EXAMPLE.as_posix()}/gll_psc')
        text = re.sub(r"\[\[exclude\]\]\nname = \"regions by hand\"\nregions = .*\n", "", text)
        (tmp_path / "recipe.toml").write_text(text)
        mask = read_recipe(tmp_path / "recipe.toml", folders=[EXAMPLE]).build()

        points, extended = tables
        nside = 1 << CELLS_ORDER
        excluded = np.zeros(12 * nside**2, dtype=bool)
        vectors = healpy.ang2vec(
            np.asarray(points["RAJ2000"], float), np.asarray(points["DEJ2000"], float), lonlat=True
        )
        for vector in vectors:
            excluded[healpy.query_disc(nside, vector, np.radians(0.5), nest=True)] = True
        for row in extended:
            excluded |= in_ellipse(
                cells,
                float(row["RAJ2000"]),
                float(row["DEJ2000"]),
                float(row["Model_SemiMajor"]) + 0.5,
                float(row["Model_SemiMinor"]) + 0.5,
                float(row["Model_PosAng"]),
            )
        excluded |= np.abs(cells.galactic.b.deg) <= 2
        assert np.array_equal(mask.to_healpix(nest=True), ~excluded)

    def test_whole_recipe(self):
        plan = read_recipe(EXAMPLE / "recipe.toml")
        parts = [plan.part(entry) for entry in plan.entries]
        assert [part.counts.get("sources") for part in parts] == [7195, 82, None, None]
        mask = plan.combine(parts)
        assert mask.order == 10
        for name, position, kept in (
            ("Crab", SkyCoord(83.633, 22.014, unit="deg"), False),
            ("Galactic centre", SkyCoord(0, 0, unit="deg", frame="galactic"), False),
            ("LMC", SkyCoord(80.0, -68.75, unit="deg"), False),
            ("a dark field", SkyCoord(83.633, 24.2, unit="deg"), True),
        ):
            assert mask.contains(position) == kept, name


# ---------------------------------------------------------------------- damaged recipes

WHOLE = """
title = "Everything"
order = 6
frame = "galactic"
energy = { min = "10 GeV", max = "1 TeV", bins = 2 }

[[exclude]]
catalog = "stars.ecsv"
name = "stars"
radius = ["3 deg", { column = "size", times = 1.5, plus = "0.2 deg", at_least = "0.5 deg" }]
where = ["flux > 1e-9", "name != 'A'"]

[[exclude]]
catalog = "stars.ecsv"
semi_major = "size"
semi_minor = { column = "minor", unit = "deg", missing = "1 deg" }
position_angle = "-30 deg"
invalid = "skip"

[[exclude]]
energy_min = "100 GeV"
ds9 = '''
galactic; circle(184.56, -5.78, 1.5)
'''

[[exclude]]
map = "heights.fits"
low = 1
high = [2.5, "3.5"]
select = ">="
nan = "skip"
invert = false
dilate = ["0.5 deg", "30 arcmin"]

[[exclude]]
image = "heights.fits"
threshold = [-2, 2]
select = "outside"
closed = "both"
nan = "select"
outside = false
hdu = 0

[[keep]]
mode = "overlap"
[keep.zone]
lon = ["350 deg", "10 deg"]
lat = ["-5 deg", "5 deg"]
frame = "icrs"

[[cutout]]
file = "a.fits"
plot = "a.png"
center = "83.63 22.01"
width = "5 deg"
"""
ODD = ("\0", "é", "nan", "inf", "1e400", "[[", "]]", "{", '"', "'", "#", "=", "1979-05-27", "true", "-", ".", "\n")


@pytest.mark.parametrize("n_copies", [150, pytest.param(cases(600), marks=pytest.mark.deep)])
def test_damaged_recipes_are_read_or_told_with_their_line(recipe, stars, tmp_path, n_copies):
    header = field_wcs(SkyCoord(10, 20, unit="deg"), "10 deg", binsz="1 deg")[0].to_header()
    fits.writeto(tmp_path / "heights.fits", np.arange(100.0).reshape(10, 10) / 20, header)
    n_read = 0
    for text in damaged_tokens(WHOLE, n_copies, 22, ODD):
        try:
            recipe(text)
        except RecipeError as caught:
            error = str(caught)
            assert re.match(re.escape(str(tmp_path / "recipe.toml")) + r":\d+: ", error), error
        else:
            n_read += 1
    assert recipe(WHOLE).build().energy.n_bins == 2
    assert 0.02 < n_read / n_copies < 0.9


def test_sizes_by_magnitude(tmp_path):
    Table({"ra": [10.0, 20.0, 30.0], "dec": [0.0, 1.0, 2.0], "Gmag": [6.0, 8.0, np.nan]}).write(tmp_path / "stars.ecsv")
    path = tmp_path / "stars.toml"
    text = """order = 12
[[keep]]
catalog = "stars.ecsv"
inner_radius = {{ magnitude = "Gmag", law = [[6, "4 arcmin"], [10, "1 arcmin"]]{more} }}
outer_radius = "9 arcmin"
"""
    path.write_text(text.format(more=', missing = "2 arcmin"'))
    coord = SkyCoord([10, 20, 30], [0, 1, 2], unit="deg")
    assert read_recipe(path).build() == Mask.from_annuli(coord, [4, 2, 2] * u.arcmin, "9 arcmin", order=12)
    path.write_text(text.format(more=""))
    with pytest.raises(RecipeError, match="no magnitude in the column 'Gmag' in 1"):
        read_recipe(path).build()
    for law, message in (
        ('[[6, "4 arcmin"]]', "two magnitudes"),
        ('[[6, "4 arcmin"], [6, "1 arcmin"]]', "magnitude 6 twice"),
        ('[6, "4 arcmin"]', "law must be pairs"),
    ):
        path.write_text(text.format(more="").replace('[[6, "4 arcmin"], [10, "1 arcmin"]]', law))
        with pytest.raises(RecipeError, match=rf":4: .*{message}"):
            read_recipe(path)


@pytest.mark.deep
def test_catalogs_in_partitions(recipe, tmp_path):
    """A HATS folder gives the mask that its table gives."""
    pa = pytest.importorskip("pyarrow")
    rng = np.random.default_rng(1)
    ra, dec, mag = rng.uniform(0, 360, 200), rng.uniform(-80, 80, 200), rng.uniform(4, 12, 200)
    cells = cells_at(np.radians(ra), np.radians(dec), 29).astype(np.int64)
    by = np.argsort(cells)
    rows = pa.table({"_healpix_29": cells[by], "ra": ra[by], "dec": dec[by], "mag": mag[by]})
    with writing_hats(tmp_path / "stars", rows.schema, lonlat=("ra", "dec")) as writer:
        for partition, some in split(cells[by], 20, 5):
            writer.write(partition, rows.slice(some.start, some.stop - some.start))
    Table({"ra": ra, "dec": dec, "mag": mag}).write(tmp_path / "stars.ecsv")
    Mask.from_cones(SkyCoord(100, 0, unit="deg"), "30 deg", order=7).write(tmp_path / "field.fits")
    for lines in (
        'radius = "3 deg"',
        'radius = "3 deg"\nwhere = "mag < 6"',
        'radius = { magnitude = "mag", law = [[4, "3 deg"], [12, "1 deg"]] }',
        'radius = "3 deg"\nwithin = "field.fits"',
        'radius = ["3 deg", "4 deg"]',
    ):
        start = 'energy = { edges = ["1 TeV", "10 TeV", "100 TeV"] }\n' if '["' in lines else ""
        folder, table = (
            recipe(f'{start}[[exclude]]\ncatalog = "{name}"\n{lines}\n') for name in ("stars", "stars.ecsv")
        )
        assert folder.build() == table.build()
        assert folder.resolve().order == table.resolve().order
    with pytest.raises(ValueError, match="no row of stars fulfils the conditions"):
        recipe('order = 6\n[[exclude]]\ncatalog = "stars"\nradius = "3 deg"\nwhere = "mag < 1"\n').build()
