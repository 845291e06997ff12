"""Binary tables of FITS files piece by piece: read, and written with a part of their rows or with more columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from astropy.io import fits
from astropy.table import MaskedColumn, Table
from numpy.typing import NDArray

from hpmask._files.faults import content_faults
from hpmask._files.fits_file import units_of
from hpmask._files.tables import load

__all__ = ["FitsRows", "opened_tables"]

_BLOCK = 2880
# Bytes of rows that are handled at a time.
_PIECE = 32 << 20

# The format, and the zero point, of columns of each type.
_FORMATS: dict[str, tuple[str, int]] = {
    "b1": ("L", 0),
    "u1": ("B", 0),
    "u2": ("I", 1 << 15),
    "u4": ("J", 1 << 31),
    "u8": ("K", 1 << 63),
}


@contextmanager
def opened_tables(path: Path) -> Iterator[list[FitsRows]]:
    """The binary tables of a file, with only their headers read.

    Raises
    ------
    ValueError
        If the file cannot be read as FITS.
    """
    with ExitStack() as stack:
        with _faults(path):
            # astropy makes a list of as many axes as a header claims: the headers are checked before.
            units_of(path)
            hdus = stack.enter_context(fits.open(path, memmap=False))
            tables = [FitsRows(path, hdu) for hdu in hdus if type(hdu) is fits.BinTableHDU]
        yield tables


def _faults(path: Path) -> AbstractContextManager[None]:
    """Whatever astropy raises for a file becomes a ValueError that names it."""
    return content_faults(f"{path.name!r} cannot be read as fits")


class FitsRows:
    """A binary table of a FITS file.

    Parameters
    ----------
    path : path
        The file.
    hdu : `~astropy.io.fits.BinTableHDU`
        The table, in the file that is open. Its data are not asked for, because astropy reads all of them.
    """

    def __init__(self, path: Path, hdu: Any) -> None:
        self._path, self._hdu = path, hdu
        self.name: str = hdu.name
        self.n_rows = int(hdu.header["NAXIS2"])
        self.names: list[str] = list(hdu.columns.names)
        self._width = int(hdu.header["NAXIS1"])

    def head(self) -> Table:
        """The first row, with units, UCDs and the keywords of the header."""
        with _faults(self._path):
            return load(self._some(slice(0, min(self.n_rows, 1))))[0]

    def parts(self) -> list[slice]:
        """Slices of rows that fit into memory."""
        rows = max(1, _PIECE // max(self._width, 1))
        return [slice(start, min(start + rows, self.n_rows)) for start in range(0, self.n_rows, rows)]

    def columns(self, part: slice, names: list[str]) -> Table:
        """Some columns of some rows, with their units; what the table marks as missing is masked."""
        some, result = self._some(part), Table()
        for name in names:
            of, values = some.columns[name], np.asarray(some.data[name])
            if of.null is not None and values.dtype.kind in "iu":
                values = MaskedColumn(values, mask=values == of.null + (of.bzero or 0))
            result[name] = values
            if of.unit:
                result[name].unit = of.unit
        return result

    def _some(self, part: slice) -> Any:
        """Some rows as a table of astropy, without what is in the heap.

        They are read and not mapped: to look at the page of a file that was cut short, or that the disk cannot read,
        ends the process.
        """
        n = part.stop - part.start
        header = self._hdu.header.copy()
        header["NAXIS2"], header["PCOUNT"] = n, 0
        for keyword in ("THEAP", "CHECKSUM", "DATASUM"):
            header.remove(keyword, ignore_missing=True)
        with open(self._path, "rb") as file:
            file.seek(self._hdu.fileinfo()["datLoc"] + part.start * self._width)
            rows = self._exactly(file, n * self._width)
        primary = fits.PrimaryHDU().header.tostring().encode("ascii")
        whole = primary + header.tostring().encode("ascii") + rows + bytes(-len(rows) % _BLOCK)
        return fits.HDUList.fromstring(whole)[-1]

    def _exactly(self, file: IO[bytes], n_bytes: int) -> bytes:
        """So many bytes of the file."""
        content = file.read(n_bytes)
        if len(content) < n_bytes:
            raise ValueError(f"{self._path.name!r} is cut short: table {self.name} has no end")
        return content

    # ------------------------------------------------------------------ files that are made of it

    def write(
        self,
        out: IO[bytes],
        *,
        kept: NDArray[np.bool_] | None = None,
        columns: Mapping[str, NDArray[Any]] | None = None,
        comments: Mapping[str, str] | None = None,
    ) -> None:
        """Write the file with a part of the rows of this table, or with more columns. All other HDUs are copied.

        Parameters
        ----------
        out : binary file
            The new file.
        kept : numpy.ndarray of bool, shape (n_rows,), optional
            The rows that are kept; by default all.
        columns : mapping of str to numpy.ndarray, shape (n_rows,), optional
            New columns, of booleans or unsigned integers.
        comments : mapping of str to str, optional
            What is said about the new columns.
        """
        columns = columns or {}
        place = self._hdu.fileinfo()
        n_rows = self.n_rows if kept is None else int(np.count_nonzero(kept))
        header = self._header(n_rows, columns, comments or {})
        heap = int(self._hdu.header.get("PCOUNT", 0))
        with open(self._path, "rb") as file:
            self._copy(file, out, place["hdrLoc"])
            out.write(header.tostring().encode("ascii"))
            file.seek(place["datLoc"])
            for part in self.parts():
                n = part.stop - part.start
                rows = np.frombuffer(self._exactly(file, n * self._width), dtype=np.uint8).reshape(n, self._width)
                out.write(_packed(rows, part, kept, columns))
            size = n_rows * int(header["NAXIS1"]) + heap
            self._copy(file, out, heap)
            out.write(bytes(-size % _BLOCK))
            file.seek(place["datLoc"] + place["datSpan"])
            while some := file.read(_PIECE):
                out.write(some)

    def _copy(self, file: IO[bytes], out: IO[bytes], n_bytes: int) -> None:
        for start in range(0, n_bytes, _PIECE):
            out.write(self._exactly(file, min(_PIECE, n_bytes - start)))

    def _header(self, n_rows: int, columns: Mapping[str, NDArray[Any]], comments: Mapping[str, str]) -> fits.Header:
        header = self._hdu.header.copy()
        for keyword in ("CHECKSUM", "DATASUM"):
            header.remove(keyword, ignore_missing=True)
        before = int(header["NAXIS1"]) * int(header["NAXIS2"])
        number = int(header["TFIELDS"])
        last = f"TFORM{number}" if number else "TFIELDS"
        header["TFIELDS"] = number + len(columns)
        header["NAXIS1"] = self._width + sum(values.dtype.itemsize for values in columns.values())
        header["NAXIS2"] = n_rows
        if "THEAP" in header:
            header["THEAP"] = int(header["THEAP"]) - before + header["NAXIS1"] * n_rows
        cards: list[tuple[str, str | int]] = []
        for name, values in columns.items():
            number += 1
            form, zero = _FORMATS[values.dtype.str[1:]]
            cards += [(f"TTYPE{number}", name), (f"TFORM{number}", form)]
            cards += [(f"TZERO{number}", zero), (f"TSCAL{number}", 1)] if zero else []
            cards += [(f"TCOMM{number}", comments[name])] if name in comments else []
        for card in reversed(cards):
            header.insert(last, card, after=True)
        return header


def _packed(
    rows: NDArray[np.uint8], part: slice, kept: NDArray[np.bool_] | None, columns: Mapping[str, NDArray[Any]]
) -> bytes:
    """The bytes of some rows: those that are kept, with the new columns at their ends."""
    fields = [rows]
    for values in columns.values():
        some = values[part]
        zero = _FORMATS[values.dtype.str[1:]][1]
        if some.dtype == np.bool_:
            raw = np.where(some, np.uint8(ord("T")), np.uint8(ord("F")))
        else:
            # To subtract the zero point is to flip the first bit.
            raw = (some ^ some.dtype.type(zero)).astype(some.dtype.newbyteorder(">"))
        fields.append(raw.view(np.uint8).reshape(len(some), -1))
    wide = rows if len(fields) == 1 else np.concatenate(fields, axis=1)
    return wide.tobytes() if kept is None else wide[kept[part]].tobytes()
