"""hpmask's own parquet files of one mask; read as a whole and in parts."""

from __future__ import annotations

from fuzz.checks import as_file
from fuzz.doors.mocs import written
from fuzz.doors.own import one_mask
from fuzz.doors.tables import masks
from fuzz.mutators.parquet import parquet_mutator, signed

__all__ = ["WORDS", "mutate", "one", "seeds"]

WORDS = (b"PAR1", b"hpmask", b"hpmask_sha256", b"start", b"stop", b"bin", b"ARROW:schema")
mutate = parquet_mutator(sign=signed, words=("start", "stop", "bin", "layer"))


def one(data: bytes) -> None:
    one_mask(as_file(data, "m.parquet"), "parquet")


def seeds() -> dict[str, bytes]:
    return {name: written(mask, "parquet") for name, mask in masks().items()}
