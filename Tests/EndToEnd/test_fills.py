"""Fills under way: ranges of them, sources that break off, and how many may run."""

import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import pytest

from bed.client import AS_STORED, outcome, transfer, wado_query
from bed.processes import wait_until
from bed.scripted import Gate

MIB = 1 << 20


def door(gateway, image, name):
    """The target of an image at one of the front doors, and the fields of the request."""
    if name == "uri":
        return f"/wado?{wado_query(image, transferSyntax='*')}", {}
    return f"/dicom-web{image.path}", {"Accept": AS_STORED}


@pytest.fixture
def ask():
    """Sends a request; answers once the head of its answer is there. The connections end with the test."""
    connections = []

    def ask(gateway, target, fields, method="GET", source=None):
        connection = HTTPConnection("127.0.0.1", gateway.port, timeout=30, source_address=source)
        connections.append(connection)
        connection.request(method, target, headers=fields)
        return connection.getresponse()

    yield ask
    for connection in connections:
        connection.close()


# Ranges of what is still coming.


@pytest.mark.parametrize("name", ["uri", "rs"])
def test_ranges_and_heads_of_a_growing_object_are_answered_as_soon_as_their_bytes_are_there(lab, ask, name):
    image = lab.large("20 MB", megabytes=20, front="uri")
    gate = lab.archive.gates[image.instance] = Gate(at=10 * MIB)
    gateway = lab.gateway()
    target, fields = door(gateway, image, name)
    try:
        first = ask(gateway, target, fields)
        gate.wait_reached()
        head = ask(gateway, target, fields, method="HEAD")
        length = int(head.headers["Content-Length"])
        assert head.status == 200 and length >= image.stored.length
        begin = ask(gateway, target, {**fields, "Range": "bytes=1000-4999999"})
        assert begin.status == 206
        assert begin.headers["Content-Range"] == f"bytes 1000-4999999/{length}"
        beginning = begin.read()
        # The end is answered, too, and comes when it comes.
        suffix = ask(gateway, target, {**fields, "Range": "bytes=-5000000"})
        assert suffix.status == 206
        assert suffix.headers["Content-Range"] == f"bytes {length - 5000000}-{length - 1}/{length}"
    finally:
        gate.open()
    whole = first.read()
    assert len(whole) == length
    assert beginning == whole[1000:5000000]
    assert suffix.read() == whole[-5000000:]
    assert lab.archive.count(image.instance) == 1


# Sources that break off.


class BreaksOff:
    """An archive that breaks its first answer off at 10 MiB, and says of the object what `fields` say."""

    def __init__(self, lab, image, fields=(), how="close", second=None):
        self.image, self.fields, self.how, self.second = image, dict(fields), how, second
        self.answers = []
        self.lock = threading.Lock()
        lab.archive.fault = self

    def __call__(self, request, conversation, stored):
        with self.lock:
            number = len(self.answers)
            self.answers.append((request.field("Range"), request.field("If-Range")))
        if number and self.second:
            return self.second(request, conversation, stored)
        if number > 1 or (number and not self.fields):
            return False
        range_asked = request.field("Range")
        if range_asked:
            begin = int(range_asked.removeprefix("bytes=").removesuffix("-"))
            conversation.head(
                206,
                {
                    "Content-Type": "application/dicom",
                    "Content-Length": stored.length - begin,
                    "Content-Range": f"bytes {begin}-{stored.length - 1}/{stored.length}",
                },
            )
            conversation.send(b"".join(map(bytes, stored.pieces()))[begin:])
            return True
        conversation.head(
            200, {"Content-Type": "application/dicom", "Content-Length": stored.length, **self.fields}
        )
        sent = 0
        for piece in stored.pieces():
            conversation.send(piece)
            sent += len(piece)
            if sent > 10 * MIB and not number:
                (conversation.reset if self.how == "reset" else conversation.close)()
                return True
        return True


@pytest.mark.parametrize("how", ["close", "reset"])
def test_an_archive_that_breaks_off_is_asked_again_and_its_clients_notice_nothing(lab, how):
    image = lab.large("20 MB", megabytes=20, front="uri")
    fault = BreaksOff(lab, image, how=how)
    gateway = lab.gateway()
    target, _ = door(gateway, image, "uri")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(transfer, [gateway.origin + target] * 4))
    assert all(each.is_complete and each.body == image.stored.checksum() for each in found)
    assert fault.answers == [(None, None)] * 2
    gateway.wait_until_stored(1)
    assert outcome(transfer(gateway.origin + target)) == "hit"


