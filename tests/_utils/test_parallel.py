"""Threads: how many, where they come from, and that they change no result."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

import hpmask
from hpmask import EnergyAxis, Mask
from hpmask._utils import parallel
from hpmask._utils.parallel import cpu_quota, thread_count, thread_map
from hpmask.wcs import field_wcs


@pytest.fixture(autouse=True)
def clean():
    """The setting of the process and the environment as they are at the start."""
    hpmask.set_num_threads(None)
    parallel._from_environment.cache_clear()
    yield
    hpmask.set_num_threads(None)
    parallel._from_environment.cache_clear()


# ---------------------------------------------------------------------- how many


def test_a_call_sets_the_number_for_the_process():
    hpmask.set_num_threads(3)
    assert hpmask.get_num_threads() == thread_count(None) == 3
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(hpmask.get_num_threads).result() == 3
    hpmask.set_num_threads(np.int64(2))
    assert hpmask.get_num_threads() == 2
    assert thread_count(5) == 5


def test_a_block_sets_the_number_and_restores_it():
    default = hpmask.get_num_threads()
    with hpmask.set_num_threads(7):
        assert hpmask.get_num_threads() == 7
        with hpmask.set_num_threads(2):
            assert hpmask.get_num_threads() == 2
        assert hpmask.get_num_threads() == 7
        with hpmask.set_num_threads(None):
            assert hpmask.get_num_threads() == default
        assert hpmask.get_num_threads() == 7
    assert hpmask.get_num_threads() == default
    hpmask.set_num_threads(4)
    with suppress(KeyError), hpmask.set_num_threads(1):
        raise KeyError
    assert hpmask.get_num_threads() == 4


def test_a_setting_can_be_entered_later_and_again():
    hpmask.set_num_threads(5)
    two = hpmask.set_num_threads(2)
    hpmask.set_num_threads(4)
    for _ in range(2):
        with two:
            assert hpmask.get_num_threads() == 2
        assert hpmask.get_num_threads() == 4


@pytest.mark.parametrize(
    ("number", "error"), [(0, ValueError), (-1, ValueError), (True, TypeError), (2.0, TypeError), ("2", TypeError)]
)
def test_bad_numbers(number, error):
    hpmask.set_num_threads(3)
    with pytest.raises(error, match="n_threads must be"):
        hpmask.set_num_threads(number)
    with pytest.raises(error, match="n_threads must be"):
        thread_count(number)
    assert hpmask.get_num_threads() == 3


def test_environment_variable(monkeypatch):
    monkeypatch.setenv("HPMASK_NUM_THREADS", " 3 ")
    assert hpmask.get_num_threads() == 3
    # Read at first use.
    monkeypatch.setenv("HPMASK_NUM_THREADS", "4")
    assert hpmask.get_num_threads() == 3
    with hpmask.set_num_threads(2):
        assert hpmask.get_num_threads() == 2


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "4 8", "²"])
def test_bad_environment_variable(monkeypatch, text):
    monkeypatch.setenv("HPMASK_NUM_THREADS", text)
    with pytest.raises(ValueError, match=f"HPMASK_NUM_THREADS must be a positive integer.*{text}"):
        hpmask.get_num_threads()
    with pytest.raises(ValueError, match="HPMASK_NUM_THREADS"):
        Mask.from_zone(lat=("0 deg", "90 deg"), order=3).contains(SkyCoord(1, 1, unit="deg"))
    assert thread_count(2) == 2
    with hpmask.set_num_threads(1):
        assert hpmask.get_num_threads() == 1


def test_empty_environment_variable_counts_as_none(monkeypatch):
    monkeypatch.setenv("HPMASK_NUM_THREADS", "")
    assert hpmask.get_num_threads() == parallel._processors()


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs sched_getaffinity")
def test_affinity_and_quota_limit_the_default(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(12)))
    for quota, number in ((None, 12), (3, 3), (40, 12)):
        monkeypatch.setattr(parallel, "_own_quota", lambda quota=quota: quota)
        assert hpmask.get_num_threads() == number


QUOTAS = {
    "no files": ({}, None),
    "v2, none": ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
    "v2, two": ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2),
    "v2, rounded up": ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "250001 100000\n"}, 3),
    "v2, less than one": ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "10000 100000\n"}, 1),
    "v2, another period": ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "100000 50000\n"}, 2),
    "v2, the strictest group counts": (
        {
            "proc/self/cgroup": "0::/user.slice/job\n",
            "sys/fs/cgroup/user.slice/cpu.max": "300000 100000\n",
            "sys/fs/cgroup/user.slice/job/cpu.max": "max 100000\n",
            "sys/fs/cgroup/other/cpu.max": "100000 100000\n",
        },
        3,
    ),
    "v2, a group above the namespace": (
        {"proc/self/cgroup": "0::/../..\n", "sys/fs/cgroup/cpu.max": "400000 100000"},
        4,
    ),
    "v2, hybrid": ({"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/unified/a/cpu.max": "400000 100000"}, 4),
    "v1, none": (
        {
            "proc/self/cgroup": "4:cpu,cpuacct:/\n0::/\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
        None,
    ),
    "v1, in a container that sees its group as the root": (
        {
            "proc/self/cgroup": "11:memory:/docker/ab12\n4:cpu,cpuacct:/docker/ab12\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "150000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
        2,
    ),
    "v1, by its path": (
        {
            "proc/self/cgroup": "4:cpuacct,cpu:/batch/job:7\n",
            "sys/fs/cgroup/cpu,cpuacct/batch/job:7/cpu.cfs_quota_us": "500000\n",
            "sys/fs/cgroup/cpu,cpuacct/batch/job:7/cpu.cfs_period_us": "100000\n",
        },
        5,
    ),
    "damaged": ({"proc/self/cgroup": "nonsense\n", "sys/fs/cgroup/cpu.max": "many 0\n"}, None),
}


@pytest.mark.parametrize("case", QUOTAS)
def test_cpu_quota(tmp_path, case):
    files, expected = QUOTAS[case]
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cpu_quota(tmp_path) == expected


# ---------------------------------------------------------------------- the pool


@pytest.mark.parametrize("n_threads", [1, 2, 3, 8, 16])
def test_results_come_in_order(n_threads):
    def work(i):
        time.sleep(0.001 * (i % 3))
        return i * i

    assert list(thread_map(work, range(20), n_threads)) == [i * i for i in range(20)]
    assert list(thread_map(work, iter([]), n_threads)) == []


def test_as_many_threads_as_are_asked_for():
    """Also twice as many as the first time, and never more."""
    for n_threads in (2, 4, 3):
        barrier = threading.Barrier(n_threads)

        def work(_, barrier=barrier):
            barrier.wait(timeout=10)
            return threading.get_ident()

        found = list(thread_map(work, range(n_threads), n_threads))
        assert len(set(found)) == n_threads
        assert threading.get_ident() in found
        seen = set(thread_map(lambda _: (time.sleep(0.001), threading.get_ident())[1], range(50), n_threads))
        assert len(seen) <= n_threads


def test_the_number_of_the_process_is_the_default():
    with hpmask.set_num_threads(1):
        assert set(thread_map(lambda _: threading.get_ident(), range(10))) == {threading.get_ident()}


@pytest.mark.parametrize("n_threads", [1, 4])
def test_errors_come_in_order_and_end_the_work(n_threads):
    begun = []

    def work(i):
        begun.append(i)
        if i in (5, 6):
            raise ValueError(f"part {i}")
        time.sleep(0.002)
        return i

    results = thread_map(work, range(1000), n_threads)
    found = []
    with pytest.raises(ValueError, match="part 5"):
        found.extend(results)
    count = len(begun)
    assert count < 50
    time.sleep(0.02)
    assert len(begun) == count
    assert list(thread_map(abs, [-1, -2, -3], n_threads)) == [1, 2, 3]


def test_an_iterator_that_is_closed_leaves_no_work_behind():
    at_work, done = [], []

    def work(i):
        at_work.append(i)
        time.sleep(0.002)
        done.append(i)

    results = thread_map(work, range(1000), 4)
    next(results)
    results.close()
    assert sorted(at_work) == sorted(done)
    count = len(done)
    assert count < 50
    time.sleep(0.02)
    assert len(done) == count


def test_interrupt():
    """Ctrl-C ends the work, whichever part it is at, and the next call works."""
    code = """
