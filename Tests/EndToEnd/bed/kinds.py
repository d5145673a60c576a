"""Small studies of each kind of object, whose pictures show by themselves which frame of which instance they are.

A picture is a grid of dark cells with a bright one: the number of the bright cell, and so the frame, is read back from
whatever a server made of it, at any size.
"""

import io
import itertools
from dataclasses import dataclass

import numpy
import PIL.Image
import pydicom
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit

from . import images

PATIENT = "KINDS"
ROWS, COLUMNS = 64, 96
_CELL = 16
_CELLS = (ROWS // _CELL) * (COLUMNS // _CELL)

CT = "CT, single-frame"
NATIVE = "XA, multi-frame, native"
JPEG = "US, multi-frame, JPEG"
REPORT = "SR, structured report"
KINDS = (CT, NATIVE, JPEG, REPORT)

_SOP_CLASSES = {
    CT: "1.2.840.10008.5.1.4.1.1.2",
    NATIVE: "1.2.840.10008.5.1.4.1.1.12.1",
    JPEG: "1.2.840.10008.5.1.4.1.1.3.1",
    REPORT: "1.2.840.10008.5.1.4.1.1.88.11",
}
#: How many instances each series of the study has, and frames each of them.
_SERIES = {CT: (3, 2), NATIVE: (2,), JPEG: (2,), REPORT: (2,)}
_FRAMES = {CT: 1, NATIVE: 5, JPEG: 4, REPORT: 0}


@dataclass
class Member:
    """An instance of such a study."""

    image: images.Image
    #: The bright cell of each frame.
    cells: list

    @property
    def path(self):
        return self.image.path

    def dataset(self):
        return pydicom.dcmread(io.BytesIO(self.image.data))


def study(archive, *kinds):
    """The members, series by series, of the study of these kinds that an archive of this name holds."""
    names, members, cells = ("kinds", archive, *kinds), [], itertools.cycle(range(_CELLS))
    for series, (kind, count) in enumerate((kind, count) for kind in kinds for count in _SERIES[kind]):
        for number in range(count):
            ids = [images.uid(*names), images.uid(*names, series), images.uid(*names, series, number)]
            bright = list(itertools.islice(cells, _FRAMES[kind]))
            members.append(Member(_image(kind, ids, series + 1, number + 1, bright), bright))
    return members


def bright_cell(picture):
    """Which cell of a picture, as Pillow has it, is the bright one."""
    pixels = numpy.asarray(picture.convert("L"), dtype="f4")
    rows, columns = pixels.shape
    means = [
        pixels[row * rows // 4 : (row + 1) * rows // 4, column * columns // 6 : (column + 1) * columns // 6].mean()
        for row in range(ROWS // _CELL)
        for column in range(COLUMNS // _CELL)
    ]
    best, second = numpy.argsort(means)[:-3:-1]
    assert means[best] > means[second] + 60, f"no cell stands out: {means}"
    return int(best)


def _image(kind, ids, series, number, cells):
    file = images.data_set(*ids, _SOP_CLASSES[kind], kind[:2], PATIENT)
    file.SeriesNumber, file.InstanceNumber = series, number
    file.SeriesDescription = f"{kind}, series {series}"
    if kind == REPORT:
        _report(file)
    else:
        _pictures(file, kind, cells)
    _bulk_data(file, number)
    return images.read(images.written(file), f"{kind}, {series}.{number}")


def _pictures(file, kind, cells):
    pixels = numpy.zeros((len(cells), ROWS, COLUMNS), "<u2")
    for frame, cell in zip(pixels, cells):
        row, column = divmod(cell, COLUMNS // _CELL)
        frame[row * _CELL : (row + 1) * _CELL, column * _CELL : (column + 1) * _CELL] = 1000
    if kind != CT:
        file.NumberOfFrames = len(cells)
        file.FrameTime = 40
        file.FrameIncrementPointer = 0x00181063
    file.Rows, file.Columns, file.SamplesPerPixel = ROWS, COLUMNS, 1
    file.PhotometricInterpretation, file.PixelRepresentation = "MONOCHROME2", 0
    file.IconImageSequence = [_icon()]
    if kind == JPEG:
        file.BitsAllocated, file.BitsStored, file.HighBit = 8, 8, 7
        file.LossyImageCompression, file.LossyImageCompressionMethod = "01", "ISO_10918_1"
        file.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
        file.PixelData = encapsulate([_jpeg((frame // 4).clip(0, 250).astype("u1")) for frame in pixels])
        file["PixelData"].VR = "OB"
        return
    file.BitsAllocated, file.BitsStored, file.HighBit = 16, 12, 11
    file.RescaleIntercept, file.RescaleSlope, file.RescaleType = 0, 1, "US"
    file.WindowCenter, file.WindowWidth = 500, 1000
    file.PixelData = pixels.tobytes()
    file["PixelData"].VR = "OW"


def _jpeg(pixels):
    out = io.BytesIO()
    PIL.Image.fromarray(pixels).save(out, "JPEG", quality=90)
    return out.getvalue()


def _icon():
    """Pixel data in an item stays native, whatever the transfer syntax."""
    icon = Dataset()
    icon.Rows = icon.Columns = 48
    icon.SamplesPerPixel, icon.PhotometricInterpretation, icon.PixelRepresentation = 1, "MONOCHROME2", 0
    icon.BitsAllocated, icon.BitsStored, icon.HighBit = 8, 8, 7
    icon.PixelData = bytes(range(48)) * 48
    icon["PixelData"].VR = "OB"
    return icon


def _report(file):
    text = Dataset()
    text.RelationshipType, text.ValueType, text.TextValue = "CONTAINS", "TEXT", "A synthetic finding."
    text.ConceptNameCodeSequence = [_code("121071", "Finding")]
    file.ValueType, file.ContinuityOfContent = "CONTAINER", "SEPARATE"
    file.CompletionFlag, file.VerificationFlag = "COMPLETE", "UNVERIFIED"
    file.ContentDate, file.ContentTime = "20260101", "120000"
    file.ConceptNameCodeSequence = [_code("18748-4", "Diagnostic imaging report", "LN")]
    file.ContentSequence = [text]


def _code(value, meaning, scheme="DCM"):
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code


def _bulk_data(file, number):
    """Large values that any object may have: a vendor's private one, and encrypted attributes in two items."""
    vendor = file.private_block(0x0029, "WADOGATE TEST BED", create=True)
    vendor.add_new(0x10, "OB", bytes([number, 0x29]) * 1500)
    file.EncryptedAttributesSequence = [_encrypted(number, item) for item in (1, 2)]


def _encrypted(number, item):
    attributes = Dataset()
    attributes.EncryptedContentTransferSyntaxUID = ExplicitVRLittleEndian
    attributes.EncryptedContent = bytes([number, item]) * 1000
    return attributes
