"""Random positions written to parquet files in pieces."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import nullcontext
from typing import IO, Any

import numpy as np
from astropy import units as u

from hpmask._files.atomic import created
from hpmask._utils.arguments import as_count, as_flag
from hpmask._utils.progress import track
from hpmask.core.randoms import Sampler, naming_layer, numbers_of, seeds_of_layers, streams_of
from hpmask.core.value import MaskValue

__all__ = ["write_layers", "write_randoms"]

# The names of the columns of longitudes and latitudes.
_COLUMNS = {"icrs": ("ra", "dec"), "galactic": ("l", "b")}


def write_randoms(
    mask: MaskValue, path: str | os.PathLike[str] | IO[bytes], n: int | None = None, *, seed: Any = None, **options: Any
) -> list[int]:
    """See `hpmask.Mask.write_randoms`."""
    return _write({"": mask}, path, n, {"": seed}, named=False, **options)[""]


def write_layers(
    layers: Mapping[str, MaskValue],
    path: str | os.PathLike[str] | IO[bytes],
    n: int | None = None,
    *,
    seed: Any = None,
    **options: Any,
) -> dict[str, list[int]]:
    """See `hpmask.MaskSet.write_randoms`."""
    return _write(layers, path, n, seeds_of_layers(seed, layers), named=True, **options)


def _write(
    layers: Mapping[str, MaskValue],
    path: str | os.PathLike[str] | IO[bytes],
    n: int | None,
    seeds: Mapping[str, Any],
    *,
    named: bool,
    density: u.Quantity | str | None = None,
    poisson: bool = False,
    chunk: int = 1 << 20,
    overwrite: bool = False,
    n_threads: int | None = None,
    progress: bool = False,
) -> dict[str, list[int]]:
    """Write the positions in each layer, which has a seed; with the names of the layers if they are `named`."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise ImportError(
            'parquet files need pyarrow, which is not installed: pip install "hpmask[parquet]"'
        ) from error
    chunk, progress = as_count(chunk, "chunk", least=1), as_flag(progress, "progress")
    numbers: dict[str, list[int]] = {}
    parts = []
    for name, mask in layers.items():
        streams = streams_of(seeds[name], len(mask.planes))
        with naming_layer(name) if named else nullcontext():
            numbers[name] = numbers_of(mask, n, density=density, poisson=poisson, streams=streams)
        for k, number in enumerate(numbers[name]):
            parts += [(name, k, streams[k], start, min(start + chunk, number)) for start in range(0, number, chunk)]
    first = next(iter(layers.values()))
    fields = [pa.field(name, pa.float64(), metadata={"unit": "deg"}) for name in _COLUMNS[first.frame]]
    notes: dict[str, str] = {}
    if named:
        fields.append(pa.field("layer", pa.string()))
        # For astropy, whose strings have a length.
        notes["table::len::layer"] = str(max(map(len, layers)))
    by_energy = any(mask.energy is not None for mask in layers.values())
    if by_energy:
        fields.append(pa.field("bin", pa.int32()))
    histories = {name: mask.history.partition("\n")[0] for name, mask in layers.items()}
    about: dict[str, Any] = {"frame": first.frame, "mask": histories, "numbers": numbers}
    if not named:
        about = {"frame": first.frame, "mask": histories[""], "numbers": numbers[""]}
    schema = pa.schema(fields, metadata={"hpmask": json.dumps(about), **notes})
    sampler, drawn = None, None
    with created(path, overwrite=overwrite) as file, parquet.ParquetWriter(file, schema) as writer:
        for name, k, stream, start, stop in track(parts, total=len(parts), what="random positions", shown=progress):
            size = stop - start
            if sampler is None or drawn != (name, k):
                sampler, drawn = Sampler(layers[name].planes[k], stream), (name, k)
            columns: list[Any] = list(sampler.positions(start, stop, n_threads=n_threads))
            if named:
                columns.append(pa.repeat(name, size))
            if by_energy:
                columns.append(np.full(size, -1 if layers[name].energy is None else k, dtype=np.int32))
            writer.write_table(pa.table(columns, schema=schema), row_group_size=size)
    return numbers
