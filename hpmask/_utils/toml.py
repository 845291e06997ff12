"""TOML from others: texts for which the parser would take too long, or fail in another way, are errors too."""

from __future__ import annotations

import re
import tomllib
from typing import Any

__all__ = ["parsed"]

# The time of the parser grows with the square of the number of parts of a key, a.b.c, or faster.
_MOST_PARTS = 64
_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')"""
_LONG_KEY = re.compile(rf"(?<![\w-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{_MOST_PARTS}}}")


def parsed(text: str) -> dict[str, Any]:
    """The content of a TOML text.

    Raises
    ------
    ValueError
        If the text is not TOML, or if its keys or brackets are nested too deeply. A `tomllib.TOMLDecodeError` names the
        line at its end.

    Examples
    --------
    >>> from hpmask._utils.toml import parsed
    >>> parsed("order = 8")
    {'order': 8}
    """
    if _LONG_KEY.search(text):
        raise ValueError(f"a key has more than {_MOST_PARTS} parts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("brackets are nested too deeply") from None
