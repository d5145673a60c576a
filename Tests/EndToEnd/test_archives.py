"""What the archives hold comes through unchanged: every transfer syntax, both archives, and the split study."""

import json

import pytest
import requests

from bed import images
from bed.client import AS_STORED, FRAMES_AS_STORED, JSON, only_part, outcome, parts, wado_query
from bed.hospital import CT_SERIES, CT_STUDY, SPLIT_STUDY
from bed.processes import wait_until

TRANSFER_SYNTAXES = sorted({image.transfer_syntax for image in images.pydicom_files()})
FEW = 4


@pytest.fixture(params=TRANSFER_SYNTAXES)
def transfer_syntax(request):
    return request.param


def of(holdings, transfer_syntax):
    """What an archive has in a transfer syntax: of whole studies and of the split one."""
    found = [
        image for image in holdings.whole_studies + holdings.of_split_study if image.transfer_syntax == transfer_syntax
    ]
    assert found, f"{holdings.archive.name} took no image in {transfer_syntax}"
    return found


def few(holdings, transfer_syntax, with_pixels=False):
    """The smallest ones, for what costs the archive a decoding; the split study's first."""
    found = [image for image in of(holdings, transfer_syntax) if image.has_pixels or not with_pixels]
    return sorted(found, key=lambda image: (image.study != SPLIT_STUDY, len(image.data)))[:FEW]


class TestPart10:
    """The bytes are the archive's own."""

    @pytest.mark.parametrize("archive", ["rs", "uri"])
    def test_through_wado_rs(self, hospital, http, archive, transfer_syntax):
        for image in of(getattr(hospital, archive), transfer_syntax):
            answer = http.get(hospital.gateway.dicomweb + image.path, headers={"Accept": AS_STORED})
            assert answer.status_code == 200, (image, answer.text)
            part = only_part(answer)
            assert part.body == image.data, image
            assert part.media_type == "application/dicom"
            assert part.transfer_syntax == image.transfer_syntax

    @pytest.mark.parametrize("archive", ["rs", "uri"])
    def test_through_wado_uri(self, hospital, http, archive, transfer_syntax):
        for image in of(getattr(hospital, archive), transfer_syntax):
            answer = http.get(f"{hospital.gateway.wado}?{wado_query(image, transferSyntax='*')}")
            assert answer.status_code == 200, (image, answer.text)
            assert answer.content == image.data, image
            assert answer.headers["Content-Type"].startswith("application/dicom")

    def test_single_part_when_only_that_is_accepted(self, hospital, http):
        image = hospital.rs.whole_studies[-1]
        accept = "application/dicom; transfer-syntax=*"
        answer = http.get(hospital.gateway.dicomweb + image.path, headers={"Accept": accept})
        assert answer.status_code == 200
        assert answer.content == image.data

    def test_the_archive_stored_what_it_was_sent(self, hospital, http, transfer_syntax):
        """The oracle itself: what the tests compare with is what the archives answer."""
        for holdings in (hospital.rs, hospital.uri):
            image = of(holdings, transfer_syntax)[0]
            answer = http.get(f"{holdings.archive.wado_uri}?{wado_query(image)}")
            assert answer.content == image.data, (holdings.archive.name, image)


def both(hospital, http, path, accept, query=""):
    """The answer of the DICOMweb archive itself, and the gateway's."""
    headers = {"Accept": accept}
    direct = http.get(f"{hospital.rs.archive.wado_rs}{path}{query}", headers=headers)
    return direct, http.get(f"{hospital.gateway.dicomweb}{path}{query}", headers=headers)


def rewritten(text, hospital):
    return text.replace(hospital.rs.archive.wado_rs, hospital.gateway.dicomweb)


