"""Images in FITS files: which counts, its checksums, the energies of its planes. Referees: astropy, gammapy."""

import bz2
import gzip
import lzma

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning

from hpmask import EnergyAxis, Mask, MaskFormatError
from hpmask._files.fits_text import history_of
from hpmask.interop.gammapy.axes import axis_from_gammapy
from hpmask.wcs import field_wcs, wcs_like

CENTER = SkyCoord(83, 22, unit="deg")
WCS_, SHAPE = field_wcs(CENTER, "3 deg", height="2 deg", binsz="0.1 deg")
MASK = Mask.from_cones(CENTER, "0.8 deg", order=10)
AXIS = EnergyAxis([0.1, 1, 10] * u.GeV)
BY_ENERGY = Mask.from_cones(CENTER, [[0.9, 0.4]] * u.deg, order=10, energy=AXIS)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "image.fits"


def header(**cards):
    result = WCS_.to_header()
    result.update(cards)
    return result


def pixels(radius="0.8 deg"):
    return Mask.from_cones(CENTER, radius, order=10).to_wcs(WCS_).astype(np.uint8)


def refused(path, match, **options):
    for read in (lambda: Mask.from_wcs(path, **options), lambda: BY_ENERGY.to_wcs(path, **options)):
        with pytest.raises(MaskFormatError, match=match) as caught:
            read()
        assert str(caught.value).startswith(f"{path}: ")


def changed(path, old, new, count=1):
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, count))


# ---------------------------------------------------------------------- checksums


def test_a_flipped_bit_in_the_data(path):
    MASK.write_wcs(path, WCS_)
    content = bytearray(path.read_bytes())
    content[-2880 + 5] ^= 1
    path.write_bytes(content)
    refused(path, "HDU 0: the data are damaged, their DATASUM is wrong")
    with pytest.raises(MaskFormatError, match="DATASUM"):
        wcs_like(path)


@pytest.mark.parametrize(("old", "new"), [(b" 83.0 ", b" 53.0 "), (b"= 'deg'", b"= 'rad'")])
def test_a_header_that_was_edited(path, old, new):
    MASK.write_wcs(path, WCS_)
    changed(path, old, new)
    with pytest.warns(AstropyUserWarning, match="Checksum verification failed"), fits.open(path, checksum=True):
        pass
    refused(path, "HDU 0: the header was changed or is damaged, its CHECKSUM is wrong")
    # Sums that were written anew are right.
    with fits.open(path, memmap=False) as hdus:
        hdus.writeto(path, overwrite=True, checksum=True)
    Mask.from_wcs(path)


def test_a_sum_alone_is_checked(path):
    MASK.write_wcs(path, WCS_)
    changed(path, b"DATASUM =", b"DATASUX =")
    refused(path, "HDU 0: header or data are damaged, its CHECKSUM is wrong")


def test_the_table_of_energies_is_checked(path):
    BY_ENERGY.write_wcs(path, WCS_)
    content = bytearray(path.read_bytes())
    content[-2880 + 15] ^= 1
    path.write_bytes(content)
    refused(path, "HDU 1: the data are damaged")
    # Who brings the energies does not use the table.
    assert Mask.from_wcs(path, energy=AXIS).energy == AXIS


def test_look_up_tables_of_distortions_are_checked(data, path):
    with fits.open(data("wcs/image_with_distortion_map.fits")) as hdus:
        for hdu in hdus:
            hdu.data = np.zeros_like(hdu.data) if hdu.name == "PRIMARY" else hdu.data
        hdus[0].header.update(CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CUNIT1="deg", CUNIT2="deg")
        hdus.writeto(path, checksum=True)
    assert MASK.to_wcs(path).shape == (100, 100)
    content = bytearray(path.read_bytes())
    content[-2880] ^= 1
    path.write_bytes(content)
    refused(path, "HDU 2: the data are damaged")


def test_what_is_not_used_is_not_checked(path):
    hdus = [fits.PrimaryHDU(pixels(), header()), fits.ImageHDU(np.arange(9), name="OTHER")]
    fits.HDUList(hdus).writeto(path, checksum=True)
    content = bytearray(path.read_bytes())
    content[-2880] ^= 1
    path.write_bytes(content)
    np.testing.assert_array_equal(MASK.to_wcs(path), pixels())
    np.testing.assert_array_equal(Mask.from_wcs(path, order=11).to_wcs(path), pixels())


