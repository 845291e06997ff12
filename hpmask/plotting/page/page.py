"""A page that was made: to open in a browser, to save, to show in a notebook."""

from __future__ import annotations

import html
import os
import sys
import tempfile
import webbrowser
from pathlib import Path
from typing import Any

from hpmask._files.atomic import created
from hpmask._utils.arguments import as_flag

__all__ = ["Page", "in_notebook"]

# Height in pixels of the frame in a notebook.
_HEIGHT = 640


class Page:
    """A map of masks for a browser: a single HTML file, as `hpmask.Mask.view` returns it.

    In a notebook it is displayed in a frame. It is a path, so it can be given to `open` and to ``pathlib.Path``.

    Parameters
    ----------
    html : str
        The page.
    title : str
        Its title.
    order : int
        The finest order of the cells in the page.

    Attributes
    ----------
    html : str
        The page.
    title : str
        Its title.
    order : int
        The finest order of the cells in the page. It is coarser than that of the masks if the page would have become
        too large.
    path : pathlib.Path or None
        Where the page was saved last, or None.

    See Also
    --------
    hpmask.Mask.view : Makes it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from hpmask import Mask
    >>> page = Mask.from_regions("icrs; circle(83.63, 22.01, 5)", order=9).view(open=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = page.save(Path(folder) / "crab.html")
    ...     path.stat().st_size < 100_000
    True
    """

    def __init__(self, html: str, title: str, order: int) -> None:
        self.html = html
        self.title = title
        self.order = order
        self.path: Path | None = None

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the page to a file.

        Parameters
        ----------
        path : str or path
            Name of the file, which should end in ``.html``.
        overwrite : bool, optional
            Whether an existing file may be replaced.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        FileExistsError
            If there is a file and `overwrite` is False.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from hpmask import Mask
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Mask.full().view(open=False).save(Path(folder) / "sky.html").name
        'sky.html'
        """
        path = Path(path)
        with created(path, overwrite=as_flag(overwrite, "overwrite")) as file:
            file.write(self.html.encode())
        self.path = path.resolve()
        return path

    def open(self) -> bool:
        """Open the page in a browser.

        A page that was not saved is written to a temporary file, which is not removed, because the browser needs it.

        Returns
        -------
        bool
            Whether a browser was found.

        Examples
        --------
        >>> from hpmask import Mask
        >>> page = Mask.full(order=3).view(open=False)
        >>> page.open()  # doctest: +SKIP
        True
        """
        return webbrowser.open(Path(os.fspath(self)).as_uri())

    def __fspath__(self) -> str:
        if self.path is None:
            folder = tempfile.mkdtemp(prefix="hpmask-")
            self.save(Path(folder) / "view.html")
        return str(self.path)

    def __repr__(self) -> str:
        saved = "not saved" if self.path is None else str(self.path)
        return f"<Page {self.title!r} | order={self.order} | {len(self.html) / 1e3:.0f} kB, {saved}>"

    def _repr_html_(self) -> str:
        # In ASCII, so that the code is the same, whatever the encoding of the document is.
        text = html.escape(self.html).encode("ascii", "xmlcharrefreplace").decode()
        return (
            f'<iframe srcdoc="{text}" title="{html.escape(self.title)}" allow="fullscreen" '
            f'style="width: 100%; height: {_HEIGHT}px; border: 1px solid #8884; border-radius: 6px"></iframe>'
        )


def in_notebook() -> bool:
    """Whether results are displayed in a notebook."""
    module: Any = sys.modules.get("IPython")
    shell = None if module is None else module.get_ipython()
    return hasattr(shell, "kernel")
