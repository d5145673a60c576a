"""Parts of multipart answers that lie about themselves, and what else a review of a stranger's found."""

import json

import pytest
import requests

from bed.client import AS_STORED, transfer

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100


@pytest.fixture
def scene(lab):
    lab.image = lab.small("image")
    lab.asked = []

    def answering(tail, body, media_type, part_fields):
        def script(request, conversation, stored):
            lab.asked.append(request.path)
            if not request.path.endswith(tail):
                return False
            head = "".join(f"{name}: {value}\r\n" for name, value in part_fields.items())
            whole = f"--b\r\n{head}\r\n".encode() + body + b"\r\n--b--\r\n"
            conversation.respond(200, {"Content-Type": f'multipart/related; type="{media_type}"; boundary=b'}, whole)
            return True

        lab.archive.fault = script
        return lab.gateway()

    lab.answering = answering
    return lab


@pytest.mark.parametrize("length", ["-5", "99999999999999999999", "+108", "0x10", "5", "500"])
@pytest.mark.parametrize("resource", ["/rendered", "/bulkdata/x", "/frames/1"])
def test_a_part_that_lies_about_its_length(scene, length, resource):
    gateway = scene.answering(resource, PNG, "image/png", {"Content-Type": "image/png", "Content-Length": length})
    accept = "image/png" if resource == "/rendered" else 'multipart/related; type="image/png"; transfer-syntax=*'
    path = scene.image.path if resource != "/rendered" else scene.image.path.rpartition("/instances")[0]
    for _ in range(2):
        answer = transfer(gateway.dicomweb + path + resource, {"Accept": accept}, timeout=10)
        assert answer.status >= 400 or not answer.is_complete or answer.body
    assert gateway.process.poll() is None, gateway.log_tail()
    assert requests.get(f"{gateway.admin}/healthz", timeout=5).status_code == 200


@pytest.mark.parametrize("media_type", ["application/xhtml+xml", "image/svg+xml", "text/xml", "application/javascript"])
def test_no_program_of_an_archive_runs_in_our_origin(scene, media_type):
    program = b"<script xmlns='http://www.w3.org/1999/xhtml'>alert(1)</script>"
    gateway = scene.answering("/bulkdata/x", program, media_type, {"Content-Type": media_type})
    answer = requests.get(f"{gateway.dicomweb}{scene.image.path}/bulkdata/x", timeout=10)
    assert media_type not in answer.text.split("\r\n\r\n")[0] + answer.headers["Content-Type"]
    assert answer.headers.get("X-Content-Type-Options", "nosniff") == "nosniff"


def test_metadata_leads_to_no_other_instance_of_the_same_archive(lab):
    image, other = lab.small("image"), lab.small("other", study="another study")
    links = {
        "00420011": f"{lab.archive.origin}/dicom-web{other.path}/bulk/1",
        "00420012": f"{lab.archive.origin}/wado?requestType=WADO&objectUID={other.instance}",
    }

    def script(request, conversation, stored):
        if not request.path.endswith("/metadata"):
            return False
        document = {
            "00080018": {"vr": "UI", "Value": [image.instance]},
            "0020000D": {"vr": "UI", "Value": [image.study]},
            "0020000E": {"vr": "UI", "Value": [image.series]},
            **{tag: {"vr": "OB", "BulkDataURI": url} for tag, url in links.items()},
        }
        conversation.respond(200, {"Content-Type": "application/dicom+json"}, json.dumps([document]).encode())
        return True

    lab.archive.fault = script
    gateway = lab.gateway()
    answer = requests.get(f"{gateway.dicomweb}{image.path}/metadata", timeout=10)
    assert answer.status_code == 200, answer.text
    for tag in links:
        assert "BulkDataURI" not in answer.json()[0].get(tag, {})


def test_a_picture_of_a_series_that_the_record_does_not_list(lab):
    image = lab.small("image")
    gateway = lab.gateway()
    for tail in ("rendered", "thumbnail"):
        answer = requests.get(
            f"{gateway.dicomweb}/studies/{image.study}/series/2.25.999/{tail}",
            headers={"Accept": "image/jpeg"},
            timeout=10,
        )
        assert answer.status_code == 404
    assert not [request for request in lab.archive.requests if "2.25.999" in request.target]


def test_head_of_a_series_has_its_head_only(scene):
    image = scene.image
    gateway = scene.answering(
        f"/series/{image.series}", image.data, "application/dicom", {"Content-Type": "application/dicom"}
    )
    series = f"{gateway.dicomweb}{image.path.rpartition('/instances')[0]}"
    for _ in range(2):
        answer = requests.head(series, headers={"Accept": AS_STORED}, timeout=10)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("multipart/related")
        assert answer.content == b""
    whole = requests.get(series, headers={"Accept": AS_STORED}, timeout=10)
    assert image.data in whole.content


@pytest.mark.parametrize("fields, status", [({"Range": "bytes=999999999-"}, 416), ({"If-Match": '"other"'}, 412)])
def test_refusals_have_the_fields_of_every_answer(lab, fields, status):
    image = lab.small("image")
    gateway = lab.gateway()
    url = gateway.dicomweb + image.path
    requests.get(url, headers={"Accept": AS_STORED}, timeout=10)
    answer = requests.get(url, headers={"Accept": AS_STORED, **fields}, timeout=10)
    assert answer.status_code == status
    for name in ("X-Request-Id", "Cache-Control", "Vary"):
        assert name in answer.headers


def test_a_document_has_another_validator_under_another_name(lab):
    image = lab.small("image")

    def script(request, conversation, stored):
        if not request.path.endswith("/metadata"):
            return False
        document = {
            "00080018": {"vr": "UI", "Value": [image.instance]},
            "0020000D": {"vr": "UI", "Value": [image.study]},
            "0020000E": {"vr": "UI", "Value": [image.series]},
        }
        conversation.respond(200, {"Content-Type": "application/dicom+json"}, json.dumps([document]).encode())
        return True

    lab.archive.fault = script
    gateway = lab.gateway(allowed_hosts=["127.0.0.1", "localhost"])
    url = f"{gateway.dicomweb}{image.path}/metadata"
    tags = {requests.get(url, headers={"Host": host}, timeout=10).headers["ETag"] for host in ("localhost", "127.0.0.1")}
    assert len(tags) == 2
