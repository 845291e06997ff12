"""Real files of many tools: space MOCs agree with published or independent figures, and everything else is refused."""

import pytest
from mocpy import MOC

import hpmask
from hpmask import Mask, MaskFormatError, RangeSet

# Parts of the sky, by tools other than hpmask.
FRACTIONS = {
    "moc/P-SDSS9-r.fits": 0.362437963486,
    "moc/P-GALEXGR6-AIS-FUV.fits": 0.682103474935,
    "moc/V_147_sdss12.moc.fits": 0.351982355118,
    "moc/CDS-I-125A-catalog_MOC.fits": 0.016234079997,
    "moc/SMOC.fits": 0.004069010422,
    "moc/SMOC.ascii.txt": 0.004069010422,
    "moc/glimpse.moc.json": 0.031207084656,
    "moc/sdss_and_glimpse.moc.json": 0.003369559844,
}

SPACE = [
    "moc/CDS-I-125A-catalog_MOC.fits",
    "moc/CDS_III_43_main.fits",
    "moc/CDS_II_261_GOODS_S.fits",
    "moc/CDS_II_339_summary.fits",
    "moc/CDS_I_274_ccdm.fits",
    "moc/CDS_VIII_95_sx250.fits",
    "moc/P-GALEXGR6-AIS-FUV.fits",
    "moc/P-SDSS9-r.fits",
    "moc/SMOC.fits",
    "moc/V_147_sdss12.moc.fits",
    "moc/fractal.fits",
    "moc/polygon_moc.fits",
    "mocfmt/moc-rust/SMOC_test.fits",
    "mocfmt/mocpy/SMOC.fits",
    "skymaps/MOC_0.9_bayestar.multiorder.fits",
]

OTHER = {
    "moc/CDS_J_A+A_627_A28_brite4.fits": "covers time",
    "mocfmt/moc-rust/STMOC.fits": "covers time and space",
    "mocfmt/moc-rust/STMOC_XMMLog.fits": "covers time and space",
    "mocfmt/moc-rust/STMOC_chandra.fits": "covers time and space",
    "mocfmt/moc-rust/STMOC_test.fits": "covers time and space",
    "mocfmt/moc-rust/TMOC_test.fits": "covers time",
    "mocfmt/mocpy/P2012180.fits": "covers frequency",
    "mocfmt/mocpy/SFMocMUSE.fits": "covers frequency and space",
    "mocfmt/mocpy/STMOC-test4FX.json": "dimensions s, t",
    "mocfmt/mocpy/STMOC.fits": "covers time and space",
    "mocfmt/mocpy/STMoc-DECaLS-g.v2.fits": "covers time and space",
    "mocfmt/mocpy/STMoc-basic.fits": "covers time and space",
    "mocfmt/mocpy/TMOC.fits": "covers time",
    "mocfmt/mocpy/TMoc.fits": "covers time",
    "mocfmt/mocpy/stmoc.ascii.txt": "dimensions t",
    "mocfmt/mocpy/tmoc.ascii.txt": "order 35",
}

NO_MOC = {
    "skymaps/bayestar.multiorder.fits": "values 0 and 1.*'PROBDENSITY' is .*Mask.from_skymap",
    "skymaps/reproject_bayestar.fits.gz": "values 0 and 1.*'PROB' is .*Mask.from_skymap",
    "masks/namaster_mask_nside256.fits.gz": "COORDSYS is missing: give frame=",
    "masks/GammaCygni_exclusion_mask.fits.gz": "it has an image, a table 'PRIMARY_BANDS'",
    "catalogs/gll_psch_v13_3FHL.fit.gz": "a table 'LAT_Point_Source_Catalog'",
    # Its sums are out of date, which does not matter, because the file is not a mask.
    "catalogs/gll_psc_v35_4FGL-DR4_slim.fits.gz": "a table 'LAT_POINT_SOURCE_CATALOG'",
}


@pytest.mark.parametrize("name", FRACTIONS)
def test_fractions(data, name):
    assert Mask.read(data(name)).sky_fraction == pytest.approx(FRACTIONS[name], abs=5e-13)


@pytest.mark.parametrize("name", SPACE)
def test_space_mocs_read_as_mocpy_reads_them(data, tmp_path, name):
    mask = Mask.read(data(name))
    moc = MOC.from_fits(str(data(name)))
    assert mask.to_moc() == moc
    assert mask.order == moc.max_order
    for suffix in (".fits", ".txt", ".json"):
        mask.write(tmp_path / f"m{suffix}")
        again = Mask.read(tmp_path / f"m{suffix}")
        assert (again, again.order) == (mask, mask.order)
    assert MOC.from_fits(str(tmp_path / "m.fits")) == moc


def test_rows_of_0_at_the_end(data):
    path = data("mocfmt/moc-rust/GW190425.fits")
    with pytest.warns(UserWarning, match="last 42 of 917 rows are 0"):
        mask = Mask.read(path)
    assert mask.to_moc() == MOC.from_fits(str(path))


@pytest.mark.parametrize("name", OTHER)
def test_mocs_of_other_dimensions(data, name):
    with pytest.raises(MaskFormatError, match=f"not a space MOC.*{OTHER[name]}"):
        Mask.read(data(name))


@pytest.mark.parametrize("name", NO_MOC)
def test_files_that_hold_something_else(data, name):
    with pytest.raises(MaskFormatError, match=NO_MOC[name]):
        Mask.read(data(name))


def test_the_same_moc_in_two_formats(data):
    assert Mask.read(data("moc/SMOC.fits")) == Mask.read(data("moc/SMOC.ascii.txt"))
    assert Mask.read(data("moc/SMOC.fits")).order == 29


def test_mocs_that_belong_together(data):
    glimpse = Mask.read(data("moc/glimpse.moc.json"))
    assert ~glimpse == Mask.read(data("moc/glimpse_not.moc.json"))
    assert Mask.read(data("moc/sdss_and_glimpse.moc.json")).issubset(glimpse)


def test_ten_parts_make_up_the_whole(data):
    whole = Mask.read(data("skymaps/MOC_0.9_bayestar.multiorder.fits"))
    parts = [Mask.read(data(f"skymaps/split_expected/Bayestar.multiorder.expected.{i}.ascii")) for i in range(10)]
    assert hpmask.union_all(parts) == whole
    assert sum(part.planes[0].n_cells for part in parts) == whole.planes[0].n_cells
    assert whole.area.to_value("deg2") == pytest.approx(6377.792410, abs=1e-6)
    assert set(whole.components(connectivity=4)) == set(parts)


def test_fractal_is_the_adversary_that_it_is_said_to_be(data):
    plane = Mask.read(data("moc/fractal.fits")).planes[0]
    assert isinstance(plane, RangeSet)
    assert (plane.order, plane.n_ranges, plane.multi_order_cells()[0].size) == (9, 78_732, 236_196)
