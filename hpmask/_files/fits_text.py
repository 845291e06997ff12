"""Text in FITS headers, which take printable ASCII alone: escaped as in Python strings where it is more than that."""

from __future__ import annotations

from collections.abc import Iterable

from astropy.io import fits

__all__ = ["add_history", "escaped", "history_of", "unescaped"]

# Characters of text in a HISTORY card.
_CARD_TEXT = 72


def escaped(text: str) -> str:
    """Text in printable ASCII, with no blank or backslash at its end: a card drops or means them."""
    plain = text.encode("unicode_escape").decode("ascii").replace("\\\\", "\\x5c")
    return plain[:-1] + "\\x20" if plain.endswith(" ") else plain


def unescaped(text: str) -> str:
    """The text that `escaped` was given."""
    return text.encode("ascii").decode("unicode_escape")


def add_history(header: fits.Header, lines: Iterable[str]) -> None:
    """Add lines of any length to the HISTORY; a backslash at the end of a card goes on in the next."""
    for line in lines:
        text = escaped(line)
        while len(text) > _CARD_TEXT:
            header.add_history(text[: _CARD_TEXT - 1] + "\\")
            text = text[_CARD_TEXT - 1 :]
        header.add_history(text)


def history_of(cards: Iterable[str]) -> list[str]:
    """The lines that `add_history` was given, from the texts of the HISTORY cards."""
    lines: list[list[str]] = []
    going_on = False
    for text in cards:
        part = text.removesuffix("\\")
        if going_on:
            lines[-1].append(part)
        else:
            lines.append([part])
        going_on = part != text
    return [unescaped("".join(line)) for line in lines]
