"""Signals, such as Ctrl-C, are answered soon in all operations that take long, also within kernels.

A timer that counts the CPU time of the process sends the signal, and the answer is measured in CPU time, too. A busy
machine therefore changes neither the moment nor the answer.
"""

import _imp
import os
import signal
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from operations import OPERATIONS, Material, bits, without_dates
from profiles import cases, sampled, seed
from sanitized import not_sanitized

import hpmask
from hpmask import Mask, Shapes
from hpmask._kernels import stopping
from hpmask._utils import parallel
from hpmask._utils.parallel import thread_map

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs timers of CPU time")

# Seconds of the CPU time of all threads, from the signal to its error in the caller.
LIMIT = 0.5

# Turns of a loop that takes most of a minute, if nothing ends it.
LONG = 1 << 35


class Interrupt(BaseException):
    """What the handler of the signal raises."""


@contextmanager
def interrupted(after):
    """Send a signal when the process has used this much CPU time. Yields a list, for the CPU time of the answer."""
    answers = []

    def handler(number, frame):
        if importing(frame):
            # Python would lose the lock of all imports, and other threads and forked processes wait for it for ever.
            due[0] = time.process_time() + 0.001
            signal.setitimer(signal.ITIMER_PROF, 0.001)
        else:
            raise Interrupt

    before = signal.signal(signal.SIGPROF, handler)
    due = [time.process_time() + after]
    try:
        with woken():
            signal.setitimer(signal.ITIMER_PROF, after)
            try:
                yield answers
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
    except Interrupt:
        answers.append(time.process_time() - due[0])
    finally:
        signal.signal(signal.SIGPROF, before)
    assert not _imp.lock_held()


def importing(frame):
    """Whether a module is being imported."""
    while frame is not None and "importlib" not in frame.f_code.co_filename:
        frame = frame.f_back
    return frame is not None


@contextmanager
def woken():
    """Wake the main thread for a signal that reached another one, as the timer's does and Ctrl-C does not."""
    main = threading.main_thread().ident
    ear, mouth = os.pipe()
    os.set_blocking(mouth, False)

    def pass_on():
        while (number := os.read(ear, 1)) != b"\0":
            if number[0] == signal.SIGPROF:
                signal.pthread_kill(main, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, lambda number, frame: None)
    fd = signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
    watcher = threading.Thread(target=pass_on)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(fd)
        os.write(mouth, b"\0")
        watcher.join()
        signal.signal(signal.SIGUSR1, before)
        os.close(ear)
        os.close(mouth)


def answer_time(work, after):
    """The CPU time from a signal to its error; None if `work` was done before."""
    with interrupted(after) as answers:
        work()
    return answers[0] if answers else None


def check_idle():
    """No thread works on."""
    begin = time.process_time()
    time.sleep(0.05)
    assert time.process_time() - begin < 0.03


# ---------------------------------------------------------------------- the machine


def test_a_kernel_that_does_not_look_is_found():
    slow = answer_time(lambda: stopping.looks(1 << 29, 1 << 62), 0.02)
    assert slow is None or slow > 0.1
    assert answer_time(lambda: stopping.looks(LONG, 1 << 10), 0.02) < 0.1


def test_the_error_is_that_of_the_handler_and_comes_once():
    with interrupted(0.02) as answers:
        stopping.looks(LONG, 1 << 10)
    assert len(answers) == 1
    stopping.looks(1 << 20, 1)


def test_a_handler_that_raises_nothing_ends_nothing():
    calls = []
    before = signal.signal(signal.SIGPROF, lambda *_: calls.append(time.process_time()))
    signal.setitimer(signal.ITIMER_PROF, 0.02, 0.02)
    try:
        begin = time.process_time()
        while time.process_time() - begin < 0.3:
            stopping.looks(1 << 22, 1 << 10)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    assert len(calls) > 3


def test_a_signal_wakes_the_main_thread_that_waits():
    """Another thread works, and its kernel ends when the main thread has its error."""
    begun = threading.Event()

    def work(k):
        if threading.current_thread() is threading.main_thread():
            # And is then done with its part.
            begun.wait()
        else:
            begun.set()
            stopping.looks(LONG, 1 << 10)

    assert answer_time(lambda: list(thread_map(work, range(2), 2)), 0.1) < LIMIT
    check_idle()


