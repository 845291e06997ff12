"""The mask on the pixels of images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from hpmask._files.fits_file import faults_of
from hpmask._utils.modes import Mode, PixelMode, check_mode, check_pixel_mode
from hpmask._utils.parallel import thread_count
from hpmask.core.flags import flag_dtype, n_words
from hpmask.core.value import MaskValue, distinct_planes, layers_of
from hpmask.wcs.grid import Grid, Way
from hpmask.wcs.inputs import Target, as_target
from hpmask.wcs.pixel_areas import by_areas
from hpmask.wcs.pixel_centers import at_centers

if TYPE_CHECKING:
    from hpmask.energy.axis import EnergyAxis
__all__ = ["flags_to_wcs", "image_of", "to_wcs", "to_wcs_many"]

# Edges of energy bins that went through other units or through single precision differ by less than this, relatively.
_TIE = 1e-6


def to_wcs(
    mask: MaskValue,
    wcs: Any,
    shape: tuple[int, int] | None = None,
    *,
    mode: PixelMode = "center",
    hdu: int | str | None = None,
    n_threads: int | None = None,
) -> NDArray[Any]:
    """See `hpmask.Mask.to_wcs`."""
    check_pixel_mode(mode)
    return image_of(mask, as_target(wcs, hdu), shape, mode, threads=thread_count(n_threads))


def to_wcs_many(
    mask: MaskValue, fields: Iterable[Any], *, mode: PixelMode = "center", n_threads: int | None = None
) -> Iterator[NDArray[Any]]:
    """See `hpmask.Mask.to_wcs_many`."""
    check_pixel_mode(mode)
    threads = thread_count(n_threads)
    # Threads share each image, and do not take whole images: half of the work on a small image is done by Python, where
    # threads would only wait for each other.
    return (image_of(mask, as_target(field), None, mode, threads=threads) for field in fields)


def flags_to_wcs(
    layers: Mapping[str, MaskValue],
    wcs: Any,
    shape: tuple[int, int] | None = None,
    *,
    mode: Mode = "center",
    hdu: int | str | None = None,
    n_threads: int | None = None,
) -> NDArray[np.unsignedinteger[Any]]:
    """See `hpmask.MaskSet.to_wcs`."""
    check_mode(mode)
    for name, mask in layers.items():
        if mask.energy is not None:
            raise ValueError(
                f"the layer {name!r} has energy bins, and the pixels of an image of flags have none: take one bin of "
                "it, or its reduce()"
            )
    target, threads, words = as_target(wcs, hdu), thread_count(n_threads), n_words(len(layers))
    flags: NDArray[np.unsignedinteger[Any]] | None = None
    for k, mask in enumerate(layers.values()):
        image = image_of(mask, target, shape, mode, threads=threads)
        if flags is None:
            flags = np.zeros(image.shape + (words,) * (words > 1), flag_dtype(len(layers)))
        word = flags[..., k // 64] if words > 1 else flags
        word |= image.astype(flags.dtype) << flags.dtype.type(k % 64)
    assert flags is not None, "a set has a layer"
    return flags


def image_of(
    mask: MaskValue, target: Target, shape: tuple[int, int] | None, mode: PixelMode, *, threads: int
) -> NDArray[Any]:
    """The mask on the pixels of a target, with a plane for each bin of the target or else of the mask."""
    grid = Grid.of(target.wcs, target.shape if shape is None else shape)
    row = {id(plane): k for k, plane in reversed(list(enumerate(distinct_planes(mask))))}
    bins = _bins(mask, target)
    with faults_of(target.file):
        way = Way.between(grid.frame, mask.frame)
        if mode == "center":
            images: NDArray[Any] = at_centers(grid, way, layers_of(mask), n_threads=threads)
        else:
            images = by_areas(grid, way, layers_of(mask), distinct_planes(mask), mode, n_threads=threads)
    if bins is None:
        image: NDArray[Any] = images[0]
        return image
    rows = [row[id(mask.planes[k])] for k in bins]
    return images if rows == list(range(len(images))) else images[rows]


def _bins(mask: MaskValue, target: Target) -> list[int] | None:
    """The bin of the mask for each plane of the image, or None for an image of one plane without energy."""
    if target.energy is None:
        return None if mask.energy is None else list(range(mask.energy.n_bins))
    if mask.energy is None:
        return [0] * target.energy.n_bins
    if target.nodes is not None:
        return _bins_at(mask.energy, target.nodes)
    unit = mask.energy.unit
    lowest, highest = mask.energy.energy_min.value, mask.energy.energy_max.value
    bins = []
    wanted = (edges.to_value(unit) for edges in (target.energy.energy_min, target.energy.energy_max))
    for low, high in zip(*wanted, strict=True):
        k = int(mask.energy.bin_of(low * (1 + _TIE) * unit))
        if k < 0 or high > highest[k] * (1 + _TIE) or low < lowest[k] * (1 - _TIE):
            raise ValueError(
                f"every energy bin of the image must lie in one of the mask's, but {low:.6g} to {high:.6g} {unit} "
                f"does not: the mask has {mask.energy}"
            )
        bins.append(k)
    return bins


def _bins_at(axis: EnergyAxis, nodes: u.Quantity) -> list[int]:
    """The bin of each energy. An edge belongs to the bin above it, and the last edge to the last bin."""
    ascending = axis.ascending()
    edges, values = ascending.edges.value, nodes.to_value(axis.unit)
    bins = np.searchsorted(edges * (1 - _TIE), values, side="right") - 1
    bins[(bins == axis.n_bins) & (values <= edges[-1] * (1 + _TIE))] = axis.n_bins - 1
    bad = np.flatnonzero((bins < 0) | (bins >= axis.n_bins))
    if bad.size:
        raise ValueError(
            f"the energy of every plane of the image must lie in one of the mask's bins, but {nodes[bad[0]]:.6g} does "
            f"not: the mask has {axis}"
        )
    return [int(k) if ascending is axis else axis.n_bins - 1 - int(k) for k in bins]
