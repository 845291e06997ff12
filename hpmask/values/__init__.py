"""Masks from values: thresholds, hysteresis, credible regions, significance, the survey loop and functions."""
