"""Warnings point to the line of the caller."""

import inspect

import pytest

from hpmask._utils import warn as module


def in_hpmask(code, names):
    """Functions as a module of hpmask defines them."""
    exec(compile(code, f"{module._PACKAGE}core/some.py", "exec"), names)
    return names


def test_line_of_the_caller():
    names = in_hpmask("def inner(): warn('text')\ndef outer(): inner()", {"warn": module.warn})
    for function in (lambda: module.warn("text"), names["inner"], names["outer"]):
        line = inspect.currentframe().f_lineno + 2
        with pytest.warns(UserWarning, match="text") as caught:
            function()
        # A lambda is the caller itself.
        assert caught[0].filename == __file__
        assert caught[0].lineno == (line if function.__name__ != "<lambda>" else function.__code__.co_firstlineno)


def test_folder_with_a_name_that_begins_alike():
    beside = f"{module._PACKAGE[:-1]}_scripts/some.py"
    names = {"warn": module.warn}
    exec(compile("def script(): warn('text')", beside, "exec"), names)
    with pytest.warns(UserWarning, match="text") as caught:
        names["script"]()
    assert caught[0].filename == beside