def test_cut_short(path):
    MASK.write_wcs(path, WCS_)
    whole = path.read_bytes()
    for end in (0, 80, 1000, 2880, len(whole) - 2880, len(whole) - 2000, len(whole) - 1):
        path.write_bytes(whole[:end])
        refused(path, "cut short|empty")
    fits.writeto(path, pixels(), header(), overwrite=True)
    path.write_bytes(path.read_bytes()[:-2880])
    refused(path, "cut short")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_packed_files(path, pack):
    MASK.write_wcs(path, WCS_)
    expected, whole = Mask.from_wcs(path), path.read_bytes()
    path.write_bytes(pack(whole))
    assert Mask.from_wcs(path) == expected
    path.write_bytes(pack(whole)[:-5])
    refused(path, None)


def test_a_packed_file_out_of_proportion(path):
    head = fits.Header(fits.PrimaryHDU(np.zeros((1, 1), np.uint8), header()).header)
    head["NAXIS1"] = head["NAXIS2"] = 100_000
    path.write_bytes(gzip.compress(head.tostring().encode("ascii") + bytes(2880)))
    refused(path, "would unpack to 100000")
    compressed = fits.CompImageHDU(pixels(), header())
    fits.HDUList([fits.PrimaryHDU(), compressed]).writeto(path, overwrite=True)
    content = path.read_bytes()
    at = content.index(b"ZNAXIS1 =")
    path.write_bytes(content[:at] + b"ZNAXIS1 =          10000000000".ljust(80) + content[at + 80 :])
    refused(path, "would unpack to")


def test_letters_that_fits_does_not_have(path):
    """Comments in other alphabets are common, and no reason to refuse a file."""
    fits.writeto(path, pixels(), header(OBSERVER="M. Muller", HISTORY="by M. Muller"))
    changed(path, b"Muller", "Müller".encode("latin-1"), 2)
    np.testing.assert_array_equal(MASK.to_wcs(path), pixels())


def test_fillings_behind_the_last_unit(path):
    fits.writeto(path, pixels(), header())
    whole = path.read_bytes()
    for filling in (bytes(2880), b" " * 100):
        path.write_bytes(whole + filling)
        np.testing.assert_array_equal(MASK.to_wcs(path), pixels())
    path.write_bytes(whole + b"anything else")
    refused(path, "HDU 1 has no FITS header")


# ---------------------------------------------------------------------- which image


@pytest.fixture
def mosaic(path):
    """Three images of the sky, one compressed, and other units."""
    shifted = header(CRVAL1=200.0)
    hdus = [
        fits.PrimaryHDU(),
        fits.ImageHDU(pixels(), header(), name="CCD1"),
        fits.BinTableHDU.from_columns([fits.Column("A", "J", array=[1])], name="STARS"),
        fits.CompImageHDU(pixels("0.5 deg"), shifted, name="CCD2"),
        fits.ImageHDU(pixels("0.5 deg"), shifted, name="CCD2", ver=2),
        fits.ImageHDU(np.zeros((3, 3)), name="FLAT"),
    ]
    fits.HDUList(hdus).writeto(path, checksum=True)
    return path


def test_one_chip_of_a_mosaic(mosaic):
    refused(mosaic, r"there are 3 images of the sky, HDU 1 CCD1 \(20 x 30\), 3 CCD2 \(20 x 30\), 4 CCD2")
    with pytest.raises(MaskFormatError, match="such as hdu='CCD1'"):
        wcs_like(mosaic)
    for hdu in (1, "CCD1", "ccd1", "1", np.int64(1)):
        np.testing.assert_array_equal(MASK.to_wcs(mosaic, hdu=hdu), pixels())
        assert Mask.from_wcs(mosaic, hdu=hdu).contains(CENTER)
        assert wcs_like(mosaic, hdu)[1] == SHAPE
    for hdu in (3, 4):
        mask = Mask.from_wcs(mosaic, hdu=hdu)
        assert mask.contains(SkyCoord(200, 22, unit="deg"))
        np.testing.assert_array_equal(mask.to_wcs(mosaic, hdu=hdu), pixels("0.5 deg"))


def test_wrong_hdu(mosaic):
    refused(mosaic, "there is no HDU 9; the file has HDU 0 PRIMARY", hdu=9)
    refused(mosaic, "there is no HDU -1", hdu=-1)
    refused(mosaic, "there is no HDU 'SCI'", hdu="SCI")
    refused(mosaic, "several HDUs are named 'CCD2': give a number", hdu="CCD2")
    refused(mosaic, r"HDU 5 FLAT \(3 x 3\) is not an image with a celestial WCS; these are: HDU 1 CCD1", hdu="FLAT")
    refused(mosaic, r"HDU 2 STARS \(table\) is not an image", hdu=2)
    for hdu in (True, 1.0, ("CCD2", 2)):
        with pytest.raises(TypeError, match="hdu must be the number or the name"):
            MASK.to_wcs(mosaic, hdu=hdu)
    with pytest.raises(TypeError, match="hdu chooses an image of a file, but wcs is not a path"):
        MASK.to_wcs(WCS_, SHAPE, hdu=1)
    with pytest.raises(TypeError, match="hdu chooses an image of a file, but wcs is not a path"):
        Mask.from_wcs(pixels(), WCS_, hdu=1)


