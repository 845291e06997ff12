"""What a target is: a function that makes arguments of a kernel from bytes, calls it, and checks the answer.

Targets do all calls of kernels through the `Call` that they are given. The tests give one that spoils the answers, to
show that each referee finds that.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

from fuzz.kernels.draw import Source

__all__ = ["TARGETS", "Call", "Target", "kernel", "plain", "refuses", "refuses_to_fit", "target"]

Call = Callable[..., Any]
Target = Callable[[Source, Call], None]
TARGETS: dict[str, Target] = {}


def target(function: Target) -> Target:
    """The target of the kernel that has the function's name."""
    TARGETS[function.__name__] = function
    return function


def plain(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """The call of a kernel's function as it is."""
    return function(*arguments, **options)


def kernel(name: str) -> Any:
    """A kernel."""
    return importlib.import_module(f"hpmask._kernels.{name}")


def refuses(function: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    """AssertionError unless a kernel raises ValueError, and leaves all arguments as they were."""
    before = [np.array(argument) if isinstance(argument, np.ndarray) else None for argument in arguments]
    try:
        function(*arguments, **options)
    except ValueError:
        for argument, old in zip(arguments, before, strict=True):
            if old is not None and old.tobytes() != argument.tobytes():
                raise AssertionError(f"{function.__qualname__} refused its arguments, but has written to one") from None
        return
    raise AssertionError(f"{function.__qualname__} has not refused {arguments}")


def refuses_to_fit(function: Any, *arguments: Any) -> None:
    """AssertionError unless there is a ValueError for too little room; what has room may have been written."""
    try:
        function(*arguments)
    except ValueError:
        return
    raise AssertionError(f"{function.__qualname__} had too little room, and did not say so")
