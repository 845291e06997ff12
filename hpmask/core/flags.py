"""Flags: which of several sets hold a position, as the bits of an integer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from hpmask._kernels.flags import WordIndex
from hpmask._utils.arguments import MAX_ORDER
from hpmask.core import lookup
from hpmask.core.layers import merged
from hpmask.core.positions import Positions
from hpmask.core.rangeset import RangeSet, index_of
from hpmask.core.value import MaskValue

__all__ = ["FlagIndex", "bits_of", "flag_dtype", "flags", "index_of_layers", "n_words"]

# Numbers have this many blocks, or more where that makes a record fit into 32 bits (see the kernel).
_LEAST_TOP, _MOST_TOP = 14, 18

# A search in one set takes as long as the list takes for this many boundaries.
_PATIENCE = 2


def n_words(n_sets: int) -> int:
    """The number of 64-bit words of a flag."""
    return -(-n_sets // 64)


def flag_dtype(n_sets: int) -> np.dtype[Any]:
    """The smallest unsigned integer that has a bit for each of some sets; 64 bits for more than 64 sets."""
    return np.dtype(next((f"u{size}" for size in (1, 2, 4) if n_sets <= 8 * size), "u8"))


class FlagIndex:
    """Several sets, for look-ups in all of them at once.

    The first look-ups search in each of the sets. When there have been enough positions to pay for it, one list of all
    sets is made, and kept.

    Parameters
    ----------
    planes : sequence of RangeSet
        The sets, in the order of the bits.
    order : int
        The finest of their orders.
    """

    def __init__(self, planes: Sequence[RangeSet], order: int) -> None:
        self._planes = list(planes)
        self._order = order
        self._seen = 0
        self._parts: list[tuple[int, WordIndex]] | None = None

    @property
    def is_merged(self) -> bool:
        """Whether the list of all sets has been made."""
        return self._parts is not None

    def merge(self, n_threads: int | None = None) -> None:
        """Make the list of all sets, if it has not been made."""
        if self._parts is None:
            self._parts = list(_indices(self._planes, self._order, n_threads))

    def flags(
        self, positions: Positions, *, invalid: str = "raise", n_threads: int | None = None
    ) -> NDArray[np.unsignedinteger[Any]]:
        """The flags of positions: bit k is 1 where set k has the position.

        Returns
        -------
        numpy.ndarray of unsigned int, shape of `positions`
            Of the type `flag_dtype`. For more than 64 sets, the last axis has the words: bit k is bit k % 64 of word
            k // 64.
        """
        dtype, words = flag_dtype(len(self._planes)), n_words(len(self._planes))
        out = np.zeros((words, positions.size), dtype=dtype)
        self._seen += positions.size
        if _PATIENCE * self._seen * len(self._planes) >= sum(plane.boundaries.size for plane in self._planes):
            self.merge(n_threads)

        indices = [index_of(plane) for plane in self._planes] if self._parts is None else []

        def by_list(rows: slice, numbers: NDArray[np.uint64]) -> None:
            for first, index in self._parts or ():
                word = out[first // 64, rows]
                if index.n_bits == len(self._planes):
                    index.at(numbers, word)
                    continue
                some = np.empty(numbers.size, dtype=flag_dtype(index.n_bits))
                index.at(numbers, some)
                word |= some.astype(dtype) << dtype.type(first % 64)

        def by_set(rows: slice, numbers: NDArray[np.uint64]) -> None:
            inside = np.empty(numbers.size, dtype=np.uint8)
            for k, index in enumerate(indices):
                index.inside(numbers, inside)
                out[k // 64, rows] |= inside.astype(dtype) << dtype.type(k % 64)

        work = by_set if self._parts is None else by_list
        positions.look_up(self._order, work, invalid=invalid, n_threads=n_threads)
        if words == 1:
            return out.reshape(positions.shape)
        return np.ascontiguousarray(np.moveaxis(out, 0, -1)).reshape(*positions.shape, words)


def index_of_layers(layers: Mapping[str, MaskValue]) -> FlagIndex:
    """The index of masks with names. Masks with energy bins have no cells in it: `flags` looks them up one by one."""
    nothing = RangeSet.empty(0)
    planes = [mask.planes[0] if mask.energy is None else nothing for mask in layers.values()]
    return FlagIndex(planes, max(mask.order for mask in layers.values()))


def flags(
    index: FlagIndex,
    layers: Mapping[str, MaskValue],
    positions: Positions,
    at_energy: u.Quantity | str | None,
    *,
    invalid: str,
    n_threads: int | None,
) -> Any:
    """See `hpmask.MaskSet.flags`. `index` is that of the layers."""
    timed = {name: k for k, (name, mask) in enumerate(layers.items()) if mask.energy is not None}
    if timed and at_energy is None:
        names = ", ".join(map(repr, timed))
        raise ValueError(f"energy is missing: the flags of {names} depend on it, because these layers have energy bins")
    found = index.flags(positions, invalid=invalid, n_threads=n_threads)
    if at_energy is not None:
        some = lookup.bins_at(None, at_energy, invalid) >= 0
        found = np.asarray(found * (some if len(layers) <= 64 else some[..., np.newaxis]))
    for name, k in timed.items():
        mask = layers[name]
        kept = lookup.contains(
            mask.planes, mask.order, mask.energy, positions, at_energy, invalid=invalid, n_threads=n_threads
        )
        word = found if len(layers) <= 64 else found[..., k // 64]
        word |= np.asarray(kept).astype(found.dtype) << found.dtype.type(k % 64)
    return found[()] if found.ndim else int(found)


def bits_of(found: Any, k: int, n_sets: int) -> Any:
    """Whether bit k is set in flags of some sets: a bool, or an array of bool."""
    words = np.asarray(found)
    if n_sets > 64:
        words = words[..., k // 64]
    answer = (words >> words.dtype.type(k % 64)) & words.dtype.type(1) != 0
    return answer if answer.ndim else bool(answer)


def _indices(planes: list[RangeSet], order: int, n_threads: int | None) -> list[tuple[int, WordIndex]]:
    """Indices of groups of sets that fit into a record, with the number of the first set of each."""
    digits = 4 + 2 * order
    top = min(digits, max(_LEAST_TOP, min(_MOST_TOP, digits + min(len(planes), 16) - 32)))
    # Records have up to 64 bits, and 60 bits of sets. A group lies in one word of a flag.
    most = min(60, 64 - (digits - top))
    found = []
    for word in range(0, len(planes), 64):
        in_word = min(64, len(planes) - word)
        n_groups = -(-in_word // most)
        cuts = np.linspace(word, word + in_word, n_groups + 1).astype(int)
        for first, stop in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
            found.append((first, _index(planes[first:stop], order, top, n_threads)))
    return found


def _index(planes: list[RangeSet], order: int, top: int, n_threads: int | None) -> WordIndex:
    index = WordIndex(sum(plane.boundaries.size for plane in planes), order, len(planes), top)
    for places, words, stop in merged(planes, 4 + 2 * MAX_ORDER - top, n_threads=n_threads):
        index.append(places, words, stop)
    index.close()
    return index
