"""Every DICOM file that pydicom and pydicom-data ship, and some of what none of them has, under UIDs of their own."""

import io
import re
import struct
import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import data_store
import pydicom
import pydicom.data
from pydicom.dataelem import RawDataElement

from .images import uid

FOLDERS = [Path(pydicom.data.__file__).parent, Path(data_store.__path__[0]) / "data"]

#: What is not put into the folder, and why: no other file of the packages may be missing.
LEFT_OUT = {
    "charset_files/FileInfo.txt": "text",
    "emri_small_jpeg_2k_lossless_too_short.dcm": "ends inside of a fragment: pydicom reads no element",
    "hashes.json": "text",
    "palettes/README.md": "text",
    "test_files/README.txt": "text",
    "test_files/crayons.icc": "a colour profile",
    "test_files/dicomdirtests/README.txt": "text",
    "test_files/dicomdirtests/TINY_ALPHA/README": "text",
    "test_files/no_meta.dcm": "a stray byte comes before the data set: pydicom reads one element of 37 KiB",
    "test_files/rtplan.dump": "text",
    "test_files/rtstruct.dump": "text",
    "test_files/test1.json": "text",
    "test_files/test_PN.json": "text",
    "test_files/zipMR.gz": "compressed as a whole; test_files/MR_small.dcm is in it",
    "urls.json": "text",
}

#: What an instance is known by.
IDENTITY = {0x00080018: "instance", 0x0020000D: "study", 0x0020000E: "series"}

#: pydicom changes settings of its own for a moment while it reads: one thread at a time.
pydicom_alone = threading.RLock()


def parse(data):
    """pydicom's data set of a file, in whatever state the file is."""
    with pydicom_alone:
        return pydicom.dcmread(io.BytesIO(data), force=True)


@dataclass
class Specimen:
    """One file."""

    name: str
    data: bytes
    study: str
    series: str
    instance: str

    @property
    def path(self):
        """Where it is below a DICOMweb root."""
        return f"/studies/{self.study}/series/{self.series}/instances/{self.instance}"

    @cached_property
    def dataset(self):
        return parse(self.data)

    @property
    def is_deflated(self):
        return self.dataset.file_meta.get("TransferSyntaxUID") == "1.2.840.10008.1.2.1.99"

    def without(self, tag):
        """The file without an element of its data set, every other byte as it was."""
        start, end = _place(parse(self.data), self.data, tag)
        return self.data[:start] + self.data[end:]

    def __repr__(self):
        return self.name


def specimens():
    """All files but those left out, and the made ones.

    UIDs that are missing or are none, and a SOP Instance UID that another file has, are given anew: only the bytes of
    such an element are exchanged or put in, so that the rest stays as odd as it is.
    """
    found, instances = [], set()
    for name, data in {**shipped(), **made()}.items():
        if name in LEFT_OUT:
            continue
        uids = {}
        dataset = parse(data)
        for tag, kind in IDENTITY.items():
            uids[kind] = str(dataset[tag].value or "") if tag in dataset else ""
            if not re.fullmatch(r"[0-9.]{1,64}", uids[kind]) or uids[kind] in instances:
                uids[kind] = uid(kind, name)
                data = _with_uid(data, tag, uids[kind])
        instances.add(uids["instance"])
        found.append(Specimen(name=name, data=data, **uids))
    return found


def shipped():
    """The files by name, which is the path in their package, and their bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for folder in FOLDERS
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }


def _with_uid(data, tag, value):
    """The file with this UID at this tag of its data set, every other byte as it was."""
    dataset = parse(data)
    start, end = _place(dataset, data, tag)
    encoded = value.encode() + b"\0" * (len(value) % 2)
    vr = None if dataset._read_implicit else "UI"
    return data[:start] + element(tag, vr, encoded, big=not dataset._read_little) + data[end:]


def _place(dataset, data, tag):
    """Where an element stands, or would stand, in a file that isn't deflated; of a data set that was just read."""
    for each in sorted(dataset.keys()):
        if each < tag:
            continue
        old = dataset.get_item(each)
        is_raw = isinstance(old, RawDataElement)
        value_at = old.value_tell if is_raw else old.file_tell
        start = value_at - (12 if old.VR in LONG and not dataset._read_implicit else 8)
        if each != tag:
            return start, start
        # Behind fragments comes a delimiter.
        return start, value_at + (len(old.value) + 8 if old.length == UNDEFINED else old.length)
    return len(data), len(data)


