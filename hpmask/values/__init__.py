"""Masks from values: thresholds, hysteresis, credible regions, significance, the survey loop and functions."""

from hpmask.values.events import counts_map
from hpmask.values.excess import Significance, cash_sqrt_ts, li_ma_sqrt_ts, significance
from hpmask.values.exclusion import Exclusion, find_exclusion
from hpmask.values.in_discs import disc_sums
from hpmask.values.in_shapes import shape_sums

__all__ = [
    "Exclusion",
    "Significance",
    "cash_sqrt_ts",
    "counts_map",
    "disc_sums",
    "find_exclusion",
    "li_ma_sqrt_ts",
    "shape_sums",
    "significance",
]
