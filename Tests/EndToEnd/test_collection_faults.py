"""Whole series from an archive that is slow, refuses or breaks off; and what a series costs it."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import pytest
import requests

from bed import fhir
from bed.client import AS_STORED, FRAMES_AS_STORED, parts, transfer
from bed.gateway import backend
from bed.processes import wait_until
from bed.scripted import Gate

MIB = 1 << 20
AHEAD = 4


def series_of(lab, count, front="uri"):
    """A series of small images."""
    return [lab.small(f"image {number}", front=front) for number in range(count)]


def path_of(images):
    return images[0].path.rpartition("/instances/")[0]


def asked(lab):
    """The instances that the archive was asked for, in order."""
    return [each.query["objectUID"] for each in lab.archive.requests if "objectUID" in each.query]


def held(lab, images):
    """Their bodies wait until the test lets them come."""
    gates = [Gate(0) for _ in images]
    lab.archive.gates.update({image.instance: gate for image, gate in zip(images, gates)})
    return gates


def test_a_few_are_obtained_ahead_and_their_order_is_kept(lab):
    images = series_of(lab, 7)
    gates = held(lab, images)
    gateway = lab.gateway()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(
            requests.get, gateway.dicomweb + path_of(images), headers={"Accept": AS_STORED}, timeout=60
        )
        for gate in gates[:AHEAD]:
            gate.wait_reached()
        # The others of the four come first, and are no reason to go on.
        for gate in gates[1:AHEAD]:
            gate.open()
        gateway.wait_until_stored(AHEAD - 1)
        assert sorted(asked(lab)) == sorted(each.instance for each in images[:AHEAD])
        for gate in [gates[0], *gates[AHEAD:]]:
            gate.open()
        found = parts(answer.result())
    assert [part.body for part in found] == [each.data for each in images]


def test_one_connection_is_enough(lab):
    images = series_of(lab, 6)
    under_way, most, lock = 0, 0, threading.Lock()

    def count(request, conversation, stored):
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        conversation.head(200, {"Content-Type": "application/dicom", "Content-Length": stored.length})
        lab.archive.send_object(request.query["objectUID"], stored, conversation)
        with lock:
            under_way -= 1
        return True

    lab.archive.fault = count
    gateway = lab.gateway(backend={"max_connections": 1})
    answer = requests.get(gateway.dicomweb + path_of(images), headers={"Accept": AS_STORED}, timeout=60)
    assert [part.body for part in parts(answer)] == [each.data for each in images]
    assert most == 1


def test_the_archive_of_the_fewest_connections_says_how_many_are_obtained_ahead(lab):
    images = [lab.small(f"{front} {number}", front=front) for front in ("rs", "uri") for number in range(2)]
    gates = held(lab, images)
    wide, narrow = backend("wide", lab.archive.wado_rs), backend("narrow", lab.archive.wado_uri, max_connections=1)
    gateway = lab.gateway(backends=[wide, narrow])
    path = f"{gateway.dicomweb}/studies/{images[0].study}/pixeldata"
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(requests.get, path, headers={"Accept": FRAMES_AS_STORED}, timeout=60)
        for number, gate in enumerate(gates):
            gate.wait_reached()
            assert len(lab.archive.requests) == number + 1
            gate.open()
        assert len(parts(answer.result())) == len(images)


@pytest.mark.parametrize("resource", ["", "/bulkdata", "/pixeldata"])
def test_the_first_failure_ends_the_answer(lab, resource):
    images = series_of(lab, 6)
    lab.archive.fault = lambda request, conversation, _: (
        conversation.respond(500) or True if request.query.get("objectUID") == images[2].instance else False
    )
    gateway = lab.gateway()
    accept = {"Accept": FRAMES_AS_STORED if resource else AS_STORED}
    broken = transfer(gateway.dicomweb + path_of(images) + resource, accept)
    assert broken.status == 200 and not broken.is_complete
    # Known before the first part, it is told with a status.
    lab.archive.fault = lambda request, conversation, _: conversation.respond(500) or True
    others = [lab.small(f"other {number}", study="other", front="uri") for number in range(2)]
    lab.gateways[0].stop()
    answer = requests.get(
        lab.gateway("second").dicomweb + path_of(others) + resource, headers=accept, timeout=60
    )
    assert answer.status_code == 502, answer.text


def test_nothing_more_is_asked_for_a_client_that_has_left(lab):
    images = series_of(lab, 30)
    gates = held(lab, images[1:])
    gateway = lab.gateway()
    connection = HTTPConnection("127.0.0.1", gateway.port, timeout=30)
    connection.request("GET", f"/dicom-web{path_of(images)}", headers={"Accept": AS_STORED})
    assert connection.getresponse().read(1000)
    for gate in gates[:AHEAD]:
        gate.wait_reached()
    connection.sock.close()
    connection.close()
    wait_until(lambda: gateway.requests_logged(), 20, "the request's end in the log")
    for gate in gates:
        gate.open()
    last = requests.get(gateway.dicomweb + images[-1].path, headers={"Accept": AS_STORED}, timeout=30)
    assert last.status_code == 200
    assert len(set(asked(lab))) <= 1 + AHEAD + 1


@pytest.mark.parametrize("status", [404, 405, 406, 500, 501])
def test_a_refused_series_is_answered_from_its_instances(lab, status):
    images = series_of(lab, 5, front="rs")
    lab.archive.fault = lambda request, conversation, _: (
        False if "/instances/" in request.path else conversation.respond(status) or True
    )
    gateway = lab.gateway()
    for path in (path_of(images), f"/studies/{images[0].study}"):
        answer = requests.get(gateway.dicomweb + path, headers={"Accept": AS_STORED}, timeout=30)
        assert answer.status_code == 200, answer.text
        assert [part.body for part in parts(answer)] == [each.data for each in images]
        # The scripted archive has no metadata either.
        answer = requests.get(f"{gateway.dicomweb}{path}/metadata", timeout=30)
        assert [each["00080018"]["Value"][0] for each in answer.json()] == [each.instance for each in images]


def test_a_series_that_fails_is_not_asked_for_in_pieces(lab):
    images = series_of(lab, 3, front="rs")
    lab.archive.fault = lambda request, conversation, _: conversation.respond(503) or True
    answer = requests.get(lab.gateway().dicomweb + path_of(images), headers={"Accept": AS_STORED}, timeout=30)
    assert answer.status_code == 503
    assert lab.archive.count("/instances/") == 0


def test_a_list_that_fails_is_told_of_and_not_the_refusal_before_it(lab):
    images = series_of(lab, 3, front="rs")
    lab.archive.fault = lambda request, conversation, _: (
        conversation.respond(503 if request.path.endswith("/instances") else 404) or True
    )
    unlisted(lab, front="rs")
    gateway = lab.gateway()
    answer = requests.get(gateway.dicomweb + path_of(images), headers={"Accept": AS_STORED}, timeout=30)
    assert answer.status_code == 503, answer.text


@pytest.mark.parametrize("status", [405, 501, None])
def test_metadata_that_an_archive_is_known_to_lack_is_not_asked_for(lab, status):
    images = series_of(lab, 3, front="rs")
    lab.archive.fault = lambda request, conversation, _: (
        conversation.respond(status or 404) or True if request.path.endswith("/metadata") else False
    )
    gateway = lab.gateway(backend={} if status else {"abilities": {"metadata": False}})
    for path in (path_of(images), f"/studies/{images[0].study}"):
        answer = requests.get(f"{gateway.dicomweb}{path}/metadata", timeout=30)
        assert [each["00080018"]["Value"][0] for each in answer.json()] == [each.instance for each in images]
    assert lab.archive.count("/metadata") == (1 if status else 0)


PICTURE = b"\xff\xd8\xff\xe0" + bytes(100) + b"\xff\xd9"


def test_an_archives_own_thumbnail_is_taken_and_its_pictures_of_all_are_not(lab):
    """Nothing tells which instances the pictures of a series show; of an instance's picture the request tells."""
    images = series_of(lab, 3, front="rs")
    own = {image.instance: PICTURE[:-3] + bytes([number]) + PICTURE[-2:] for number, image in enumerate(images, 1)}

    def fault(request, conversation, _):
        _, _, instance = request.path.removesuffix("/rendered").partition("/instances/")
        conversation.respond(200, {"Content-Type": "image/jpeg"}, own.get(instance, PICTURE))
        return True

    lab.archive.fault = fault
    gateway = lab.gateway()
    paths = (path_of(images), f"/studies/{images[0].study}")
    for path in paths:
        thumbnail = requests.get(f"{gateway.dicomweb}{path}/thumbnail", headers={"Accept": "image/jpeg"}, timeout=30)
        assert (thumbnail.status_code, thumbnail.content) == (200, PICTURE), thumbnail.text
    assert lab.archive.count("/instances/") == 0
    for path in paths:
        pictures = {"Accept": 'multipart/related; type="image/jpeg"'}
        rendered = requests.get(f"{gateway.dicomweb}{path}/rendered", headers=pictures, timeout=30)
        assert [part.body for part in parts(rendered)] == list(own.values())
        single = requests.get(f"{gateway.dicomweb}{path}/rendered", headers={"Accept": "image/jpeg"}, timeout=30)
        assert single.status_code == 406, single.text
    asked = [each.path for each in lab.archive.requests if each.path.endswith("/rendered")]
    assert len(asked) == 3 and all("/instances/" in each for each in asked)


