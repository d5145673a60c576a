"""Memory is flat: a 700 MB object to eight clients at once."""

import io
from concurrent.futures import ThreadPoolExecutor

import pydicom
import pytest
import requests

from bed import images
from bed.client import AS_STORED, only_part, transfer, wado_query

MIB = 1 << 20
LIMIT = 128 * MIB


@pytest.fixture
def tell(capsys):
    """Prints a figure where the one who runs the tests sees it."""

    def tell(text):
        with capsys.disabled():
            print(f"\n  {text}", flush=True)

    return tell


@pytest.mark.parametrize("front", ["rs", "uri"])
def test_700_mb_to_8_clients(lab, front, tell):
    image = lab.large("700 MB", megabytes=700, front=front)
    gateway = lab.gateway()
    urls = [
        (f"{gateway.wado}?{wado_query(image, transferSyntax='*')}", {}),
        (gateway.dicomweb + image.path, {"Accept": AS_STORED}),
    ]
    expected = image.stored.checksum()
    with ThreadPoolExecutor(8) as pool:
        running = [pool.submit(transfer, *urls[number % 2], timeout=300) for number in range(8)]
        found = [each.result() for each in running]
    assert all(each.status == 200 and each.is_complete for each in found)
    assert all(each.body == expected for each in found[::2])
    assert len({each.body for each in found[1::2]}) == 1
    assert lab.archive.count(image.instance) == 1
    peak = gateway.resident_peak()
    seconds = max(each.seconds for each in found)
    tell(f"{front}: 8 x {expected[1] / 1e6:.0f} MB in {seconds:.1f} s, at most {peak / MIB:.1f} MiB resident")
    assert peak < LIMIT


def test_a_large_metadata_document_is_rewritten_as_a_stream(lab, tell):
    """100 MB of JSON with a URL in every data set."""
    image = lab.small("described")
    text = "x" * 9000
    total = 0

    def data_set(number):
        url = f"{lab.archive.wado_rs}{image.path}/bulk/{number}"
        return (
            f'{{"00080018":{{"vr":"UI","Value":["{image.instance}"]}},'
            f'"0020000D":{{"vr":"UI","Value":["{image.study}"]}},"0020000E":{{"vr":"UI","Value":["{image.series}"]}},'
            f'"00204000":{{"vr":"LT","Value":["{text}"]}},"7FE00010":{{"vr":"OW","BulkDataURI":"{url}"}}}}'
        ).encode()

    def describe(request, conversation, _):
        nonlocal total
        conversation.head(200, {"Content-Type": "application/dicom+json", "Connection": "close"})
        conversation.send(b"[")
        for number in range(10000):
            piece = (b"," if number else b"") + data_set(number)
            total += len(piece)
            conversation.send(piece)
        conversation.send(b"]")
        conversation.close()
        return True

    lab.archive.fault = describe
    gateway = lab.gateway()
    before = gateway.resident_peak()
    found = transfer(f"{gateway.dicomweb}/studies/{image.study}/series/{image.series}/metadata")
    peak = gateway.resident_peak()
    assert found.status == 200 and found.is_complete
    difference = len(gateway.dicomweb) - len(lab.archive.wado_rs)
    assert abs(found.length - (total + 2 + 10000 * difference)) <= 10002, "only URLs changed"
    tell(
        f"metadata: {total / 1e6:.0f} MB in {found.seconds:.1f} s, {before / MIB:.1f} to {peak / MIB:.1f} MiB resident"
    )
    assert peak < LIMIT


def test_a_large_deflated_object_is_inflated_once_and_not_in_memory(lab, tell):
    """200 MB of pixels in a file of a few hundred KB."""
    small = lab.small("deflated", front="uri")
    file = pydicom.dcmread(io.BytesIO(small.data))
    frame = bytes(range(256)) * 4096
    file.Rows, file.Columns, file.NumberOfFrames, file.BitsAllocated, file.BitsStored, file.HighBit = 1024, 1024, 200, 8, 8, 7
    file.PixelData = b"".join(bytes([number]) + frame[1:] for number in range(200))
    file.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    lab.archive.put(small.instance, images.written(file))
    gateway = lab.gateway()
    as_stored = {"Accept": 'multipart/related; type="application/octet-stream"; transfer-syntax=*'}
    for number in (200, 7):
        answer = requests.get(f"{gateway.dicomweb}{small.path}/frames/{number}", headers=as_stored)
        assert answer.status_code == 200, answer.text
        assert only_part(answer).body == bytes([number - 1]) + frame[1:]
    peak = gateway.resident_peak()
    tell(f"deflated: frames of a 210 MB object, at most {peak / MIB:.1f} MiB resident")
    assert peak < 64 * MIB
    assert lab.archive.count("/wado") == 1