def test_wcs_of_a_file_for_an_array(mosaic):
    assert Mask.from_wcs(pixels(), mosaic, hdu=1) == Mask.from_wcs(mosaic, hdu=1)


def test_files_without_an_image(path, tmp_path):
    fits.writeto(path, np.zeros((3, 4)))
    refused(path, r"no image has a celestial WCS; the file has HDU 0 PRIMARY \(3 x 4\)")
    path.write_text("some notes")
    refused(path, "no FITS header")
    refused(tmp_path, "this is a directory")
    with pytest.raises(FileNotFoundError):
        Mask.from_wcs(tmp_path / "none.fits")


def test_images_that_are_no_mask(path):
    fits.writeto(path, pixels() * 3.5, header())
    with pytest.raises(MaskFormatError, match=r"image\.fits: image must be boolean, or 0 and 1"):
        Mask.from_wcs(path)


def test_written_like_a_file(mosaic, path):
    out = path.with_name("out.fits")
    MASK.write_wcs(out, mosaic, hdu="CCD1")
    np.testing.assert_array_equal(fits.getdata(out), pixels())


# ---------------------------------------------------------------------- energies


def bins(edges, name="EBOUNDS", unit="keV", columns=("E_MIN", "E_MAX")):
    edges = u.Quantity(edges).to_value(unit)
    parts = [
        fits.Column("CHANNEL", "I", array=np.arange(1, edges.size)),
        fits.Column(columns[0], "D", unit=unit, array=edges[:-1]),
        fits.Column(columns[1], "D", unit=unit, array=edges[1:]),
    ]
    return fits.BinTableHDU.from_columns(parts, name=name)


def nodes(values, name="ENERGIES", unit="MeV"):
    column = fits.Column("Energy", "D", unit=unit, array=u.Quantity(values).to_value(unit or "MeV"))
    return fits.BinTableHDU.from_columns([column], name=name)


def cube(path, n, *tables, **cards):
    planes = np.stack([pixels(f"{0.2 + 0.1 * k} deg") for k in range(n)])
    head = header(WCSAXES=3, CTYPE3="photon energy", CUNIT3="MeV", CRPIX3=1.0, CRVAL3=100.0, CDELT3=50.0, **cards)
    fits.HDUList([fits.PrimaryHDU(planes, head), *tables]).writeto(path, overwrite=True)
    return planes


EDGES = [0.1, 0.5, 1, 3, 10] * u.GeV


@pytest.mark.parametrize(
    ("table", "cards"),
    [
        (bins(EDGES), {}),
        (bins(EDGES, unit="MeV"), {}),
        (bins(EDGES, "PRIMARY_BANDS"), {}),
        (bins(EDGES, "MY_BANDS"), {"BANDSHDU": "MY_BANDS"}),
        (bins(EDGES, "EDISP", columns=("ENERG_LO", "ENERG_HI")), {}),
    ],
)
def test_one_table_of_bins(path, table, cards):
    other = fits.BinTableHDU.from_columns([fits.Column("START", "D", array=[0.0])], name="GTI")
    planes = cube(path, 4, other, table, **cards)
    mask = Mask.from_wcs(path, order=11)
    name = "energy_true" if table.name == "EDISP" else "energy"
    assert mask.energy == EnergyAxis(EDGES, name=name)
    np.testing.assert_array_equal(mask.to_wcs(path), planes)
    image = BY_ENERGY.to_wcs(path)
    np.testing.assert_array_equal(image, BY_ENERGY.to_wcs(WCS_)[[0, 0, 1, 1]])


def test_fermi_counts_cube_as_gammapy_reads_it(maps, path):
    cube(path, 4, bins(EDGES))
    theirs = maps.Map.read(path).geom
    assert axis_from_gammapy(theirs.axes[0]) == Mask.from_wcs(path).energy
    np.testing.assert_array_equal(BY_ENERGY.to_wcs(path), BY_ENERGY.to_wcs(theirs))


