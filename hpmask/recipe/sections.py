"""TOML tables that know their lines. Keys are requested by name and type, and errors name the line."""

from __future__ import annotations

import difflib
import os
import re
import reprlib
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u

from hpmask._utils.arguments import as_angle
from hpmask._utils.toml import parsed
from hpmask.recipe.folders import Folders

__all__ = ["RecipeError", "Section", "load"]

_Key = tuple[str | int, ...]

_KINDS = {
    str: "a string",
    int: "an integer",
    float: "a number",
    list: "a list",
    dict: "a table",
    bool: "true or false",
}


# Far more than anybody writes by hand.
_MOST_BYTES = 2**20


class RecipeError(ValueError):
    """A mistake in a recipe. The message begins with the file and the line, ``recipe.toml:7: ...``.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from hpmask.recipe import RecipeError, read_recipe
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "recipe.toml"
    ...     _ = path.write_text("ordr = 8")
    ...     try:
    ...         read_recipe(path)
    ...     except RecipeError as error:
    ...         print(str(error).removeprefix(folder)[1:])
    recipe.toml:1: a recipe has no key 'ordr': did you mean 'order'?
    """


def load(path: str | Path, folders: Iterable[str | os.PathLike[str]] = ()) -> tuple[Section, str]:
    """The outermost table of a TOML file, and the text of the file. `folders` are more that it may read from.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    RecipeError
        If the text is not TOML; the message names the line.
    """
    path = Path(path)
    allowed = Folders(path.parent, folders)
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise RecipeError(
                f"{path}: a recipe must not have more than {_MOST_BYTES} bytes, because masks keep it in their history"
            )
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path}: not a text file in UTF-8, byte {error.start} is not valid") from None
    try:
        values = parsed(text)
    except ValueError as error:
        message = str(error)
        if not isinstance(error, tomllib.TOMLDecodeError):  # nested too deeply, or a number with thousands of digits
            raise RecipeError(f"{path}: not TOML: {message}") from None
        place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", message)
        line = int(place[1]) if place and place[1] else text.count("\n") + 1
        message = message[: place.start()] if place else message
        raise RecipeError(f"{path}:{line}: not TOML: {message}") from None
    return Section(path, (), values, dict(_lines(text)), allowed), text


