"""The list of commands, which is there before their modules are loaded, and tab completion by click."""

import importlib
import os
import subprocess
import sys
from inspect import cleandoc

import click
import pytest
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from hpmask import cli
from hpmask.cli import main

CONTEXT = click.Context(main)
COMMANDS = {name: main.get_command(CONTEXT, name) for name in main.list_commands(CONTEXT)}


class TestList:
    def test_all_commands_are_listed(self):
        """Each command of a module of the package, by its own name."""
        modules = [
            importlib.import_module(f"hpmask.cli.{name}") for name in {cli._COMMANDS[one][0] for one in COMMANDS}
        ]
        found = {one.name for module in modules for one in vars(module).values() if isinstance(one, click.Command)}
        assert found == set(COMMANDS)
        assert all(command.name == name for name, command in COMMANDS.items())

    @pytest.mark.parametrize("name", COMMANDS)
    def test_help_of_the_list(self, run, name):
        """One line, in the same words as a whole sentence of the command or shorter."""
        words = cli._COMMANDS[name][1]
        assert f"  {name.ljust(9)}  {words}\n" in run("-h").stdout
        assert words.endswith(".")
        assert cleandoc(COMMANDS[name].help).split()[0] in {words.split()[0], "Write"}

    def test_unknown(self, run):
        assert "No such command 'nonsense'" in run("nonsense", code=2).stderr

    def test_nothing_is_loaded(self):
        """Neither the help nor tab completion of the commands loads their modules."""
        code = (
            "import sys\nfrom click.shell_completion import ShellComplete\nfrom hpmask.cli import main\n"
            "before = set(sys.modules)\n"
            "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
            "assert ShellComplete(main, {}, 'hpmask', 'X').get_completions([], 'u')\n"
            "print([name for name in set(sys.modules) - before if name.startswith('hpmask.')])"
        )
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert result.stdout.splitlines()[-1] == "[]"


def completions(*words):
    *before, last = words
    return [one.value for one in ShellComplete(main, {}, "hpmask", "_HPMASK_COMPLETE").get_completions(before, last)]


class TestCompletion:
    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (("un",), ["union"]),
            (("t",), ["threshold", "to-wcs"]),
            (("--v",), ["--verbose", "--version"]),
            (("dilate", "--wi"), ["--width"]),
            (("convert", "a.fits", "b.fits", "--mode", ""), ["center", "overlap", "inside"]),
            (("union", "--format", "fi"), ["fits"]),
            (("query", "--fr"), ["--from", "--frame"]),
            (("nonsense", "--v"), ["--verbose", "--version"]),
        ],
    )
    def test_words(self, words, expected):
        assert completions(*words) == expected

    @pytest.mark.parametrize(
        "words", [("union", "st"), ("not", "a.fits", "st"), ("threshold", "st"), ("plot", "--wcs", "st")]
    )
    def test_files(self, words):
        *before, last = words
        items = ShellComplete(main, {}, "hpmask", "_HPMASK_COMPLETE").get_completions(before, last)
        assert [(one.type, one.value) for one in items] == [("file", "st")]

    @pytest.mark.parametrize("shell", [BashComplete, ZshComplete, FishComplete])
    def test_shells(self, shell, monkeypatch):
        monkeypatch.setattr(BashComplete, "_check_version", staticmethod(lambda: None))
        script = shell(main, {}, "hpmask", "_HPMASK_COMPLETE")
        assert f"_HPMASK_COMPLETE={shell.name}_complete" in script.source()
        monkeypatch.setenv("COMP_WORDS", "hpmask inter")
        monkeypatch.setenv("COMP_CWORD", "inter" if shell is FishComplete else "1")
        assert "intersect" in script.complete()

    @pytest.mark.deep
    def test_process(self):
        """What a shell calls."""
        words = {"_HPMASK_COMPLETE": "bash_complete", "COMP_WORDS": "hpmask cred", "COMP_CWORD": "1"}
        environment = {**os.environ, **words}
        code = "import sys; sys.argv = ['hpmask']; from hpmask.cli import main; main(prog_name='hpmask')"
        result = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
        )
        assert result.stdout == "plain,credible\n"
