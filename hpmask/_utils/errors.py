"""The errors of hpmask that a caller may want to catch."""

__all__ = ["MaskFormatError"]


class MaskFormatError(ValueError):
    """A file does not hold a mask, or is damaged.

    The message begins with the path of the file and says what is wrong with it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from hpmask import Mask, MaskFormatError
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "mask.fits"
    ...     _ = path.write_text("nothing of the kind")
    ...     try:
    ...         Mask.read(path)
    ...     except MaskFormatError as error:
    ...         print(str(error).startswith(str(path)))
    True
    """
