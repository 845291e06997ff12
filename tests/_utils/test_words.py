"""Words in messages are short and can be printed, whatever is in a file."""

from hpmask._utils.words import brief, listed


def test_listed_names_are_short_and_printable():
    assert listed(["ra", "dec"]) == "ra, dec"
    assert listed(["x\x1b[31m\n"]) == r"x\x1b[31m\n"
    assert len(listed(["n" * 5000] * 5000)) < 1000
    assert listed(["a"] * 21).endswith("a and 1 more")


def test_a_brief_message_is_on_one_line():
    assert brief(ValueError("no format.\n  They are\n")) == "no format. They are"
    text = brief("a" * 3000 + "b")
    assert len(text) == 300
    assert text.startswith("aaa")
    assert text.endswith("aab")
