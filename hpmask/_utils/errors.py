"""Errors of hpmask's own, for those that a caller would want to catch."""

__all__ = ["MaskFormatError"]


class MaskFormatError(ValueError):
    """A file holds no mask, or a damaged one."""
