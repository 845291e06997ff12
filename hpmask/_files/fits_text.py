"""Text in FITS headers, which hold only printable ASCII. Other characters are escaped as in Python strings."""

from __future__ import annotations

from collections.abc import Iterable

from astropy.io import fits

__all__ = ["add_history", "add_title", "escaped", "history_of", "unescaped"]

# Characters of text in a HISTORY card.
_CARD_TEXT = 72


def escaped(text: str) -> str:
    """Text in printable ASCII without a blank or a backslash at its end, which cards drop or give a meaning."""
    plain = text.encode("unicode_escape").decode("ascii").replace("\\\\", "\\x5c")
    return plain[:-1] + "\\x20" if plain.endswith(" ") else plain


def unescaped(text: str) -> str:
    """The text that `escaped` was given."""
    return text.encode("ascii").decode("unicode_escape")


def add_history(header: fits.Header, lines: Iterable[str]) -> None:
    """Add lines of any length to the HISTORY. A backslash at the end of a card continues the line in the next one."""
    for line in lines:
        text = escaped(line)
        while len(text) > _CARD_TEXT:
            header.add_history(text[: _CARD_TEXT - 1] + "\\")
            text = text[_CARD_TEXT - 1 :]
        header.add_history(text)


def add_title(header: fits.Header, title: str) -> None:
    """Add the title of a mask, if it has one, for readers of the header. hpmask takes it from the history."""
    if title:
        # astropy continues a long one in further cards.
        header["TITLE"] = escaped(title)


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
