"""What the README says to type works, and is what the checks run."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.M | re.S)


INSTALL = "python3 -m venv .venv && .venv/bin/pip install"


def commands():
    lines = "".join(blocks("bash")).splitlines()
    return [line for line in lines if line.startswith("python3")]


def test_example_runs(capsys):
    (code,) = blocks("python")
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    names: dict = {}
    exec(compile(code, "README.md", "exec"), names)
    out = capsys.readouterr().out
    assert "<Mask icrs order=11" in out
    assert "the first star is out" in out
    image = names["image"]
    assert image.shape == (200, 200)
    # The disc of 0.5 deg on pixels of 0.02 deg, a part of which the plane has not.
    assert not image[99, 99]
    assert image[5, 5]
    assert (~image).sum() == pytest.approx(3.14159 * 25**2, rel=0.01)


def test_first_command_builds_the_example(tmp_path):
    """The last of its steps, on the hpmask that is tested."""
    first, _ = commands()
    assert first.startswith(f'{INSTALL} ".[plot]" && .venv/bin/hpmask build ')
    arguments = shlex.split(first.rpartition(" && ")[2])[1:]
    recipe = ROOT / arguments[1]
    assert recipe.is_file()
    arguments[1] = str(recipe)
    result = subprocess.run(
        [sys.executable, "-c", "from hpmask.cli import main; main()", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "7195 sources" in result.stdout
    assert {file.name for file in tmp_path.iterdir()} == {"mask.fits", "sky.png", "crab.fits", "crab.png"}


def test_second_command_is_the_one_of_the_checks():
    _, second = commands()
    assert second == f'{INSTALL} ".[test,gammapy]" && .venv/bin/pytest -n 2'
    # .ci/run takes it from here.
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (pattern,) = re.findall(r"grep -m 1 -E '(.+?)' README.md", script)
    assert re.search(pattern, README, flags=re.M)
    assert [line for line in README.splitlines() if re.search(pattern, line)] == [second]


def test_links_lead_somewhere():
    targets = re.findall(r"\]\((?!https?://)([^)#]+)\)", README)
    assert targets
    for target in targets:
        assert (ROOT / target).exists(), target
