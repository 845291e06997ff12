"""Catalogs and masks that do not fit in memory, on Dask.

`from_catalog` makes a mask of a catalog in many files, `contains` and `flags` look up the rows of Dask DataFrames. The
work is done on the workers of a cluster if there is a client of ``dask.distributed``, or else in processes of this
machine.
"""

from hpmask.scale.face import from_catalog
from hpmask.scale.lookup import contains, flags

__all__ = ["contains", "flags", "from_catalog"]
