"""No result depends on the number of threads, or on what other threads do with the same mask."""

import threading

import numpy as np
import pytest
from operations import OPERATIONS, Material, bits
from profiles import cases, sampled, seed
from threaded import TOGETHER, Fresh, on, small_parts

import hpmask
from hpmask._utils import parallel

NUMBERS = (2, 3, 7, 16)


@pytest.fixture(scope="module")
def material():
    return Material("small")


@pytest.fixture
def in_small_parts():
    with small_parts():
        yield


def differing(operation, material, numbers):
    """The numbers of threads that give another result than one thread."""
    expected = on(1, operation, material)
    return [number for number in numbers if on(number, operation, material) != expected]


def test_an_operation_that_depends_on_the_number_is_found(material):
    assert differing(lambda m: hpmask.get_num_threads() > 3, material, NUMBERS) == [7, 16]
    # The sum of floats, in as many parts as there are threads.
    values = np.random.default_rng(1).random(1001)

    def total(m):
        return sum(part.sum() for part in np.array_split(values, hpmask.get_num_threads()))

    assert differing(total, material, NUMBERS)


@pytest.mark.deep
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sampled(OPERATIONS, 35))
def test_no_operation_depends_on_the_number(name, material, in_small_parts, counted):
    rng = np.random.default_rng([seed(), *name.encode()])
    numbers = rng.permutation(NUMBERS)[: cases(1)]
    counted(len(numbers), "operations on other numbers of threads")
    assert differing(OPERATIONS[name], material, numbers.tolist()) == []


@pytest.mark.deep
@pytest.mark.filterwarnings("ignore")
def test_the_parts_are_small_enough(material, in_small_parts, monkeypatch):
    """Most operations ask for more threads than one."""
    asked = set()
    begin = parallel._begin
    monkeypatch.setattr(parallel, "_begin", lambda share, number: (asked.add(name), begin(share, number))[1])
    names = (
        "from_cones",
        "union",
        "contains",
        "distance",
        "to_wcs",
        "dilate",
        "random",
        "coverage",
        "from_map credible",
    )
    for name in names:
        on(7, OPERATIONS[name], material)
    assert asked == set(names)


@pytest.mark.filterwarnings("ignore")
def test_one_mask_in_many_threads(material, in_small_parts, counted):
    expected = {name: on(1, OPERATIONS[name], material) for name in TOGETHER}
    rounds = cases(1)
    for turn in range(rounds):
        fresh, found, start = Fresh(material), {}, threading.Barrier(len(TOGETHER))

        def work(name, fresh=fresh, found=found, start=start):
            start.wait()
            try:
                found[name] = bits(OPERATIONS[name](fresh))
            except Exception as error:
                found[name] = repr(error)

        threads = [threading.Thread(target=work, args=[name]) for name in TOGETHER]
        with hpmask.set_num_threads(3):
            for one in threads:
                one.start()
            # The number is changed while they work.
            while any(one.is_alive() for one in threads):
                for number in (1, 7, 2, 16):
                    with hpmask.set_num_threads(number):
                        threads[(turn + number) % len(threads)].join(0.001)
        assert {name for name in TOGETHER if found[name] != expected[name]} == set()
    counted(rounds * len(TOGETHER), "operations on one mask in 16 threads")
