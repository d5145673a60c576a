"""What pydicom and dcmtk say of a file, and where two documents of one data set differ."""

import base64
import json
import struct
import subprocess
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from xml.etree import ElementTree

from pydicom.encaps import generate_frames

from .specimens import pydicom_alone

PIXEL_DATA = "7FE00010"
NUMBERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q", "FL": "f", "FD": "d"}


class Unread(Exception):
    """An oracle has nothing to say of a file."""


# Frames.


def frames(dataset):
    """The frames by pydicom, as a web client gets them: little endian, from a byte on, without fragments.

    None where there are no pixels. Native ones are slices of the value, which is the same as what pydicom decodes.
    """
    pixels = _pixel_element(dataset)
    if pixels is None or "Rows" not in dataset:
        return None
    count = _number_of_frames(dataset)
    if _is_encapsulated(dataset):
        extended = None
        if "ExtendedOffsetTable" in dataset:
            extended = dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths
        return list(generate_frames(pixels.value, number_of_frames=count, extended_offsets=extended))
    value = little_endian(dataset, pixels)
    bits = dataset.Rows * dataset.Columns * dataset.get("SamplesPerPixel", 1) * dataset.BitsAllocated
    if dataset.PhotometricInterpretation == "YBR_FULL_422":
        bits = bits // 3 * 2
    if bits % 8 == 0:
        return [value[at * bits // 8 : (at + 1) * bits // 8] for at in range(count)]
    # The first pixel is the lowest bit of the first byte (PS3.5 §8.1.1).
    packed, mask = int.from_bytes(value, "little"), (1 << bits) - 1
    return [(packed >> at * bits & mask).to_bytes((bits + 7) // 8, "little") for at in range(count)]


def little_endian(dataset, pixels):
    """A native pixel element's value; samples wider than a word are turned around as a whole."""
    if dataset._read_little or pixels.VR == "OB":
        return pixels.value
    return swapped(pixels.value, max(2, dataset.BitsAllocated // 8))


def swapped(value, unit):
    return b"".join(value[at : at + unit][::-1] for at in range(0, len(value), unit))


def _pixel_element(dataset):
    keywords = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
    return next((dataset[each] for each in keywords if each in dataset), None)


def _number_of_frames(dataset):
    try:
        return int(dataset.get("NumberOfFrames") or 1)
    except ValueError:
        return 1  # test_files/badVR.dcm says 1A


def _is_encapsulated(dataset):
    syntax = dataset.file_meta.get("TransferSyntaxUID") if "file_meta" in dataset.__dict__ else None
    return bool(syntax and syntax.is_encapsulated)


# Documents.


def json_by_pydicom(dataset):
    """`to_json_dict` with everything inline; pixels as frames, without fragments, in little endian.

    An element that pydicom cannot tell is left out, and only that one.
    """
    with pydicom_alone:
        document = {}
        for tag in dataset.keys():
            with suppress(ValueError, IndexError):
                document[f"{tag:08X}"] = dataset[tag].to_json_dict(None, 0)
        if PIXEL_DATA in document and "PixelData" in dataset:
            pixels = dataset["PixelData"]
            whole = b"".join(frames(dataset)) if _is_encapsulated(dataset) and "Rows" in dataset else None
            value = little_endian(dataset, pixels) if whole is None else whole
            document[PIXEL_DATA]["InlineBinary"] = base64.b64encode(value).decode()
    return document


def json_by_dcmtk(path):
    return json.loads(_dcmtk("dcm2json", "--compact-code", "--encode-extended", path))


def xml_by_dcmtk(path, has_character_set):
    """With text as UTF-8; where no character set is named, the tool would add one."""
    options = ["--convert-to-utf8"] if has_character_set else []
    return _dcmtk("dcm2xml", "--native-format", "--use-xml-namespace", "--encode-base64", "--load-all", *options, path)


def _dcmtk(*command):
    ran = subprocess.run([*map(str, command)], capture_output=True, timeout=60)
    if ran.returncode != 0:
        raise Unread(ran.stderr.decode(errors="replace").strip())
    return ran.stdout


NATIVE = "{http://dicom.nema.org/PS3.19/models/NativeDICOM}"


def elements_of_xml(document):
    """A Native DICOM Model document in the form of DICOM JSON, with keywords, and private tags by creator."""
    return _elements(ElementTree.fromstring(document))


def _elements(node):
    found = {}
    for attribute in node:
        assert attribute.tag == f"{NATIVE}DicomAttribute"
        key = " ".join(filter(None, [attribute.get("tag"), attribute.get("privateCreator")]))
        assert key not in found, key
        found[key] = {"vr": attribute.get("vr"), "keyword": attribute.get("keyword"), **_content(attribute)}
    return found


def _content(attribute):
    values = []
    for number, child in enumerate(attribute, 1):
        kind = child.tag.removeprefix(NATIVE)
        if kind == "BulkData":
            return {"BulkDataURI": child.get("uri")}
        if kind == "InlineBinary":
            return {"InlineBinary": child.text or ""}
        assert child.get("number") == str(number)
        match kind:
            case "Value":
                values.append(child.text)
            case "Item":
                values.append(_elements(child))
            case "PersonName":
                values.append({group.tag.removeprefix(NATIVE): _name(group) for group in child} or None)
    return {"Value": values} if values else {}


def _name(group):
    """Five components make a name again."""
    parts = {component.tag.removeprefix(NATIVE): component.text or "" for component in group}
    order = ["FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix"]
    assert set(parts) <= set(order)
    return "^".join(parts.get(each, "") for each in order).rstrip("^")


# Differences.


def differences(ours, theirs, fetch, path=""):
    """Each element that one document has otherwise than the other: its path, and what both say (None for nothing).

    The same is: a number and its text (PS3.18 table F.2.3-1 allows both), the same IEEE number in other digits, and a
    value that stands inline or behind a URL. `fetch` answers the bytes behind a URL of ours.
    """
    for tag in sorted(set(ours) | set(theirs)):
        mine, other = (_plain(each[tag], fetch) if tag in each else None for each in (ours, theirs))
        if mine == other:
            continue
        if mine and other and "items" in mine and "items" in other and len(mine["items"]) == len(other["items"]):
            for number, (left, right) in enumerate(zip(mine.pop("items"), other.pop("items")), 1):
                yield from differences(left or {}, right or {}, fetch, f"{path}{tag}/{number}/")
            if mine == other:
                continue
        yield path + tag, mine, other


def _plain(element, fetch):
    vr = element["vr"]
    plain = {"vr": vr, "keyword": element.get("keyword")}
    if vr == "SQ":
        return {**plain, "items": element.get("Value", [])}
    if "Value" in element:
        return {**plain, "values": [_number(vr, each) for each in element["Value"]]}
    if "InlineBinary" in element:
        value = base64.b64decode(element["InlineBinary"])
    elif "BulkDataURI" in element:
        value = fetch(element["BulkDataURI"])
    else:
        return {**plain, "values": []}
    if vr in NUMBERS:
        letter = NUMBERS[vr]
        numbers = struct.unpack(f"<{len(value) // struct.calcsize(letter)}{letter}", value)
        return {**plain, "values": [_number(vr, each) for each in numbers]}
    if vr in ("DS", "IS"):
        return {**plain, "values": [_number(vr, each) for each in value.decode().rstrip(" \0").split("\\")]}
    return {**plain, "bytes": value}


def _number(vr, value):
    """A number of a numeric VR in the one form in which it can be compared."""
    if value is None or isinstance(value, dict):
        return value
    if vr in ("FL", "FD"):
        number = struct.unpack("<f", struct.pack("<f", float(value)))[0] if vr == "FL" else float(value)
        # As text, since what is not a number equals nothing; 0 is added, since Python reads JSON's -0 as 0.
        return repr(number + 0.0)
    if vr in NUMBERS or vr in ("DS", "IS"):
        try:
            return Decimal(str(value)).normalize() + 0
        except InvalidOperation:
            return value
    return value
