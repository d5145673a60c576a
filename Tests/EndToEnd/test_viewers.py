"""Requests as viewers really send them, to the letter."""

import pytest
import requests

from bed.client import parameters, parts
from bed.hospital import CT_STUDY

EXPLICIT = "1.2.840.10008.1.2.1"


@pytest.fixture
def image(hospital):
    return next(each for each in hospital.rs.whole_studies if each.study == CT_STUDY)


def ask(gateway, path, accept=None):
    fields = {"Accept": accept} if accept is not None else {"Accept": None}
    return requests.get(gateway.origin + path, headers=fields, timeout=20)


# As read off the viewers' sources.
FRAME_ACCEPTS = {
    "OHIF": 'multipart/related; type="application/octet-stream"; transfer-syntax="*"',
    "OHIF without quotation": "multipart/related; type=application/octet-stream; transfer-syntax=*",
    "OHIF with two syntaxes": (
        f'multipart/related; type="application/octet-stream"; transfer-syntax={EXPLICIT}; transfer-syntax=*'
    ),
    "cornerstone": "multipart/related; type=application/octet-stream; transfer-syntax=*",
    "dicomweb-client": 'multipart/related; type="*/*"',
    "Slim": 'multipart/related; type="application/octet-stream"; transfer-syntax=*',
    "a browser": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "anything": "*/*",
    "nothing": None,
}


@pytest.mark.parametrize("viewer", FRAME_ACCEPTS)
def test_frames(gateway, image, viewer):
    answer = ask(gateway, f"/dicom-web{image.path}/frames/1", FRAME_ACCEPTS[viewer])
    assert answer.status_code == 200, answer.text
    [part] = parts(answer)
    # An uncompressed frame is the same in every wish: 512 x 512 x 16 bit.
    assert part.body == image.data[-len(part.body) :] and len(part.body) == 512 * 512 * 2
    assert part.transfer_syntax == EXPLICIT
    assert "Content-Encoding" not in answer.headers


def test_cornerstone_reads_part_fields_in_exact_case(gateway, image):
    answer = ask(gateway, f"/dicom-web{image.path}/frames/1", FRAME_ACCEPTS["cornerstone"])
    head = answer.content.partition(b"\r\n\r\n")[0]
    assert b"\r\nContent-Type: application/octet-stream" in head
    assert int(answer.headers["Content-Length"]) == len(answer.content)


def test_ranges_of_the_envelope_fit_together(gateway, image):
    """cornerstone's range loader asks for pieces of the multipart body one after another."""
    path, accept = f"/dicom-web{image.path}/frames/1", FRAME_ACCEPTS["cornerstone"]
    whole = ask(gateway, path, accept).content
    pieces = b""
    for start in range(0, len(whole), 65536):
        fields = {"Accept": accept, "Range": f"bytes={start}-{start + 65535}"}
        answer = requests.get(gateway.origin + path, headers=fields, timeout=10)
        assert answer.status_code == 206
        end = min(start + 65536, len(whole)) - 1
        assert answer.headers["Content-Range"] == f"bytes {start}-{end}/{len(whole)}"
        pieces += answer.content
    assert pieces == whole


METADATA_ACCEPTS = {
    "OHIF": "application/dicom+json",
    "older OHIF": "application/dicom+json, multipart/related; type=application/octet-stream; transfer-syntax=*",
    "dicomweb-client": "application/dicom+json, application/json",
    "plain JSON": "application/json",
    "anything": "*/*",
    "nothing": None,
}


@pytest.mark.parametrize("viewer", METADATA_ACCEPTS)
def test_metadata(gateway, image, viewer):
    answer = ask(gateway, f"/dicom-web/studies/{image.study}/series/{image.series}/metadata", METADATA_ACCEPTS[viewer])
    assert answer.status_code == 200, answer.text
    assert len(answer.json()) == 32


@pytest.mark.parametrize("tail", ["thumbnail", "rendered"])
def test_the_accept_parameter_beats_the_field(gateway, image, tail):
    """OHIF asks for thumbnails through its bulk data client, whose Accept says something else."""
    path = f"/dicom-web{image.path}/{tail}?accept=image/jpeg"
    answer = ask(gateway, path, 'multipart/related; type="application/octet-stream"')
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(b"\xff\xd8")


def test_an_img_element(gateway, image):
    accept = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
    answer = ask(gateway, f"/dicom-web{image.path}/rendered?viewport=256%2C256", accept)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] in ("image/jpeg", "image/png")


def test_weasis_downloads_instances(gateway, image):
    accept = 'multipart/related;type="application/dicom";transfer-syntax=*'
    answer = ask(gateway, f"/dicom-web{image.path}", accept)
    assert parameters(answer.headers["Content-Type"])["boundary"]
    assert [part.body for part in parts(answer)] == [image.data]


def test_weasis_by_wado_uri(hospital, gateway, image):
    """The slash of the media type comes percent-encoded, which an Orthanc behind us refuses."""
    for each in (image, hospital.uri.whole_studies[0]):
        query = (
            f"requestType=WADO&studyUID={each.study}&seriesUID={each.series}&objectUID={each.instance}"
            "&contentType=application%2Fdicom&transferSyntax=*"
        )
        answer = ask(gateway, f"/wado?{query}", "*/*")
        assert answer.status_code == 200, answer.text
        assert answer.content == each.data


def test_ohif_by_wado_uri(gateway, image):
    query = (
        f"requestType=WADO&studyUID={image.study}&seriesUID={image.series}&objectUID={image.instance}"
        "&contentType=application/dicom&transferSyntax=*"
    )
    assert ask(gateway, f"/wado?{query}").content == image.data


def test_what_nobody_can_make_is_not_acceptable(gateway, image):
    answer = ask(gateway, f"/dicom-web{image.path}/metadata", "image/png")
    assert answer.status_code == 406
    assert "application/dicom+json" in answer.text, "what there is is named"
