"""The package itself: its version, what a wheel holds, and that all of it is documented."""

import inspect
import re
import tomllib
from importlib.metadata import distribution, version
from importlib.resources import files
from itertools import chain
from pathlib import Path

import pytest

import hpmask
from hpmask import Mask, io, recipe, testing  # noqa: F401
from hpmask.interop import gammapy
from hpmask.plotting import slider, static  # noqa: F401
from hpmask.wcs import field  # noqa: F401

ROOT = Path(__file__).parents[2]
KERNELS = ROOT / "hpmask" / "_kernels"


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_version_is_written_once(project):
    build = (ROOT / "meson.build").read_text(encoding="utf-8")
    (written,) = re.findall(r"^\s+version: '(.+?)'", build, flags=re.M)
    assert hpmask.__version__ == version("hpmask") == written
    assert "version" in project["project"]["dynamic"]
    assert "version" not in project["project"]
    for file in [*(ROOT / "hpmask").rglob("*.py"), ROOT / "pyproject.toml", ROOT / "CITATION.cff"]:
        assert written not in file.read_text(encoding="utf-8"), file


def test_types_are_shipped():
    assert files("hpmask").joinpath("py.typed").is_file()


def test_meson_builds_all_kernels():
    text = (KERNELS / "meson.build").read_text(encoding="utf-8")
    (listed,) = re.findall(r"foreach kernel : \[(.+?)\]", text, flags=re.S)
    names = re.findall(r"'(\w+)'", listed)
    assert sorted(names) == sorted(file.stem for file in KERNELS.glob("*.pyx"))


def test_no_bytecode_is_installed():
    """meson has no patterns: each subpackage has its own line."""
    text = (ROOT / "meson.build").read_text(encoding="utf-8")
    packages = {file.parent.relative_to(ROOT / "hpmask") for file in (ROOT / "hpmask").rglob("__init__.py")}
    for package in packages - {Path("_kernels")}:
        assert f"'{(package / '__pycache__').as_posix()}'" in text
    assert "'_kernels'" in text


def test_python_versions_agree(project):
    classifiers = project["project"]["classifiers"]
    minors = [int(one.rpartition(".")[2]) for one in classifiers if re.search(r"Python :: 3\.\d+$", one)]
    assert project["project"]["requires-python"] == f">=3.{min(minors)}"
    assert minors == list(range(min(minors), max(minors) + 1))
    built = re.findall(r"cp3(\d+)-", project["tool"]["cibuildwheel"]["build"])
    assert [int(minor) for minor in built] == minors
    tested = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    (matrix,) = re.findall(r"python: \[(.+)\]", tested)
    assert [int(minor) for minor in re.findall(r"3\.(\d+)", matrix)] == minors


def test_oldest_versions_are_those_of_the_project(project):
    extras = project["project"]["optional-dependencies"].values()
    needs = [*project["project"]["dependencies"], *chain.from_iterable(extras)]
    lowest = dict(re.match(r"([\w-]+)>=([\d.]+)", need).groups() for need in needs if ">=" in need)
    lines = (ROOT / ".ci" / "oldest.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    for name in pinned.keys() & lowest.keys():
        assert f"{pinned[name].removesuffix('.*')}.".startswith(f"{lowest[name]}."), name
    runtime = {re.match(r"[\w-]+", need).group() for need in project["project"]["dependencies"]}
    assert runtime <= pinned.keys()


def test_runtime_dependencies_are_installed(project):
    """What the metadata of the installed package says is what pyproject.toml says."""
    listed = {re.match(r"[\w-]+", need).group() for need in project["project"]["dependencies"]}
    required = distribution("hpmask").requires
    assert {re.match(r"[\w-]+", need).group() for need in required if "extra" not in need} == listed


def test_public_names_are_documented():
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    entries = set(re.findall(r"^   ([\w.]+)$", page, flags=re.M))
    assert set(hpmask.__all__) <= entries
    methods = {f"Mask.{name}" for name, _ in inspect.getmembers(Mask) if not name.startswith("_")}
    assert methods == {entry for entry in entries if entry.startswith("Mask.")}
    listed = {"io.Format", "wcs.field_wcs", "wcs.wcs_like"}
    for module in (recipe, testing, gammapy):
        listed |= {f"{module.__name__.removeprefix('hpmask.')}.{name}" for name in module.__all__}
    assert listed <= entries
    for entry in entries - {"__version__"}:
        value = hpmask
        for name in entry.split("."):
            # The modules among them are attributes of the package once they are imported, as they are above.
            value = getattr(value, name)
        assert inspect.getdoc(value), entry


def test_design_page_has_the_map():
    """Every module is on the map, and nothing else is."""
    page = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    (drawn,) = re.findall(r"^hpmask/\n(.+?)^```", page, flags=re.M | re.S)
    named = set(re.findall(r"\b(\w+\.(?:py|pyx|pxd))\b", drawn)) - {"__init__.py"}
    on_disk = {
        file.name
        for folder in (ROOT / "hpmask", KERNELS)
        for file in folder.iterdir()
        if file.suffix in (".py", ".pyx", ".pxd") and file.name != "__init__.py"
    }
    assert named == on_disk
    folders = set(re.findall(r"^  (\w+)/", drawn, flags=re.M))
    assert folders == {file.parent.name for file in (ROOT / "hpmask").glob("*/__init__.py")}
