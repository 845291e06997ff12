"""Catalogs: tables of any kind, their columns and frames, to discs."""