def test_where_an_archive_has_no_thumbnails_one_instance_is_asked_for(lab):
    images = series_of(lab, 5, front="rs")

    def fault(request, conversation, _):
        if request.path.endswith("/thumbnail"):
            conversation.respond(404)
        elif request.path.endswith("/rendered"):
            conversation.respond(200, {"Content-Type": "image/jpeg"}, PICTURE)
        else:
            return False
        return True

    lab.archive.fault = fault
    gateway = lab.gateway()
    thumbnail = requests.get(
        f"{gateway.dicomweb}{path_of(images)}/thumbnail", headers={"Accept": "image/jpeg"}, timeout=30
    )
    assert (thumbnail.status_code, thumbnail.content) == (200, PICTURE), thumbnail.text
    rendered = [each.path for each in lab.archive.requests if each.path.endswith("/rendered")]
    assert rendered and all(images[2].instance in each for each in rendered)


# Lists.


def unlisted(lab, front="uri"):
    """The records list no instances, and name a QIDO-RS endpoint."""
    resources = [*lab.resources(), fhir.endpoint("qido", "dicom-qido-rs", lab.archive.wado_rs)]
    for resource in resources:
        for series in resource.get("series", []):
            del series["instance"]
            series["endpoint"] = [{"reference": f"Endpoint/{each}"} for each in (front, "qido")]
    lab.resources = lambda: resources


