"""The images of the bed: pydicom's test files, copies of them under other UIDs, and a synthetic CT series."""

import hashlib
import io
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import data_store
import numpy
import pydicom
import pydicom.data
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian


def uid(*names):
    """A UID under 2.25 that follows from the names: the same in every run."""
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:15], 'big')}"


@dataclass
class Image:
    """One Part 10 file and what the tests need to know of it."""

    source: str
    data: bytes
    study: str
    series: str
    instance: str
    sop_class: str
    modality: str
    transfer_syntax: str
    frames: int
    has_pixels: bool
    patient: str

    @property
    def path(self):
        """Where it is below a DICOMweb root."""
        return f"/studies/{self.study}/series/{self.series}/instances/{self.instance}"

    def __repr__(self):
        return f"{self.source}[{self.transfer_syntax}]"


def read(data, source):
    """Parses a file; None when it has no proper UIDs or isn't DICOM."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            file = pydicom.dcmread(io.BytesIO(data))
            uids = file.StudyInstanceUID, file.SeriesInstanceUID, file.SOPInstanceUID
            if not all(re.fullmatch(r"[0-9.]{1,64}", str(each)) for each in uids):
                return None
            return Image(
                source=source,
                data=data,
                study=str(file.StudyInstanceUID),
                series=str(file.SeriesInstanceUID),
                instance=str(file.SOPInstanceUID),
                sop_class=str(file.SOPClassUID),
                modality=str(file.get("Modality") or "OT"),
                transfer_syntax=str(file.file_meta.TransferSyntaxUID),
                frames=int(file.get("NumberOfFrames") or 1),
                has_pixels="PixelData" in file,
                patient=str(file.get("PatientID") or ""),
            )
        except Exception:  # pydicom raises whatever it meets in these deliberately odd files
            return None


def copy(image, study, series, instance, patient):
    """The same image under other UIDs, in its own transfer syntax; None when pydicom can't write it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            file = pydicom.dcmread(io.BytesIO(image.data))
            file.StudyInstanceUID, file.SeriesInstanceUID, file.SOPInstanceUID = study, series, instance
            file.file_meta.MediaStorageSOPInstanceUID = instance
            file.PatientID = patient
            out = io.BytesIO()
            file.save_as(out)
        except Exception:
            return None
    copied = read(out.getvalue(), image.source)
    return copied if copied and copied.transfer_syntax == image.transfer_syntax else None


def pydicom_files():
    """Every parseable file that pydicom and pydicom-data ship, each under a SOP Instance UID of its own."""
    folders = [Path(pydicom.data.__file__).parent / "test_files", Path(data_store.__path__[0]) / "data"]
    images, instances, patients = [], set(), {}
    for path in sorted(
        (path for folder in folders for path in folder.rglob("*") if path.is_file()), key=lambda p: p.name
    ):
        image = read(path.read_bytes(), path.name)
        if image is None:
            continue
        # Several files are variants of one picture, or name one study for two patients: those get UIDs of their own.
        if image.instance in instances or patients.setdefault(image.study, image.patient) != image.patient:
            names = (path.name, hashlib.sha256(image.data).hexdigest())
            image = copy(image, uid("study", *names), uid("series", *names), uid("instance", *names), image.patient)
            if image is None or image.instance in instances:
                continue
        instances.add(image.instance)
        images.append(image)
    return images


def per_transfer_syntax(images, most):
    """At most `most` images of each transfer syntax: those with pixels and few frames, the smallest first."""
    chosen = {}
    for image in sorted(images, key=lambda each: (not each.has_pixels, each.frames, len(each.data))):
        group = chosen.setdefault(image.transfer_syntax, [])
        if len(group) < most:
            group.append(image)
    return [image for group in chosen.values() for image in group]


def ct_series(study, series, slices, size=512, patient="SYNTHETIC-CT"):
    """A CT of a cylinder with a sphere in it, one image a slice."""
    y, x = numpy.mgrid[0:size, 0:size] / size - 0.5
    noise = numpy.random.default_rng(7).integers(-20, 20, (size, size))
    images = []
    for number in range(slices):
        z = number / max(slices - 1, 1) - 0.5
        pixels = numpy.where(x * x + y * y < 0.2, 40, -1000)
        pixels = numpy.where(x * x + y * y + z * z < 0.04, 300, pixels) + noise
        pixels = numpy.roll(pixels, number, axis=1).astype("<i2")
        instance = uid("ct", study, series, number)
        file = data_set(study, series, instance, CTImageStorage, "CT", patient)
        file.InstanceNumber = number + 1
        file.ImagePositionPatient = [-180, -180, number * 2.5]
        file.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        file.PixelSpacing = [360 / size, 360 / size]
        file.SliceThickness = 2.5
        file.RescaleIntercept, file.RescaleSlope = 0, 1
        file.WindowCenter, file.WindowWidth = 40, 400
        _pixel_module(file, size, size, 1)
        file.PixelData = pixels.tobytes()
        images.append(read(written(file), f"ct-{number + 1}"))
    return images


