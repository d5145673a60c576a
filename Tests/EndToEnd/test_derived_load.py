"""Many derivations at once, with as few threads as can be configured: none waits for another for ever."""

import io
from concurrent.futures import ThreadPoolExecutor

import pydicom
import requests
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from bed import images
from bed.client import wado_query
from bed.gateway import Gateway


def implicit(number):
    """An image of 8 MB in Implicit VR Little Endian."""
    small = images.small(images.uid("load study"), images.uid("load series"), images.uid("load", number))
    dataset = pydicom.dcmread(io.BytesIO(small.data))
    dataset.Rows = dataset.Columns = 2048
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.SamplesPerPixel = 15, 1
    dataset.PixelData = bytes([number, 1]) * (2048 * 2048)
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    file = io.BytesIO()
    dataset.save_as(file, implicit_vr=True, little_endian=True, enforce_file_format=True)
    return small, dataset.PixelData, file.getvalue()


def test_more_derivations_than_threads(tmp_path):
    folder = tmp_path / "dicom"
    folder.mkdir()
    members = [implicit(number) for number in range(12)]
    for number, (_, _, data) in enumerate(members):
        (folder / f"{number}.dcm").write_bytes(data)
    settings = {"directory": [{"archive": {"path": str(folder), "name": "folder"}}], "workers": 1}
    with Gateway(tmp_path / "gateway", settings) as gateway:

        def ask(member):
            small, pixels, _ = member
            answer = requests.get(f"{gateway.wado}?{wado_query(small)}", timeout=30)
            assert answer.status_code == 200, answer.text
            ours = pydicom.dcmread(io.BytesIO(answer.content))
            assert ours.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
            return ours.PixelData == pixels

        with ThreadPoolExecutor(12) as clients:
            assert all(clients.map(ask, members))
