"""HATS catalogs and LSDB: searches by a mask, which need LSDB (`search`), and the sky of a catalog (`coverage`)."""

from __future__ import annotations
