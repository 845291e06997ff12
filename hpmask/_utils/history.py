"""The history of a mask: the expression that made it, as text for a reader.

``~(from_cones(100 discs, 20 arcsec) | from_zone(|lat| < 2 deg)).dilate(0.2 deg)``: the operators and methods that were
called, with the brackets that Python needs. The lines below the first are notes, such as the text of a recipe. The next
operation drops them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hpmask._utils.toml import parsed

__all__ = ["Expression", "title_of"]

# In a longer expression, the number of its steps stands for the longest operand: "<120 steps> | from_zone(...)".
_LONGEST = 4000
_OPERATORS = "|&^-"
_OPEN, _CLOSE = "([{", ")]}"


def title_of(history: str) -> str:
    """The title of the recipe whose text is in the notes of a history, or "" if there is none."""
    head, _, notes = history.partition("\n")
    if not head.startswith("recipe("):
        return ""
    try:
        title = parsed(notes).get("title")
    except ValueError:
        return ""
    return title if isinstance(title, str) else ""


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression, and the operator that it would need brackets for.

    Parameters
    ----------
    text : str
        The expression.
    kind : str
        The outermost operator: one of ``| & ^ -``, ``~``, "mixed" for several of these, or "" for a call or a name,
        which never needs brackets.
    steps : int
        The number of calls and operators in it.
    """

    text: str
    kind: str = ""
    steps: int = 1

    @classmethod
    def parse(cls, text: str) -> Expression:
        """An expression from its text, as a file or a user gives it."""
        head = text.partition("\n")[0]
        found = set()
        depth = 0
        quote = ""
        skipped = False
        for i, letter in enumerate(head):
            if quote:
                if letter == quote and not skipped:
                    quote = ""
                skipped = letter == "\\" and not skipped
            elif letter in "'\"" and depth:
                quote = letter
            elif letter in _OPEN:
                depth += 1
            elif letter in _CLOSE:
                depth -= 1
                if depth < 0:
                    break
            elif not depth and letter in _OPERATORS and head[i - 1 : i] == head[i + 1 : i + 2] == " ":
                found.add(letter)
        if depth or quote:
            # Not an expression: brackets make it an operand all the same.
            found.update("|&")
        kind = "mixed" if len(found) > 1 else found.pop() if found else "~" if head.startswith("~") else ""
        return cls(text, kind)

    def __str__(self) -> str:
        return self.text

    @property
    def head(self) -> str:
        """The expression without its notes; "mask" for a mask of unknown origin."""
        return self.text.partition("\n")[0] or "mask"

    def inverted(self) -> Expression:
        """``~a``."""
        text = self._operand("~")
        if len(text) >= _LONGEST:
            text = f"<{self.steps} steps>"
        return Expression(f"~{text}", "~", self.steps + 1)

    def then(self, call: str) -> Expression:
        """``a.dilate(1 deg)``, given ``dilate(1 deg)``."""
        return self._with(f".{call}")

    def item(self, index: str) -> Expression:
        """``a[2:5]``, given ``2:5``."""
        return self._with(f"[{index}]")

    @classmethod
    def joined(cls, sign: str, operands: Sequence[Expression]) -> Expression:
        """``a | b | ...`` for one of the operators ``| & ^ -``."""
        steps = sum(one.steps for one in operands) + len(operands) - 1
        # Operands joined by the same operator need no brackets, except those right of a minus: a - (b - c).
        texts = [one._operand("" if sign == "-" and i else sign) for i, one in enumerate(operands)]
        text = f" {sign} ".join(texts)
        if len(text) > _LONGEST:
            longest = max(range(len(texts)), key=lambda i: len(texts[i]))
            texts[longest] = f"<{operands[longest].steps} steps>"
            text = f" {sign} ".join(texts)
        if len(text) > _LONGEST:
            text, sign = f"<{len(operands)} masks joined by {sign}, {steps} steps>", ""
        return cls(text, sign, steps)

    @classmethod
    def call(cls, name: str, operands: Sequence[Expression], rest: str = "") -> Expression:
        """``stack([a, b])``."""
        steps = sum(one.steps for one in operands) + 1
        text = f"{name}([{', '.join(one.head for one in operands)}]{rest})"
        if len(text) > _LONGEST:
            text = f"{name}([<{len(operands)} masks, {steps - 1} steps>]{rest})"
        return cls(text, "", steps)

    def _operand(self, same: str) -> str:
        """The text as an operand, in brackets unless it is a call, a complement, or joined by the same operator."""
        return self.head if self.kind in ("", "~", same) else f"({self.head})"

    def _with(self, tail: str) -> Expression:
        base = f"({self.head})" if self.kind else self.head
        if len(base) + len(tail) > _LONGEST:
            base = f"(<{self.steps} steps>)"
        return Expression(f"{base}{tail}", "", self.steps + 1)
