"""gammapy, or an error that says how to get it."""

from __future__ import annotations

__all__ = ["need_gammapy"]


def need_gammapy() -> None:
    """Raise if gammapy cannot be imported.

    Raises
    ------
    ImportError
        If it is not installed, or does not work with the version of `regions` beside it: the extra keeps both right.
    """
    try:
        import gammapy.maps  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f'this needs gammapy, which cannot be imported ({error}): pip install "hpmask[gammapy]"'
        ) from error
