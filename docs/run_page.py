"""Run the examples of a page of the documentation, and draw the pictures that it shows.

    python docs/run_page.py docs/quickstart.md

The doctest blocks of a page run in one session, in the order of the page. The current figure of pyplot after a block
becomes the picture that the page shows next, as ``![...](pictures/name.png)``. The build of the pages runs this for all
pages that have examples. Pictures of make_pictures.py are shown with the directive ``image`` instead.
"""

from __future__ import annotations

import doctest
import re
import sys
import warnings
from contextlib import chdir
from pathlib import Path
from typing import Any

import matplotlib

__all__ = ["has_examples", "run"]

_PART = re.compile(r"^```\{doctest\}\n(?P<code>.*?)^```$|^!\[[^]]*\]\((?P<picture>[\w./-]+)\)$", re.M | re.S)
_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def has_examples(page: Path) -> bool:
    """Whether a page has doctest blocks."""
    return any(part["code"] is not None for part in _PART.finditer(page.read_text(encoding="utf-8")))


def run(page: Path, folder: Path | None = None) -> list[Path]:
    """Run a page and draw its pictures.

    Parameters
    ----------
    page : path
        A page with doctest blocks.
    folder : path, optional
        The folder that the paths of pictures are relative to, by default the folder of the page.

    Returns
    -------
    list of path
        The pictures.

    Raises
    ------
    AssertionError
        If the output of a line differs from the page, or no figure is there for a picture.
    """
    matplotlib.use("Agg")
    from matplotlib import pyplot

    # A figure that is there already does not belong to the page.
    pyplot.close("all")
    # Pages read files of the repository by their path in it, and may change the working directory.
    folder = (folder or page.parent).resolve()
    text = page.read_text(encoding="utf-8")
    runner = doctest.DocTestRunner(optionflags=_FLAGS, verbose=False)
    names: dict[str, Any] = {}
    drawn = []
    root = chdir(Path(__file__).resolve().parents[1])
    with root, warnings.catch_warnings(), matplotlib.rc_context(), pyplot.ioff():
        # The warnings of other packages are not part of the page.
        warnings.simplefilter("ignore")
        for part in _PART.finditer(text):
            line = text.count("\n", 0, part.start())
            if part["code"] is not None:
                block = doctest.DocTestParser().get_doctest(part["code"], names, page.name, str(page), line + 1)
                messages: list[str] = []
                failed, _ = runner.run(block, out=messages.append, clear_globs=False)
                assert not failed, "".join(messages)
                names = block.globs
                continue
            assert pyplot.get_fignums(), f"{page.name}, line {line + 1}: nothing is drawn for {part['picture']}"
            picture = folder / part["picture"]
            picture.parent.mkdir(exist_ok=True, parents=True)
            pyplot.gcf().savefig(picture, dpi=110, facecolor="white", bbox_inches="tight")
            pyplot.close("all")
            drawn.append(picture)
    return drawn


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        print(f"{argument}: ran", *run(Path(argument)), sep="\n")
