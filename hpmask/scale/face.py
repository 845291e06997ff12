"""The functions of `hpmask.scale`, with their documentation."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from astropy import units as u

from hpmask._utils.modes import Mode
from hpmask.catalog.masks import Column, check_missing
from hpmask.energy.axis import EnergyAxis
from hpmask.mask import Mask
from hpmask.scale import build

__all__ = ["from_catalog"]


def from_catalog(
    source: Any,
    radius: Column | None = None,
    *,
    inner_radius: Column | None = None,
    outer_radius: Column | None = None,
    semi_major: Column | None = None,
    semi_minor: Column | None = None,
    width: Column | None = None,
    height: Column | None = None,
    position_angle: Column | None = None,
    missing: u.Quantity | str | Mapping[str, u.Quantity | str] | None = None,
    where: str | Sequence[str] | Callable[..., Any] | None = None,
    within: Mask | None = None,
    lon: str | None = None,
    lat: str | None = None,
    catalog_frame: str | None = None,
    epoch: Any = None,
    catalog_epoch: Any = None,
    motion: tuple[str, str] | None = None,
    invalid: Literal["raise", "skip"] = "raise",
    order: int | None = None,
    resolution: u.Quantity | str | None = None,
    mode: Mode = "center",
    frame: str = "icrs",
    energy: EnergyAxis | None = None,
    columns: Sequence[str] | None = None,
    folder: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    tile_order: int | None = None,
    scratch: str | os.PathLike[str] | None = None,
    resume: bool = True,
    workers: Any = None,
    progress: bool = False,
) -> Mask | Path:
    """Return the union of discs, annuli, ellipses or boxes around the sources of a catalog of any size.

    The catalog is read in pieces. Each piece becomes ranges of cells, cut into tiles of the sky, and the tiles of all
    pieces are united. The mask is the same as that of `hpmask.Mask.from_catalog`, whatever the number of workers, and
    no worker needs more memory than a part of a piece and a tile.

    A build that was stopped continues when it is called again with the same arguments, if the files of the catalog have
    not changed. Nothing else is ever taken for a mask: `folder` appears when the mask is complete.

    Parameters
    ----------
    source : str, path, list of these, Dask DataFrame, lsdb catalog or table
        A parquet file, a folder or a pattern such as ``"stars/*.parquet"`` or a list of files, also by URL; the folder
        of a HATS catalog; or a catalog of Dask or lsdb. Files are divided by their row groups, and Dask and lsdb by
        their partitions. Other tables and files are taken as by `hpmask.Mask.from_catalog`, and must fit in memory.
    radius, inner_radius, outer_radius, semi_major, semi_minor, width, height, position_angle, missing : optional
        The sizes, as in `hpmask.Mask.from_catalog`: an angle, the name of a column, or a function of a table. A
        function gets some of the rows at a time.
    where : str, sequence of str or callable, optional
        The rows to take, as in `hpmask.Mask.from_catalog`.
    within : Mask, optional
        Keep only what is in this mask.
    lon, lat, catalog_frame, epoch, catalog_epoch, motion : optional
        The columns of positions and proper motions, as in `hpmask.Mask.from_catalog`. A HATS catalog names its
        columns of positions.
    invalid : {"raise", "skip"}, optional
        Whether rows without a usable position or size raise an error that has their partition and numbers, or are left
        out and counted in a warning.
    order : int, optional
        Order of the cells, 0 to 29. Either it or `resolution` must be given.
    resolution : `~astropy.units.Quantity` or str, optional
        The largest width of a cell, such as "1 arcmin".
    mode : {"center", "overlap", "inside"}, optional
        Which cells belong to a shape, as in `hpmask.Mask.from_catalog`.
    frame : {"icrs", "galactic"}, optional
        Frame of the mask.
    energy : EnergyAxis, optional
        Energy bins of the mask.
    columns : sequence of str, optional
        The columns to read, besides those of the positions. By default those that the arguments need. The columns that
        a function needs are found by a call with rows that are made up; if it fails with these, all columns are read.
    folder : str or path, optional
        Where to write the mask, a folder of tiles that `hpmask.Mask.read` can read. By default the mask is returned
        in memory.
    overwrite : bool, optional
        Whether a mask that is in `folder` may be replaced.
    tile_order : int, optional
        Order of the tiles, by default 3 (768 tiles). It does not change the mask.
    scratch : str or path, optional
        A folder for files of the build, if the mask is returned in memory: workers on other machines must reach it, and
        a build can only continue there. By default a temporary folder. With `folder`, they lie in ``folder.build``.
    resume : bool, optional
        Whether a build that was stopped may continue. The code of a function counts as an argument, but not that of the
        functions which it calls: give False after a change in these.
    workers : int or `distributed.Client`, optional
        A number of processes of this machine (1: the calling one), or the client of a cluster. By default the current
        client of dask.distributed if there is one, or else the scheduler in Dask's configuration, or else a process
        for each processor.
    progress : bool, optional
        Show progress bars.

    Returns
    -------
    Mask or pathlib.Path
        True inside the shapes: ``~`` of it is the exclusion mask. With `folder`, its path.

    Raises
    ------
    FileExistsError
        If there is a mask in `folder` and `overwrite` is False, or a folder that is in the way and not of a build.
    FileNotFoundError
        If there is no such file, or no parquet file in a folder; or a worker cannot reach the files of the build.
    ImportError
        If Dask or another package that is needed is not installed.
    TypeError, ValueError
        As in `hpmask.Mask.from_catalog`. Errors of rows begin with their partition.

    Warns
    -----
    UserWarning
        If rows are left out; the message counts those of all partitions. If shapes hold no cell; with their number.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from astropy import units as u
    >>> from astropy.table import Table
    >>> from hpmask import Mask, scale
    >>> rng = np.random.default_rng(1)
    >>> with tempfile.TemporaryDirectory() as place:
    ...     for k in range(3):
    ...         stars = Table({"ra": rng.uniform(0, 360, 100), "dec": rng.uniform(-60, 60, 100)})
    ...         stars["mag"] = rng.uniform(6, 12, 100)
    ...         stars.write(f"{place}/stars-{k}.parquet")
    ...     law = lambda stars: (0.5 - 0.03 * stars["mag"]) * u.deg
    ...     folder = scale.from_catalog(f"{place}/*.parquet", law, order=10, folder=f"{place}/mask", workers=1)
    ...     mask = scale.from_catalog(f"{place}/*.parquet", law, order=10, workers=1)
    ...     Mask.read(folder) == mask
    True
    """
    sizes = {
        "radius": radius,
        "inner_radius": inner_radius,
        "outer_radius": outer_radius,
        "semi_major": semi_major,
        "semi_minor": semi_minor,
        "width": width,
        "height": height,
        "position_angle": position_angle,
    }
    sizes = {name: size for name, size in sizes.items() if size is not None}
    built = build.from_catalog(
        source,
        **sizes,
        missing=check_missing(missing, sizes),
        where=where,
        within=within,
        lon=lon,
        lat=lat,
        catalog_frame=catalog_frame,
        epoch=epoch,
        catalog_epoch=catalog_epoch,
        motion=motion,
        invalid=invalid,
        order=order,
        resolution=resolution,
        mode=mode,
        frame=frame,
        energy=energy,
        columns=columns,
        folder=folder,
        overwrite=overwrite,
        tile_order=tile_order,
        scratch=scratch,
        resume=resume,
        workers=workers,
        progress=progress,
    )
    made: Mask | Path = built.mask
    return made
