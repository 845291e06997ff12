"""Memory that large arrays leave to the next ones."""

from __future__ import annotations

import threading
from unittest import mock

import numpy as np
import pytest

from hpmask._utils import memory

# Twice as much as counts as large.
N = memory._LARGE // 4


@pytest.fixture(autouse=True)
def nothing_kept():
    memory.release()
    yield
    memory.release()


def test_small_arrays_are_those_of_numpy():
    array = memory.array_of(10)
    assert array.flags.owndata
    assert array.size == 10
    del array
    assert memory.kept() == 0


def test_memory_comes_back():
    array = memory.array_of(N)
    assert (array.dtype, array.shape) == (np.uint64, (N,))
    assert array.flags.c_contiguous
    assert array.flags.aligned
    place = array.ctypes.data
    assert memory.kept() == 0
    del array
    assert memory.kept() == 8 * N
    again = memory.array_of(N - 100)
    assert again.ctypes.data == place
    assert again.size == N - 100
    assert memory.kept() == 0


def test_a_view_keeps_the_memory():
    array = memory.array_of(N)
    array[:] = np.arange(N)
    view = array.reshape(-1, 2)[5:7]
    buffer = memoryview(array)[:3]
    del array
    assert memory.kept() == 0
    memory.array_of(N)[:] = 0
    assert view.tolist() == [[10, 11], [12, 13]]
    assert buffer.tolist() == [0, 1, 2]
    del view
    assert memory.kept() == 8 * N
    buffer.release()
    assert memory.kept() == 16 * N


def test_an_array_that_is_read_only_stays_so():
    array = memory.array_of(N)
    array.flags.writeable = False
    with pytest.raises(ValueError, match="WRITEABLE"):
        array[:].flags.writeable = True


def test_a_block_that_is_much_larger_is_not_used():
    arrays = [memory.array_of(2 * N)]
    place = arrays[0].ctypes.data
    arrays[0] = memory.array_of(N)
    assert memory.kept() == 16 * N
    assert arrays[0].ctypes.data != place


def test_what_is_kept_is_limited():
    with mock.patch.object(memory, "_MOST_KEPT", 40 * N):
        for size in (3 * N, 2 * N, 2 * N):
            arrays = [memory.array_of(size)]
            arrays.clear()
        # The second of 2 N has the memory of the first.
        assert memory.kept() == 40 * N
        arrays = [memory.array_of(N)]
        arrays.clear()
        assert memory.kept() == 24 * N
        arrays = [memory.array_of(6 * N)]
        arrays.clear()
        assert memory.kept() == 0


def test_a_lack_of_memory_frees_what_is_kept():
    arrays = [memory.array_of(N)]
    arrays.clear()
    real, calls = np.empty, []

    def empty(*args, **kwargs):
        calls.append(args)
        if memory.kept():
            raise MemoryError
        return real(*args, **kwargs)

    with mock.patch.object(memory.np, "empty", empty):
        assert memory.array_of(3 * N).size == 3 * N
    assert len(calls) == 2
    with pytest.raises(MemoryError):
        memory.array_of(1 << 58)


def test_on_many_threads():
    """No two arrays that exist at a time share memory."""
    faults = []

    def work(number):
        rng = np.random.default_rng(number)
        for _ in range(200):
            array = memory.array_of(N + int(rng.integers(0, 3)) * N // 10)
            array[::512] = number
            if not (array[::512] == number).all():
                faults.append(number)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert memory.kept() <= memory._MOST_KEPT
