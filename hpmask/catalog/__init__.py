"""Catalogs: tables of any kind, their columns and frames, to shapes around the sources."""

from __future__ import annotations

from hpmask.catalog.hats import write_hats
from hpmask.catalog.laws import MagnitudeLaw
from hpmask.catalog.streams import RowCounts, filter_file, flag_file

__all__ = ["MagnitudeLaw", "RowCounts", "filter_file", "flag_file", "write_hats"]
