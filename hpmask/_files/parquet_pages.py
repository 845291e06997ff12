"""The pages of a column chunk in a parquet file, before they are unpacked.

A page says how large it is when it is unpacked, and readers take as much memory as it says. The walk over the headers
of the pages finds chunks that would take more than their values need. The headers are in Thrift's compact protocol, as
described in the file parquet.thrift of Apache Parquet (struct PageHeader).
"""

from __future__ import annotations

from hpmask._utils.errors import MaskFormatError

__all__ = ["unpacked_size"]

# Types of Thrift's compact protocol.
_STOP, _TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(13)

# Structs in a page header are two levels deep.
_DEEPEST = 8

_UNCOMPRESSED, _COMPRESSED = 2, 3


def unpacked_size(chunk: bytes | memoryview) -> int:
    """The bytes that the pages of a column chunk say that they take when they are unpacked.

    Raises
    ------
    MaskFormatError
        If the chunk does not consist of pages.
    """
    total = at = 0
    while at < len(chunk):
        reader = _Reader(chunk, at)
        sizes = reader.struct(0)
        unpacked, packed = sizes.get(_UNCOMPRESSED, -1), sizes.get(_COMPRESSED, -1)
        at = reader.at + packed
        if unpacked < 0 or packed < 0 or at > len(chunk):
            raise MaskFormatError(f"a page has {packed} bytes, and says that it unpacks to {unpacked}")
        total += unpacked
    return total


class _Reader:
    def __init__(self, content: bytes | memoryview, at: int) -> None:
        self._content = content
        self.at = at

    def _byte(self) -> int:
        if self.at >= len(self._content):
            raise MaskFormatError("the header of a page is cut short")
        self.at += 1
        return self._content[self.at - 1]

    def _varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise MaskFormatError("the header of a page has a number of more than 64 bits")

    def struct(self, depth: int) -> dict[int, int]:
        """The integers among the fields of a struct, by the numbers of the fields."""
        if depth > _DEEPEST:
            raise MaskFormatError("the header of a page is too deep")
        fields: dict[int, int] = {}
        number = 0
        while (head := self._byte()) & 0x0F != _STOP:
            step = head >> 4
            number = number + step if step else _signed(self._varint())
            value = self._value(head & 0x0F, depth)
            if value is not None:
                fields[number] = value
        return fields

    def _value(self, kind: int, depth: int) -> int | None:
        """An integer; the values of other types are skipped."""
        if kind in (_I16, _I32, _I64):
            return _signed(self._varint())
        if kind == _STRUCT:
            self.struct(depth + 1)
        elif kind in (_LIST, _SET):
            head = self._byte()
            count = head >> 4 if head >> 4 < 15 else self._varint()
            self._elements(count, [head & 0x0F], depth)
        elif kind == _MAP:
            count = self._varint()
            if count:
                kinds = self._byte()
                self._elements(count, [kinds >> 4, kinds & 0x0F], depth)
        elif kind not in (_TRUE, _FALSE):
            length = {_BYTE: 1, _DOUBLE: 8}.get(kind)
            length = self._varint() if kind == _BINARY else length
            if length is None:
                raise MaskFormatError(f"the header of a page has a field of type {kind}")
            self.at += length
        return None

    def _elements(self, count: int, kinds: list[int], depth: int) -> None:
        if depth > _DEEPEST:
            raise MaskFormatError("the header of a page is too deep")
        # Each element has a byte at least, also a truth value.
        if count > len(self._content) - self.at:
            raise MaskFormatError("the header of a page is cut short")
        for _ in range(count):
            for kind in kinds:
                if kind in (_TRUE, _FALSE):
                    self.at += 1
                else:
                    self._value(kind, depth + 1)


def _signed(value: int) -> int:
    """An integer in the zigzag encoding."""
    return value >> 1 ^ -(value & 1)
