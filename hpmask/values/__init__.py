"""Masks from values: thresholds, hysteresis, credible regions, significance, the survey loop and functions."""

from hpmask.values.in_discs import disc_sums

__all__ = ["disc_sums"]