def head_of_large(study, series, instance, pixel_bytes, patient="SYNTHETIC-LARGE"):
    """A multi-frame CT's Part 10 bytes as far as the first byte of its pixels, which are for the caller to make up."""
    size = 512
    frame = size * size * 2
    assert pixel_bytes % frame == 0
    file = data_set(study, series, instance, "1.2.840.10008.5.1.4.1.1.2.1", "CT", patient)
    file.NumberOfFrames = pixel_bytes // frame
    _pixel_module(file, size, size, 1)
    file.PixelData = b"\0\0"
    whole = written(file)
    # The last element's 32-bit length and its value are the file's end.
    return whole[:-6] + pixel_bytes.to_bytes(4, "little")


def many_frames(study, series, instance, frames, size=512, patient="SYNTHETIC-FRAMES"):
    """An ultrasound's 8-bit frames, each of them another."""
    file = data_set(study, series, instance, "1.2.840.10008.5.1.4.1.1.3.1", "US", patient)
    file.NumberOfFrames, file.FrameTime, file.FrameIncrementPointer = frames, 40, 0x00181063
    _pixel_module(file, size, size, 1)
    file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 8, 8, 7, 0
    pixels = numpy.random.default_rng(11).integers(0, 256, (size, size), "u1")
    file.PixelData = b"".join(numpy.roll(pixels, frame, axis=1).tobytes() for frame in range(frames))
    file["PixelData"].VR = "OB"
    return read(written(file), f"frames-{frames}")


def pixels_of(image):
    """The value of the last element, which the synthetic images' pixels are; native ones only."""
    return bytes(pydicom.dcmread(io.BytesIO(image.data)).PixelData)


def small(study, series, instance, patient="SYNTHETIC-SMALL", pixels=64, rows=None, frames=1):
    """The smallest useful image: so many pixels wide and, where nothing else is said, as high."""
    file = data_set(study, series, instance, CTImageStorage, "CT", patient)
    rows = rows or pixels
    _pixel_module(file, rows, pixels, 1)
    if frames > 1:
        file.NumberOfFrames = frames
    file.PixelData = numpy.arange(frames * rows * pixels).astype("<i2").tobytes()
    return read(written(file), "small")


GrayscaleSoftcopyPresentationState = "1.2.840.10008.5.1.4.1.1.11.1"


def presentation_state(study, series, instance, images, patient="SYNTHETIC-SMALL", frame=None):
    """A presentation state of these images [(series, instance)], or of a frame of each, as far as a gateway reads one."""
    file = data_set(study, series, instance, GrayscaleSoftcopyPresentationState, "PR", patient)
    file.ReferencedSeriesSequence = []
    for of_series, of_instance in images:
        item, image = Dataset(), Dataset()
        image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = CTImageStorage, of_instance
        if frame:
            image.ReferencedFrameNumber = frame
        item.SeriesInstanceUID, item.ReferencedImageSequence = of_series, [image]
        file.ReferencedSeriesSequence.append(item)
    return read(written(file), "presentation-state")


def data_set(study, series, instance, sop_class, modality, patient):
    """What every object has, in Explicit VR Little Endian."""
    file = Dataset()
    file.file_meta = FileMetaDataset()
    file.file_meta.MediaStorageSOPClassUID = sop_class
    file.file_meta.MediaStorageSOPInstanceUID = instance
    file.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file.SOPClassUID, file.SOPInstanceUID = sop_class, instance
    file.StudyInstanceUID, file.SeriesInstanceUID = study, series
    file.FrameOfReferenceUID = uid("frame of reference", study)
    file.PatientName, file.PatientID = f"{patient}^Synthetic", patient
    file.PatientBirthDate, file.PatientSex = "19700101", "O"
    file.StudyDate, file.StudyTime, file.StudyID, file.AccessionNumber = "20260101", "120000", "1", "A1"
    file.ReferringPhysicianName = ""
    file.Modality, file.SeriesNumber, file.InstanceNumber = modality, 1, 1
    return file


def _pixel_module(file, rows, columns, samples):
    file.Rows, file.Columns, file.SamplesPerPixel = rows, columns, samples
    file.PhotometricInterpretation = "MONOCHROME2" if samples == 1 else "RGB"
    file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 16, 16, 15, 1


def written(file):
    """The Part 10 bytes of a data set."""
    out = io.BytesIO()
    file.save_as(out, enforce_file_format=True)
    return out.getvalue()
