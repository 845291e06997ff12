"""Builds on several processes, of which some are killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table, vstack

from hpmask import Mask, MaskFormatError, scale
from hpmask.io.parquet_folder import read_folder

pytest.importorskip("dask")
pytest.importorskip("pyarrow")
cloudpickle = pytest.importorskip("cloudpickle")

pytestmark = pytest.mark.deep

N_FILES = 8


@pytest.fixture(autouse=True, scope="module")
def _by_value():
    # Workers cannot import the tests.
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(1)
    (tmp_path / "stars").mkdir()
    for k in range(N_FILES):
        table = Table({"ra": rng.uniform(0, 360, 200), "dec": rng.uniform(-70, 70, 200)})
        table.write(tmp_path / "stars" / f"part-{k}.parquet")
    return tmp_path / "stars"


@pytest.fixture
def expected(folder):
    table = vstack([Table.read(path) for path in sorted(folder.iterdir())])
    return Mask.from_catalog(table, "0.5 deg", order=8)


def deadly(marker, n_deaths):
    """A size that kills its process, a number of times, unless that is the one that asks which columns it needs."""
    driver = os.getpid()

    def radius(table):
        for k in range(n_deaths if os.getpid() != driver else 0):
            try:
                os.close(os.open(f"{marker}-{k}", os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                continue
            os.kill(os.getpid(), signal.SIGKILL)
        return np.full(len(table), 0.5) * u.deg

    return radius


def test_processes(folder, expected, tmp_path):
    assert scale.from_catalog(folder, "0.5 deg", order=8, workers=2) == expected
    target = scale.from_catalog(folder, "0.5 deg", order=8, workers=2, folder=tmp_path / "mask", tile_order=1)
    assert read_folder(target) == expected


def test_a_killed_process_loses_nothing(folder, expected, tmp_path):
    radius = deadly(tmp_path / "dead", 2)
    assert scale.from_catalog(folder, radius, order=8, workers=2) == expected
    assert len(list(tmp_path.glob("dead-*"))) == 2


def test_processes_that_die_again_and_again_are_an_error(folder, tmp_path):
    from concurrent.futures.process import BrokenProcessPool

    target = tmp_path / "mask"
    with pytest.raises(BrokenProcessPool):
        scale.from_catalog(folder, deadly(tmp_path / "dead", 100), order=8, workers=2, folder=target)
    assert not target.exists()


def test_a_killed_worker_of_a_cluster_loses_nothing(folder, expected, tmp_path):
    distributed = pytest.importorskip("distributed")
    words = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
    with distributed.LocalCluster(**words) as cluster, distributed.Client(cluster) as client:
        radius = deadly(tmp_path / "dead", 2)
        target = scale.from_catalog(folder, radius, order=8, workers=client, folder=tmp_path / "mask", tile_order=1)
        assert read_folder(target) == expected
        assert len(list(tmp_path.glob("dead-*"))) == 2
        # The current client is found.
        assert scale.from_catalog(folder, "0.5 deg", order=8) == expected
        with pytest.raises(ValueError, match=r"^partition 0 .*: radius 'r' is neither|^radius 'r' is neither"):
            scale.from_catalog(folder, "r", order=8)


def test_a_cluster_looks_up_rows(folder, expected, tmp_path):
    distributed = pytest.importorskip("distributed")
    dd = pytest.importorskip("dask.dataframe")
    words = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
    frame = vstack([Table.read(path) for path in sorted(folder.iterdir())]).to_pandas()
    table = dd.from_pandas(frame, npartitions=4)
    target = scale.from_catalog(folder, "0.5 deg", order=8, workers=1, folder=tmp_path / "mask", tile_order=1)
    with distributed.LocalCluster(**words) as cluster, distributed.Client(cluster):
        found = scale.contains(~expected, table)
        np.testing.assert_array_equal(found.compute(), (~expected).contains(frame))
        np.testing.assert_array_equal(scale.contains(target, table).compute(), expected.contains(frame))


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_processes_look_up_rows(folder, expected):
    dask, dd = pytest.importorskip("dask"), pytest.importorskip("dask.dataframe")
    frame = vstack([Table.read(path) for path in sorted(folder.iterdir())]).to_pandas()
    table = dd.from_pandas(frame, npartitions=4)
    with dask.config.set(scheduler="processes", num_workers=2):
        np.testing.assert_array_equal(scale.contains(expected, table).compute(), expected.contains(frame))


SCRIPT = """
import sys, time
import numpy as np
from astropy import units as u
from hpmask import scale


def radius(table):
    time.sleep(0.3)
    return np.full(len(table), 0.5) * u.deg


if __name__ == "__main__":
    stars, target, workers = sys.argv[1:]
    print("begin", flush=True)
    scale.from_catalog(stars, radius, order=8, folder=target, workers=int(workers), tile_order=2)
    print("end", flush=True)
"""


@pytest.mark.parametrize("what", ["pieces", "tiles"])
def test_a_killed_driver_leaves_nothing_that_is_a_mask(folder, expected, tmp_path, what):
    script, target, build = tmp_path / "script.py", tmp_path / "mask", tmp_path / "mask.build"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(folder), str(target), "2"]
    kept = 0
    for _ in range(3):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 300
        wanted = kept + 2
        while time.monotonic() < deadline and process.poll() is None and _number(build / what) < wanted:
            time.sleep(0.005)
        process.kill()
        out = process.communicate()[0]
        if "end" in out:
            break
        assert not target.exists()
        for place in (target, build, build / "mask"):
            with pytest.raises((MaskFormatError, FileNotFoundError, IsADirectoryError)):
                Mask.read(place)
        kept = _number(build / what)
        assert kept >= 2
        _wait_for_orphans(str(script))
    if not target.exists():
        subprocess.run(command, check=True, timeout=600, stdout=subprocess.DEVNULL)
    assert read_folder(target) == expected
    assert not build.exists()


def _number(folder):
    return len(list(folder.glob("*.ranges"))) if folder.is_dir() else 0


def _wait_for_orphans(script):
    """The processes of a killed driver end by themselves."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                cwd = path.parent.joinpath("cmdline").read_bytes()
            except OSError:
                continue
            if script.encode() in cwd:
                found.append(path)
        if not found:
            return
        time.sleep(0.2)
    raise AssertionError("processes are left")
