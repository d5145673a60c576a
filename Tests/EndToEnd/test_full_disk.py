"""A disk that is full, and objects that are larger than may be kept: every client gets every byte all the same."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from bed.client import AS_STORED, FRAMES_AS_STORED, JSON, only_part, outcome, transfer, wado_query
from bed.processes import wait_until
from bed.scripted import Gate
from bed.small_disk import SmallDiskGateway

MIB = 1 << 20
FRAME = MIB // 2


def small_disk_gateway(lab, **cache):
    gateway = SmallDiskGateway(lab.folder / "small-disk", lab.settings(cache={"min_free": "0B", **cache}))
    lab.gateways.append(gateway)
    return gateway.start()


def instance_url(gateway, image):
    return f"{gateway.wado}?{wado_query(image, transferSyntax='*')}"


@pytest.mark.parametrize("front", ["rs", "uri"])
def test_many_clients_of_a_large_object_on_a_full_disk(lab, front):
    image = lab.large("60 MB", megabytes=60, front=front)
    gate = lab.archive.gates[image.instance] = Gate(at=2 * MIB)
    gateway = small_disk_gateway(lab)
    gateway.fill_disk()
    with ThreadPoolExecutor(8) as pool:
        running = [pool.submit(transfer, instance_url(gateway, image)) for _ in range(8)]
        gate.open()
        found = [each.result() for each in running]
    assert all(each.status == 200 and each.is_complete for each in found)
    assert {each.body for each in found} == {image.stored.checksum()}
    # An archive that announces no length finds out half-way, when the head has been sent.
    assert {outcome(each) for each in found} <= ({"bypass"} if front == "uri" else {"bypass", "miss", "follow"})
    wait_until(lambda: len(gateway.requests_logged()) == 8, 10, "all requests are logged")
    assert {entry["cache"] for entry in gateway.requests_logged()} == {"bypass"}
    assert gateway.stored_files() == [] and gateway.temporary_files() == []
    assert gateway.resident_peak() < 128 * MIB
    assert "could not be stored" in gateway.log()


def test_a_disk_that_fills_up_half_way(lab):
    """The fill begins on the disk and goes on without it, while its clients stand at different places."""
    image = lab.large("30 MB", megabytes=30, front="uri")
    gateway = small_disk_gateway(lab)
    found = transfer(instance_url(gateway, image))
    assert (found.status, found.body) == (200, image.stored.checksum())
    assert gateway.stored_files() == []
    assert lab.archive.count(image.instance) == 1


def test_everything_of_small_images_is_answered_on_a_full_disk_and_kept_again_afterwards(lab):
    images = [lab.small(f"image {number}", front=front) for number, front in enumerate(["rs", "uri"])]
    ordinary = lab.gateway("ordinary")
    gateway = small_disk_gateway(lab)
    gateway.fill_disk()

    def answers(gateway, image):
        root = gateway.dicomweb + image.path
        questions = [
            (root, AS_STORED),
            (f"{root}/frames/1", FRAMES_AS_STORED),
            (f"{root}/metadata", JSON),
        ]
        if image is images[0]:
            del questions[1:]  # this archive knows instances only
        return [requests.get(url, headers={"Accept": accept}, timeout=20) for url, accept in questions]

    for image in images:
        for expected, found in zip(answers(ordinary, image), answers(gateway, image), strict=True):
            assert found.status_code == expected.status_code == 200, found.text
            if "multipart" in found.headers["Content-Type"]:
                assert only_part(found).body == only_part(expected).body
            else:
                assert found.content.replace(b"%d" % gateway.port, b"%d" % ordinary.port) == expected.content
    assert gateway.stored_files() == []

    gateway.free_disk()
    for image in images:
        assert transfer(instance_url(gateway, image)).status == 200
    gateway.wait_until_stored(2)
    for image in images:
        assert outcome(transfer(instance_url(gateway, image))) == "hit"


def test_what_needs_a_whole_that_cannot_be_kept_is_refused_with_a_sentence(lab):
    image = lab.large("30 MB", megabytes=30, front="uri")
    gateway = small_disk_gateway(lab)
    gateway.fill_disk()
    # A frame that lies where the head says is sent as it passes by.
    root = gateway.dicomweb + image.path
    frame = requests.get(f"{root}/frames/3", headers={"Accept": FRAMES_AS_STORED}, timeout=20)
    assert frame.status_code == 200
    begin = len(image.stored.head) + 2 * FRAME
    stored = b"".join(map(bytes, image.stored.pieces()))
    assert only_part(frame).body == stored[begin : begin + FRAME]
    # What is said of the pixels' end needs all of them.
    answer = requests.get(f"{root}/metadata", headers={"Accept": JSON}, timeout=20)
    assert answer.status_code == 503, answer.headers
    assert "cannot keep" in answer.text and answer.headers["Retry-After"]


def test_what_is_larger_than_may_be_kept_is_passed_through(lab):
    image = lab.large("20 MB", megabytes=20, front="uri")
    gateway = lab.gateway(cache={"max_object": "5MiB"})
    for number in (1, 2):
        found = transfer(instance_url(gateway, image))
        assert (found.status, found.body) == (200, image.stored.checksum())
        assert outcome(found) == "bypass"
        assert lab.archive.count(image.instance) == number
    assert gateway.stored_files() == []
    stats = requests.get(f"{gateway.admin}/cache/stats", timeout=5).json()
    assert stats["passed_through"] == 2


def test_a_client_that_leaves_ends_what_is_passed_through(lab):
    image = lab.large("40 MB", megabytes=40, front="uri")
    gateway = lab.gateway(cache={"max_object": "5MiB"})
    left = transfer(instance_url(gateway, image), on_bytes=lambda received: received < 10 * MIB)
    assert not left.is_complete
    again = transfer(instance_url(gateway, image))
    assert again.body == image.stored.checksum()
