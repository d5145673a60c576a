"""What the gateway makes from instances of an archive that speaks only WADO-URI: frames, metadata and bulk data.

That all of it is right, for every file there is, test_oracles.py shows; here it is that it comes this way too.
"""

from xml.etree import ElementTree

import pytest

from bed import oracles
from bed.client import FRAMES_AS_STORED, only_part, parts, wado_query
from bed.specimens import parse

# pydicom says of some of these files that they are not as they should be.
pytestmark = pytest.mark.filterwarnings("ignore")

JSON = "application/dicom+json"
OCTETS = 'multipart/related; type="application/octet-stream"'


def pictures(hospital):
    return [image for image in hospital.uri.whole_studies + hospital.uri.of_split_study if image.has_pixels]


def test_frames_equal_pydicoms(hospital, http):
    syntaxes = set()
    for image in pictures(hospital):
        expected = oracles.frames(parse(image.data))[:3]
        answer = http.get(
            f"{hospital.gateway.dicomweb}{image.path}/frames/{','.join(str(n + 1) for n in range(len(expected)))}",
            headers={"Accept": FRAMES_AS_STORED},
        )
        assert answer.status_code == 200, (image, answer.text)
        assert [part.body for part in parts(answer)] == expected, image
        assert all(part.transfer_syntax for part in parts(answer))
        syntaxes.add(image.transfer_syntax)
    assert len(syntaxes) >= 8, syntaxes


def test_a_frame_that_is_not_there(hospital, http):
    image = pictures(hospital)[0]
    answer = http.get(f"{hospital.gateway.dicomweb}{image.path}/frames/{image.frames + 1}")
    assert answer.status_code == 404
    assert str(image.frames) in answer.text


def test_pixel_data_is_a_part_for_each_frame(hospital, http):
    image = max(pictures(hospital), key=lambda each: min(each.frames, 8))
    answer = http.get(
        f"{hospital.gateway.dicomweb}{image.path}/pixeldata", headers={"Accept": FRAMES_AS_STORED}
    )
    assert answer.status_code == 200, answer.text
    assert len(parts(answer)) == image.frames


def test_frames_that_would_need_a_codec_are_refused_with_what_there_is(hospital, http):
    image = next(each for each in pictures(hospital) if each.transfer_syntax == "1.2.840.10008.1.2.4.90")
    answer = http.get(f"{hospital.gateway.dicomweb}{image.path}/frames/1", headers={"Accept": OCTETS})
    assert answer.status_code == 406
    assert "1.2.840.10008.1.2.4.90" in answer.text


@pytest.mark.parametrize("level", ["series", "study"])
def test_metadata_of_many(hospital, http, level):
    images = hospital.uri.whole_studies
    study = images[0].study
    members = [each for each in images if each.study == study]
    path = f"/studies/{study}" + (f"/series/{members[0].series}" if level == "series" else "")
    answer = http.get(f"{hospital.gateway.dicomweb}{path}/metadata", headers={"Accept": JSON})
    assert answer.status_code == 200, answer.text
    expected = [each.instance for each in members if level == "study" or each.series == members[0].series]
    assert sorted(item["00080018"]["Value"][0] for item in answer.json()) == sorted(expected)


def test_metadata_of_the_split_study(hospital, http):
    images = hospital.rs.of_split_study + hospital.uri.of_split_study
    answer = http.get(f"{hospital.gateway.dicomweb}/studies/{images[0].study}/metadata", headers={"Accept": JSON})
    assert answer.status_code == 200, answer.text
    assert sorted(item["00080018"]["Value"][0] for item in answer.json()) == sorted(each.instance for each in images)


def bulk_uris(node):
    for element in node.values():
        if "BulkDataURI" in element:
            yield element["BulkDataURI"]
        for item in element.get("Value", []):
            if element["vr"] == "SQ" and item:
                yield from bulk_uris(item)