class TestWADORS:
    """Frames, metadata, bulk data and renderings of the DICOMweb archive are its own, up to URLs."""

    def test_frames(self, hospital, http, transfer_syntax):
        compared = 0
        for image in few(hospital.rs, transfer_syntax, with_pixels=True):
            if image.source.startswith("rtdose_expb"):
                continue  # Orthanc turns the words of its 32-bit samples around, but not the samples.
            # As stored, and in the default syntax: Orthanc can't slice big endian and deflated files as stored.
            for accept in (FRAMES_AS_STORED, 'multipart/related; type="application/octet-stream"'):
                for frames in {"1", ",".join(map(str, range(1, min(image.frames, 3) + 1)))}:
                    path = f"{image.path}/frames/{frames}"
                    direct, through = both(hospital, http, path, accept)
                    if direct.status_code != 200:
                        # What the archive cannot slice is sliced from the instance, where no codec is needed.
                        assert through.status_code in (200, 406, 404, 502), (image, through.status_code)
                        continue
                    assert through.status_code == 200, (image, accept, through.text)
                    ours, theirs = parts(through), parts(direct)
                    assert [part.body for part in ours] == [part.body for part in theirs], (image, frames)
                    assert [part.media_type for part in ours] == [part.media_type for part in theirs]
                    assert all(part.transfer_syntax for part in ours), "cornerstone guesses when it is missing"
                    compared += 1
        assert compared, "nothing to compare"

    def test_instance_metadata(self, hospital, http, transfer_syntax):
        for image in few(hospital.rs, transfer_syntax):
            direct, through = both(hospital, http, image.path + "/metadata", JSON)
            assert through.status_code == direct.status_code == 200, (image, through.text)
            assert through.headers["Content-Type"].startswith(JSON)
            assert through.json() == json.loads(rewritten(direct.text, hospital)), image

    def test_instance_metadata_as_xml(self, hospital, http):
        image = hospital.rs.whole_studies[-1]
        accept = 'multipart/related; type="application/dicom+xml"'
        direct, through = both(hospital, http, image.path + "/metadata", accept)
        assert through.status_code == direct.status_code == 200, through.text
        theirs = rewritten(only_part(direct).body.decode(), hospital)
        assert only_part(through).body.decode().strip() == theirs.strip()

    @pytest.mark.parametrize("level", ["series", "study"])
    def test_metadata_of_many(self, hospital, http, level):
        path = f"/studies/{CT_STUDY}" + (f"/series/{CT_SERIES}" if level == "series" else "") + "/metadata"
        direct, through = both(hospital, http, path, JSON)
        assert through.status_code == direct.status_code == 200, through.text
        ours = {each["00080018"]["Value"][0]: each for each in through.json()}
        theirs = {each["00080018"]["Value"][0]: each for each in json.loads(rewritten(direct.text, hospital))}
        assert len(ours) == 32
        assert ours == theirs

    def test_no_address_of_the_archive_in_metadata(self, hospital, http, transfer_syntax):
        for image in few(hospital.rs, transfer_syntax):
            text = http.get(f"{hospital.gateway.dicomweb}{image.path}/metadata").text
            assert f":{hospital.rs.archive.port}" not in "".join(urls(json.loads(text)))

    def test_rewritten_urls_resolve(self, hospital, http, transfer_syntax):
        """Each BulkDataURI answers the archive's bytes, through the gateway."""
        for image in few(hospital.rs, transfer_syntax):
            metadata = http.get(f"{hospital.gateway.dicomweb}{image.path}/metadata").json()
            for url in urls(metadata):
                assert url.startswith(hospital.gateway.dicomweb + "/"), url
                accept = {"Accept": 'multipart/related; type="application/octet-stream"'}
                direct = http.get(url.replace(hospital.gateway.dicomweb, hospital.rs.archive.wado_rs), headers=accept)
                if direct.status_code != 200:
                    continue
                through = http.get(url, headers=accept)
                assert through.status_code == 200, (url, through.text)
                assert [part.body for part in parts(through)] == [part.body for part in parts(direct)], url

    @pytest.mark.parametrize("media_type", ["image/jpeg", "image/png"])
    def test_rendered(self, hospital, http, transfer_syntax, media_type):
        for image in few(hospital.rs, transfer_syntax, with_pixels=True)[:2]:
            direct, through = both(hospital, http, image.path + "/rendered", media_type)
            if direct.status_code != 200:
                assert through.status_code >= 400, image
                continue
            assert through.status_code == 200, (image, through.text)
            assert through.content == direct.content, image
            assert through.headers["Content-Type"] == media_type

    @pytest.mark.parametrize(
        "query",
        ["?viewport=64,64", "?viewport=100,50,10,10,200,100", "?window=40,100,linear", "?quality=30"],
    )
    def test_rendered_with_parameters(self, hospital, http, query):
        image = hospital.rs.whole_studies[-1]
        direct, through = both(hospital, http, image.path + "/rendered", "image/jpeg", query)
        assert direct.status_code == through.status_code == 200, through.text
        assert through.content == direct.content
        plain = http.get(f"{hospital.gateway.dicomweb}{image.path}/rendered", headers={"Accept": "image/jpeg"})
        assert through.content != plain.content

    def test_rendered_frame(self, hospital, http):
        image = next(each for each in hospital.rs.whole_studies if each.frames > 2 and each.has_pixels)
        direct, through = both(hospital, http, image.path + "/frames/2/rendered", "image/png")
        assert direct.status_code == through.status_code == 200, through.text
        assert through.content == direct.content


