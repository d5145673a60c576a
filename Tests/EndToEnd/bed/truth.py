"""What pydicom and Pillow say that a data set or a picture holds, in forms that answers can be compared with."""

import base64
import io
from dataclasses import dataclass
from xml.etree import ElementTree

import PIL.Image
from pydicom.encaps import generate_frames

from .kinds import bright_cell

#: Above this size a value is bulk data (and pixel data is always).
_INLINE = 1024
_BINARY = {"OB", "OD", "OF", "OL", "OV", "OW", "UN"}
_PIXELS = "7FE00010"
#: Which may be there or not: the charset of the encoding, and where to get the instance.
_OF_THE_ENCODING = {"00080005", "00081190"}
_NAME_GROUPS = {"Alphabetic", "Ideographic", "Phonetic"}
_NAMES = "{http://dicom.nema.org/PS3.19/models/NativeDICOM}"


def model(dataset):
    """A data set as `json_model` has it."""
    return json_model(
        dataset.to_json_dict(bulk_data_threshold=_INLINE, bulk_data_element_handler=lambda element: "elsewhere")
    )


def json_model(attributes):
    """A DICOM JSON data set with numbers and padding in one form: {tag: value}, items nested."""
    found = {}
    for tag, element in attributes.items():
        if tag in _OF_THE_ENCODING:
            continue
        if element["vr"] in _BINARY:
            found[tag] = base64.b64decode(element["InlineBinary"]) if "InlineBinary" in element else "bulk data"
            continue
        values = element.get("Value", [])
        is_sequence = element["vr"] == "SQ"
        found[tag] = [json_model(value) if is_sequence else _plain(value) for value in values]
    return found


def xml_model(document):
    """A Native DICOM Model document in the same form; without private attributes, whose tags it writes otherwise."""
    root = ElementTree.fromstring(document)
    assert root.tag.removeprefix(_NAMES) == "NativeDicomModel", root.tag
    return _xml_attributes(root)


def without_private(attributes):
    """The rest of a model when private attributes are left out."""

    def within(value):
        return without_private(value) if isinstance(value, dict) and not set(value) <= _NAME_GROUPS else value

    return {
        tag: [within(value) for value in values] if isinstance(values, list) else values
        for tag, values in attributes.items()
        if int(tag[:4], 16) % 2 == 0
    }


def bulk_uris(attributes):
    """Where the bulk data of a DICOM JSON data set is: {path: URI}, the path as "04000500/1/04000520"."""
    found = {}
    for tag, element in attributes.items():
        if "BulkDataURI" in element:
            found[tag] = element["BulkDataURI"]
        if element["vr"] == "SQ":
            for number, item in enumerate(element.get("Value", []), 1):
                found |= {f"{tag}/{number}/{path}": uri for path, uri in bulk_uris(item or {}).items()}
    return found


def bulk_values(dataset):
    """The bulk data itself: {path: parts}; compressed pixel data has a part for each frame."""
    found = {}
    for element in dataset:
        tag = f"{element.tag.group:04X}{element.tag.element:04X}"
        if element.VR == "SQ":
            for number, item in enumerate(element.value, 1):
                found |= {f"{tag}/{number}/{path}": parts for path, parts in bulk_values(item).items()}
        elif element.tag == 0x7FE00010 and element.is_undefined_length:
            found[tag] = frames(dataset)
        elif element.VR in _BINARY and (len(element.value) > _INLINE or tag == _PIXELS):
            found[tag] = [element.value]
    return found


def frames(dataset):
    """The frames of the pixel data; none when there is none."""
    if "PixelData" not in dataset:
        return []
    count = int(dataset.get("NumberOfFrames") or 1)
    if dataset.file_meta.TransferSyntaxUID.is_compressed:
        return list(generate_frames(dataset.PixelData, number_of_frames=count))
    size = len(dataset.PixelData) // count
    return [dataset.PixelData[frame * size : (frame + 1) * size] for frame in range(count)]


def padded(value):
    """A value with the zero that makes its length even, which an answer may have or not."""
    return value + b"\0" * (len(value) % 2)


@dataclass
class Picture:
    """What the bytes of a picture say by themselves."""

    media_type: str
    width: int
    height: int
    bright_cell: int

    def __init__(self, data):
        with PIL.Image.open(io.BytesIO(data)) as picture:
            self.media_type = PIL.Image.MIME[picture.format]
            self.width, self.height = picture.size
            self.bright_cell = bright_cell(picture)


def _xml_attributes(node):
    found = {}
    for attribute in node:
        tag = attribute.get("tag")
        if attribute.get("privateCreator") or tag in _OF_THE_ENCODING or int(tag[:4], 16) % 2:
            continue
        found[tag] = []
        for child in sorted(attribute, key=lambda each: int(each.get("number") or 1)):
            match child.tag.removeprefix(_NAMES):
                case "BulkData":
                    found[tag] = "bulk data"
                case "InlineBinary":
                    found[tag] = base64.b64decode(child.text)
                case "Item":
                    found[tag].append(_xml_attributes(child))
                case "PersonName":
                    found[tag].append({group.tag.removeprefix(_NAMES): _xml_name(group) for group in child})
                # Orthanc has an empty one behind each item.
                case "Value" if attribute.get("vr") != "SQ":
                    found[tag].append(_plain(child.text))
    return found


def _xml_name(group):
    parts = {part.tag.removeprefix(_NAMES): part.text or "" for part in group}
    order = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
    return "^".join(parts.get(name, "") for name in order).rstrip("^")


def _plain(value):
    if isinstance(value, dict):
        return {group: name.rstrip(" ^") for group, name in value.items() if name}
    if value is None:
        return None
    text = str(value).strip(" \0")
    try:
        return f"{float(text):.12g}"
    except ValueError:
        return text
