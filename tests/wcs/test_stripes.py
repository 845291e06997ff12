"""The walk over an image: every row and every item exactly once, and the same result with any number of threads."""

import threading

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from wcs_images import blobs, scamp, simple

from hpmask import EnergyAxis, Mask
from hpmask.wcs import stripes
from hpmask.wcs.grid import Grid
from hpmask.wcs.stripes import blocks, in_stripes, share_out

STARS = SkyCoord([83, 84.2, 83.6], [22, 22.5, 21], unit="deg")
THREADS = (1, 2, 3, 5, 8)


@pytest.mark.parametrize(("n", "length"), [(0, 5), (1, 5), (5, 5), (11, 5), (3, 0), (3, -1)])
def test_blocks_are_all_items_once(n, length):
    parts = [np.arange(n)[block] for block in blocks(n, length)]
    assert [*np.concatenate([np.empty(0, int), *parts])] == [*range(n)]
    assert all(1 <= part.size <= max(1, length) for part in parts)


@pytest.mark.parametrize("threads", THREADS)
def test_each_thread_has_its_own_wcs(threads):
    wcs = simple()
    used = {}
    barrier = threading.Barrier(min(threads, 7))

    def work(own, item):
        if item < barrier.parties:
            # All threads are at work at once.
            barrier.wait(timeout=30)
        # The copies are kept, so that no two have the same id.
        used.setdefault(threading.get_ident(), []).append(own())
        return item, own() is wcs

    results = share_out(range(7), work, wcs, threads)
    assert sorted(item for item, _ in results) == [*range(7)]
    assert all(copy is copies[0] for copies in used.values() for copy in copies)
    assert len({id(copies[0]) for copies in used.values()}) == len(used) == min(threads, 7)
    assert {same for _, same in results} == {threads == 1}


def test_no_items():
    assert share_out([], lambda own, item: item, None, 4) == []


@pytest.mark.parametrize("threads", [1, 3])
def test_errors_of_a_thread_are_raised(threads):
    def work(own, item):
        raise ZeroDivisionError(item)

    with pytest.raises(ZeroDivisionError):
        share_out(range(5), work, None, threads)


@pytest.mark.parametrize(("threads", "shape"), [(1, (700, 500)), (2, (700, 500)), (5, (3, 100_000)), (3, (1, 1))])
def test_stripes_are_all_rows_once(threads, shape):
    rows, used = [], set()

    def work(own, some):
        rows.extend(some)
        used.add(id(own()))

    in_stripes(Grid.of(simple(shape=shape), None), work, n_threads=threads)
    assert sorted(rows) == list(range(shape[0]))
    assert len(used) <= threads


# ---------------------------------------------------------------------- the same result with any number of threads


def images_of_threads(monkeypatch, mask, wcs, mode):
    """The images with 1 to 8 threads, in blocks so small that all threads have work."""
    monkeypatch.setattr(stripes, "BLOCK", 700)
    return [mask.to_wcs(wcs, mode=mode, n_threads=threads) for threads in THREADS]


@pytest.mark.parametrize(
    ("mode", "projection", "shape"),
    [
        # With bounds, a thread needs more pixels. TSC is worked out pixel by pixel.
        ("center", "TAN", (1310, 1230)),
        ("center", "TSC", (410, 400)),
        ("overlap", "TAN", (410, 400)),
        ("inside", "TAN", (410, 400)),
        ("fraction", "TAN", (410, 400)),
    ],
)
def test_to_wcs(monkeypatch, mode, projection, shape):
    wcs = simple(projection, shape=shape, step=5 / shape[0])
    mask = Mask.from_cones(STARS, "0.7 deg", order=9)
    expected = mask.to_wcs(wcs, mode=mode)
    assert 0 < expected.mean() < 1
    for image in images_of_threads(monkeypatch, mask, wcs, mode):
        np.testing.assert_array_equal(image, expected)


def test_to_wcs_with_energy(monkeypatch):
    wcs = simple("TSC", shape=(410, 400), step=0.02)
    axis = EnergyAxis([1, 2, 3, 4] * u.TeV)
    mask = Mask.from_cones(STARS, [[0.3, 0.9, 0.5]] * u.deg, order=9, energy=axis)
    expected = mask.to_wcs(wcs)
    for image in images_of_threads(monkeypatch, mask, wcs, "center"):
        np.testing.assert_array_equal(image, expected)


def test_to_wcs_many_and_write_wcs(tmp_path):
    wcs = simple("TSC", shape=(410, 400), step=0.02)
    mask = Mask.from_cones(STARS, "0.7 deg", order=9)
    expected = mask.to_wcs(wcs)
    for threads in (1, 2, 8):
        (image,) = mask.to_wcs_many([wcs], n_threads=threads)
        np.testing.assert_array_equal(image, expected)
        mask.write_wcs(tmp_path / "image.fits", wcs, n_threads=threads, overwrite=True)
        np.testing.assert_array_equal(fits.getdata(tmp_path / "image.fits"), expected)


@pytest.mark.filterwarnings("ignore:.*lie outside the projection:UserWarning")
@pytest.mark.parametrize(
    ("mode", "wcs"),
    [
        pytest.param("center", simple(shape=(300, 200)), id="center"),
        pytest.param("overlap", simple(shape=(300, 200)), id="overlap"),
        pytest.param("inside", simple(shape=(300, 200)), id="inside", marks=pytest.mark.deep),
        pytest.param("center", simple(radesys="FK4", equinox=1950.0), id="no bounds"),
        pytest.param("overlap", scamp(), id="TPV", marks=pytest.mark.deep),
    ],
)
def test_from_wcs(monkeypatch, mode, wcs):
    image = blobs(wcs.array_shape, 3)
    expected = Mask.from_wcs(image, wcs, order=9, mode=mode)
    assert not expected.is_full
    assert not expected.is_empty or mode == "inside"
    monkeypatch.setattr(stripes, "BLOCK", 700)
    for threads in THREADS:
        assert Mask.from_wcs(image, wcs, order=9, mode=mode, n_threads=threads) == expected


@pytest.mark.parametrize("threads", [0, -1, True, 1.5, "2"])
def test_bad_numbers_of_threads(threads, tmp_path):
    wcs = simple()
    for call in (
        lambda: Mask.full().to_wcs(wcs, n_threads=threads),
        lambda: Mask.full().to_wcs_many([wcs], n_threads=threads),
        lambda: Mask.full().write_wcs(tmp_path / "image.fits", wcs, n_threads=threads),
        lambda: Mask.from_wcs(np.ones((40, 60), bool), wcs, n_threads=threads),
    ):
        with pytest.raises((TypeError, ValueError), match="n_threads must be"):
            call()
    assert list(tmp_path.iterdir()) == []
