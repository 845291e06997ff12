"""Checks of pickles when they are loaded: a damaged state is an error, and not an object that breaks later."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from hpmask._utils.errors import MaskFormatError
from hpmask._utils.words import brief

__all__ = ["rebuilder", "unpickling"]

T = TypeVar("T")


@contextmanager
def unpickling(kind: str) -> Iterator[None]:
    """Raise whatever a state gives rise to as an error of the pickle."""
    try:
        yield
    except MaskFormatError:
        raise
    except (TypeError, ValueError, AttributeError, LookupError, OverflowError) as error:
        raise MaskFormatError(
            f"the pickled {kind} is damaged, or another version of hpmask wrote it: {brief(error)}"
        ) from error


def rebuilder(kind: str) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Decorator of the function that makes an object of its pickled state: its arguments may be anything."""

    def decorated(function: Callable[..., T]) -> Callable[..., T]:
        n = len(inspect.signature(function).parameters)

        @functools.wraps(function)
        def rebuild(*state: Any) -> T:
            with unpickling(kind):
                if len(state) != n:
                    raise ValueError(f"it has {len(state)} values, and not {n}")
                return function(*state)

        return rebuild

    return decorated