import os, signal, threading, time
from hpmask._utils.parallel import thread_map
done = []
def work(i):
    time.sleep(0.05)
    done.append(i)
signal.signal(signal.SIGINT, signal.default_int_handler)
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    list(thread_map(work, range(1000), 4))
except KeyboardInterrupt:
    count = len(done)
    time.sleep(0.2)
    assert len(done) == count < 100, (count, len(done))
    assert list(thread_map(abs, range(10), 4)) == list(range(10))
    print("clean")
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert found.stdout == "clean\n", found.stderr


def test_nested_maps_do_not_deadlock():
    def inner(i):
        time.sleep(0.001)
        return i

    def outer(k):
        return sum(thread_map(inner, range(k), 8))

    assert list(thread_map(outer, range(30), 8)) == [k * (k - 1) // 2 for k in range(30)]


def test_maps_from_many_threads():
    def work(k):
        return list(thread_map(lambda i: i + k, range(10), 4))

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(work, range(200))) == [list(range(k, k + 10)) for k in range(200)]


def test_the_context_of_the_caller_holds_on_all_threads():
    """numpy keeps its settings of floating-point errors there, from version 2 on."""
    from contextvars import ContextVar

    variable = ContextVar("variable", default=0)
    variable.set(5)
    barrier = threading.Barrier(3)

    def work(_):
        barrier.wait(timeout=10)
        return variable.get()

    assert list(thread_map(work, range(3), 3)) == [5, 5, 5]


