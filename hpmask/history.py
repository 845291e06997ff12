"""How a mask was made: lines that go along with it into its files."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["joined"]

# Longer histories keep their first and last lines.
_MOST = 64


def joined(a: Sequence[str], b: Sequence[str], step: str) -> tuple[str, ...]:
    """The history of a mask that `step` made from one with history `a` and one with history `b`."""
    lines = [*a, *b, step]
    if len(lines) > _MOST:
        half = _MOST // 2
        lines = [*lines[:half], f"... ({len(lines) - 2 * half} more steps)", *lines[-half:]]
    return tuple(lines)
