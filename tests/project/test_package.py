"""The package itself: its version, what a wheel holds, and what it depends on."""

import re
import tomllib
from importlib.metadata import distribution, version
from importlib.resources import files
from itertools import chain
from pathlib import Path

import pytest

import hpmask

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
    lowest = dict(re.match(r"([\w-]+)(?:\[[\w,]+\])?>=([\d.]+)", need).groups() for need in needs if ">=" in need)
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
