"""Folders as single inputs: zip files without compression, and mutations of the files in them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import PurePosixPath
from random import Random

from fuzz.mutators import Mutator, Plain

__all__ = ["folder_mutator", "packed_folder", "unpack_folder"]

_MOST_FILES = 60
_LONGEST_NAME = 200


def packed_folder(files: Mapping[str, bytes]) -> bytes:
    """The input of a folder, from the contents of its files by their paths in it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


def unpack_folder(data: bytes) -> dict[str, bytes]:
    """The files of an input. What is no zip file, and paths that lead out of a folder, are left out."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()[:_MOST_FILES]
            # Of an input that is small, nothing unpacks to something large.
            return {info.filename: archive.read(info) for info in infos if info.file_size <= len(data) and _safe(info)}
    except Exception:
        return {}


def _safe(info: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(info.filename)
    name = info.filename
    return bool(
        name
        and not path.is_absolute()
        and ".." not in path.parts
        and not name.endswith("/")
        and "\x00" not in name
        and len(name) <= _LONGEST_NAME
        and name.isascii()
    )


def folder_mutator(by_suffix: Mapping[str, Mutator], otherwise: Mutator) -> Mutator:
    """A mutator of folders: a file is changed by the mutator of its suffix, exchanged, renamed, copied or deleted."""

    def mutate(data: bytes, largest: int, rng: Random, plain: Plain) -> bytes:
        files = unpack_folder(data)
        if not files or rng.random() < 0.02:
            return plain(data, largest)
        name = rng.choice(sorted(files))
        other = rng.choice(sorted(files))
        chance = rng.random()
        if chance < 0.8:
            change = by_suffix.get(PurePosixPath(name).suffix, otherwise)
            files[name] = change(files[name], largest, rng, plain)
        elif chance < 0.85:
            del files[name]
        elif chance < 0.9:
            files[name], files[other] = files[other], files[name]
        elif chance < 0.95:
            renamed = _renamed(name, rng)
            files[renamed] = files.pop(name) if rng.random() < 0.5 else files[name]
        else:
            files[name] = files[other]
        out = packed_folder(files)
        return out if len(out) <= largest else data

    return mutate


def _renamed(name: str, rng: Random) -> str:
    digits = [k for k, letter in enumerate(name) if letter.isdigit()]
    if not digits:
        return name + "x"
    k = rng.choice(digits)
    return name[:k] + rng.choice("0123456789") + name[k + 1 :]
