"""Hashes that are equal in all processes. Python's hashes of texts differ from process to process (PYTHONHASHSEED)."""

from __future__ import annotations

import hashlib

__all__ = ["stable_hash"]

# Python takes hashes modulo this number on 64-bit systems: what is below it stays as it is.
_MODULUS = (1 << 61) - 1


def stable_hash(kind: str, *parts: str | int | None) -> int:
    """A hash of texts and numbers, for ``__hash__``. It is equal in all processes, versions and systems of 64 bits."""
    whole = hashlib.sha256()
    for part in (kind, *parts):
        # "1" and 1 differ. A subclass of str, such as NumPy's, is equal to the text.
        text = f"{'text' if isinstance(part, str) else 'number'} {part}".encode("utf-8", "surrogatepass")
        # With its length, no text can be taken for the end of another one.
        whole.update(f"{len(text)} ".encode() + text)
    return int.from_bytes(whole.digest()[:8], "big") % _MODULUS
