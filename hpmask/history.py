"""How a mask was made: lines that go along with it into its files."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["joined"]

# Longer histories keep their first and last lines, and count what is left out.
_MOST = 64
_LEFT_OUT = re.compile(r"\.\.\. \((\d+) more steps\)")


def joined(a: Sequence[str], b: Sequence[str], step: str) -> tuple[str, ...]:
    """The history of a mask that `step` made from one with history `a` and one with history `b`."""
    lines = [*a, *b, step]
    if len(lines) > _MOST:
        head, tail = _MOST // 2, len(lines) - (_MOST // 2 - 1)
        count = sum(_steps(line) for line in lines[head:tail])
        lines = [*lines[:head], f"... ({count} more steps)", *lines[tail:]]
    return tuple(lines)


def _steps(line: str) -> int:
    """How many steps a line stands for."""
    match = _LEFT_OUT.fullmatch(line)
    return int(match[1]) if match else 1