class Section:
    """A table of a TOML file.

    The keys are requested one after the other. `close` then raises an error if a key was never requested.
    """

    def __init__(self, file: Path, key: _Key, values: dict[str, Any], lines: dict[_Key, int], folders: Folders) -> None:
        self._file = file
        self._key = key
        self._values = values
        self._lines = lines
        self._folders = folders
        self._asked: list[str] = []

    def error(self, message: str, key: str | None = None) -> RecipeError:
        """An error at the line of `key`, or at the line of the table."""
        at = self._key if key is None else (*self._key, key)
        # Keys inside an inline table have the line of the table.
        while at and at not in self._lines:
            at = at[:-1]
        line = self._lines.get(at, 1)
        return RecipeError(f"{self._file}:{line}: {message}")

    def __contains__(self, key: str) -> bool:
        self._ask(key)
        return key in self._values

    def get(self, key: str, *kinds: type, default: Any = None) -> Any:
        """The value of `key`, which must be of one of the `kinds`, or `default` if there is no such key."""
        self._ask(key)
        if key not in self._values:
            return default
        value = self._values[key]
        wanted = (*kinds, int) if float in kinds else kinds
        if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in kinds):
            names = " or ".join(_KINDS[kind] for kind in kinds)
            raise self.error(f"{key} must be {names}, got {reprlib.repr(value)}", key)
        return value

    def require(self, key: str, *kinds: type) -> Any:
        """As `get`, but the key must be there."""
        value = self.get(key, *kinds)
        if value is None:
            near = difflib.get_close_matches(key, [one for one in self._values if one not in self._asked], n=1)
            if near:
                raise self.error(f"{self._name} needs {key!r}: is {near[0]!r} a misspelling of it?", near[0])
            raise self.error(f"{self._name} needs {key!r}")
        return value

    def choice(self, key: str, options: Sequence[str], *, default: str) -> str:
        """One of a few words."""
        value: str = self.get(key, str, default=default)
        if value not in options:
            raise self.error(f"{key} must be {_listed(options)}, got {value!r}", key)
        return value

    def angle(self, key: str, *, default: u.Quantity | None = None) -> u.Quantity | None:
        """An angle such as "0.5 deg"."""
        value = self.get(key, str, float)
        return default if value is None else self.as_angle(value, key)

    def as_angle(self, value: Any, key: str) -> u.Quantity:
        """`value`, which stands at `key`, as an angle."""
        try:
            angle = as_angle(value, key)
        except (TypeError, ValueError) as error:
            if isinstance(value, str):
                raise self.error(str(error), key) from None
            raise self.error(
                f"{key} must be a string with a unit such as '0.5 deg', got {reprlib.repr(value)}", key
            ) from None
        if not np.isfinite(angle.value):
            raise self.error(f"{key} must be finite, got {value!r}", key)
        return angle

    def energy(self, key: str) -> u.Quantity | None:
        """An energy such as "10 GeV"."""
        value = self.get(key, str, float)
        return None if value is None else self.as_energy(value, key)

    def as_energy(self, value: Any, key: str) -> u.Quantity:
        """`value`, which stands at `key`, as an energy."""
        try:
            quantity = u.Quantity(value)
            if not np.isfinite(quantity.to_value(u.J)):
                raise ValueError
        except (TypeError, ValueError):
            raise self.error(f"{key} must be an energy such as '10 GeV', got {reprlib.repr(value)}", key) from None
        return quantity

    def file(self, key: str) -> Path:
        """An existing file in one of the allowed folders. Its path is relative to this one."""
        return self._existing(self.require(key, str), key)

    def files(self, key: str) -> list[Path]:
        """One existing file or a list of them."""
        value = self.require(key, str, list)
        return [self._existing(one, key) for one in ([value] if isinstance(value, str) else value)]

    def _existing(self, value: Any, key: str) -> Path:
        if not isinstance(value, str):
            raise self.error(f"{key} must be the path of a file, got {reprlib.repr(value)}", key)
        try:
            return self._folders.existing(value)
        except ValueError as error:
            hint = "; regions as text are given by the key ds9" if key == "regions" and "(" in value else ""
            raise self.error(f"{key}: {error}{hint}", key) from None

    def table(self, key: str) -> Section | None:
        """A table inside this one."""
        values = self.get(key, dict)
        return None if values is None else self.inner(key, values)

    def inner(self, key: str, values: dict[str, Any]) -> Section:
        """A table that stands at `key` or in its list."""
        return Section(self._file, (*self._key, key), values, self._lines, self._folders)

    def tables(self, key: str) -> list[Section]:
        """A list of tables, ``[[key]]``."""
        if isinstance(self._values.get(key), dict):
            raise self.error(f"write [[{key}]] with double brackets instead of [{key}]: a recipe may have several", key)
        values = self.get(key, list, default=[])
        for value in values:
            if not isinstance(value, dict):
                raise self.error(f"{key} must be a list of tables, [[{key}]], got {reprlib.repr(value)}", key)
        return [
            Section(self._file, (*self._key, key, i), value, self._lines, self._folders)
            for i, value in enumerate(values)
        ]

    def refuse(self, key: str, why: str) -> None:
        """Raise an error if there is a key that belongs elsewhere."""
        if key in self._values:
            raise self.error(f"{self._name} has no key {key!r}: {why}", key)

    def close(self) -> None:
        """Raise an error if there is a key that was not requested."""
        for key in self._values:
            if key not in self._asked:
                near = difflib.get_close_matches(key, self._asked, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"the keys are {_listed(self._asked, 'and')}"
                raise self.error(f"{self._name} has no key {key!r}: {hint}", key)

    def _ask(self, key: str) -> None:
        if key not in self._asked:
            self._asked.append(key)

    @property
    def _name(self) -> str:
        if not self._key:
            return "a recipe"
        names = [part for part in self._key if isinstance(part, str)]
        return f"[[{names[0]}]]" if len(names) == 1 else names[-1]


def _listed(words: Sequence[str], last: str = "or") -> str:
    quoted = [repr(word) for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} {last} {quoted[-1]}"


# ---------------------------------------------------------------------- lines
#
# tomllib does not report the line of a key. Since the text is known to be TOML here, it is enough to split it into
# statements, at the line ends outside strings and brackets, and to let tomllib parse the head of each statement.

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|' + r"'''.*?'{3,5}|" + r'"(?:\\.|[^"\\\n])*"|' + r"'[^'\n]*'|#[^\n]*|.",
    re.DOTALL,
)


def _lines(text: str) -> Iterator[tuple[_Key, int]]:
    """The keys of a TOML text and their lines, counted from 1."""
    section: _Key = ()
    counts: dict[_Key, int] = {}
    for line, head, value in _statements(text):
        if not value:
            name = tuple(_path(tomllib.loads(head)))
            # Later names refer to the last table of a list.
            resolved: _Key = ()
            for part in name[:-1]:
                resolved = (*resolved, part)
                if resolved in counts:
                    resolved = (*resolved, counts[resolved] - 1)
            section = (*resolved, name[-1])
            if head.startswith("[["):
                number = counts.get(section, 0)
                counts[section] = number + 1
                if number == 0:
                    yield section, line
                section = (*section, number)
            yield section, line
        else:
            key = section
            for part in _path(tomllib.loads(f"{head} = 0")):
                key = (*key, part)
                yield key, line


def _path(value: Any) -> Iterator[str]:
    """The names of nested tables that hold one table each."""
    while isinstance(value, dict) and value:
        [(name, value)] = value.items()
        yield name
        value = value[0] if isinstance(value, list) else value


def _statements(text: str) -> Iterator[tuple[int, str, bool]]:
    """The line and the head of each statement of a TOML text, and whether it has a value."""
    line, start, head, depth, in_value = 1, 1, "", 0, False
    for token in (match[0] for match in _TOKEN.finditer(text + "\n")):
        if token == "\n" and depth == 0:
            if head.strip():
                yield start, head.strip(), in_value
            head, in_value, start = "", False, line + 1
        elif token == "=" and depth == 0:
            in_value = True
        elif not in_value and not token.startswith("#"):
            head += token
        # The brackets of a header come in pairs, too.
        depth += (token in "[{") - (token in "]}")
        line += token.count("\n")