def test_bulk_data_uris_resolve(hospital, http):
    checked = 0
    for image in hospital.uri.whole_studies:
        document = http.get(f"{hospital.gateway.dicomweb}{image.path}/metadata", headers={"Accept": JSON})
        assert document.status_code == 200, (image, document.text)
        assert document.headers["Content-Type"] == JSON
        assert f":{hospital.uri.archive.port}" not in document.text
        (ours,) = document.json()
        for uri in bulk_uris(ours):
            assert uri.startswith(f"{hospital.gateway.dicomweb}{image.path}/bulkdata/")
            answer = http.get(uri, headers={"Accept": "*/*"})
            assert answer.status_code == 200, (image, uri, answer.text)
            tag = uri.rsplit("/bulkdata/stored/")[1]
            if tag == "7FE00010":
                assert len(parts(answer)) == (1 if not_encapsulated(image) else image.frames)
            elif "/" not in tag and image.transfer_syntax != "1.2.840.10008.1.2.2":
                value = parse(image.data)[int(tag, 16)].value
                if isinstance(value, bytes):
                    assert only_part(answer).body.rstrip(b"\0") == value.rstrip(b"\0")
            checked += 1
    assert checked > 10


def not_encapsulated(image):
    return image.transfer_syntax in {f"1.2.840.10008.1.2{suffix}" for suffix in ("", ".1", ".1.99", ".2")}


def test_the_archive_is_asked_once_for_all_of_it(hospital, http):
    image = pictures(hospital)[-1]
    for tail, accept in (("/frames/1", FRAMES_AS_STORED), ("/metadata", JSON)):
        http.get(f"{hospital.gateway.dicomweb}{image.path}{tail}", headers={"Accept": accept})
    whole = http.get(f"{hospital.gateway.wado}?{wado_query(image, transferSyntax='*')}")
    assert whole.headers["X-Cache"].startswith("hit")
    assert whole.content == image.data


EXPLICIT = "1.2.840.10008.1.2.1"


def elements(dataset):
    """Every element but group lengths and pixels, as text that does not depend on the encoding."""
    return {
        str(element.tag): str(element.value).rstrip("\0 ")
        for element in dataset
        if element.tag.element != 0 and element.VR not in ("SQ", "UN", "OB", "OW", "OF", "OD", "OL")
    }


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"])
def test_what_needs_no_codec_comes_in_the_default_syntax(hospital, http, syntax):
    image = next(each for each in hospital.uri.whole_studies if each.transfer_syntax == syntax)
    for url, accept in (
        (f"{hospital.gateway.wado}?{wado_query(image)}", "*/*"),
        (hospital.gateway.dicomweb + image.path, "application/dicom"),
    ):
        answer = http.get(url, headers={"Accept": accept})
        assert answer.status_code == 200, answer.text
        assert f"transfer-syntax={EXPLICIT}" in answer.headers["Content-Type"]
        ours, stored = parse(answer.content), parse(image.data)
        assert ours.file_meta.TransferSyntaxUID == EXPLICIT
        assert elements(ours) == elements(stored)
        if image.has_pixels:
            assert ours.PixelData.rstrip(b"\0") == b"".join(oracles.frames(stored)).rstrip(b"\0")


def test_what_needs_a_codec_comes_as_stored_unless_the_client_insists(hospital, http):
    image = next(each for each in pictures(hospital) if each.transfer_syntax == "1.2.840.10008.1.2.4.90")
    url = hospital.gateway.dicomweb + image.path
    assert http.get(url, headers={"Accept": "application/dicom"}).content == image.data
    insisting = http.get(url, headers={"Accept": f"application/dicom; transfer-syntax={EXPLICIT}"})
    assert insisting.status_code == 406
    assert image.transfer_syntax in insisting.text


def test_metadata_as_xml(hospital, http):
    image = pictures(hospital)[0]
    accept = 'multipart/related; type="application/dicom+xml"'
    for path in (image.path, f"/studies/{image.study}"):
        answer = http.get(f"{hospital.gateway.dicomweb}{path}/metadata", headers={"Accept": accept})
        assert answer.status_code == 200, answer.text
        part = parts(answer)[0]
        document = ElementTree.fromstring(part.body)
        values = {
            node.get("tag"): [value.text for value in node if value.tag.endswith("Value")]
            for node in document
            if node.tag.endswith("DicomAttribute")
        }
        assert values["00080018"] == [image.instance]
        assert values["00280010"] == [str(parse(image.data).Rows)]
        (bulk,) = [node[0].get("uri") for node in document if node.get("tag") == "7FE00010"]
        assert bulk == f"{hospital.gateway.dicomweb}{image.path}/bulkdata/stored/7FE00010"