def test_where_the_archive_allows_it_only_the_rest_is_asked_for(lab):
    image = lab.large("20 MB", megabytes=20, front="uri")
    fault = BreaksOff(lab, image, {"ETag": '"one"', "Accept-Ranges": "bytes"})
    gateway = lab.gateway()
    target, _ = door(gateway, image, "uri")
    found = transfer(gateway.origin + target)
    assert found.is_complete and found.body == image.stored.checksum()
    (_, _), (range_asked, if_range) = fault.answers
    assert int(range_asked.removeprefix("bytes=").removesuffix("-")) >= 5 * MIB
    assert if_range == '"one"'


def flip_a_byte(request, conversation, stored):
    conversation.head(200, {"Content-Type": "application/dicom", "Content-Length": stored.length})
    for number, piece in enumerate(stored.pieces()):
        piece = bytearray(piece)
        if number == 3:
            piece[1234] ^= 1
        conversation.send(piece)
    return True


def break_off_again(request, conversation, stored):
    conversation.head(200, {"Content-Type": "application/dicom", "Content-Length": stored.length})
    for number, piece in enumerate(stored.pieces()):
        if number == 15:
            conversation.close()
            return True
        conversation.send(piece)


@pytest.mark.parametrize("second", [flip_a_byte, break_off_again])
@pytest.mark.parametrize("fields", [{}, {"ETag": '"one"', "Accept-Ranges": "bytes"}])
def test_what_is_not_the_same_the_second_time_ends_the_answer(lab, second, fields):
    image = lab.large("20 MB", megabytes=20, front="uri")
    fault = BreaksOff(lab, image, fields, second=second)
    gateway = lab.gateway()
    target, _ = door(gateway, image, "uri")
    found = transfer(gateway.origin + target)
    assert found.status == 200 and not found.is_complete
    assert len(fault.answers) == 2
    assert gateway.stored_files() == []


# How many fills run.


def test_a_client_that_asks_and_leaves_amplifies_nothing(lab, ask):
    images = [lab.large(f"image {number}", megabytes=2, front="uri") for number in range(12)]
    gates = [Gate(at=1) for _ in images]
    for image, gate in zip(images, gates, strict=True):
        lab.archive.gates[image.instance] = gate
    gateway = lab.gateway(cache={"max_fills_per_client": 3})
    asked = []
    try:
        for image in images[:10]:
            connection = HTTPConnection("127.0.0.1", gateway.port, timeout=30)
            connection.request("GET", door(gateway, image, "uri")[0])
            asked.append(connection)
            lab.archive.wait_for_requests(min(3, len(asked)))
        # Somebody else is not held up by it, not even for an object that the first waits for.
        with ThreadPoolExecutor(2) as pool:
            others = [
                pool.submit(ask, gateway, door(gateway, image, "uri")[0], {}, source=("127.0.0.2", 0))
                for image in (images[11], images[9])
            ]
            lab.archive.wait_for_requests(5)
            for connection in asked:
                connection.close()
            wait_until(lambda: len(gateway.requests_logged()) >= 10, 10, "the gateway knows that the client has left")
            for gate in gates:
                gate.open()
            for image, other in zip((images[11], images[9]), others, strict=True):
                assert len(other.result().read()) == image.stored.length
    finally:
        for gate in gates:
            gate.open()
    # Those that ran when it left ran on, and no other was asked for.
    gateway.wait_until_stored(5)
    assert lab.archive.count() == 5, [request.target for request in lab.archive.requests]


@pytest.mark.parametrize("keep, requests", [("always", 1), ("never", 2), ("half", 2)])
def test_whether_a_fill_goes_on_without_its_client_is_the_operators_choice(lab, keep, requests):
    image = lab.large("20 MB", megabytes=20, front="uri")
    gate = lab.archive.gates[image.instance] = Gate(at=5 * MIB)
    gateway = lab.gateway(cache={"keep_filling": keep})
    url = gateway.origin + door(gateway, image, "uri")[0]
    assert not transfer(url, on_bytes=lambda received: received < 2 * MIB).is_complete
    wait_until(lambda: len(gateway.requests_logged()) == 1, 10, "the gateway knows that the client has left")
    gate.open()
    assert transfer(url).body == image.stored.checksum()
    assert lab.archive.count(image.instance) == requests
