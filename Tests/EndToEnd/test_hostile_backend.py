"""Archives that break off, lie and stall: a status or a closed connection, and nothing wrong in the cache."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from bed import images
from bed.client import AS_STORED, only_part, transfer, wado_query
from bed.lab import BACKEND, Lab

MIB = 1 << 20


class Ways:
    """How an archive answers a request for an instance, on either protocol."""

    @staticmethod
    def answer(archive, request, conversation, data, announced=None, closing=True, fields=None):
        """`data` as a proper answer would carry it, with single things wrong."""
        if request.path == "/wado":
            before, after, media_type = b"", b"", "application/dicom"
        else:
            (before, after), media_type = archive.envelope(), archive.multipart_type()
        body = before + data + (after if closing else b"")
        length = len(body) if announced is None else announced
        conversation.head(200, {"Content-Type": media_type, "Content-Length": length, **(fields or {})})
        conversation.send(body)
        return len(body) == length


def closes_early(lab, request, conversation, stored):
    Ways.answer(lab.archive, request, conversation, stored.data[: len(stored.data) // 2], announced=len(stored.data))
    conversation.close()


def resets(lab, request, conversation, stored):
    Ways.answer(lab.archive, request, conversation, stored.data[: len(stored.data) // 2], announced=len(stored.data))
    conversation.reset()


def closes_before_the_head(lab, request, conversation, stored):
    conversation.close()


def closes_in_the_head(lab, request, conversation, stored):
    conversation.send(b"HTTP/1.1 200 OK\r\nContent-Ty")
    conversation.close()


def sends_length_zero(lab, request, conversation, stored):
    media_type = "application/dicom" if request.path == "/wado" else lab.archive.multipart_type()
    conversation.respond(200, {"Content-Type": media_type}, b"")


def sends_the_wrong_instance(lab, request, conversation, stored):
    Ways.answer(lab.archive, request, conversation, lab.other.data)


def sends_the_wrong_series(lab, request, conversation, stored):
    wrong = images.small(lab.image.study, images.uid("another series"), lab.image.instance)
    Ways.answer(lab.archive, request, conversation, wrong.data)


def sends_another_study(lab, request, conversation, stored):
    """Another patient's image, under the SOP Instance UID that was asked for."""
    wrong = images.small(images.uid("another study"), lab.image.series, lab.image.instance, patient="ANOTHER")
    Ways.answer(lab.archive, request, conversation, wrong.data)


def sends_html(lab, request, conversation, stored):
    conversation.respond(200, {"Content-Type": "text/html"}, b"<html>Please log in</html>")


def sends_html_as_dicom(lab, request, conversation, stored):
    Ways.answer(lab.archive, request, conversation, b"<html>Please log in</html>" * 100)


def sends_a_head_of_1_mb(lab, request, conversation, stored):
    conversation.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom\r\n")
    for number in range(1024):
        conversation.send(b"X-%04d: " % number + b"a" * 1015 + b"\r\n")
    conversation.send(b"Content-Length: 4\r\n\r\nDICM")


def sends_an_endless_field(lab, request, conversation, stored):
    conversation.send(b"HTTP/1.1 200 OK\r\nX: " + b"a" * MIB + b"\r\nContent-Length: 0\r\n\r\n")


def sends_garbage(lab, request, conversation, stored):
    conversation.send(b"\x00\x01\x02 this is not HTTP\r\n\r\n")
    conversation.close()


def is_busy(lab, request, conversation, stored):
    conversation.respond(503, {"Retry-After": "7"}, b"internal: http://10.0.0.1:8042/ is busy")


def fails(lab, request, conversation, stored):
    conversation.respond(500, {}, b"Traceback at http://10.0.0.1:8042/")


def redirects_away(lab, request, conversation, stored):
    conversation.respond(302, {"Location": "http://127.0.0.1:1/evil"}, b"")


def redirects_for_ever(lab, request, conversation, stored):
    conversation.respond(302, {"Location": request.target}, b"")


def redirects_to_a_file(lab, request, conversation, stored):
    conversation.respond(302, {"Location": "file:///etc/passwd"}, b"")


def truncates_in_the_data_set(lab, request, conversation, stored):
    Ways.answer(lab.archive, request, conversation, stored.data[:300])


