"""Checks that gammapy can be imported."""

from __future__ import annotations

__all__ = ["need_gammapy"]


def need_gammapy() -> None:
    """Raise an ImportError that says how to install gammapy, if it cannot be imported.

    Some versions of gammapy do not work with newer versions of `regions`. The extra installs versions that fit.
    """
    try:
        import gammapy.maps  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f'this needs gammapy, which cannot be imported ({error}): pip install "hpmask[gammapy]"'
        ) from error