def test_keyboard_interrupt():
    # A process that a shell starts in the background ignores this signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Timer(0.1, signal.raise_signal, [signal.SIGINT]).start()
        with pytest.raises(KeyboardInterrupt):
            stopping.looks(LONG, 1 << 10)
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_go_on():
    """A signal ends the work of the main thread alone."""
    done = []

    def work():
        stopping.looks(1 << 26, 1 << 10)
        done.append(True)

    other = threading.Thread(target=work)
    other.start()
    assert answer_time(lambda: stopping.looks(LONG, 1 << 10), 0.02) is not None
    other.join()
    assert done == [True]


def test_helpers_end_with_the_caller():
    """The kernels of the other threads of a job end, those of other jobs do not."""
    done = []

    def elsewhere():
        done.extend(thread_map(lambda k: stopping.looks(1 << 25, 1 << 10), range(2), 2))

    other = threading.Thread(target=elsewhere)
    other.start()
    time.sleep(0.05)
    assert answer_time(lambda: list(thread_map(lambda k: stopping.looks(LONG, 1 << 10), range(3), 3)), 0.05) < LIMIT
    other.join()
    assert done == [None, None]
    check_idle()
    assert list(thread_map(lambda k: stopping.looks(k, 1) or k, range(9), 3)) == list(range(9))


def test_an_error_ends_the_kernels_of_the_other_threads(monkeypatch):
    taken, begun = threading.Event(), threading.Semaphore(0)

    def work(k):
        if k == 0:
            taken.set()
            for _ in range(2):
                begun.acquire()
            raise ValueError("a part")
        begun.release()
        stopping.looks(LONG, 1 << 10)

    # The helpers wait until the caller has the first part, and the caller until they have the others.
    begin = parallel._begin
    monkeypatch.setattr(parallel, "_begin", lambda share, n: begin(lambda: (taken.wait(), share()), n))
    start = time.process_time()
    with pytest.raises(ValueError, match="a part"):
        list(thread_map(work, range(3), 3))
    assert time.process_time() - start < LIMIT
    check_idle()


# ---------------------------------------------------------------------- all operations

POLE = SkyCoord(10, 20, unit="deg")
TRIANGLE = SkyCoord([0, 40, 20], [0, 5, 30], unit="deg")
# What takes long in one call, or in kernels that the table's inputs are too small for.
MORE = {
    "one cone": lambda m: Mask.from_cones(POLE, "20 deg", order=22),
    "one cone, overlap": lambda m: Mask.from_cones(POLE, "20 deg", order=22, mode="overlap"),
    "one wide cone": lambda m: Mask.from_cones(POLE, "120 deg", order=22),
    "one annulus": lambda m: Mask.from_annuli(POLE, "10 deg", "20 deg", order=22),
    "one ellipse": lambda m: Mask.from_ellipses(POLE, "20 deg", "10 deg", "30 deg", order=22),
    "one ellipse, inside": lambda m: Mask.from_ellipses(POLE, "20 deg", "10 deg", "30 deg", order=20, mode="inside"),
    "one polygon": lambda m: Mask.from_polygons(TRIANGLE, order=22),
    "one polygon, overlap": lambda m: Mask.from_polygons(TRIANGLE, order=20, mode="overlap"),
    "one path": lambda m: Mask.from_paths(TRIANGLE, "1 deg", order=19),
    "one region": lambda m: Mask.from_regions("icrs; polygon(0, 0, 40, 5, 20, 30, 25, 5)", order=19),
    "zone": lambda m: Mask.from_zone(lat=("-20.1 deg", "31.2 deg"), order=19, frame="galactic"),
    "many cones": lambda m: Mask.from_cones(m.rows, "0.1 deg", order=11),
    "many polygons": lambda m: Mask.from_polygons(m.polygons, order=13),
    "to_frame": lambda m: m.noise.to_frame("galactic", order=11),
    "dilate": lambda m: m.noise.dilate("0.5 deg"),
    "dilate, finer": lambda m: m.noise.at_order(12).dilate("0.2 deg"),
    "erode": lambda m: (~m.noise).at_order(12).erode("0.1 deg"),
    "dilate steps": lambda m: m.noise.at_order(14).dilate(steps=3),
    "components": lambda m: len(m.noise.at_order(14).components()),
    "keep_largest": lambda m: m.noise.at_order(13).keep_largest(100),
    "outline": lambda m: list(m.noise.outline()),
    "outline simplify": lambda m: m.noise.outline(simplify="0.3 deg"),
    "distance": lambda m: m.noise.distance(m.rows),
    "distance_map": lambda m: m.noise.distance_map(order=11),
    "apodize": lambda m: m.noise.apodize("1 deg", order=10),
    "to_wcs": lambda m: [m.noise.to_wcs(*m.geometry) for _ in range(30)],
    "to_wcs fraction": lambda m: m.noise.to_wcs(*m.geometry, mode="fraction"),
    "from_wcs overlap": lambda m: Mask.from_wcs(
        np.indices(m.geometry[1]).sum(axis=0) % 7 < 3, m.geometry[0], order=15, mode="overlap"
    ),
    "random": lambda m: m.noise.random(m.size.randoms, seed=1),
    "contains": lambda m: [m.noise.contains(m.rows) for _ in range(40)],
    "area_in": lambda m: m.noise.area_in(Shapes.cones(m.rows, "1 deg"), order=12),
    "coverage": lambda m: hpmask.coverage(Shapes.cones(m.rows, "2 deg"), order=10),
    "fraction": lambda m: m.noise.at_order(14).fraction(11),
    "write json": lambda m: m.noise.write(m.path("out.json"), overwrite=True),
    "write ascii": lambda m: m.noise.write(m.path("out.txt"), overwrite=True),
    "write fits.gz": lambda m: m.noise.write(m.path("out.fits.gz"), overwrite=True),
    "write healpix": lambda m: m.noise.at_order(12).write(m.path("map.fits"), format="healpix", overwrite=True),
    "write hsp": lambda m: m.noise.at_order(12).write(m.path("out.hsp"), overwrite=True),
    "write parquet": lambda m: m.noise.at_order(12).write(m.path("out.parquet"), overwrite=True),
    "view": lambda m: m.noise.view(m.path("out.html"), open=False, overwrite=True),
}
AFTER = "from_cones", "union", "to_wcs", "write fits", "dilate"