LONG = ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
UNDEFINED = 0xFFFFFFFF


def element(tag, vr, value, big=False, length=None):
    """An element's bytes; Implicit VR without a VR. The value goes in as it is, and `length` may say something else."""
    order = ">" if big else "<"
    length = len(value) if length is None else length
    head = struct.pack(order + "HH", tag >> 16, tag & 0xFFFF)
    if vr is None:
        head += struct.pack(order + "I", length)
    elif vr in LONG:
        head += vr.encode() + b"\0\0" + struct.pack(order + "I", length)
    else:
        head += vr.encode() + struct.pack(order + "H", length)
    return head + value


def _item(value, undefined=False):
    if undefined:
        return element(0xFFFEE000, None, value, length=UNDEFINED) + element(0xFFFEE00D, None, b"")
    return element(0xFFFEE000, None, value)


def _sequence(tag, vr, *items):
    """One of undefined length."""
    return element(tag, vr, b"".join(items), length=UNDEFINED) + element(0xFFFEE0DD, None, b"")


def _file(syntax, *elements):
    meta = element(0x00020010, "UI", syntax.encode() + b"\0" * (len(syntax) % 2))
    return bytes(128) + b"DICM" + element(0x00020000, "UL", struct.pack("<I", len(meta))) + meta + b"".join(elements)


EXPLICIT, BIG, JPEG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.4.50"


def made():
    """What no shipped file has, by name."""
    return {
        "made/values.dcm": _file(EXPLICIT, *_values()),
        "made/sequences.dcm": _file(EXPLICIT, *_sequences()),
        "made/not-a-number.dcm": _file(EXPLICIT, element(0x00186028, "FD", struct.pack("<2d", 1, float("nan")))),
        "made/basic-offsets.dcm": _encapsulated(2, [b"\xff\xd8ab", b"cd\xff\xd9", b"\xff\xd8ef\xff\xd9"], [0, 24]),
        "made/no-offsets.dcm": _encapsulated(2, [b"\xff\xd8", b"ab\xff\xd9\0\0", b"\xff\xd8cdef", b"\xff\xd9"]),
        "made/one-frame-in-fragments.dcm": _encapsulated(1, [b"\xff\xd8\xff\xd9", b"ab\xff\xd9"]),
        "made/extended-offsets.dcm": _encapsulated(2, [b"\xff\xd8a\xff\xd9\0", b"\xff\xd8bc\xff\xd9"], lengths=[5, 6]),
        "made/bits.dcm": _native(EXPLICIT, "OB", 1, 5, 3, 3, bytes([0b10110101, 0x3C, 0xE7, 0x18, 0x5A, 0x1B])),
        "made/bits-big-endian.dcm": _native(BIG, "OW", 1, 5, 3, 3, bytes([0x3C, 0b10110101, 0x18, 0xE7, 0x1B, 0x5A])),
        "made/odd-frames-big-endian.dcm": _native(BIG, "OW", 8, 3, 3, 3, bytes(range(28))),
        "made/float.dcm": _native(EXPLICIT, "OF", 32, 2, 3, 2, struct.pack("<12f", *range(12)), 0x7FE00008),
        "made/double.dcm": _native(EXPLICIT, "OD", 64, 2, 3, 2, struct.pack("<12d", *range(12)), 0x7FE00009),
    }


