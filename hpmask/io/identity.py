"""The digest of a mask, by which a file with other bytes in its place is noticed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from hpmask._files.hdu import big_endian_pieces
from hpmask.core.rangeset import RangeSet
from hpmask.core.value import MaskValue

__all__ = ["mask_digest", "set_digest"]


def mask_digest(mask: MaskValue) -> str:
    """SHA-256 digest of a mask.

    The digest covers, in this order: frame and order; for each bin, the SHA-256 digest of the ranges of its plane
    (unsigned 64-bit integers); and for a mask with energy bins the edges (64-bit floats) and the unit, interp and name
    of the axis. Numbers are big-endian. Each text is in UTF-8 and ends in a newline.
    """
    whole = hashlib.sha256(f"{mask.frame}\n{mask.order}\n".encode())
    # Equal planes are one object, and hashed once.
    planes = {id(plane): _plane_digest(plane) for plane in mask.planes}
    for plane in mask.planes:
        whole.update(planes[id(plane)])
    if mask.energy is not None:
        axis = mask.energy
        whole.update(axis.edges.value.astype(">f8").tobytes())
        whole.update(f"{axis.unit}\n{axis.interp}\n{axis.name}\n".encode("utf-8", "surrogatepass"))
    return whole.hexdigest()


def set_digest(digests: Mapping[str, str | None]) -> str:
    """SHA-256 digest of masks with names, in the order of their bits, from the digests of the masks.

    The digest covers, for each layer, its name in UTF-8, a newline, its digest in hexadecimal, and a newline.
    """
    whole = hashlib.sha256()
    for name, digest in digests.items():
        whole.update(f"{name}\n{digest}\n".encode())
    return whole.hexdigest()


def _plane_digest(plane: RangeSet) -> bytes:
    state = hashlib.sha256()
    for piece in big_endian_pieces(plane.boundaries):
        state.update(piece.data)
    return state.digest()
