"""The class of the commands: the options that all of them have, and examples in their help."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import click

from hpmask._utils.parallel import get_num_threads
from hpmask._utils.words import counted
from hpmask.cli.messages import level_options, note

__all__ = ["Command"]


class Command(click.Command):
    """A command with ``--quiet`` and ``--verbose``, whose help ends with examples.

    Parameters
    ----------
    examples : sequence of str
        Lines for a shell, which are printed as they are.
    """

    def __init__(self, *args: Any, examples: Sequence[str] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self.examples = tuple(examples)
        self.params += level_options()

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_epilog(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples:
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")

    def invoke(self, ctx: click.Context) -> Any:
        start = time.perf_counter()
        if "n_threads" in ctx.params:
            note(counted(ctx.params["n_threads"] or get_num_threads(), "thread"))
        result = super().invoke(ctx)
        note(f"{self.name}: {time.perf_counter() - start:.2f} s in all")
        return result
