"""Parquet files that would take memory out of proportion to their size."""

import hashlib
import io as streams
import json

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from hpmask import MaskFormatError
from hpmask._files.checked_parquet import CheckedParquet, write_checked
from hpmask._files.parquet_pages import unpacked_size

SCHEMA = pa.schema([pa.field("start", pa.int64(), nullable=False)])


def varint(number):
    out = bytearray()
    while number >= 128:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def page(unpacked, content):
    """A data page with a header that tests write themselves, from the definition of Thrift's compact protocol."""
    zigzag = [varint(2 * number) for number in (0, unpacked, len(content))]
    inner = b"\x15" + varint(2 * 9) + b"\x15\x0a\x15\x06\x15\x06\x00"
    return b"\x15" + zigzag[0] + b"\x15" + zigzag[1] + b"\x15" + zigzag[2] + b"\x2c" + inner + b"\x00" + content


def test_unpacked_size():
    assert unpacked_size(b"") == 0
    assert unpacked_size(page(1000, b"abc") + page(1 << 30, b"")) == 1000 + (1 << 30)


def test_unpacked_size_of_pyarrow():
    rng = np.random.default_rng(2)
    table = pa.table({"start": rng.integers(0, 1 << 60, 200_000)})
    for options in ({}, {"compression": "none"}, {"use_dictionary": False}, {"data_page_version": "2.0"}):
        file = streams.BytesIO()
        pq.write_table(table, file, write_page_checksum=True, **options)
        chunk = pq.read_metadata(file).row_group(0).column(0)
        start = min(chunk.data_page_offset, chunk.dictionary_page_offset or chunk.data_page_offset)
        content = file.getvalue()[start : start + chunk.total_compressed_size]
        # The size in the footer counts the headers of the pages, which are not packed.
        size = unpacked_size(content)
        assert 0 <= chunk.total_uncompressed_size - size < 100 * (1 + len(content) // 5000)


@pytest.mark.parametrize(
    "chunk",
    [
        b"\x00",
        b"\xff" * 40,
        b"\x15",
        page(10, b"abc")[:-1],
        b"\x15\x00\x15" + varint(1 << 80) + b"\x00",
        b"\x1c" * 1000,
        b"\x19\xf5" + varint(1 << 40),
        b"\x1b" + varint(1 << 40) + b"\x55",
        b"\x1e",
        b"\x18" + varint(1 << 60),
    ],
)
def test_chunks_that_are_not_pages(chunk):
    with pytest.raises(ValueError, match="page"):
        unpacked_size(chunk)


def test_noise_ends():
    rng = np.random.default_rng(8)
    for _ in range(500):
        chunk = rng.bytes(int(rng.integers(1, 200)))
        try:
            unpacked_size(chunk)
        except ValueError:
            continue


def test_a_page_that_unpacks_to_more_than_its_numbers():
    """zstd packs a gigabyte of zeros into a few kilobytes. The page is not unpacked."""
    bomb = pa.Codec("zstd").compress(bytes(16 << 20)).to_pybytes()
    numbers = np.arange(200_000, dtype=np.int64) ** 2 % 1_000_003
    file = streams.BytesIO()
    write_checked(file, SCHEMA, lambda: [({}, {"start": numbers})], {})
    content = bytearray(file.getvalue())
    chunk = pq.read_metadata(streams.BytesIO(content)).row_group(0).column(0)
    start, size = chunk.data_page_offset, chunk.total_compressed_size
    # The page fills the chunk, so that the footer need not change.
    padding = size - len(page(16 << 20, bytes(size // 2))) - len(bomb) + size // 2
    content[start : start + size] = page(16 << 20, bomb + bytes(padding))
    assert len(content) == len(file.getvalue())
    before = pa.total_allocated_bytes()
    with pytest.raises(MaskFormatError, match="more memory than its numbers need"):
        CheckedParquet(streams.BytesIO(bytes(content))).read([0])
    assert pa.total_allocated_bytes() - before < 4 << 20


def test_more_rows_than_the_file_explains():
    """A constant column: a few bytes for any number of rows."""
    n = 40_000_000
    numbers = np.zeros(n, dtype=np.int64)
    groups = [{"n_rows": n, "sha256": ""}]
    text = json.dumps({"groups": groups}).encode()
    metadata = {"hpmask": text, "hpmask_sha256": hashlib.sha256(text).hexdigest()}
    file = streams.BytesIO()
    pq.write_table(pa.table([numbers], schema=SCHEMA.with_metadata(metadata)), file, row_group_size=n)
    assert len(file.getvalue()) < 200_000
    with pytest.raises(MaskFormatError, match="more than expected"):
        CheckedParquet(file)


@pytest.mark.parametrize("other", [pa.int64(), pa.float32()])
def test_two_columns_of_one_name(other):
    text = json.dumps({"groups": [{"n_rows": 1, "sha256": ""}]}).encode()
    metadata = {"hpmask": text, "hpmask_sha256": hashlib.sha256(text).hexdigest()}
    schema = pa.schema([("start", pa.int64()), ("start", other)], metadata=metadata)
    file = streams.BytesIO()
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([1], other)], schema=schema), file)
    with pytest.raises(MaskFormatError, match="several columns of the name start"):
        CheckedParquet(file)


def test_groups_are_read_alone():
    file = streams.BytesIO()
    parts = [np.arange(k, k + 10) for k in (0, 100, 200)]
    digest = write_checked(
        file, SCHEMA, lambda: [({"k": k}, {"start": part}) for k, part in enumerate(parts)], {"a": 1}
    )
    source = CheckedParquet(file)
    assert source.digest == digest
    assert source.description["a"] == 1
    assert [one["k"] for one in source.groups] == [0, 1, 2]
    np.testing.assert_array_equal(source.read([0, 2])["start"], np.concatenate([parts[0], parts[2]]))
    assert source.read([])["start"].size == 0


def test_nulls_and_other_types():
    file = streams.BytesIO()
    write_checked(file, SCHEMA, lambda: [({}, {"start": np.arange(5)})], {})
    metadata = CheckedParquet(file)._file.metadata.metadata
    for column in (pa.array([1, None, 3, 4, 5]), pa.array([1.0] * 5), pa.array([1] * 5, pa.int32())):
        other = streams.BytesIO()
        pq.write_table(pa.table({"start": column}).replace_schema_metadata(metadata), other)
        with pytest.raises(MaskFormatError, match="damaged"):
            CheckedParquet(other).read([0])
