"""Many clients, one request to the archive; and a fill outlives the client that began it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from bed.client import outcome, transfer, wado_query
from bed.scripted import Gate

MIB = 1 << 20
CLIENTS = 32


def url_of(gateway, image):
    return f"{gateway.wado}?{wado_query(image, transferSyntax='*')}"


class Counter:
    """Counts clients that have received something, so that nothing depends on time."""

    def __init__(self, number):
        self._left = number
        self._lock = threading.Lock()
        self._all = threading.Event()

    def once(self):
        seen = False

        def on_bytes(_):
            nonlocal seen
            if not seen:
                seen = True
                with self._lock:
                    self._left -= 1
                    if self._left == 0:
                        self._all.set()

        return on_bytes

    def wait(self):
        assert self._all.wait(30), f"{self._left} clients have received nothing"


@pytest.mark.parametrize("front", ["rs", "uri"])
def test_32_clients_make_one_backend_request(lab, front):
    image = lab.large("100 MB", megabytes=100, front=front)
    gate = lab.archive.gates[image.instance] = Gate(at=10 * MIB)
    gateway = lab.gateway()
    counter = Counter(CLIENTS)
    with ThreadPoolExecutor(CLIENTS) as pool:
        running = [pool.submit(transfer, url_of(gateway, image), on_bytes=counter.once()) for _ in range(CLIENTS)]
        try:
            # All of them are being served while the archive has sent a tenth.
            counter.wait()
        finally:
            gate.open()
        transfers = [each.result() for each in running]
    expected = image.stored.checksum()
    assert [each.status for each in transfers] == [200] * CLIENTS
    assert all(each.is_complete and each.body == expected for each in transfers)
    assert lab.archive.count(image.instance) == 1
    outcomes = [outcome(each) for each in transfers]
    assert outcomes.count("miss") == 1, outcomes
    assert set(outcomes) == {"miss", "follow"}, outcomes


def test_the_first_client_is_cut_off_and_the_others_are_not(lab):
    image = lab.large("100 MB", megabytes=100, front="uri")
    gate = lab.archive.gates[image.instance] = Gate(at=50 * MIB)
    gateway = lab.gateway()
    url = url_of(gateway, image)
    with ThreadPoolExecutor(8) as pool:
        # The first goes when it has 5 MiB of it, while others have begun to follow.
        first_has_begun, others_follow = threading.Event(), Counter(7)

        def leave(received):
            first_has_begun.set()
            if received > 5 * MIB:
                others_follow.wait()
                return False
            return True

        first = pool.submit(transfer, url, on_bytes=leave)
        try:
            assert first_has_begun.wait(30)
            others = [pool.submit(transfer, url, on_bytes=others_follow.once()) for _ in range(7)]
            assert not first.result().is_complete
        finally:
            gate.open()
        expected = image.stored.checksum()
        assert all(each.result().is_complete and each.result().body == expected for each in others)
    gateway.wait_until_stored(1)
    afterwards = transfer(url)
    assert afterwards.fields["x-cache"].startswith("hit")
    assert afterwards.body == expected
    assert lab.archive.count(image.instance) == 1


def test_a_fill_goes_on_when_its_only_client_leaves(lab):
    image = lab.large("20 MB", megabytes=20, front="rs")
    gate = lab.archive.gates[image.instance] = Gate(at=10 * MIB)
    gateway = lab.gateway()
    left = transfer(url_of(gateway, image), on_bytes=lambda received: received < 5 * MIB)
    assert not left.is_complete
    gate.open()
    again = transfer(url_of(gateway, image))
    assert again.body == image.stored.checksum()
    assert outcome(again) in {"hit", "follow"}
    assert lab.archive.count(image.instance) == 1


def test_a_failure_reaches_every_follower(lab):
    """The archive breaks off: nobody gets a whole answer, and the next request is a new try."""
    image = lab.large("20 MB", megabytes=20, front="uri")
    gate = lab.archive.gates[image.instance] = Gate(at=10 * MIB)

    def break_off(request, conversation, stored):
        conversation.head(200, {"Content-Type": "application/dicom", "Content-Length": stored.length})
        sent = 0
        for piece in stored.pieces():
            if sent > gate.at:
                gate.pass_through()
                conversation.close()
                return True
            conversation.send(piece)
            sent += len(piece)

    lab.archive.fault = break_off
    gateway = lab.gateway()
    counter = Counter(4)
    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(transfer, url_of(gateway, image), on_bytes=counter.once()) for _ in range(4)]
        try:
            counter.wait()
        finally:
            gate.open()
        assert not any(each.result().is_complete for each in running)
    lab.archive.fault = None
    lab.archive.gates.clear()
    again = transfer(url_of(gateway, image))
    assert (again.status, again.body) == (200, image.stored.checksum())
    assert again.fields["x-cache"].startswith("miss")


def test_one_look_up_for_many_requests_of_one_study(hospital, http):
    """The same for small things, on real servers: eight clients, one cold frame, one body."""
    image = hospital.rs.whole_studies[-2]
    url = f"{hospital.gateway.dicomweb}{image.path}/rendered?viewport=77,77"
    with ThreadPoolExecutor(8) as pool:
        found = [each.result() for each in [pool.submit(transfer, url, {"Accept": "image/png"}) for _ in range(8)]]
    assert {each.status for each in found} == {200}
    assert len({each.body for each in found}) == 1
    outcomes = [outcome(each) for each in found]
    assert outcomes.count("miss") == 1, outcomes


@pytest.mark.parametrize("front", ["rs", "uri"])
def test_a_frame_is_sent_while_its_instance_is_on_its_way(lab, front):
    megabytes, frame_bytes = 20, MIB // 2
    image = lab.large("20 MB", megabytes=megabytes, front=front)
    gate = lab.archive.gates[image.instance] = Gate(at=10 * MIB)
    gateway = lab.gateway()
    whole = b"".join(image.stored.pieces())
    pixels = whole[-megabytes * MIB :]
    frames = f"{gateway.dicomweb}/studies/{image.study}/series/{image.series}/instances/{image.instance}/frames"
    accept = {"Accept": 'application/octet-stream; transfer-syntax="*"'}
    with ThreadPoolExecutor(2) as pool:
        instance = pool.submit(transfer, url_of(gateway, image))
        try:
            gate.wait_reached()
            for number in (1, 19):
                answer = requests.get(f"{frames}/{number}", headers=accept, timeout=30)
                assert answer.status_code == 200, answer.text
                assert answer.content == pixels[(number - 1) * frame_bytes : number * frame_bytes]
                assert answer.headers["Content-Length"] == str(frame_bytes)
            assert requests.get(f"{frames}/41", headers=accept, timeout=30).status_code == 404
            late = pool.submit(requests.get, f"{frames}/40", headers=accept, timeout=60)
        finally:
            gate.open()
        assert late.result().content == pixels[-frame_bytes:]
        assert instance.result().is_complete
    assert lab.archive.count(image.instance) == 1
