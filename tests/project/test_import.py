"""What `import hpmask` costs, and what it does not load."""

import subprocess
import sys

import pytest

HEAVY = ["dask", "gammapy", "healpy", "matplotlib", "mocpy", "pandas", "pyarrow", "regions", "rich", "scipy"]


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_loads_nothing_heavy():
    # What astropy's coordinates bring along is not ours to avoid.
    code = (
        "import sys, astropy.coordinates, astropy.units; before = set(sys.modules); import hpmask;"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    loaded = run(code)
    assert "hpmask" in loaded
    assert sorted(set(loaded) & set(HEAVY)) == []


def test_takes_little_time():
    # After what it stands on, in processor time, so that the machine's load takes no part.
    code = (
        "import astropy.coordinates, time; start = time.process_time(); import hpmask;"
        "print(time.process_time() - start)"
    )
    assert min(float(run(code)[0]) for _ in range(3)) < 0.4


@pytest.mark.parametrize("name", ["EnergyAxis", "Mask", "MaskFormatError", "RangeSet", "__version__"])
def test_public_names(name):
    import hpmask

    assert name in hpmask.__all__
    assert getattr(hpmask, name)