def _values():
    """Every VR with something to get wrong."""
    creator = 0x00090010
    return [
        element(0x00080000, "UL", struct.pack("<I", 1)),
        element(0x00080005, "CS", b"ISO_IR 100"),
        element(0x00080008, "CS", b"ORIGINAL\\\\AB \\"),
        element(0x00080020, "DA", b"20260101"),
        element(0x0008002A, "DT", b"20260101120000+0100 "),
        element(0x00080030, "TM", b"120000.12 "),
        element(0x00081190, "UR", b"http://localhost/a\\b"),
        element(0x00090000, "UL", struct.pack("<I", 2)),
        element(creator, "LO", b"WADOGATE"),
        element(0x00091001, "OB", bytes(1023)),
        element(0x00091002, "OB", bytes(1024)),
        element(0x00091003, "OB", bytes(range(256)) * 4 + b"ab"),
        element(0x00091004, "FL", struct.pack("<3f", 0.1, -1e30, 0)),
        element(0x00091005, "FD", struct.pack("<3d", 0.1, 5e-324, -1.5e308)),
        element(0x00091007, "SV", struct.pack("<3q", -(1 << 63), (1 << 53) + 1, -1)),
        element(0x00091008, "UV", struct.pack("<2Q", (1 << 64) - 1, 0)),
        element(0x00091009, "SL", struct.pack("<2i", -(1 << 31), 7)),
        element(0x0009100A, "SS", struct.pack("<2h", -1, 1)),
        element(0x0009100B, "OL", struct.pack("<I", 0x01020304)),
        element(0x0009100C, "OV", struct.pack("<Q", 0x0102030405060708)),
        element(0x0009100D, "UC", b"one\\two "),
        element(0x0009100E, "OB", b"odd"),
        element(0x00100010, "PN", b"M\xfcller^J\xf6rg^^Dr.=I^D=F^P"),
        element(0x00101001, "PN", b"One^Name\\\\=Ideographic\\==Phonetic"),
        element(0x00101010, "AS", b"040Y"),
        element(0x001021B0, "LT", b"a\\b \"quoted\" <&>\ttab\r\nline"),
        element(0x00181000, "LO", b"trailing  \\spaces   "),
        element(0x0020000E, "UI", b"1.2.826.0.1.3680043.8.498.2.1\0"),
        element(0x00200013, "IS", b" -12  "),
        element(0x00200032, "DS", b"0.10000000000001\\-1.5E+03\\+7"),
        element(0x00280009, "AT", struct.pack("<4H", 0x0018, 0x1063, 0x0018, 0x1065)),
    ]


def _sequences():
    """Nesting, private blocks, UN, and large values within items."""
    large = bytes(range(256)) * 8
    inner = element(0x00091001, "OB", large) + element(0x00091002, "US", struct.pack("<H", 5))
    code = element(0x00080100, "SH", b"C ") + element(0x00081140, "SQ", _item(b"") + _item(inner))
    implicit = element(0x00080100, None, b"IMPLICIT") + element(0x00081150, None, b"1.2.3\0")
    return [
        element(0x00081140, "SQ", b""),
        _sequence(0x00082218, "SQ", _item(b""), _item(code, undefined=True)),
        element(0x00090010, "LO", b"ONE "),
        element(0x00090011, "LO", b"TWO "),
        element(0x00091001, "SH", b"one "),
        element(0x00091101, "SH", b"two "),
        _sequence(0x00091102, "SQ", _item(element(0x00090010, "LO", b"IN") + element(0x00091001, "OB", large))),
        _sequence(0x00091103, "UN", _item(implicit, undefined=True), _item(implicit)),
        element(0x00091104, "UN", b"unknown "),
        element(0x00100020, "UN", b"known as LO "),
        element(0x00280010, "US", struct.pack("<H", 1)),
    ]


def _encapsulated(frames, fragments, offsets=(), lengths=()):
    """JPEG by name; nobody decodes it."""
    described = _pixel_description(8, 1, 1, frames)
    if lengths:
        starts = [sum(8 + len(each) for each in fragments[:number]) for number in range(len(fragments))]
        described.append(element(0x7FE00001, "OV", struct.pack(f"<{len(starts)}Q", *starts)))
        described.append(element(0x7FE00002, "OV", struct.pack(f"<{len(lengths)}Q", *lengths)))
    table = _item(struct.pack(f"<{len(offsets)}I", *offsets))
    return _file(JPEG, *described, _sequence(0x7FE00010, "OB", table, *map(_item, fragments)))


def _native(syntax, vr, bits, rows, columns, frames, pixels, tag=0x7FE00010):
    big = syntax == BIG
    return _file(syntax, *_pixel_description(bits, rows, columns, frames, big), element(tag, vr, pixels, big))


def _pixel_description(bits, rows, columns, frames, big=False):
    number = lambda tag, value: element(tag, "US", struct.pack(">H" if big else "<H", value), big)
    return [
        number(0x00280002, 1),
        element(0x00280004, "CS", b"MONOCHROME2 ", big),
        element(0x00280008, "IS", f"{frames} ".encode(), big),
        number(0x00280010, rows),
        number(0x00280011, columns),
        number(0x00280100, bits),
        number(0x00280101, bits),
        number(0x00280102, bits - 1),
        number(0x00280103, 0),
    ]
