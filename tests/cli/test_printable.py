"""What the commands print of files cannot command the terminal."""

import pytest
from click.testing import CliRunner

from hpmask import Mask, MaskSet
from hpmask.cli import main
from hpmask.cli.messages import one_line, printable

EVIL = "\x1b]0;owned\x07\x1b[31m\u202egnp\x9b2J"


def test_control_characters_are_escaped():
    assert printable(EVIL) == "\\x1b]0;owned\\x07\\x1b[31m\\u202egnp\\x9b2J"
    assert printable("Ein Maß\tvon 3\u00a0µm\n") == "Ein Maß\tvon 3\u00a0µm\n"
    assert one_line("a\r\n b\udc80\u2028") == "a b\\udc80"


@pytest.mark.parametrize("command", ["info", "area", "query", "convert"])
def test_histories_and_names(tmp_path, command):
    mask = Mask(Mask.full(order=3).planes, history=f"recipe('r.toml', {EVIL})\ntitle = 'x'\n{EVIL}")
    mask.write(tmp_path / "m.json")
    mask.write(tmp_path / f"{EVIL}.txt")
    mask.write(tmp_path / "m.fits")
    for file in ("m.fits", f"{EVIL}.txt"):
        more = {"query": ["10 20"], "convert": [str(tmp_path / f"{EVIL}.json"), "--overwrite"]}.get(command, [])
        for level in ("-v", "-q"):
            done = CliRunner().invoke(main, [command, str(tmp_path / file), *more, level])
            assert done.exit_code in (0, 1, 2), done.output
            assert not set(done.output) & set("\x1b\x07\x9b\u202e\r"), done.output


@pytest.mark.deep
def test_errors(tmp_path):
    (tmp_path / f"{EVIL}.fits").write_bytes(b"no mask")
    done = CliRunner().invoke(main, ["info", str(tmp_path / f"{EVIL}.fits")])
    assert done.exit_code == 1
    assert "\\x1b" in done.output
    assert "\x1b" not in done.output
    (tmp_path / "long.toml").write_text("order = 3\nx" + "y" * 900_000 + " = 1")
    done = CliRunner().invoke(main, ["build", str(tmp_path / "long.toml"), str(tmp_path / "m.fits")])
    assert done.exit_code == 1
    assert len(done.output) < 5000


def test_names_of_layers(tmp_path):
    MaskSet({"a": Mask.full(order=3), "b": Mask.empty(order=3)}).write(tmp_path / "s.fits")
    done = CliRunner().invoke(main, ["info", f"{tmp_path}/s.fits::{EVIL}"])
    assert "\x1b" not in done.output
