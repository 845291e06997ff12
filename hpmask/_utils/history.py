"""The history of a mask: the expression that made it, as text that a reader can follow.

``~(from_cones(100 discs, 20 arcsec) | from_zone(|lat| < 2 deg)).dilate(0.2 deg)``: the operators and methods are those
that were called, with the brackets that Python needs. Lines below the first are notes, such as the text of a recipe.
They are kept until something is made from the mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Expression"]

# Longer expressions give the number of their steps in place of the longer operand.
_LONGEST = 4000
_OPERATORS = "|&^-"
_OPEN, _CLOSE = "([{", ")]}"


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression and what binds it together.

    Parameters
    ----------
    text : str
        The expression.
    kind : str
        The operator on its outside: one of ``| & ^ -``, ``~``, "mixed" for several of these, or "" for a call or a
        name, which needs no brackets.
    steps : int
        The number of calls and operators in it.
    """

    text: str
    kind: str = ""
    steps: int = 1

    @classmethod
    def parse(cls, text: str) -> Expression:
        """An expression from its text, as a file or a user gives it."""
        found = set()
        depth = 0
        quote = ""
        head = text.partition("\n")[0]
        for i, letter in enumerate(head):
            if quote:
                quote = "" if letter == quote else quote
            elif letter in "'\"" and depth:
                quote = letter
            elif letter in _OPEN:
                depth += 1
            elif letter in _CLOSE:
                depth -= 1
            elif not depth and letter in _OPERATORS and head[i - 1 : i] == head[i + 1 : i + 2] == " ":
                found.add(letter)
        if depth:
            found.update("|&")
        kind = "mixed" if len(found) > 1 else found.pop() if found else "~" if text.startswith("~") else ""
        return cls(text, kind)

    def __str__(self) -> str:
        return self.text

    @property
    def head(self) -> str:
        """The expression without its notes; "mask" for a mask of unknown origin."""
        return self.text.partition("\n")[0] or "mask"

    def inverted(self) -> Expression:
        """``~a``."""
        return self._limited(f"~{self._operand('~')}", "~", self.steps + 1, self)

    def then(self, call: str) -> Expression:
        """``a.dilate(1 deg)``, given ``dilate(1 deg)``."""
        base = f"({self.head})" if self.kind else self.head
        return self._limited(f"{base}.{call}", "", self.steps + 1, self, f"({{}}).{call}")

    @classmethod
    def joined(cls, sign: str, operands: Sequence[Expression]) -> Expression:
        """``a | b | ...`` for one of the operators ``| & ^ -``."""
        steps = sum(one.steps for one in operands) + len(operands) - 1
        # All but the minus are associative.
        texts = [one._operand(sign if sign != "-" or not i else "", sign) for i, one in enumerate(operands)]
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

    def _operand(self, *same: str) -> str:
        """The text as an operand, in brackets unless it is a call, a complement, or joined by the same operator."""
        return self.head if self.kind in ("", "~", *same) else f"({self.head})"

    def _limited(self, text: str, kind: str, steps: int, operand: Expression, form: str = "~{}") -> Expression:
        if len(text) > _LONGEST:
            text = form.format(f"<{operand.steps} steps>")
        return Expression(text, kind, steps)
