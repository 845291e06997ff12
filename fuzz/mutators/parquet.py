"""Mutations of parquet files by their columns and their key-value metadata, and of their bytes."""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import numpy as np

from fuzz.mutators import Mutator, Plain
from fuzz.mutators.texts import text_mutator

__all__ = ["parquet_mutator", "signed"]

_NUMBERS = (0, 1, -1, 2, 1 << 20, 12 << 58, (12 << 58) - 1, 2**63 - 1, -(2**63))
_FLOATS = (0.0, -0.0, 90.0, -90.1, 360.0, 1e300, math.nan, math.inf, 5e-324)
_TEXTS = ("", "a", "\u00e9", "\x00", "1", "a" * 300)
_TYPES = ("int64", "int32", "uint64", "uint8", "float32", "float64", "string", "bool", "timestamp[ns]", "binary")
_JSON = text_mutator(
    (b"null", b"true", b"[]", b"{}", b'"layout":', b"1e400", b"NaN", b'"TeV"', b'"lin"', b'"galactic"')
)

Table = Any
Sign = Callable[[list[Table], dict[bytes, bytes]], dict[bytes, bytes]]


def parquet_mutator(*, sign: Sign | None = None, words: Sequence[str] = ()) -> Mutator:
    """A mutator of parquet files.

    Parameters
    ----------
    sign : callable, optional
        ``sign(groups, metadata) -> metadata``: digests in the metadata are made right again, in most cases.
    words : sequence of str
        Names of columns that mean something to the reader.
    """

    def mutate(data: bytes, largest: int, rng: Random, plain: Plain) -> bytes:
        if rng.random() < 0.3 or not data:
            return plain(data, largest)
        try:
            groups, metadata = _groups(data)
        except Exception:
            return plain(data, largest)
        try:
            for _ in range(rng.choice((1, 1, 2, 3))):
                if rng.random() < 0.4 and metadata:
                    _change_metadata(metadata, rng, plain)
                else:
                    _change_groups(groups, rng, words)
            if sign is not None and rng.random() < 0.9:
                metadata = sign(groups, metadata)
            return _file(groups, metadata, rng)[:largest]
        except Exception:
            # pyarrow refuses to write it: bytes can still be wrong in any way.
            return plain(data, largest)

    return mutate


def signed(groups: list[Table], metadata: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """The metadata of hpmask's own files with the digests of the row groups and of the description."""
    words = json.loads(metadata[b"hpmask"])
    for one, group in zip(words["groups"], groups, strict=False):
        state = hashlib.sha256()
        for column in group.columns:
            if str(column.type) == "int64":
                with np.errstate(invalid="ignore"):
                    state.update(column.to_numpy().astype("<i8").tobytes())
        one["sha256"] = state.hexdigest()[:32]
        one["n_rows"] = group.num_rows
    text = json.dumps(words).encode()
    return {**metadata, b"hpmask": text, b"hpmask_sha256": hashlib.sha256(text).hexdigest().encode()}


def _groups(data: bytes) -> tuple[list[Table], dict[bytes, bytes]]:
    from pyarrow import parquet

    with parquet.ParquetFile(io.BytesIO(data)) as file:
        if file.metadata.num_rows > 100_000 or file.metadata.num_row_groups > 1000:
            raise ValueError("too large to be changed")
        groups = [file.read_row_group(k) for k in range(file.metadata.num_row_groups)] or [file.read()]
        return groups, dict(file.schema_arrow.metadata or {})


def _file(groups: list[Table], metadata: dict[bytes, bytes], rng: Random) -> bytes:
    from pyarrow import parquet

    out = io.BytesIO()
    schema = groups[0].schema.with_metadata(metadata)
    options: dict[str, Any] = {"compression": rng.choice(("zstd", "none", "snappy", "gzip"))}
    with parquet.ParquetWriter(out, schema, use_dictionary=rng.random() < 0.2, **options) as writer:
        for group in groups:
            writer.write_table(group.cast(schema))
    return out.getvalue()


def _change_metadata(metadata: dict[bytes, bytes], rng: Random, plain: Plain) -> None:
    key = rng.choice(sorted(metadata))
    if rng.random() < 0.1:
        del metadata[key]
    else:
        metadata[key] = _JSON(metadata[key], len(metadata[key]) + 100, rng, plain)


def _change_groups(groups: list[Table], rng: Random, words: Sequence[str]) -> None:
    import pyarrow as pa

    k = rng.randrange(len(groups))
    group = groups[k]
    i = rng.randrange(group.num_columns)
    match rng.randrange(7):
        case 0:
            groups[k] = group.slice(0, rng.randrange(group.num_rows + 1))
        case 1:
            groups.insert(rng.randrange(len(groups) + 1), group)
        case 2 if len(groups) > 1:
            del groups[k]
        case 3:
            # In all groups, which have one schema.
            kind = rng.choice(_TYPES)
            groups[:] = [_cast(one, i, kind) for one in groups]
        case 4:
            name = rng.choice((*words, *group.column_names, "x"))
            groups[:] = [
                one.rename_columns([name if j == i else old for j, old in enumerate(one.column_names)])
                for one in groups
            ]
        case 5 if group.num_columns > 1:
            groups[:] = [one.remove_column(i) for one in groups]
        case _ if group.num_rows:
            values = group.column(i).to_pylist()
            j = rng.randrange(len(values))
            values[j] = _other(values[j], values, rng)
            groups[k] = group.set_column(i, group.schema.field(i), pa.array(values, group.schema.field(i).type))


def _cast(group: Table, i: int, kind: str) -> Table:
    import pyarrow as pa

    target = pa.timestamp("ns") if kind.startswith("timestamp") else pa.type_for_alias(kind)
    return group.set_column(i, pa.field(group.column_names[i], target), group.column(i).cast(target, safe=False))


def _other(value: Any, values: Sequence[Any], rng: Random) -> Any:
    chance = rng.random()
    if chance < 0.1:
        return None
    if chance < 0.4:
        return rng.choice(values)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return rng.choice((*_NUMBERS, value + 1, value - 1, value ^ (1 << rng.randrange(62))))
    if isinstance(value, float):
        return rng.choice((*_FLOATS, -value, value + 360))
    return rng.choice(_TEXTS) if isinstance(value, str) else value