def results(images, study=None):
    return [
        {
            "0020000D": {"vr": "UI", "Value": [study or each.study]},
            "00080018": {"vr": "UI", "Value": [each.instance]},
        }
        for each in images
    ]


def search(lab, answer):
    """Searches are answered by `answer(offset, limit)`: a list, or a status and a body."""

    def fault(request, conversation, _):
        if not request.path.endswith("/instances"):
            return False
        found = answer(int(request.query["offset"]), int(request.query["limit"]))
        if isinstance(found, list):
            conversation.respond(200, {"Content-Type": "application/dicom+json"}, json.dumps(found).encode())
        else:
            conversation.respond(found[0], {"Content-Type": "application/dicom+json"}, found[1])
        return True

    lab.archive.fault = fault


@pytest.mark.parametrize("pages", ["of three", "as asked", "offset ignored"])
def test_lists_are_read_page_by_page(lab, pages):
    images = series_of(lab, 8)
    search(
        lab,
        {
            "of three": lambda offset, limit: results(images[offset : offset + 3]),
            "as asked": lambda offset, limit: results(images[offset : offset + limit]),
            "offset ignored": lambda offset, limit: results(images),
        }[pages],
    )
    unlisted(lab)
    answer = requests.get(lab.gateway().dicomweb + path_of(images), headers={"Accept": AS_STORED}, timeout=30)
    assert answer.status_code == 200, answer.text
    assert [part.body for part in parts(answer)] == [each.data for each in images]


@pytest.mark.parametrize("is_listed", [True, False])
def test_a_record_that_counts_more_than_it_lists_is_completed_or_warned_of(lab, is_listed):
    images = series_of(lab, 4)
    resources = [*lab.resources(), fhir.endpoint("qido", "dicom-qido-rs", lab.archive.wado_rs)]
    for resource in resources:
        for series in resource.get("series", []):
            del series["instance"][2:]
            series["endpoint"] = [{"reference": f"Endpoint/{each}"} for each in ("uri", "qido")]
    lab.resources = lambda: resources
    search(lab, lambda offset, limit: results(images) if is_listed else (500, b""))
    answer = requests.get(lab.gateway().dicomweb + path_of(images), headers={"Accept": AS_STORED}, timeout=10)
    assert answer.status_code == 200, answer.text
    expected = images if is_listed else images[:2]
    assert [part.body for part in parts(answer)] == [each.data for each in expected]
    assert ("2 of 4" in answer.headers.get("Warning", "")) != is_listed


FALSE_LISTS = {
    "nothing": (lambda images: (204, b""), 404),
    "of another study": (lambda images: results(images, study="1.2.3"), 502),
    "torn": (lambda images: (200, json.dumps(results(images)).encode()[:-20]), 502),
    "HTML": (lambda images: (200, b"<html>not found</html>"), 502),
    "no such series": (lambda images: (404, b""), 404),
    "failed": (lambda images: (500, b""), 502),
}


@pytest.mark.parametrize("name", FALSE_LISTS)
def test_lists_are_not_believed_blindly(lab, name):
    images = series_of(lab, 3)
    make, status = FALSE_LISTS[name]
    search(lab, lambda offset, limit: make(images))
    unlisted(lab)
    gateway = lab.gateway()
    for resource in ("", "/metadata", "/bulkdata", "/pixeldata", "/rendered", "/thumbnail"):
        answer = requests.get(gateway.dicomweb + path_of(images) + resource, timeout=30)
        assert answer.status_code == status, (resource, answer.text)
        assert str(lab.archive.port) not in answer.text
    assert asked(lab) == []


@pytest.mark.parametrize("resource", ["", "/bulkdata"])
def test_memory_is_flat(lab, resource):
    """A series of 768 MB, instance by instance."""
    images = [lab.large(f"image {number}", megabytes=32, front="uri") for number in range(24)]
    gateway = lab.gateway()
    accept = {"Accept": FRAMES_AS_STORED if resource else AS_STORED}
    found = transfer(gateway.dicomweb + path_of(images) + resource, accept, timeout=200)
    assert found.status == 200 and found.is_complete
    assert found.length > 24 * 32 * MIB
    assert len(asked(lab)) == len(images), "each once"
    assert gateway.resident_peak() < 128 * MIB
