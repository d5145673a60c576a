"""What an archive refuses is remembered: the second request does not try in vain."""

import io
import json

import pydicom
import pytest
import requests

from bed import images
from bed.client import only_part

ANY_FRAME = {"Accept": 'multipart/related; type="application/octet-stream"; transfer-syntax=*'}


def refuse(archive, word, status):
    """The archive answers each request whose path holds `word` with a status."""

    def fault(request, conversation, _stored):
        if f"/{word}" not in request.path:
            return False
        conversation.respond(status, body=b"no")
        return True

    archive.fault = fault


@pytest.mark.parametrize("status", [404, 405, 501])
@pytest.mark.parametrize("word", ["frames", "metadata"])
def test_a_refused_resource_is_made_from_the_instance_and_not_asked_again(lab, word, status):
    first, second = lab.small("first"), lab.small("second")
    refuse(lab.archive, word, status)
    gateway = lab.gateway()
    tail = {"frames": "/frames/1", "metadata": "/metadata"}[word]
    accept = {"frames": ANY_FRAME, "metadata": {"Accept": "application/dicom+json"}}[word]
    for image in (first, second):
        answer = requests.get(gateway.dicomweb + image.path + tail, headers=accept)
        assert answer.status_code == 200, answer.text
        assert answer.headers["X-Cache"].startswith("derived")
        if word == "metadata":
            assert answer.json()[0]["00080018"]["Value"] == [image.instance]
    assert lab.archive.count(f"/{word}") == 1, "the second time it is known"


def test_a_missing_instance_teaches_nothing(lab):
    image = lab.small("image")
    missing = lab.small("missing")
    del lab.archive.objects[missing.instance]
    gateway = lab.gateway()
    assert requests.get(f"{gateway.dicomweb}{missing.path}/frames/1", headers=ANY_FRAME).status_code == 404
    answer = requests.get(f"{gateway.dicomweb}{image.path}/frames/1", headers=ANY_FRAME)
    assert answer.status_code == 200
    assert lab.archive.count("/frames") == 2


def test_what_the_operator_says_is_not_tried(lab):
    image = lab.small("image")
    gateway = lab.gateway(backend={"abilities": {"frames": False}})
    assert requests.get(f"{gateway.dicomweb}{image.path}/frames/1", headers=ANY_FRAME).status_code == 200
    assert lab.archive.count("/frames") == 0


def test_a_frame_that_does_not_exist_costs_no_instance(lab):
    image = lab.small("image")
    document = [
        {
            "0020000D": {"vr": "UI", "Value": [image.study]},
            "0020000E": {"vr": "UI", "Value": [image.series]},
            "00080018": {"vr": "UI", "Value": [image.instance]},
            "00280008": {"vr": "IS", "Value": [3]},
        }
    ]

    def fault(request, conversation, _stored):
        if request.path.endswith("/metadata"):
            conversation.respond(200, {"Content-Type": "application/dicom+json"}, json.dumps(document).encode())
        elif "/frames" in request.path:
            conversation.respond(400)
        else:
            return False
        return True

    lab.archive.fault = fault
    gateway = lab.gateway()
    answer = requests.get(f"{gateway.dicomweb}{image.path}/frames/7", headers=ANY_FRAME)
    assert answer.status_code == 404 and "7" in answer.text
    assert lab.archive.count("/metadata") == 1
    assert not any(request.path.endswith(image.instance) for request in lab.archive.requests)


def test_what_the_cache_gave_teaches_nothing(lab):
    """An instance that is here and gone from the archive: its 404 is not the resource's."""
    kept, other = lab.small("kept"), lab.small("other")
    gateway = lab.gateway()
    as_stored = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
    assert requests.get(gateway.dicomweb + kept.path, headers=as_stored).status_code == 200
    del lab.archive.objects[kept.instance]
    for image in (kept, other):
        answer = requests.get(f"{gateway.dicomweb}{image.path}/metadata", headers={"Accept": "application/dicom+json"})
        assert answer.status_code == 200, answer.text
    assert lab.archive.count("/metadata") == 2, "the other instance's metadata is asked for"


def test_a_frame_index_belongs_to_the_instance_it_was_made_from(lab):
    """The stored instance is lost and comes again with a longer head: its frames lie elsewhere."""
    image = lab.small("image", front="uri")
    gateway = lab.gateway()
    url = f"{gateway.dicomweb}{image.path}/frames/1"
    first = requests.get(url, headers=ANY_FRAME)
    assert first.status_code == 200
    file = pydicom.dcmread(io.BytesIO(image.data))
    file.ImageComments = "corrected: " + "x" * 100
    lab.archive.put(image.instance, images.written(file))
    gateway.stop()
    (stored,) = [each for each in gateway.stored_files() if each.name == "instance,stored"]
    stored.unlink()
    gateway.start()
    again = requests.get(f"{gateway.dicomweb}{image.path}/frames/1", headers=ANY_FRAME)
    assert again.status_code == 200
    assert only_part(again).body == only_part(first).body == file.PixelData
