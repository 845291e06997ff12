"""Catalogs in parquet, against astropy."""

from __future__ import annotations

import io

import numpy as np

from fuzz.doors.catalogs import one_file, sources, written
from fuzz.mutators.parquet import parquet_mutator
from hpmask.geometry.healpix import cells_at

__all__ = ["WORDS", "mutate", "one", "seeds"]

WORDS = (b"PAR1", b"ARROW:schema", b"table::len::name", b"table_meta_yaml")
mutate = parquet_mutator(words=("ra", "dec", "RAJ2000", "glon", "glat", "_healpix_29", "Norder"))


def one(data: bytes) -> None:
    one_file(data, ".parquet", "parquet")


def seeds() -> dict[str, bytes]:
    import pyarrow as pa
    from pyarrow import parquet

    lon, lat = np.linspace(0, 350, 9), np.linspace(-80, 80, 9)
    cells = np.asarray(cells_at(np.radians(lon), np.radians(lat), 29)).astype(np.int64)
    hats = io.BytesIO()
    parquet.write_table(pa.table({"_healpix_29": np.sort(cells), "ra": lon, "dec": lat, "tag": ["x"] * 9}), hats)
    return {"astropy": written(sources(), "parquet"), "hats": hats.getvalue()}