# Way → the statuses that are proper; None: the head may be out already, so a closed connection is proper too.
WAYS = {
    closes_early: {502, None},
    resets: {502, None},
    closes_before_the_head: {502},
    closes_in_the_head: {502},
    sends_length_zero: {502},
    sends_the_wrong_instance: {502},
    sends_the_wrong_series: {502},
    sends_another_study: {502},
    sends_html: {502},
    sends_html_as_dicom: {502},
    sends_a_head_of_1_mb: {502},
    sends_an_endless_field: {502},
    sends_garbage: {502},
    is_busy: {502, 503},
    fails: {502},
    redirects_away: {502},
    redirects_for_ever: {502},
    redirects_to_a_file: {502},
    truncates_in_the_data_set: {502},
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One lab for all the ways; each way has instances of its own, so that what one leaves behind helps no other."""
    with Lab(tmp_path_factory.mktemp("hostile-backend")) as lab:
        lab.other = lab.small("another instance of the series", front="uri")
        lab.small("another instance of the series", front="rs")
        lab.images = {
            (way, front): lab.small(f"{way.__name__} {front}", front=front) for way in WAYS for front in ("rs", "uri")
        }
        gateway = lab.gateway()
        yield lab
        assert gateway.process.poll() is None, gateway.log_tail()


@pytest.mark.parametrize("asked_as", ["rs", "uri"])
@pytest.mark.parametrize("front", ["rs", "uri"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_bad_answer_is_neither_served_nor_kept(shared, way, front, asked_as):
    lab, gateway, image = shared, shared.gateways[0], shared.images[way, front]
    lab.image = image

    def misbehave(request, conversation, stored):
        way(lab, request, conversation, image.stored)
        return True

    lab.archive.fault = misbehave
    url, fields = asked(gateway, image, asked_as)
    bad = transfer(url, fields, timeout=20)
    assert (bad.status if bad.is_complete else None) in WAYS[way], (bad, gateway.log_tail(5))
    if bad.status >= 500 and None not in WAYS[way]:
        text = requests.get(url, headers=fields, timeout=20)
        assert BACKEND in text.text, text.text
        assert f":{lab.archive.port}" not in text.text + str(text.headers)
        assert "10.0.0.1" not in text.text, "the archive's own error text is not for clients"
    lab.archive.fault = None
    good = requests.get(url, headers=fields, timeout=20)
    assert good.status_code == 200, good.text
    body = only_part(good).body if asked_as == "rs" else good.content
    assert body == image.data
    assert good.headers["X-Cache"].startswith("miss"), "nothing of it was kept"
    assert gateway.purge_request(image.study, image.series).ok


def asked(gateway, image, asked_as):
    if asked_as == "rs":
        return gateway.dicomweb + image.path, {"Accept": AS_STORED}
    return f"{gateway.wado}?{wado_query(image, transferSyntax='*')}", {}


def test_no_closing_boundary(lab):
    """Without a length, a missing boundary is all that tells a truncated answer from a whole one."""
    image = lab.small("image")

    def leave_off(request, conversation, stored):
        conversation.head(200, {"Content-Type": lab.archive.multipart_type(), "Connection": "close"})
        conversation.send(lab.archive.envelope()[0] + image.data)
        conversation.close()
        return True

    gateway = lab.gateway()
    lab.archive.fault = leave_off
    url, fields = asked(gateway, image, "rs")
    bad = transfer(url, fields)
    assert not bad.is_complete or bad.status == 502
    lab.archive.fault = None
    good = requests.get(url, headers=fields, timeout=10)
    assert only_part(good).body == image.data
    assert good.headers["X-Cache"].startswith("miss"), "the truncated answer was not kept"


def test_a_truncated_collection_is_seen_by_the_client(lab):
    """The second of two instances breaks off: the connection ends without the closing boundary."""
    first, second = lab.small("first"), lab.small("second")

    def break_off(request, conversation, stored):
        conversation.head(200, {"Content-Type": lab.archive.multipart_type(), "Connection": "close"})
        before = lab.archive.envelope()[0]
        conversation.send(before + first.data + b"\r\n" + before + second.data[:1000])
        conversation.close()
        return True

    lab.archive.fault = break_off
    gateway = lab.gateway()
    found = transfer(f"{gateway.dicomweb}/studies/{first.study}/series/{first.series}", {"Accept": AS_STORED})
    assert not found.is_complete or found.status == 502


def test_another_study_in_a_collection_is_stopped(lab):
    image = lab.small("image")
    wrong = images.small(images.uid("another study"), image.series, images.uid("x"), patient="ANOTHER")

    def mix(request, conversation, stored):
        before, after = lab.archive.envelope()
        body = before + image.data + b"\r\n" + before + wrong.data + after
        conversation.respond(200, {"Content-Type": lab.archive.multipart_type()}, body)
        return True

    lab.archive.fault = mix
    gateway = lab.gateway()
    seen = []
    answer = requests.get(
        f"{gateway.dicomweb}/studies/{image.study}/series/{image.series}",
        headers={"Accept": AS_STORED},
        stream=True,
        timeout=10,
    )
    try:
        for piece in answer.iter_content(4096):
            seen.append(piece)
        complete = True
    except requests.exceptions.RequestException:
        complete = False
    assert not complete or answer.status_code == 502
    assert b"ANOTHER" not in b"".join(seen)


@pytest.mark.parametrize("where", ["before the head", "in the head", "in the body"])
def test_a_stall_ends_in_the_configured_time(lab, where):
    image = lab.small("image", pixels=1024, front="uri")

    def stall(request, conversation, stored):
        if where != "before the head":
            conversation.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom\r\n")
        if where == "in the body":
            conversation.send(b"Content-Length: %d\r\n\r\n" % len(stored.data) + stored.data[: MIB // 2])
        conversation.wait_for_end()
        return True

    lab.archive.fault = stall
    gateway = lab.gateway(backend={})
    gateway.stop()
    gateway.settings["backends"][0]["timeouts"] = {"connect": "1s", "first_byte": "1s", "stall": "1s"}
    gateway.start()
    started = time.monotonic()
    found = transfer(*asked(gateway, image, "uri"))
    assert time.monotonic() - started < 4
    assert found.status == 504 or not found.is_complete
    lab.archive.fault = None
    assert transfer(*asked(gateway, image, "uri")).body == image.stored.checksum()


def test_a_drip_is_not_a_stall(lab):
    """A slow archive that goes on sending is served, however long the whole takes."""
    image = lab.small("image", front="uri")

    def drip(request, conversation, stored):
        conversation.head(200, {"Content-Type": "application/dicom", "Content-Length": len(stored.data)})
        step = len(stored.data) // 8 + 1
        for start in range(0, len(stored.data), step):
            time.sleep(0.3)  # slowness itself
            conversation.send(stored.data[start : start + step])
        return True

    lab.archive.fault = drip
    gateway = lab.gateway()
    gateway.stop()
    gateway.settings["backends"][0]["timeouts"] = {"connect": "1s", "first_byte": "1s", "stall": "1s"}
    gateway.start()
    assert transfer(*asked(gateway, image, "uri")).body == image.stored.checksum()


def test_the_connection_limit_of_a_backend_is_its_limit(lab):
    """Three at a time over all loops: never a fourth, and never less while others wait."""
    stored = [lab.small(f"image {number}", front="uri") for number in range(24)]
    three, lock = threading.Barrier(3, timeout=20), threading.Lock()
    now = peak = 0

    def hold(*_):
        nonlocal now, peak
        with lock:
            now += 1
            peak = max(peak, now)
        three.wait()
        # Before the answer: what the gateway has not got yet it can't have finished.
        with lock:
            now -= 1
        return False

    lab.archive.fault = hold
    gateway = lab.gateway(backend={"max_connections": 3})
    with ThreadPoolExecutor(24) as pool:
        found = list(pool.map(lambda image: transfer(*asked(gateway, image, "uri")), stored))
    assert [each.body for each in found] == [image.stored.checksum() for image in stored]
    assert peak == 3


def test_metadata_of_another_study_is_stopped(lab):
    image = lab.small("image")
    body = (
        f'[{{"00080018":{{"vr":"UI","Value":["{image.instance}"]}},'
        f'"00100010":{{"vr":"PN","Value":[{{"Alphabetic":"ANOTHER"}}]}},'
        f'"0020000D":{{"vr":"UI","Value":["1.2.3"]}},"0020000E":{{"vr":"UI","Value":["{image.series}"]}}}}]'
    ).encode()

    def describe(request, conversation, stored):
        conversation.respond(200, {"Content-Type": "application/dicom+json"}, body)
        return True

    lab.archive.fault = describe
    gateway = lab.gateway()
    for path in (image.path, f"/studies/{image.study}/series/{image.series}"):
        found = requests.get(f"{gateway.dicomweb}{path}/metadata", timeout=10)
        assert found.status_code == 502, found.text
        assert "ANOTHER" not in found.text