def test_energies_of_planes_are_no_edges(maps, path):
    """A plane of Fermi's templates holds at an energy: bins end halfway, where gammapy has them."""
    at = [0.15, 0.6, 2, 9] * u.GeV
    planes = cube(path, 4, nodes(at))
    theirs = maps.Map.read(path).geom.axes[0]
    mask = Mask.from_wcs(path, order=11)
    assert mask.energy == EnergyAxis(u.Quantity(theirs.edges), name="energy_true")
    np.testing.assert_array_equal(mask.to_wcs(path), planes)
    # Halfway is not where the bins of a mask end; each plane gets the bin that its energy is in.
    expected = BY_ENERGY.to_wcs(WCS_)[BY_ENERGY.energy.bin_of(at)]
    np.testing.assert_array_equal(BY_ENERGY.to_wcs(path), expected)
    np.testing.assert_array_equal(BY_ENERGY.to_wcs(maps.Map.read(path).geom), expected)
    # Exposure cubes have their last energy where the last bin ends.
    cube(path, 3, nodes([0.1, 1, 10] * u.GeV))
    np.testing.assert_array_equal(BY_ENERGY.to_wcs(path), BY_ENERGY.to_wcs(WCS_)[[0, 1, 1]])
    cube(path, 3, nodes([0.1, 1, 10.1] * u.GeV))
    with pytest.raises(ValueError, match=r"energy of every plane of the image must lie in one of .* bins, but 10100"):
        BY_ENERGY.to_wcs(path)


def test_two_energies_are_the_least(path):
    cube(path, 2, nodes([1, 100] * u.GeV))
    assert Mask.from_wcs(path, order=11).energy == EnergyAxis([0.1, 10, 1000] * u.GeV, name="energy_true")


def test_a_mask_at_single_energies_is_written_with_its_bins(path):
    cube(path, 3, nodes([0.2, 1, 5] * u.GeV))
    out = path.with_name("out.fits")
    BY_ENERGY.write_wcs(out, path)
    assert fits.getdata(out).shape == (3, *SHAPE)
    assert Mask.from_wcs(out).energy == Mask.from_wcs(path).energy


def test_several_tables(path):
    same = bins(EDGES, "PRIMARY_BANDS", unit="TeV")
    cube(path, 4, bins(EDGES), same)
    assert Mask.from_wcs(path).energy == EnergyAxis(EDGES)
    # One that does not fit does not count.
    cube(path, 4, bins(EDGES), nodes([0.1, 1, 10] * u.GeV))
    assert Mask.from_wcs(path).energy == EnergyAxis(EDGES)
    cube(path, 4, bins(EDGES), nodes(EDGES[:-1]))
    refused(
        path,
        "the energies of the 4 planes are ambiguous: table 'EBOUNDS' has 4 bins from 100000 keV to .*; "
        "'ENERGIES' has 4 single energies from 100 MeV",
    )
    assert Mask.from_wcs(path, energy=EnergyAxis(EDGES)).energy == EnergyAxis(EDGES)
    # What the image names counts.
    cube(path, 4, bins(EDGES), bins(2 * EDGES, "MY_BANDS"), BANDSHDU="MY_BANDS")
    assert Mask.from_wcs(path).energy == EnergyAxis(2 * EDGES)


def test_tables_that_do_not_fit(path):
    cube(path, 3, bins(EDGES))
    refused(path, "the image has 3 planes, but table 'EBOUNDS' has 4 bins")
    cube(path, 4, BANDSHDU="MASK_BANDS")
    refused(path, "BANDSHDU names the table 'MASK_BANDS', the file has none: HDU 0 PRIMARY")
    table = bins(EDGES)
    table.data["E_MIN"][2] *= 1.5
    cube(path, 4, table)
    refused(path, "the energies in table 'EBOUNDS' cannot be used: bins must be contiguous")
    cube(path, 3, nodes([5, 1, 2] * u.GeV))
    refused(path, "Energy must have at least two positive energies, which increase")


def test_other_tables_say_nothing(path):
    stars = bins(EDGES[:3], "STARS")
    cube(path, 4, stars)
    with pytest.raises(MaskFormatError, match="give energy for more"):
        Mask.from_wcs(path)
    assert BY_ENERGY.to_wcs(path).shape == (2, *SHAPE)
    # The third axis is one of time.
    times = bins([1, 2, 3, 4, 5] * u.s, "T_BANDS", unit="s", columns=("TIME_MIN", "TIME_MAX"))
    times.header["AXCOLS1"] = "TIME_MIN,TIME_MAX"
    cube(path, 4, times, BANDSHDU="T_BANDS")
    assert BY_ENERGY.to_wcs(path).shape == (2, *SHAPE)


@pytest.mark.parametrize("name", ["énergie", "Energy_Reco", "η, true", "energy_true"])
def test_names_of_axes_come_back(path, name):
    mask = Mask(BY_ENERGY.planes, energy=EnergyAxis(AXIS.edges, name=name), history="été\ntab\t\n" + "x" * 200)
    mask.write_wcs(path, WCS_)
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        assert "\n".join(history_of(hdus[0].header["HISTORY"])) == mask.history
    assert Mask.from_wcs(path).energy == mask.energy
