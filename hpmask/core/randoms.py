"""Random positions that are uniform in area over a set, one stream of random bits for each set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import Latitude, Longitude, SkyCoord
from numpy.random import PCG64DXSM, Generator, SeedSequence
from numpy.typing import NDArray

from hpmask._kernels import randoms as _kernel
from hpmask._kernels.index import Index
from hpmask._utils.arguments import as_count, as_flag, as_quantity
from hpmask._utils.parallel import thread_map
from hpmask._utils.words import shown
from hpmask.core.rangeset import RangeSet
from hpmask.core.value import MaskValue

__all__ = ["Sampler", "naming_layer", "numbers_of", "random", "random_layers", "seeds_of_layers", "streams_of"]

Angles = NDArray[np.float64]

# Positions in one step: their words stay in the processor's cache.
_CHUNK = 1 << 15


class Sampler:
    """Random positions in a set. Row k depends on the set, the stream and k only, whatever rows are asked for.

    Parameters
    ----------
    plane : RangeSet
        The set, which must not be empty.
    stream : numpy.random.SeedSequence
        Where the random bits come from; see `streams_of`.
    """

    __slots__ = ("_counted_in", "_ends", "_gaps", "_order", "_stream")

    def __init__(self, plane: RangeSet, stream: SeedSequence) -> None:
        boundaries = plane.boundaries
        ends = np.cumsum(boundaries[1::2] - boundaries[0::2], dtype=np.uint64)
        # The index has about as many buckets as sums, if its numbers go no farther than the sums.
        self._counted_in = max(0, (int(ends[-1] - np.uint64(1)) // 12).bit_length() + 1) // 2
        self._ends = Index(ends, self._counted_in, counted_in=self._counted_in)
        self._gaps = boundaries[1::2] - ends
        self._order = plane.order
        self._stream = stream

    def positions(
        self, start: int, stop: int, *, out: tuple[Angles, Angles] | None = None, n_threads: int | None = None
    ) -> tuple[Angles, Angles]:
        """Longitudes (0 to below 360) and latitudes, in degrees, of rows `start` to `stop`.

        They are written to the two arrays `out`, if it is given.
        """
        lon, lat = (np.empty(stop - start), np.empty(stop - start)) if out is None else out

        def work(first: int) -> None:
            part = slice(first, min(first + _CHUNK, stop - start))
            bits = PCG64DXSM(self._stream)
            # Two words for each row.
            bits.advance(2 * (start + first))
            words = bits.random_raw(2 * (part.stop - first))
            _kernel.positions(self._ends, self._counted_in, self._gaps, self._order, words, lon[part], lat[part])

        list(thread_map(work, range(0, stop - start, _CHUNK), n_threads))
        return lon, lat


def random(
    mask: MaskValue,
    n: int | None = None,
    *,
    density: u.Quantity | str | None = None,
    poisson: bool = False,
    seed: Any = None,
    n_threads: int | None = None,
) -> Any:
    """See `hpmask.Mask.random`."""
    streams = streams_of(seed, len(mask.planes))
    numbers = numbers_of(mask, n, density=density, poisson=poisson, streams=streams)
    if density is not None and mask.energy is not None:
        drawn = (_drawn(*one, n_threads) for one in zip(mask.planes, numbers, streams, strict=True))
        return [_coord(lon, lat, mask.frame) for lon, lat in drawn]
    lon, lat = np.empty((len(numbers), numbers[0])), np.empty((len(numbers), numbers[0]))
    for k, one in enumerate(zip(mask.planes, numbers, streams, strict=True)):
        _drawn(*one, n_threads, out=(lon[k], lat[k]))
    return _coord(lon, lat, mask.frame) if mask.energy is not None else _coord(lon[0], lat[0], mask.frame)


def random_layers(layers: Mapping[str, MaskValue], n: int | None = None, *, seed: Any = None, **options: Any) -> Any:
    """See `hpmask.MaskSet.random`."""
    seeds = seeds_of_layers(seed, layers)
    found = {}
    for name, mask in layers.items():
        with naming_layer(name):
            found[name] = random(mask, n, seed=seeds[name], **options)
    return found


@contextmanager
def naming_layer(name: str) -> Iterator[None]:
    """Put the name of a layer before the message of a ValueError."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"layer {name!r}: {error}") from error


