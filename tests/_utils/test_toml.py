"""TOML from others takes little time, and fails in one way."""

import time

import pytest

from hpmask._utils.history import title_of
from hpmask._utils.toml import parsed

HOSTILE = {
    "dotted": "a." * 400_000 + "a = 1",
    "header": "[" + "a . " * 200_000 + "a]",
    "quoted": "'a b'." * 100_000 + "a = 1",
    "inline": "x = {" + "a." * 400_000 + "a = 1}",
    "deep": "x = " + "[" * 100_000,
    "digits": "x = " + "9" * 100_000,
    "text": "not TOML at all",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts(name):
    start = time.process_time()
    with pytest.raises(ValueError, match=r".") as caught:
        parsed(HOSTILE[name])
    assert title_of(f"recipe('r.toml')\n{HOSTILE[name]}") == ""
    assert time.process_time() - start < 5
    assert len(str(caught.value)) < 300


def test_keys_of_a_few_parts():
    text = "a." * 60 + "a = 1\n# " + "a.b " * 100 + "\nx = '" + "word. " * 40 + "'"
    assert parsed(text)["x"].startswith("word.")
