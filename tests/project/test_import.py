"""What `import hpmask` costs, what it loads, and what it makes reachable."""

import subprocess
import sys
from pathlib import Path

import pytest

import hpmask

OPTIONAL = [
    "dask",
    "gammapy",
    "healpy",
    "matplotlib",
    "mocpy",
    "narwhals",
    "pandas",
    "pyarrow",
    "regions",
    "rich",
    "scipy",
]
SUBMODULES = sorted(
    path.stem
    for path in Path(hpmask.__file__).parent.iterdir()
    if not path.name.startswith("_") and (path.suffix == ".py" or (path / "__init__.py").exists())
)


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_loads_nothing_optional():
    # What astropy's coordinates bring along is not ours to avoid.
    code = (
        "import sys, astropy.coordinates, astropy.units; before = set(sys.modules);"
        "from hpmask import Mask; print(*set(sys.modules) - before)"
    )
    loaded = set(run(code))
    assert "hpmask.mask" in loaded
    assert sorted({name.partition(".")[0] for name in loaded} & set(OPTIONAL)) == []
    # The face hands masks over to these, and loads them when it does.
    for name in ("cli", "interop", "io", "plotting", "recipe", "testing"):
        assert f"hpmask.{name}" not in loaded


def test_the_package_alone_is_light():
    """Names are loaded at their first use, of which the help of the command line is none."""
    code = "import sys, hpmask; {}print(*{{'numpy', 'astropy', 'hpmask.mask'}} & set(sys.modules))"
    assert run(code.format("")) == []
    assert "hpmask.mask" in run(code.format("hpmask.Mask; "))


def test_masks_of_modules_have_the_class_of_users():
    """Also where nobody has imported it."""
    code = "from io import BytesIO\nfrom hpmask import io\nprint(type(io.read(BytesIO(b'3/1-4 5/2\\n'))).__module__)"
    assert run(code) == ["hpmask.mask"]


def test_submodules_are_attributes_without_being_loaded():
    code = (
        "import sys, hpmask; before = set(sys.modules); print(*dir(hpmask));"
        f"assert all(name in dir(hpmask) for name in {SUBMODULES}); assert set(sys.modules) == before"
    )
    assert set(SUBMODULES) <= set(run(code))


def test_submodules_load_when_asked_for():
    # The command line is the one that needs something optional.
    code = (
        f"import sys, hpmask\nfor name in {[name for name in SUBMODULES if name != 'cli']}:\n"
        "    assert getattr(hpmask, name) is sys.modules[f'hpmask.{name}']\n"
        "print('hpmask', *{name.partition('.')[0] for name in sys.modules})"
    )
    assert sorted(set(run(code)) & set(OPTIONAL)) == []


def test_submodules_are_those_on_disk():
    assert sorted(hpmask._SUBMODULES) == SUBMODULES


def test_other_names_are_no_attributes():
    with pytest.raises(AttributeError, match="module 'hpmask' has no attribute 'nonsense'"):
        hpmask.nonsense  # noqa: B018
    assert not hasattr(hpmask, "_nonsense")


def test_takes_little_time(monkeypatch):
    # With bytecode, as users have it after the first time.
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    # After what it stands on, in processor time, so that the machine's load takes no part.
    code = (
        "import astropy.coordinates, time; start = time.process_time(); import hpmask.mask;"
        "print(time.process_time() - start)"
    )
    assert min(float(run(code)[0]) for _ in range(3)) < 0.3


@pytest.mark.parametrize("name", hpmask.__all__)
def test_public_names(name):
    assert getattr(hpmask, name)


def test_the_names_that_a_program_begins_with():
    assert {"EnergyAxis", "Mask", "MaskFormatError", "RangeSet", "__version__", "union_all"} <= set(hpmask.__all__)
