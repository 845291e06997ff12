"""Masks with names, the layers of a set: the checks of names, areas, and one mask from several layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import MaskedColumn, Table
from numpy.typing import ArrayLike

from hpmask._utils.words import shown
from hpmask.core import algebra
from hpmask.core.flags import n_words
from hpmask.core.value import M, MaskValue, check_mask

__all__ = ["areas", "check_name", "combine", "layers_of", "names_of"]


def layers_of(masks: Any) -> dict[str, M]:
    """Masks with names as a dict: checked as `hpmask.MaskSet` describes.

    Raises
    ------
    TypeError, ValueError
        If there is no layer, a name cannot be one or is given twice, a layer is not a Mask, or the frames differ.
    """
    if isinstance(masks, str | MaskValue) or not isinstance(masks, Iterable):
        raise TypeError(f"masks must be a mapping from names to Masks, got {shown(masks)}")
    layers: dict[str, M] = {}
    for pair in masks.items() if isinstance(masks, Mapping) else masks:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise TypeError(f"masks must be a mapping, or pairs of a name and a Mask, got {shown(pair)}")
        name, mask = pair
        check_name(name)
        if name in layers:
            raise ValueError(f"the name {name!r} is given twice")
        check_mask(mask, f"masks[{name!r}]")
        layers[name] = mask
    if not layers:
        raise ValueError("a MaskSet needs at least one mask, got none")
    first = next(iter(layers))
    frame = layers[first].frame
    for name, mask in layers.items():
        if mask.frame != frame:
            raise ValueError(
                f"the masks have different frames: {first!r} has {frame!r}, and {name!r} has {mask.frame!r}: "
                f"convert it with to_frame({frame!r}, order=...)"
            )
    return layers


def check_name(name: object) -> None:
    """Raise an error unless something can be the name of a layer."""
    if not isinstance(name, str):
        raise TypeError(f"a name must be a string, got {shown(name)}")
    if not name or not name.isprintable() or name != name.strip():
        raise ValueError(
            "a name must be a string of printable characters that neither begins nor ends with a space, "
            f"got {shown(name)}"
        )


def names_of(flag: int | ArrayLike, names: Sequence[str]) -> tuple[str, ...]:
    """See `hpmask.MaskSet.names_of`."""
    words = np.atleast_1d(np.asarray(flag))
    n = n_words(len(names))
    if words.dtype.kind not in "iu" or words.shape != (n,) or (np.ndim(flag) and n == 1):
        what = "an integer" if n == 1 else f"{n} integers"
        raise TypeError(f"flag must be {what}, the flag of one position, got {shown(flag)}")
    value = sum(int(word) << 64 * k for k, word in enumerate(words))
    if not 0 <= value < 1 << len(names):
        raise ValueError(f"flag must have bits 0 to {len(names) - 1} only, got {shown(flag)}")
    return tuple(name for k, name in enumerate(names) if value >> k & 1)


def combine(
    layer: Callable[[object], M],
    keep: str | Sequence[str | Sequence[str]] | None,
    exclude: str | Sequence[str] | None,
) -> M:
    """See `hpmask.MaskSet.combine`. `layer` gives the mask of a name."""
    if keep is None and exclude is None:
        raise TypeError("give keep, exclude or both")
    kept = []
    for one in _names(keep, "keep"):
        group = [one] if isinstance(one, str) else _names(one, "keep")
        if not group:
            raise ValueError("keep has an empty sequence of names, which no sky is in")
        kept.append(algebra.union_all([layer(name) for name in group]))
    excluded = [layer(name) for name in _names(exclude, "exclude")]
    if not excluded and not kept:
        raise ValueError("keep and exclude have no names")
    if not excluded:
        return algebra.intersection_all(kept)
    out = algebra.union_all(excluded)
    return algebra.intersection_all(kept) - out if kept else ~out


def _names(names: Any, argument: str) -> list[Any]:
    if names is None:
        return []
    if isinstance(names, str):
        return [names]
    if not isinstance(names, Iterable) or isinstance(names, Mapping):
        raise TypeError(f"{argument} must be names of layers, got {shown(names)}")
    return list(names)


def areas(layers: Mapping[str, MaskValue]) -> Table:
    """See `hpmask.MaskSet.areas`."""
    unit = next((mask.energy.unit for mask in layers.values() if mask.energy is not None), None)
    rows: list[tuple[Any, ...]] = []
    for bit, (name, mask) in enumerate(layers.items()):
        fractions = np.atleast_1d(mask.sky_fraction)
        if mask.energy is None or unit is None:
            rows.append((name, bit, fractions[0], np.nan, np.nan))
            continue
        low, high = (edge.to_value(unit, u.spectral()) for edge in (mask.energy.energy_min, mask.energy.energy_max))
        rows += [(name, bit, *row) for row in zip(fractions, low, high, strict=True)]
    names, bits, fraction, low, high = (np.array(column) for column in zip(*rows, strict=True))
    table = Table({"name": names, "bit": bits})
    if unit is not None:
        for column, values in (("energy_min", low), ("energy_max", high)):
            table[column] = MaskedColumn(values, mask=np.isnan(values), unit=unit)
    table["area"] = (fraction * 4 * np.pi * u.sr).to(u.deg**2)
    table["area"].info.format = ".6g"
    table["sky_fraction"] = fraction
    table["sky_fraction"].info.format = ".4g"
    return table