@pytest.fixture(scope="module")
def long():
    return Material("long")


@pytest.fixture(scope="module")
def small():
    material = Material("small")
    with without_dates():
        return material, {name: bits(OPERATIONS[name](material)) for name in AFTER}


def files(material):
    return {path.name: path.stat().st_size for path in material.path("").iterdir()}


@pytest.mark.deep
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sampled(MORE, 15))
def test_long_operations_answer(name, long, small, counted):
    rng = np.random.default_rng([seed(), len(name)])
    # The inputs are made before.
    long.noise, long.rows, long.geometry  # noqa: B018
    moments = [0.05, *rng.uniform(0.1, 0.4, cases(1))]
    counted(len(moments), "interrupts")
    before = files(long)
    answers = []
    with hpmask.set_num_threads(2):
        for after in moments:
            answers.append(answer_time(lambda: MORE[name](long), after))
            if answers[-1] is not None:
                # No file is there that was not, and none has changed.
                assert files(long) == before
            check_idle()
            before = files(long)
    answers = [one for one in answers if one is not None]
    if not answers:
        pytest.skip("it does not take long on this machine")
    assert max(answers) < LIMIT
    material, expected = small
    again = AFTER[len(name) % len(AFTER)]
    with hpmask.set_num_threads(3), without_dates():
        assert bits(OPERATIONS[again](material)) == expected[again]


@not_sanitized
@pytest.mark.deep
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_an_interrupt_leaves_no_memory():
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    work = [lambda: Mask.from_cones(POLE, "20 deg", order=22), lambda: Mask.from_polygons(TRIANGLE, order=21)]
    sizes = []
    for _ in range(6):
        for one in work:
            assert answer_time(one, 0.1) is not None
        sizes.append(resident())
    # Each call has tens of megabytes when it is interrupted.
    assert sizes[-1] - sizes[1] < 30e6


def test_moments_are_of_cpu_time():
    """The measure: a sleep is no part of it."""
    assert answer_time(lambda: time.sleep(0.1), 0.05) is None
    answered = answer_time(lambda: [stopping.looks(1 << 20, 1 << 62) for _ in range(10**6)], 0.05)
    assert answered is not None
    assert answered < LIMIT
