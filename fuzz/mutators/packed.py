"""Mutations within gzipped files: the content is changed and packed again."""

from __future__ import annotations

import zlib
from random import Random

from fuzz.mutators import Mutator, Plain

__all__ = ["packing"]

_GZIP = b"\x1f\x8b"


def packing(mutate: Mutator) -> Mutator:
    """A mutator that also changes what is inside of gzipped files, and that packs some files and unpacks others."""

    def mutated(data: bytes, largest: int, rng: Random, plain: Plain) -> bytes:
        chance = rng.random()
        if not data.startswith(_GZIP):
            changed = mutate(data, largest, rng, plain)
            return _packed(changed, rng) if chance < 0.01 else changed
        if chance < 0.1:
            return plain(data, largest)
        try:
            inside = zlib.decompressobj(wbits=31).decompress(data, 4 * largest)
        except zlib.error:
            return plain(data, largest)
        changed = mutate(inside, 4 * largest, rng, plain)
        return changed[:largest] if chance > 0.9 else _packed(changed, rng)[:largest]

    return mutated


def _packed(data: bytes, rng: Random) -> bytes:
    # In several members now and then.
    cut = rng.randrange(len(data) + 1) if rng.random() < 0.1 else 0
    return b"".join(_member(part) for part in (data[:cut], data[cut:]) if part or not cut)


def _member(data: bytes) -> bytes:
    # Always with the time 0, so that equal contents are equal files.
    packer = zlib.compressobj(6, wbits=31)
    return packer.compress(data) + packer.flush()
