"""Masks from values: thresholds, hysteresis, credible regions, significance, the survey loop and functions."""

from hpmask.values.events import counts_map
from hpmask.values.excess import Significance, cash_sqrt_ts, li_ma_sqrt_ts, significance
from hpmask.values.in_discs import disc_sums

__all__ = ["Significance", "cash_sqrt_ts", "counts_map", "disc_sums", "li_ma_sqrt_ts", "significance"]
