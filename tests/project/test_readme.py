"""The code and the commands in the README work, and the checks run its second command."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.M | re.S)


INSTALL = "python3 -m venv .venv && .venv/bin/pip install "


def commands():
    lines = "".join(blocks("bash")).splitlines()
    return [line for line in lines if line.startswith("python3")]


def test_example_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for code in blocks("python"):
        exec(compile(code, "README.md", "exec"), names)
    image, stars = names["image"], names["stars"]
    assert image.shape == (200, 200)
    # The disc of 0.5 deg on pixels of 0.02 deg, in the middle of the image.
    y, x = np.indices(image.shape) - 99.5
    assert (~image)[np.hypot(x, y) < 23].all()
    assert image[np.hypot(x, y) > 27].mean() > 0.9
    assert not names["mask"].contains(stars).any()
    assert names["safe"] <= names["mask"]
    assert names["Mask"].read("mask.fits") == names["safe"]


def test_first_command_builds_the_example(tmp_path):
    """Runs the last of its steps, on the hpmask that is tested."""
    first, _ = commands()
    assert first.startswith(INSTALL)
    program, *arguments = shlex.split(first.rpartition(" && ")[2])
    assert program == ".venv/bin/hpmask"
    recipe = ROOT / next(one for one in arguments if one.endswith(".toml"))
    assert recipe.is_file()
    arguments = [str(ROOT / one) if one.endswith(".toml") else one for one in arguments]
    result = subprocess.run(
        [sys.executable, "-c", "from hpmask.cli import main; main()", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "7195" in result.stdout
    assert {file.name for file in tmp_path.iterdir()} == {"mask.fits", "sky.png", "crab.fits", "crab.png"}


def test_second_command_is_the_one_of_the_checks():
    _, second = commands()
    assert second.startswith(INSTALL)
    assert "test" in re.search(r'"\.\[(.+?)\]"', second)[1].split(",")
    # .ci/run takes it from the README.
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (pattern,) = re.findall(r"grep -m 1 -E '(.+?)' README.md", script)
    assert [line for line in README.splitlines() if re.search(pattern, line)] == [second]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "examples/fermi_exclusion/README.md"])
def test_links_resolve(name):
    page = ROOT / name
    targets = re.findall(r"\]\((?!https?://)([^)#]+)\)", page.read_text(encoding="utf-8"))
    for target in targets:
        assert (page.parent / target).exists(), target
