"""Npz: what numpy and tensorpack write, and zip files that are not what they say."""

from __future__ import annotations

import io
import json
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from synthesis.hostile.outcomes import read_by_rows
from synthesis.networks import TINY, random_tensors

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.arrays import npz


def npy_bytes(header, data=b"", version=b"\x01\x00"):
    """An array with this header, a dict or its text."""
    text = header if isinstance(header, bytes) else repr(header).encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    width = 2 if version[0] == 1 else 4
    return b"\x93NUMPY" + version + len(text).to_bytes(width, "little") + text + data


def described(descr="<f4", shape=(2,), fortran_order=False):
    return {"descr": descr, "fortran_order": fortran_order, "shape": shape}


GOOD = npy_bytes(described(), np.array([1, 2], "<f4").tobytes())


def zip_bytes(members, compression=zipfile.ZIP_STORED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


@pytest.fixture
def read(tmp_path):
    """Read bytes as an npz file."""

    def read_bytes(data):
        path = tmp_path / "network.npz"
        path.write_bytes(data)
        return npz.read(path)

    return read_bytes


def test_what_we_write_is_read_by_numpy(tmp_path):
    tensors = random_tensors(TINY["caffe"])
    tensors["fc7.weight"] = np.asfortranarray(tensors["fc7.weight"])
    path = tmp_path / "network.npz"
    npz.write(path, "plain", tensors, {"license": "none"})
    with np.load(path) as loaded:
        assert set(loaded) == {*tensors, "__metadata__"}
        for name, expected in tensors.items():
            np.testing.assert_array_equal(loaded[name], expected)
        assert json.loads(loaded["__metadata__"].tobytes()) == {
            "license": "none",
            "alexnet_cy.variant": "plain",
        }
    file = npz.read(path)
    assert (file.format, file.variant, file.metadata) == ("npz", "plain", {"license": "none"})


def test_what_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(TypeError, match="float32 array, got float64"):
        npz.write(tmp_path / "network.npz", "caffe", {"conv1.weight": np.zeros(3)})
    with pytest.raises(FileNotFoundError):
        npz.write(tmp_path / "no" / "network.npz", "caffe", {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_number_formats_and_orders(read, compression):
    values = np.arange(24, dtype="<f4").reshape(2, 3, 4)
    for dtype in ("<f2", ">f2", "<f4", ">f4", "<f8", ">f8"):
        for order in "CF":
            data = npy_bytes(
                described(dtype, values.shape, order == "F"), values.astype(dtype).tobytes(order)
            )
            tensor = read(zip_bytes({"a.npy": data}, compression)).tensors["a"]
            assert tensor.dtype == f"F{8 * int(dtype[2])}"
            np.testing.assert_array_equal(tensor.read(), values)


@pytest.mark.parametrize("name", ["a", "b" * 30])  # the numbers may begin at any byte
@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8"])
def test_rows_of_a_stored_array_are_those_of_the_whole(read, name, dtype):
    values = np.random.default_rng(0).standard_normal((17, 5, 3)).astype(dtype)
    data = npy_bytes(described(dtype, values.shape), values.tobytes())
    tensor = read(zip_bytes({f"{name}.npy": data})).tensors[name]
    assert tensor.reads_rows
    assert tensor.read().tobytes() == values.astype(np.float32).tobytes()
    assert read_by_rows(tensor).tobytes() == tensor.read().tobytes()


def test_rows_are_compared_with_the_checksum_once_all_are_read(read):
    """That of the zip file, which is over the header of the array as well."""
    values = np.random.default_rng(0).standard_normal((300, 40), dtype=np.float32)
    data = bytearray(zip_bytes({"a.npy": npy_bytes(described(shape=(300, 40)), values.tobytes())}))
    data[data.index(values[200].tobytes())] ^= 1
    tensor = read(bytes(data)).tensors["a"]
    with pytest.raises(WeightsError, match="corrupt: the checksum"):
        tensor.read()
    for first in range(100, 300):
        tensor.read_rows(first, np.empty((1, 40), np.float32))
    with pytest.raises(WeightsError, match="corrupt: the checksum"):
        tensor.read_rows(0, np.empty((100, 40), np.float32))


def test_what_must_be_decoded_is_read_as_a_whole(read):
    values = np.arange(24, dtype="<f4").reshape(4, 6)
    plain = npy_bytes(described(shape=(4, 6)), values.tobytes())
    transposed = npy_bytes(described(shape=(4, 6), fortran_order=True), values.tobytes("F"))
    swapped = npy_bytes(described(">f4", (4, 6)), values.astype(">f4").tobytes())
    for data in (
        zip_bytes({"a.npy": plain}, zipfile.ZIP_DEFLATED),
        zip_bytes({"a.npy": transposed}),
        zip_bytes({"a.npy": swapped}),
        zip_bytes({"conv1/W.npy": npy_bytes(described(shape=(1, 1, 4, 6)), values.tobytes())}),
    ):
        (tensor,) = read(data).tensors.values()
        assert not tensor.reads_rows
        assert sorted(tensor.read().flat) == list(range(24))


def test_an_archive_without_checksums_is_refused(read):
    numbers = np.ones(10_000, np.float32).tobytes()
    data = with_array(npy_bytes(described(shape=(10_000,)), numbers))
    tensor = read(both_patched(data, 14, 16, bytes(4))).tensors["a"]
    with pytest.raises(WeightsError, match="checksum"):
        tensor.read()


@pytest.mark.parametrize("bits", [0x7FF0000000000001, 0xFFF4000000000000, 0x7FEFFFFFFFFFFFFF])
def test_float64_that_float32_cannot_hold_is_read_without_a_warning(read, bits):
    # A signalling NaN and the largest float64: the loader refuses what becomes of them.
    data = npy_bytes(described("<f8", (1,)), bits.to_bytes(8, "little"))
    assert not np.isfinite(read(with_array(data)).tensors["a"].read())


def test_version_2_headers(read):
    data = npy_bytes(described(), np.array([1, 2], "<f4").tobytes(), version=b"\x02\x00")
    assert read(zip_bytes({"a.npy": data})).tensors["a"].read().tolist() == [1, 2]


def test_stored_bytes_are_those_in_the_file(read):
    data = npy_bytes(described(shape=(100_000,)), bytes(400_000))
    file = read(zip_bytes({"a.npy": data}, zipfile.ZIP_DEFLATED))
    assert file.tensors["a"].stored_bytes < 10_000


def patched(data, signature, offset, value):
    """Overwrite bytes of every record that begins with a signature."""
    patched_data = bytearray(data)
    start = patched_data.find(signature)
    assert start >= 0
    while start >= 0:
        patched_data[start + offset : start + offset + len(value)] = value
        start = patched_data.find(signature, start + 1)
    return bytes(patched_data)


def both_patched(data, local_offset, central_offset, value):
    """Overwrite a field of the local headers and of the directory."""
    return patched(
        patched(data, b"PK\x03\x04", local_offset, value), b"PK\x01\x02", central_offset, value
    )


def with_array(data):
    return zip_bytes({"a.npy": data})


def overlapping(offset):
    """Two stored arrays whose second entry points elsewhere: into the first member, or at it."""
    inner = zip_bytes({"a.npy": GOOD})[: 30 + len("a.npy") + len(GOOD)]
    outer = npy_bytes(described(shape=(len(inner) // 4 + 1,)), inner.ljust(-(-len(inner) // 4) * 4))
    data = zip_bytes({"b.npy": outer + bytes(4 * (len(inner) % 4 == 0)), "a.npy": GOOD})
    place = data.find(inner) if offset is None else offset
    directory = data.rfind(b"PK\x01\x02")
    return data[: directory + 42] + struct.pack("<I", place) + data[directory + 46 :]


ARRAY = np.array([1, 2], "<f4").tobytes()

HOSTILE = {
    # The container.
    "not a zip": b"PK\x03\x04" + bytes(100),
    "an empty zip": zip_bytes({})[:10],
    "cut": with_array(GOOD)[:-1],
    "two of one name": zip_bytes({"a.npy": GOOD, "b.npy": GOOD}).replace(b"b.npy", b"a.npy"),
    "encrypted": both_patched(with_array(GOOD), 6, 8, b"\x01\x00"),
    "strongly encrypted": both_patched(with_array(GOOD), 6, 8, b"\x41\x00"),
    "bzip2": zip_bytes({"a.npy": GOOD}, zipfile.ZIP_BZIP2),
    "lzma": zip_bytes({"a.npy": GOOD}, zipfile.ZIP_LZMA),
    "unknown compression": both_patched(with_array(GOOD), 8, 10, struct.pack("<H", 99)),
    "names that differ": patched(with_array(GOOD), b"PK\x03\x04", 30, b"b"),
    "two entries for one member": overlapping(0),
    "a member in another": overlapping(None),
    "data before the first member": b"PK\x03\x04" + bytes(26) + with_array(GOOD),
    "a member that reaches into the directory": both_patched(
        with_array(GOOD), 18, 20, struct.pack("<II", len(GOOD) + 50, len(GOOD))
    ),
    "no array": zip_bytes({"a.npy": GOOD, "script.py": b"import os"}),
    "size of 4 GiB": patched(with_array(GOOD), b"PK\x01\x02", 24, b"\xff\xff\xff\xfe"),
    "offset behind the end": patched(with_array(GOOD), b"PK\x01\x02", 42, b"\xff\xff\xff\x00"),
    "1001 arrays": zip_bytes({f"{i}.npy": GOOD for i in range(1001)}),
    "a name of 20,000 characters": zip_bytes({"a" * 20_000 + ".npy": GOOD}),
    # The header of an array.
    "1 TiB declared": with_array(npy_bytes(described(shape=(1 << 38,)), ARRAY)),
    "2**63 elements": with_array(npy_bytes(described(shape=(1 << 32, 1 << 31)), ARRAY)),
    "2**64 bytes wrap to 0": with_array(npy_bytes(described(shape=(1 << 62,)))),
    "negative size": with_array(npy_bytes(described(shape=(-2,)), ARRAY)),
    "two negative sizes": with_array(npy_bytes(described(shape=(-1, -2)), ARRAY)),
    "no elements": with_array(npy_bytes(described(shape=(0, 3)))),
    "five axes": with_array(npy_bytes(described(shape=(1, 1, 1, 1, 2)), ARRAY)),
    "no axes": with_array(npy_bytes(described(shape=()), ARRAY[:4])),
    "no axes, big-endian": with_array(npy_bytes(described(">f4", ()), ARRAY[:4])),
    "1000 axes": with_array(npy_bytes(described(shape=(1,) * 1000), ARRAY[:4])),
    "a structure of 500 fields": with_array(
        npy_bytes(described([(str(i), "<f4") for i in range(500)]), ARRAY)
    ),
    "size as bool": with_array(npy_bytes(described(shape=(True, "x")), ARRAY)),
    "too few bytes": with_array(npy_bytes(described(shape=(3,)), ARRAY)),
    "too many bytes": with_array(npy_bytes(described(shape=(1,)), ARRAY)),
    "objects": with_array(npy_bytes(described("|O"), b"\x80\x02]q\x00.")),
    "structure": with_array(npy_bytes(described([("a", "<f4")]), ARRAY)),
    "subarrays": with_array(npy_bytes(described([("a", "<f4", (1,))]), ARRAY)),
    "void": with_array(npy_bytes(described("|V4"), ARRAY)),
    "void without size": with_array(npy_bytes(described("|V0"))),
    "text": with_array(npy_bytes(described("<U1"), ARRAY)),
    "text without size": with_array(npy_bytes(described("<U0"))),
    "int8": with_array(npy_bytes(described("|i1", (8,)), ARRAY)),
    "complex": with_array(npy_bytes(described("<c8", (1,)), ARRAY)),
    "long double": with_array(npy_bytes(described("<f16", (1,)), bytes(16))),
    "unknown type": with_array(npy_bytes(described("<f3"), ARRAY)),
    "no type": with_array(npy_bytes({"fortran_order": False, "shape": (2,)}, ARRAY)),
    "a further key": with_array(npy_bytes(described() | {"x": 1}, ARRAY)),
    "no dict": with_array(npy_bytes(b"[1, 2]", ARRAY)),
    "code": with_array(npy_bytes(b"__import__('os').system('true')", ARRAY)),
    "nested 4000 deep": with_array(npy_bytes(b"(" * 4000, ARRAY)),
    "a header of 20,000 bytes": with_array(
        npy_bytes(repr(described()).encode().ljust(20_000), ARRAY)
    ),
    "a header of 4 GiB": with_array(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{"),
    "version 9.9": with_array(npy_bytes(described(), ARRAY, version=b"\x09\x09")),
    "no magic": with_array(b"NUMPY" + GOOD),
    "nothing": with_array(b""),
    "metadata that is no JSON": zip_bytes(
        {"__metadata__.npy": npy_bytes(described("|u1", (2,)), b"{x"), "a.npy": GOOD}
    ),
    "metadata not of text": zip_bytes(
        {"__metadata__.npy": npy_bytes(described("|u1", (8,)), b'{"a": 1}'), "a.npy": GOOD}
    ),
    "metadata of 2 MiB": zip_bytes(
        {"__metadata__.npy": npy_bytes(described("|u1", (2 << 20,)), bytes(2 << 20))}
    ),
    "two names of one tensor": zip_bytes({"conv1.bias.npy": GOOD, "conv1/b.npy": GOOD}),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_not_what_it_says_is_refused(read, case):
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError) as caught:
            read(HOSTILE[case])
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(str(caught.value)) < 1000
    assert peak_bytes < 64 << 20


def test_a_reason_from_below_is_kept(read):
    with pytest.raises(WeightsError, match="zip directory") as caught:
        read(HOSTILE["not a zip"])
    assert isinstance(caught.value.__cause__, zipfile.BadZipFile)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damaged_numbers_do_not_pass_the_checksum(read, compression):
    numbers = np.random.default_rng(0).standard_normal(10_000, dtype=np.float32).tobytes()
    data = zip_bytes({"a.npy": npy_bytes(described(shape=(10_000,)), numbers)}, compression)
    checksum = struct.pack("<I", 12345)
    tensor = read(both_patched(data, 14, 16, checksum)).tensors["a"]
    with pytest.raises(WeightsError, match="checksum"):
        tensor.read()


def test_a_bomb_is_refused_before_it_goes_off(read):
    size_bytes = 513 << 20
    array = npy_bytes(described(shape=((size_bytes - 128) // 4,)))
    assert len(array) == 128
    data = zip_bytes({"a.npy": array + bytes(1 << 20)}, zipfile.ZIP_DEFLATED)
    data = both_patched(data, 22, 24, struct.pack("<I", size_bytes))
    with pytest.raises(WeightsError, match="bytes that say they expand to 537919488"):
        read(data)


@pytest.mark.parametrize("count", [2000, 200_000])  # read with the header, and apart from it
def test_more_numbers_than_the_directory_says_are_not_decompressed(read, count):
    # Both headers say that the array has so few numbers; the stream goes on for 32 MiB.
    header = npy_bytes(described(shape=(count,)))
    data = zip_bytes({"a.npy": header + bytes(32 << 20)}, zipfile.ZIP_DEFLATED)
    data = both_patched(data, 22, 24, struct.pack("<I", len(header) + 4 * count))
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError, match="checksum"):
            read(data).tensors["a"].read()
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 8 << 20
