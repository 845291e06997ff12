"""The rows of Dask DataFrames and lsdb catalogs in masks: each partition is looked up when it is computed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hpmask._files.tables import column_names, is_partitioned
from hpmask._files.urls import as_place
from hpmask._utils.arguments import check_invalid
from hpmask._utils.words import shown
from hpmask.catalog.positions import locator_of, positions_of
from hpmask.core import lookup
from hpmask.core.positions import Positions
from hpmask.mask import Mask
from hpmask.maskset import MaskSet
from hpmask.scale.schedule import need_dask
from hpmask.scale.shared import TiledMasks, opened, shared, value_of

__all__ = ["contains", "flags"]


def contains(
    mask: Mask | str | os.PathLike[str],
    table: Any,
    *,
    energy: str | Any = None,
    lon: str | None = None,
    lat: str | None = None,
    catalog_frame: str | None = None,
    invalid: Literal["raise", "skip"] = "raise",
) -> Any:
    """Return whether the rows of a Dask DataFrame or an lsdb catalog are kept by a mask.

    Parameters
    ----------
    mask : Mask, str or path
        A mask, which each worker gets once; or a folder of tiles, as `from_catalog` writes it, which all workers must
        be able to read. Of a folder, a worker reads the tiles that have rows of a partition, and keeps those that it
        used last, up to 256 MB.
    table : Dask DataFrame or lsdb catalog
        The rows.
    energy : `~astropy.units.Quantity` or str, optional
        One energy for all rows. It must be given if the mask has energy bins.
    lon, lat, catalog_frame : str, optional
        The columns of the positions and their frame, as in `hpmask.Mask.contains`. The column ``_healpix_29`` comes
        first.
    invalid : {"raise", "skip"}, optional
        Whether a row without a position raises an error that names it, with its partition, or is not kept.

    Returns
    -------
    Dask Series of bool
        With the index and the partitions of the table. Nothing is looked up before it is computed.

    Raises
    ------
    ImportError
        If Dask is not installed.
    TypeError, ValueError
        If the arguments do not fit, or the table has no columns of positions.
    MaskFormatError
        If the folder is not a mask that is complete.

    See Also
    --------
    hpmask.Mask.select, hpmask.Mask.flag : tables of the same kind with fewer rows or more columns.

    Examples
    --------
    >>> import dask
    >>> import dask.dataframe as dd
    >>> import pandas as pd
    >>> from hpmask import Mask, scale
    >>> stars = dd.from_pandas(pd.DataFrame({"ra": [10, 20, 30], "dec": [50, -10, 60]}), npartitions=2)
    >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=6)
    >>> with dask.config.set(scheduler="synchronous"):
    ...     scale.contains(north, stars).compute().to_list()
    [True, False, True]
    """
    source = _source(mask, Mask, "mask")
    like = source.empty if isinstance(source, TiledMasks) else source
    if not isinstance(like, Mask):
        raise TypeError("mask is a folder of layers: use flags")
    if like.energy is not None and energy is None:
        raise ValueError(f"the mask has {like.energy.n_bins} energy bins: give the energy of the rows by energy=")
    words = {"lon": lon, "lat": lat, "catalog_frame": catalog_frame, "energy": energy, "invalid": invalid}
    return _looked_up(mask, source, table, "contains", np.dtype(np.bool_), words)


def flags(
    masks: MaskSet | str | os.PathLike[str],
    table: Any,
    *,
    energy: str | Any = None,
    lon: str | None = None,
    lat: str | None = None,
    catalog_frame: str | None = None,
    invalid: Literal["raise", "skip"] = "raise",
) -> Any:
    """Return which layers hold the rows of a Dask DataFrame or an lsdb catalog, as the bits of integers.

    Parameters
    ----------
    masks : MaskSet, str or path
        A set of up to 64 layers, or a folder of tiles that holds one. See `contains`.
    table : Dask DataFrame or lsdb catalog
        The rows.
    energy : `~astropy.units.Quantity` or str, optional
        One energy for all rows. It must be given if a layer has energy bins.
    lon, lat, catalog_frame : str, optional
        The columns of the positions and their frame, as in `contains`.
    invalid : {"raise", "skip"}, optional
        Whether a row without a position raises an error that names it, with its partition, or gets the flag 0.

    Returns
    -------
    Dask Series of unsigned int
        Bit k of a number is 1 if layer k holds the row, as in `hpmask.MaskSet.flags`.

    Raises
    ------
    ImportError
        If Dask is not installed.
    TypeError, ValueError
        If the arguments do not fit, the table has no columns of positions, or there are more than 64 layers.
    MaskFormatError
        If the folder is not a set that is complete.

    Examples
    --------
    >>> import dask
    >>> import dask.dataframe as dd
    >>> import pandas as pd
    >>> from hpmask import Mask, MaskSet, scale
    >>> stars = dd.from_pandas(pd.DataFrame({"ra": [10, 20, 30], "dec": [50, -10, 60]}), npartitions=2)
    >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=6)
    >>> with dask.config.set(scheduler="synchronous"):
    ...     scale.flags(MaskSet({"north": north, "south": ~north}), stars).compute().to_list()
    [1, 2, 1]
    """
    source = _source(masks, MaskSet, "masks")
    like = source.empty if isinstance(source, TiledMasks) else source
    if not isinstance(like, MaskSet):
        raise TypeError("masks is a folder of one mask: use contains")
    if len(like) > 64:
        raise ValueError(f"masks must have at most 64 layers, got {len(like)}: choose some by masks[[...]]")
    words = {"lon": lon, "lat": lat, "catalog_frame": catalog_frame, "energy": energy, "invalid": invalid}
    return _looked_up(masks, source, table, "flags", like.dtype, words)


def _source(given: Any, kind: type, argument: str) -> Any:
    """The masks of an argument, or the folder that holds them."""
    if isinstance(given, kind):
        return given
    if isinstance(given, str | os.PathLike):
        return opened(_full(given))
    raise TypeError(f"{argument} must be a {kind.__name__} or a folder of tiles, got {type(given).__name__}")


def _full(path: str | os.PathLike[str]) -> str:
    """The path as workers with another working directory understand it."""
    place = as_place(path)
    return os.path.abspath(place) if isinstance(place, Path) else place


def _looked_up(given: Any, source: Any, table: Any, name: str, dtype: np.dtype[Any], words: dict[str, Any]) -> Any:
    """The lazy answers for a table."""
    need_dask()
    check_invalid(words["invalid"])
    if not is_partitioned(table):
        raise TypeError(f"table must be a Dask DataFrame or an lsdb catalog, got {shown(table)}: use Mask.contains")
    import pandas as pd
    from dask.dataframe.dispatch import make_meta

    meta = getattr(table, "meta", None)
    meta = make_meta(table) if meta is None else meta
    # Errors of a table without positions come here, and not from a worker.
    locator_of(meta, words["lon"], words["lat"], frame=source.frame, catalog_frame=words["catalog_frame"])
    if isinstance(words["energy"], str) and words["energy"] in (column_names(meta) or ()):
        raise ValueError(f"energy must be one energy for all rows, but {words['energy']!r} is a column without a unit")
    form = pd.Series(np.empty(0, dtype=dtype), index=meta.index, name=name)
    masks = _full(given) if isinstance(source, TiledMasks) else shared(source)
    return table.map_partitions(_answers, masks, words, dtype.str, name, meta=form)


def _answers(part: Any, masks: Any, words: dict[str, Any], dtype: str, name: str, partition_info: Any = None) -> Any:
    """The answers for a partition."""
    import pandas as pd

    source = opened(masks) if isinstance(masks, str) else value_of(masks)
    invalid, energy = words["invalid"], words["energy"]
    out = np.zeros(len(part), dtype=dtype)
    try:
        if isinstance(source, TiledMasks):
            columns = {one: words[one] for one in ("lon", "lat", "catalog_frame")}
            positions = positions_of(part, frame=source.frame, invalid=invalid, argument="table", **columns)
            source.answers(positions, lambda own, cells: _of_cells(own, cells, energy), out, invalid)
        elif len(part):
            out = (source.contains if isinstance(source, Mask) else source.flags)(part, **words, n_threads=1)
    except ValueError as error:
        if partition_info is None:
            raise
        raise ValueError(f"partition {partition_info['number']}: {error}") from error
    return pd.Series(np.asarray(out, dtype=dtype), index=part.index, name=name)


def _of_cells(masks: Mask | MaskSet, cells: NDArray[np.uint64], energy: Any) -> NDArray[Any]:
    """The answers for cells of order 29."""
    if isinstance(masks, Mask):
        where = Positions.of_cells(cells)
        return lookup.contains(masks.planes, masks.order, masks.energy, where, energy, n_threads=1)  # type: ignore[no-any-return]
    return masks.flags_cells(cells, energy=energy, n_threads=1)  # type: ignore[no-any-return]