def urls(metadata):
    """Every BulkDataURI and RetrieveURL, at every depth."""
    if isinstance(metadata, list):
        return [url for each in metadata for url in urls(each)]
    if not isinstance(metadata, dict):
        return []
    found = [metadata["BulkDataURI"]] if "BulkDataURI" in metadata else []
    if "00081190" in metadata:
        found += metadata["00081190"].get("Value", [])
    return found + [url for value in metadata.values() for url in urls(value)]


class TestWADOURI:
    """The WADO-URI front before the DICOMweb archive, and rendering by the archive that speaks only WADO-URI."""

    def test_rendered_by_the_dicomweb_archive(self, hospital, http):
        image = hospital.rs.whole_studies[-1]
        url = f"{hospital.gateway.wado}?{wado_query(image, contentType='image/jpeg', rows=64, columns=64)}"
        through = http.get(url)
        direct = http.get(
            f"{hospital.rs.archive.wado_rs}{image.path}/rendered?viewport=64,64", headers={"Accept": "image/jpeg"}
        )
        assert through.status_code == direct.status_code == 200, through.text
        assert through.content == direct.content
        assert through.headers["Content-Type"] == "image/jpeg"

    @pytest.mark.parametrize("media_type", ["image/jpeg", "image/png"])
    def test_rendered_by_the_wado_uri_archive(self, hospital, http, media_type):
        image = next(
            each
            for each in hospital.uri.whole_studies
            if each.frames == 1 and each.has_pixels and each.transfer_syntax == "1.2.840.10008.1.2.1"
        )
        direct = http.get(f"{hospital.uri.archive.wado_uri}?{wado_query(image, contentType=media_type)}")
        through_rs = http.get(f"{hospital.gateway.dicomweb}{image.path}/rendered", headers={"Accept": media_type})
        through_uri = http.get(f"{hospital.gateway.wado}?{wado_query(image, contentType=media_type)}")
        for through in (through_rs, through_uri):
            assert through.status_code == direct.status_code == 200, through.text
            assert through.content == direct.content
            # The archive labels JPEG as PNG; the gateway looks at the bytes.
            assert through.headers["Content-Type"] == media_type

    def test_a_size_that_the_archive_ignores_is_refused(self, hospital, http):
        image = hospital.uri.whole_studies[0]
        answer = http.get(hospital.gateway.dicomweb + image.path + "/rendered?viewport=64,64")
        assert answer.status_code == 501
        assert "viewport" in answer.text and len(answer.text.split()) > 4, "a sentence"
        assert f":{hospital.uri.archive.port}" not in answer.text

    def test_a_frame_that_the_archive_cannot_be_asked_for(self, hospital, http):
        """Orthanc ignores frameNumber; and how many frames there are is known in time, of an instance new to the cache."""
        image = next(each for each in hospital.uri.whole_studies if each.frames > 2 and each.has_pixels)
        assert hospital.gateway.purge_request(image.study).ok
        answer = http.get(f"{hospital.gateway.dicomweb}{image.path}/frames/2/rendered", headers={"Accept": "image/jpeg"})
        assert answer.status_code == 501, answer.text
        assert "frame_number" in answer.text
        beyond = http.get(f"{hospital.gateway.dicomweb}{image.path}/frames/{image.frames + 1}/rendered")
        assert beyond.status_code == 404
        assert str(image.frames) in beyond.text


class TestCollections:
    """Whole series and studies, in parts and from both archives."""

    @pytest.mark.parametrize("level", ["series", "study"])
    def test_instances(self, hospital, http, level):
        path = f"/studies/{CT_STUDY}" + (f"/series/{CT_SERIES}" if level == "series" else "")
        answer = http.get(hospital.gateway.dicomweb + path, headers={"Accept": AS_STORED})
        assert answer.status_code == 200, answer.text
        expected = {image.data for image in hospital.rs.whole_studies if image.study == CT_STUDY}
        assert {part.body for part in parts(answer)} == expected
        assert answer.headers["X-Cache"] in ("miss; instance", "follow; instance", "hit; instance")
        again = http.get(hospital.gateway.dicomweb + path, headers={"Accept": AS_STORED})
        assert again.headers["X-Cache"] == "hit; instance"
        assert {part.body for part in parts(again)} == expected

    def test_the_split_study_comes_from_both_archives(self, hospital, http):
        answer = http.get(f"{hospital.gateway.dicomweb}/studies/{SPLIT_STUDY}", headers={"Accept": AS_STORED})
        assert answer.status_code == 200, answer.text
        expected = {image.data for image in hospital.rs.of_split_study + hospital.uri.of_split_study}
        assert {part.body for part in parts(answer)} == expected

    def test_a_series_of_the_wado_uri_archive(self, hospital, http):
        image = hospital.uri.of_split_study[0]
        answer = http.get(
            f"{hospital.gateway.dicomweb}/studies/{SPLIT_STUDY}/series/{image.series}", headers={"Accept": AS_STORED}
        )
        assert answer.status_code == 200, answer.text
        assert only_part(answer).body == image.data