def test_no_thread_can_be_started(monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(parallel, "_pool", None)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert list(thread_map(abs, range(-5, 0), 4)) == [5, 4, 3, 2, 1]


def test_no_memory_for_a_thread(monkeypatch):
    """The others do the work, and the job is counted as over."""

    def refuse(self):
        raise MemoryError

    monkeypatch.setattr(parallel, "_pool", None)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert list(thread_map(abs, range(-5, 0), 4)) == [5, 4, 3, 2, 1]
    assert parallel._n_jobs == 0


def test_no_memory_for_a_lock(monkeypatch):
    def refuse():
        raise RuntimeError("can't allocate lock")

    with monkeypatch.context() as patch:
        patch.setattr(parallel.threading, "Lock", refuse)
        with pytest.raises(MemoryError, match="locks"):
            list(thread_map(abs, range(-5, 0), 4))
    assert list(thread_map(abs, range(-5, 0), 4)) == [5, 4, 3, 2, 1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("error")
def test_fork():
    """A child has no threads of its parent; neither deadlocks. An idle pool is not there when the process forks."""
    code = """
import os, sys, threading, time
from hpmask._utils.parallel import thread_map
def check():
    assert list(thread_map(abs, range(100), 4)) == list(range(100))
def child(forked):
    if forked:
        code = os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1])
        assert code == 0, code
    else:
        check()
        os._exit(0)
check()
child(os.fork())
assert threading.active_count() == 1
check()
# From a part of the work, and while other threads are at work.
list(thread_map(lambda _: child(os.fork()), range(4), 4))
check()
print("clean")
"""
    found = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore:.*multi-threaded", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.stdout == "clean\n", found.stderr


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs setitimer")
def test_fork_by_multiprocessing():
    code = """
import multiprocessing
from hpmask._utils.parallel import thread_map
def work(k):
    return sum(thread_map(abs, range(k), 4))
if __name__ == "__main__":
    work(100)
    with multiprocessing.get_context("fork").Pool(3) as pool:
        assert pool.map(work, range(50)) == [sum(range(k)) for k in range(50)]
    print("clean")
"""
    found = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60)
    assert found.stdout == "clean\n", found.stderr


# ---------------------------------------------------------------------- results do not depend on the number

AXIS = EnergyAxis.from_bounds("1 TeV", "100 TeV", 3)
GENERATOR = np.random.default_rng(1)


def _sky(n):
    lon = GENERATOR.uniform(0, 360, n)
    return SkyCoord(lon, np.degrees(np.arcsin(GENERATOR.uniform(-1, 1, n))), unit="deg")


STARS = _sky(20_000)
RADII = GENERATOR.uniform(0.02, 0.3, 20_000) * u.deg
PLACES = _sky(150_000)
WCS, SHAPE = field_wcs(STARS[0], "12 deg", binsz="0.01 deg")


# Enough ranges and pixels for each of the thresholds above which a second thread is used.


@cache
def many():
    return Mask.from_cones(STARS, RADII, order=11, n_threads=1)


@cache
def other():
    return Mask.from_cones(PLACES[:40_000], "0.05 deg", order=12, n_threads=1)


@cache
def image():
    return many().to_wcs(WCS, SHAPE, n_threads=1)


@cache
def bins():
    return Mask.from_cones(STARS, RADII[:, np.newaxis] * [1, 2, 0.5], order=9, energy=AXIS, n_threads=1)


HEAVY = {
    "from_cones": lambda **n: Mask.from_cones(STARS, RADII, order=11, **n),
    "from_cones, overlap": lambda **n: Mask.from_cones(STARS[:9000], "0.2 deg", order=10, mode="overlap", **n),
    "from_regions": lambda **n: Mask.from_regions(
        [f"icrs; ellipse({s.ra.deg}, {s.dec.deg}, 1, 0.5, 30)" for s in STARS[:40]], order=15, **n
    ),
    "dilate": lambda **n: many().dilate("0.1 deg", **n),
    "dilate by steps": lambda **n: many().dilate(steps=2, **n),
    "erode": lambda **n: many().erode("0.05 deg", **n),
    "boundary": lambda **n: bins().boundary("0.2 deg", **n),
    "distance": lambda **n: many().distance(PLACES[:50_000], **n),
    "distance_map": lambda **n: bins()[0].distance_map(order=6, **n),
    "apodize": lambda **n: bins()[0].apodize("1 deg", order=6, **n),
    "to_wcs": lambda **n: many().to_wcs(WCS, SHAPE, **n),
    "to_wcs, fraction": lambda **n: many().to_wcs(WCS, SHAPE, mode="fraction", **n),
    "from_wcs": lambda **n: Mask.from_wcs(image(), WCS, order=13, **n),
    "from_wcs, overlap": lambda **n: Mask.from_wcs(image()[:300], WCS, order=11, mode="overlap", **n),
    "contains": lambda **n: bins().contains(PLACES, **n),
    "energy_range": lambda **n: u.Quantity(bins().energy_range(PLACES, **n)),
    "fill_holes": lambda **n: bins().fill_holes("1 deg2", **n),
    "remove_small": lambda **n: bins().remove_small("0.2 deg2", **n),
    "keep_largest": lambda **n: bins().keep_largest(7, **n),
    "n_components": lambda **n: bins().n_components(**n),
    "energy_range_wcs": lambda **n: u.Quantity(bins().energy_range_wcs(WCS, SHAPE, **n)),
    "to_frame": lambda **n: bins().to_frame("galactic", order=8, **n),
}
BY_SWITCH = {
    "union": lambda: many() | other(),
    "difference": lambda: other() - many(),
    "union of many": lambda: hpmask.union_all([many(), other(), ~bins()[0]]),
    "intersection of many": lambda: hpmask.intersection_all([many(), other(), ~bins()[0]]),
}


def bits(result):
    """All that a result is, as bytes."""
    if isinstance(result, Mask):
        return [plane.boundaries.tobytes() for plane in result.planes], result.order, result.frame, result.history
    return np.asarray(result).tobytes(), np.shape(result)


@pytest.fixture
def asked(monkeypatch):
    """The numbers of helpers that are asked for."""
    numbers = []
    begin = parallel._begin
    monkeypatch.setattr(parallel, "_begin", lambda share, number: (numbers.append(number), begin(share, number))[1])
    return numbers


@pytest.mark.deep
@pytest.mark.parametrize("name", HEAVY)
def test_results_do_not_depend_on_the_number_of_threads(name, asked):
    expected = bits(HEAVY[name](n_threads=1))
    for n_threads in (3, 16):
        asked.clear()
        assert bits(HEAVY[name](n_threads=n_threads)) == expected
        assert 0 < max(asked) < n_threads
    with hpmask.set_num_threads(2):
        assert bits(HEAVY[name]()) == expected


@pytest.mark.parametrize("name", BY_SWITCH)
def test_set_operations_do_not_depend_on_the_number_of_threads(name, asked):
    with hpmask.set_num_threads(1):
        expected = bits(BY_SWITCH[name]())
    for n_threads in (2, 3, 8, 16):
        asked.clear()
        with hpmask.set_num_threads(n_threads):
            assert bits(BY_SWITCH[name]()) == expected
        assert asked


@pytest.mark.parametrize("name", [*HEAVY, *BY_SWITCH])
def test_one_thread_is_one_thread(name, monkeypatch):
    """The switch holds back all threads, and so does the argument of those methods that have it."""

    def refuse(*_):
        raise AssertionError("a thread is asked for")

    monkeypatch.setattr(parallel, "_begin", refuse)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with hpmask.set_num_threads(1):
        (HEAVY | BY_SWITCH)[name]()
    if name in HEAVY:
        hpmask.set_num_threads(4)
        HEAVY[name](n_threads=1)
