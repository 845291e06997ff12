"""All targets of the fuzzer: their inputs pass, what failed once included, and errors that are put in are found."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from profiles import cases, seed
from regions import Regions

import fuzz.targets.state
import hpmask
from fuzz import checks, limits
from fuzz.blind import fuzz_blindly
from fuzz.findings import Collector, kind_of
from fuzz.target import FINDINGS, load, names
from hpmask import Mask, MaskFormatError, MaskSet, RangeSet
from hpmask.recipe import Recipe, RecipeError

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def one_thread():
    with hpmask.set_num_threads(1):
        yield


@pytest.fixture(params=names())
def target(request):
    return load(request.param)


def test_seeds_are_accepted_and_all_inputs_pass(target, counted):
    """The findings among them are the inputs that hpmask once failed at."""
    inputs = list(target.inputs())
    for name, data in inputs:
        checks.answers.clear()
        target.one(data)
        if name.startswith("seed"):
            assert "accepted" in "".join(checks.answers), (name, checks.answers)
    counted(len(inputs), "inputs of fuzzers to the doors")


def test_a_short_run(target, tmp_path, counted):
    """Of a number of inputs, and not of a time, so that another machine tries the same ones."""
    n, _ = fuzz_blindly(target, seed() + 1, Collector(target.one, tmp_path), most=cases(15))
    assert not [path.read_text() for path in tmp_path.glob(".*.txt")], target.name
    counted(n, "inputs of fuzzers to the doors")


def test_folders_of_findings_belong_to_targets():
    assert {folder.name for folder in FINDINGS.iterdir() if folder.is_dir()} <= {*names(), "kernels"}


# ---------------------------------------------------------------------- errors that are put in

READ, READ_SET = (Mask, "read"), (MaskSet, "read")
FROM_REGIONS, FROM_CATALOG = (Mask, "from_regions"), (Mask, "from_catalog")
DOORS = {
    "ascii": READ,
    "catalog_fits": FROM_CATALOG,
    "catalog_parquet": FROM_CATALOG,
    "catalog_text": FROM_CATALOG,
    "catalog_votable": FROM_CATALOG,
    "crtf": FROM_REGIONS,
    "ds9": FROM_REGIONS,
    "folders": READ,
    "geojson": FROM_REGIONS,
    "healpix_fits": READ,
    "healsparse": READ,
    "image": (Mask, "from_wcs"),
    "json": READ,
    "mangle": FROM_REGIONS,
    "mask_sets": READ_SET,
    "moc_fits": READ,
    "own_fits": READ,
    "parquet": READ,
    "recipe": (Recipe, "build"),
    "region_fits": FROM_REGIONS,
    "state": (fuzz.targets.state, "_mask"),
    "stcs": FROM_REGIONS,
    "tiles": FROM_REGIONS,
}


def another_error(result, *_, **__):
    raise KeyError("TTYPE1")


def message_without_the_path(result, door=None, *_, **__):
    raise (RecipeError if isinstance(door, Recipe) else MaskFormatError)("damaged")


def message_of_a_whole_file(result, door=None, *_, **__):
    message = f"{getattr(door, 'path', door)}: {'x' * 5000}"
    raise (RecipeError if isinstance(door, Recipe) else MaskFormatError)(message)


def slow(result, *_, **__):
    while True:
        pass


def large(result, *_, **__):
    return np.empty(2 * limits.MEMORY, np.uint8)


def numpy_warning(result, *_, **__):
    np.log(np.zeros(1))


def unsorted_ranges(result, *_, **__):
    """Two ranges in the wrong order, in the mask or in the last one of a set."""
    plane = RangeSet._trusted(np.array([64, 128, 0, 64], np.uint64) << np.uint64(40), 9)
    if isinstance(result, MaskSet):
        return MaskSet({name: Mask(plane, frame=result[name].frame) for name in result})
    return Mask(plane)


def lost_range(result, *arguments, mode=None, **__):
    """The last range is lost, where a file is read; of regions, where all cells that overlap them are asked for."""
    if isinstance(result, MaskSet):
        return MaskSet({name: lost_range(result[name], *arguments) for name in result})
    if not arguments or isinstance(arguments[0], Table | Regions | fits.hdu.image._ImageBaseHDU) or mode == "center":
        return result
    planes = [RangeSet.from_ranges(plane.ranges[:-1], plane.order) for plane in result.planes]
    return Mask(planes if result.energy else planes[0], order=result.order, frame=result.frame, energy=result.energy)


# Those that `outcome` notices for all targets alike are tried with each of them at night.
MARKS = {another_error: (), lost_range: ()}
ERRORS = {
    another_error: "KeyError-",
    message_without_the_path: "fault-no-path",
    message_of_a_whole_file: "fault-long-message",
    slow: "OutOfProportion-",
    large: "MemoryError-",
    numpy_warning: "RuntimeWarning-",
    unsorted_ranges: "fault-not-sorted",
    lost_range: ("fault-", "AssertionError"),
}


@pytest.mark.parametrize("error", [pytest.param(error, marks=MARKS.get(error, pytest.mark.deep)) for error in ERRORS])
def test_an_error_that_is_put_in_is_found(target, error, monkeypatch):
    if target.name == "state" and error is message_without_the_path:
        pytest.skip("a pickle has no file that a message could name")
    owner, name = DOORS[target.name]
    door = getattr(owner, name)

    def wrong(*arguments, **options):
        return error(door(*arguments, **options), *arguments, **options)

    monkeypatch.setattr(owner, name, wrong if owner is Recipe else staticmethod(wrong))
    monkeypatch.setattr(limits, "_seconds", 0.05 if error is slow else 2.0)
    for data in target.seeds().values():
        try:
            target.one(data)
        except BaseException as failure:
            kind = kind_of(failure)
            assert kind.startswith(ERRORS[error]), kind
            break
    else:
        raise AssertionError("it passes all seeds")