class TestAnswers:
    """Statuses and fields that clients build on."""

    def test_second_time_is_a_hit_with_the_same_bytes(self, hospital, http):
        image = next(each for each in hospital.rs.whole_studies if each.study == CT_STUDY)
        url = hospital.gateway.dicomweb + image.path
        first = http.get(url, headers={"Accept": AS_STORED})
        wait_until(lambda: outcome(http.get(url, headers={"Accept": AS_STORED})) == "hit", 10, "it is a hit")
        second = http.get(url, headers={"Accept": AS_STORED})
        assert second.headers["X-Cache"].startswith("hit")
        assert "instance" in second.headers["X-Cache"]
        assert second.content == first.content, "the envelope is deterministic"
        assert second.headers["ETag"]

    def test_conditional_head_and_range(self, hospital, http):
        image = next(each for each in hospital.rs.whole_studies if each.study == CT_STUDY)
        url = f"{hospital.gateway.wado}?{wado_query(image, transferSyntax='*')}"
        http.get(url)
        wait_until(lambda: outcome(http.get(url)) == "hit", 10, "it is a hit")
        whole = http.get(url)
        etag = whole.headers["ETag"]
        assert http.get(url, headers={"If-None-Match": etag}).status_code == 304
        head = http.head(url)
        assert (head.status_code, head.content) == (200, b"")
        assert int(head.headers["Content-Length"]) == len(image.data)
        for text, expected in {"0-99": image.data[:100], "1000-": image.data[1000:], "-7": image.data[-7:]}.items():
            part = http.get(url, headers={"Range": f"bytes={text}"})
            assert part.status_code == 206, text
            assert part.content == expected, text
        beyond = http.get(url, headers={"Range": f"bytes={len(image.data)}-"})
        assert beyond.status_code == 416
        assert http.get(url, headers={"Range": "bytes=0-9", "If-Range": '"another"'}).status_code == 200

    def test_fields(self, hospital, http):
        image = hospital.rs.whole_studies[0]
        answer = http.get(hospital.gateway.dicomweb + image.path, headers={"Accept": AS_STORED})
        assert "private" in answer.headers["Cache-Control"]
        assert "accept" in answer.headers["Vary"].lower()
        assert answer.headers["X-Request-Id"]
        assert "Server-Timing" in answer.headers

    def test_unknown_uids(self, hospital, http):
        known = hospital.rs.whole_studies[0]
        root = hospital.gateway.dicomweb
        for path in (
            "/studies/1.2.3.4.5",
            f"/studies/{known.study}/series/1.2.3/instances/1.2.3",
            f"/studies/{known.study}/series/{known.series}/instances/1.2.3",
            f"/studies/{CT_STUDY}/series/{known.series}/instances/{known.instance}",
        ):
            answer = http.get(root + path, headers={"Accept": AS_STORED})
            assert answer.status_code == 404, path

    def test_methods(self, hospital):
        image = hospital.rs.whole_studies[0]
        answer = requests.post(hospital.gateway.dicomweb + image.path, timeout=10)
        assert answer.status_code == 405
        assert "GET" in answer.headers["Allow"]

    def test_bad_parameters_are_named(self, hospital, http):
        image = hospital.rs.whole_studies[0]
        root = hospital.gateway.dicomweb + image.path
        for url, name in {
            f"{root}/rendered?viewport=12": "viewport",
            f"{root}/rendered?window=1,2": "window",
            f"{root}/rendered?quality=0": "quality",
            f"{root}/frames/0": "frame",
            f"{root}/frames/a": "frame",
            f"{hospital.gateway.wado}?requestType=WADO": "UID",
            f"{hospital.gateway.wado}?{wado_query(image, requestType='WODA')}": "requestType",
            f"{hospital.gateway.wado}?{wado_query(image, contentType='image/jpeg', region='0,0,2,1')}": "region",
        }.items():
            answer = http.get(url)
            assert answer.status_code == 400, (url, answer.status_code, answer.text)
            assert name.lower() in answer.text.lower(), (url, answer.text)