def _drawn(
    plane: RangeSet,
    number: int,
    stream: SeedSequence,
    n_threads: int | None,
    out: tuple[Angles, Angles] | None = None,
) -> tuple[Angles, Angles]:
    if not number:
        return np.empty(0), np.empty(0)
    return Sampler(plane, stream).positions(0, number, out=out, n_threads=n_threads)


def _coord(lon: Angles, lat: Angles, frame: str) -> SkyCoord:
    return SkyCoord(Longitude(lon, u.deg, copy=False), Latitude(lat, u.deg, copy=False), frame=frame, copy=False)


def numbers_of(
    mask: MaskValue,
    n: int | None,
    *,
    density: u.Quantity | str | None,
    poisson: bool,
    streams: Sequence[SeedSequence],
) -> list[int]:
    """How many positions each plane of a mask gets; see `hpmask.Mask.random` for the parameters.

    Raises
    ------
    TypeError, ValueError
        If an argument is not valid, or positions are wanted in a plane that keeps nothing.
    """
    poisson = as_flag(poisson, "poisson")
    if (n is None) == (density is None):
        raise TypeError("give n, a number of positions, or density, a number per area" + (n is not None) * ", not both")
    if density is not None:
        expected = [_density(density) * 4 * np.pi * plane.sky_fraction for plane in mask.planes]
        if not poisson:
            return [round(number) for number in expected]
        # A child of the stream, because the stream itself gives the positions.
        return [
            int(Generator(PCG64DXSM(_child(stream, 0))).poisson(number))
            for stream, number in zip(streams, expected, strict=True)
        ]
    if poisson:
        raise TypeError("poisson is for density: n is the number itself")
    number = as_count(n, "n")
    empty = [k for k, plane in enumerate(mask.planes) if plane.is_empty]
    if number and empty:
        which = "the mask" if mask.energy is None else f"bin {empty[0]} of the mask"
        raise ValueError(f"{which} keeps nothing: there is no place for {number} random positions")
    return [number] * len(mask.planes)


def _density(density: u.Quantity | str) -> float:
    """A number per steradian."""
    given = as_quantity(density, "density", "a number per area", "1000 deg-2")
    if not given.unit.is_equivalent(1 / u.sr):
        raise ValueError(f"density must be a number per area such as '1000 deg-2', got {shown(density)}")
    if not given.isscalar:
        raise ValueError(f"density must be one value, got an array of shape {given.shape}")
    value = float(given.to_value(1 / u.sr))
    if not (np.isfinite(value) and 0 <= value < 1e17):
        raise ValueError(f"density must be finite, not negative, and below 1e17 / sr, got {density}")
    return value


def streams_of(seed: Any, number: int) -> list[SeedSequence]:
    """Independent sources of random bits from the `seed` of `hpmask.Mask.random`. A Generator is advanced.

    Raises
    ------
    TypeError, ValueError
        If `seed` is not a seed.
    """
    seed = _sequence(seed)
    return [_child(seed, k) for k in range(number)]


def seeds_of_layers(seed: Any, names: Iterable[str]) -> dict[str, SeedSequence]:
    """A seed for each layer of a set from the `seed` of `hpmask.MaskSet.random`. A Generator is advanced.

    The seed of a layer depends on its name only, not on the other names.

    Raises
    ------
    TypeError, ValueError
        As `streams_of`.
    """
    seed = _sequence(seed)
    return {name: _child(seed, *np.frombuffer(sha256(name.encode()).digest(), "<u4").tolist()) for name in names}


def _sequence(seed: Any) -> SeedSequence:
    """The sequence that a seed stands for. A Generator is advanced."""
    if isinstance(seed, SeedSequence):
        return seed
    if isinstance(seed, Generator):
        return SeedSequence(seed.integers(0, 1 << 64, 2, dtype=np.uint64).tolist())
    if seed is None:
        return SeedSequence()
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise TypeError(f"seed must be an integer, a numpy.random.Generator or SeedSequence, got {shown(seed)}")
    return SeedSequence(as_count(seed, "seed"))


def _child(seed: SeedSequence, *key: int) -> SeedSequence:
    """The child of a seed with a key. Unlike `spawn`, this leaves the seed as it is."""
    return SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, *key), pool_size=seed.pool_size)
