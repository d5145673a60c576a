"""What the gateway makes from stored instances: frames, metadata and bulk data of an archive that speaks only WADO-URI.

The oracle is pydicom, which reads the same files.
"""

import io
import math
import warnings
from xml.etree import ElementTree

import pydicom
import pytest
from pydicom.encaps import generate_frames

from bed.client import FRAMES_AS_STORED, only_part, parts, wado_query

JSON = "application/dicom+json"
OCTETS = 'multipart/related; type="application/octet-stream"'
#: Where either reader may rightly say it otherwise: character set (ours is UTF-8), numbers as text.
TEXT_NUMBERS = {"DS", "IS"}


def read(image):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(io.BytesIO(image.data), force=True)


def frames_of(image):
    """The frames as a web client gets them: little endian, without fragments."""
    dataset = read(image)
    if dataset.file_meta.TransferSyntaxUID.is_compressed and not image.transfer_syntax.endswith(".1.99"):
        return list(generate_frames(dataset.PixelData, number_of_frames=image.frames))
    pixels = dataset.PixelData
    if image.transfer_syntax == "1.2.840.10008.1.2.2" and dataset["PixelData"].VR == "OW":
        unit = max(2, dataset.BitsAllocated // 8)
        pixels = b"".join(pixels[at : at + unit][::-1] for at in range(0, len(pixels), unit))
    if dataset.BitsAllocated == 1:
        return None
    size = dataset.Rows * dataset.Columns * dataset.get("SamplesPerPixel", 1) * dataset.BitsAllocated // 8
    return [pixels[at * size : (at + 1) * size] for at in range(image.frames)]


def pictures(hospital):
    return [image for image in hospital.uri.whole_studies + hospital.uri.of_split_study if image.has_pixels]


def test_frames_equal_pydicoms(hospital, http):
    syntaxes = set()
    for image in pictures(hospital):
        expected = frames_of(image)
        if expected is None:
            continue
        numbers = range(1, min(image.frames, 3) + 1)
        answer = http.get(
            f"{hospital.gateway.dicomweb}{image.path}/frames/{','.join(map(str, numbers))}",
            headers={"Accept": FRAMES_AS_STORED},
        )
        assert answer.status_code == 200, (image, answer.text)
        found = parts(answer)
        assert len(found) == len(numbers)
        for part, frame in zip(found, expected):
            # A fragment's pad byte may stand at the end.
            assert part.body == frame or part.body.rstrip(b"\0") == frame.rstrip(b"\0"), image
            assert part.transfer_syntax
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


def plain(element):
    """A JSON element in a form in which two readers must agree."""
    if element["vr"] in TEXT_NUMBERS:
        return [None if value is None else round(float(value), 6) for value in element.get("Value", [])]
    values = []
    for value in element.get("Value", []):
        if isinstance(value, str):
            value = value.rstrip(" \0") or None
        elif isinstance(value, float):
            value = float(f"{value:.5g}") if math.isfinite(value) else value
        elif isinstance(value, dict) and set(value) & {"Alphabetic", "Ideographic", "Phonetic"}:
            value = {group: name.rstrip() for group, name in value.items() if name}
        values.append(value)
    return values


def test_metadata_says_what_pydicom_reads(hospital, http):
    compared = 0
    for image in hospital.uri.whole_studies:
        answer = http.get(f"{hospital.gateway.dicomweb}{image.path}/metadata", headers={"Accept": JSON})
        assert answer.status_code == 200, (image, answer.text)
        assert answer.headers["Content-Type"] == JSON
        (ours,) = answer.json()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = read(image).to_json_dict(bulk_data_threshold=1 << 30, suppress_invalid_tags=True)
        for tag, element in theirs.items():
            is_private = int(tag[:4], 16) % 2
            if is_private or tag.endswith("0000") or tag == "00080005" or element["vr"] in ("SQ", "UN", "OB", "OW"):
                continue
            assert tag in ours, (image, tag)
            if "BulkDataURI" in ours[tag] or ours[tag]["vr"] != element["vr"]:
                continue
            assert plain(ours[tag]) == plain(element), (image, tag)
            compared += 1
        assert f":{hospital.uri.archive.port}" not in answer.text
    assert compared > 300


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
        (ours,) = http.get(f"{hospital.gateway.dicomweb}{image.path}/metadata", headers={"Accept": JSON}).json()
        for uri in bulk_uris(ours):
            assert uri.startswith(f"{hospital.gateway.dicomweb}{image.path}/bulkdata/")
            answer = http.get(uri, headers={"Accept": "*/*"})
            assert answer.status_code == 200, (image, uri, answer.text)
            tag = uri.rsplit("/bulkdata/")[1]
            if tag == "7FE00010":
                assert len(parts(answer)) == (1 if not_encapsulated(image) else image.frames)
            elif "/" not in tag and image.transfer_syntax != "1.2.840.10008.1.2.2":
                value = read(image)[int(tag, 16)].value
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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ours = pydicom.dcmread(io.BytesIO(answer.content))
            assert ours.file_meta.TransferSyntaxUID == EXPLICIT
            assert elements(ours) == elements(read(image))
            if image.has_pixels:
                assert ours.PixelData.rstrip(b"\0") == b"".join(frames_of(image)).rstrip(b"\0")


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
        assert values["00280010"] == [str(read(image).Rows)]
        (bulk,) = [node[0].get("uri") for node in document if node.get("tag") == "7FE00010"]
        assert bulk == f"{hospital.gateway.dicomweb}{image.path}/bulkdata/7FE00010"
