"""Masks and the threads of hpmask in other processes: forked, also while threads work, spawned, and those of Dask."""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor

import pytest
from operations import OPERATIONS, Material, bits
from profiles import cases, seed
from sanitized import not_sanitized

import hpmask

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    not_sanitized,
    # Python warns of a fork in a process with threads: that is what is tested.
    pytest.mark.filterwarnings("ignore"),
]
NAMES = ("contains", "union", "dilate", "from_cones", "to_wcs", "n_components", "hash")
SECONDS = 300


@pytest.fixture(scope="module")
def material():
    return Material("small")


def answers(material, number):
    """What the operations give on a number of threads."""
    with hpmask.set_num_threads(number):
        return [bits(OPERATIONS[name](material)) for name in NAMES]


def in_a_fork(work):
    """What a forked process makes, and None if it does not end."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.close(read)
            with os.fdopen(write, "wb") as file:
                pickle.dump(work(), file)
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    timer = threading.Timer(SECONDS, os.kill, [child, signal.SIGKILL])
    timer.start()
    try:
        with os.fdopen(read, "rb") as file:
            sent = file.read()
    finally:
        timer.cancel()
        _, status = os.waitpid(child, 0)
    return pickle.loads(sent) if status == 0 else None


def test_a_fork_that_hangs_is_found(monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "SECONDS", 0.2)
    lock = threading.Lock()
    lock.acquire()
    assert in_a_fork(lambda: lock.acquire()) is None


def test_fork_while_threads_work(material, counted):
    """Another thread has the pool at work, and takes and gives back its locks, at the moment of each fork."""
    expected = answers(material, 1)
    done, number = threading.Event(), 0

    def busy():
        while not done.is_set():
            answers(material, 3)

    others = [threading.Thread(target=busy) for _ in range(2)]
    for one in others:
        one.start()
    try:
        for number in range(cases(4)):
            time.sleep(0.003 * number % 0.02)
            assert in_a_fork(lambda: answers(material, 3)) == expected
    finally:
        done.set()
        for one in others:
            one.join()
    counted(number + 1, "forks while threads work")
    assert answers(material, 3) == expected


def test_fork_within_a_part(material):
    """A thread that works on a part forks: it is the only one in the child, and a signal ends its kernels there."""
    from hpmask._kernels import stopping
    from hpmask._utils.parallel import thread_map

    expected = answers(material, 1)

    def interrupted():
        def handler(number, frame):
            raise TimeoutError

        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        try:
            stopping.looks(1 << 40, 1 << 10)
        except TimeoutError:
            return answers(material, 3)

    def work(part):
        # The helper works, too, so that this is not always the caller.
        time.sleep(0.02)
        return in_a_fork(interrupted)

    assert list(thread_map(work, range(2), 2)) == [expected, expected]


def _of_masks(masks, names, number):
    """The same of masks that were sent."""
    material = Material("small")
    material.__dict__.update(masks)
    with hpmask.set_num_threads(number):
        return [bits(OPERATIONS[name](material)) for name in names], hash(masks["many"]), masks["bins"].history


@pytest.mark.deep
def test_masks_are_sent(material, counted):
    """By all three ways to start a process; a short run tries two of them."""
    methods = ["fork", "spawn", "forkserver"] if cases(1) > 1 else ["fork", ("spawn", "forkserver")[seed() % 2]]
    counted(len(methods), "ways to start a process")
    masks = {"many": material.many, "other": material.other, "bins": material.bins}
    expected = _of_masks(masks, NAMES, 1)
    for method in methods:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
            assert pool.submit(_of_masks, masks, NAMES, 3).result(timeout=SECONDS) == expected


@pytest.mark.deep
def test_workers_of_dask(material):
    dask = pytest.importorskip("dask")
    masks = {"many": material.many, "other": material.other, "bins": material.bins}
    expected = _of_masks(masks, NAMES, 1)
    for scheduler in ("threads", "processes"):
        tasks = [dask.delayed(_of_masks)(masks, NAMES, number) for number in (1, 3)]
        found = dask.compute(*tasks, scheduler=scheduler, num_workers=1)
        assert [tuple(one) for one in found] == [expected, expected]
