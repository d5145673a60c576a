"""Prefetch: the rest of a series follows when a viewer has opened it, and clients come first."""

import threading

import requests

from bed.client import AS_STORED, transfer, wado_query
from bed.processes import wait_until
from bed.scripted import Gate

MIB = 1 << 20
ON = {"prefetch": "series"}


def metric(gateway, name):
    text = requests.get(f"{gateway.admin}/metrics", timeout=10).text
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"wadogate_prefetch_{name}_total"))


def open_series(gateway, image):
    """What a viewer asks first."""
    answer = requests.get(f"{gateway.dicomweb}{image.path}/metadata", timeout=30)
    assert answer.status_code == 200, answer.text


def test_the_rest_follows(lab):
    images = [lab.small(f"image {number}", front="uri") for number in range(5)]
    elsewhere = lab.small("elsewhere", study="another", front="uri")
    gateway = lab.gateway(cache=ON)
    open_series(gateway, images[2])
    wait_until(lambda: metric(gateway, "completed") == 1, 10, "it comes whole")
    assert all(lab.archive.count(image.instance) == 1 for image in images)
    assert lab.archive.count(elsewhere.instance) == 0
    for image in images:
        answer = requests.get(gateway.dicomweb + image.path, headers={"Accept": AS_STORED}, timeout=10)
        assert answer.headers["X-Cache"].startswith("hit") and answer.status_code == 200
    open_series(gateway, images[0])
    assert metric(gateway, "begun") == 1, "once for each series"


def test_off_is_off(lab):
    images = [lab.small(f"image {number}", front="uri") for number in range(3)]
    gateway = lab.gateway()
    open_series(gateway, images[0])
    assert metric(gateway, "begun") == 0 and lab.archive.count(images[1].instance) == 0


def test_one_instance_opens_nothing(lab):
    images = [lab.small(f"image {number}", front="uri") for number in range(3)]
    gateway = lab.gateway(cache=ON)
    requests.get(gateway.dicomweb + images[0].path, headers={"Accept": AS_STORED}, timeout=10)
    assert metric(gateway, "begun") == 0


def test_clients_overtake_it(lab):
    """With four connections it gets one at a time, and none while two clients are served."""
    images = [lab.small(f"image {number}", front="uri") for number in range(4)]
    wanted = [lab.large(f"wanted {number}", 2, study="wanted", front="uri") for number in range(2)]
    gates = [lab.archive.gates.setdefault(image.instance, Gate(at=MIB)) for image in wanted]
    gateway = lab.gateway(cache=ON, backend={"max_connections": 4})
    clients = [
        threading.Thread(target=lambda image=image: transfer(f"{gateway.wado}?{wado_query(image, transferSyntax='*')}"))
        for image in wanted
    ]
    for client, gate in zip(clients, gates):
        client.start()
        gate.wait_reached()
    open_series(gateway, images[0])
    wait_until(lambda: metric(gateway, "begun") == 1, 10, "it has been ordered")
    # Other clients are served meanwhile, before it.
    other = lab.archive.count()
    answer = requests.get(gateway.dicomweb + images[3].path, headers={"Accept": AS_STORED}, timeout=10)
    assert answer.status_code == 200 and lab.archive.count() == other + 1
    assert [lab.archive.count(image.instance) for image in images] == [1, 0, 0, 1]
    for gate in gates:
        gate.open()
    wait_until(lambda: metric(gateway, "completed") == 1, 10, "then it goes on")
    assert [lab.archive.count(image.instance) for image in images] == [1, 1, 1, 1]
    for client in clients:
        client.join(30)


def test_a_purge_stops_it(lab):
    images = [lab.small(f"image {number}", front="uri") for number in range(2)]
    large = lab.large("large", 2, front="uri")
    last = lab.small("last", front="uri")
    gate = lab.archive.gates[large.instance] = Gate(at=MIB)
    gateway = lab.gateway(cache=ON)
    open_series(gateway, images[0])
    gate.wait_reached()
    assert gateway.purge_request(large.study).status_code == 200
    gate.open()
    wait_until(lambda: metric(gateway, "stopped") == 1, 10, "it stops")
    assert lab.archive.count(last.instance) == 0


def test_a_drain_stops_it(lab):
    image = lab.small("image", front="uri")
    large = lab.large("large", 2, front="uri")
    last = lab.small("last", front="uri")
    gate = lab.archive.gates[large.instance] = Gate(at=MIB)
    gateway = lab.gateway(cache=ON)
    open_series(gateway, image)
    gate.wait_reached()
    gateway.process.terminate()
    wait_until(lambda: not gateway.accepts_connections(), 5, "no new connections are taken")
    gate.open()
    assert gateway.process.wait(20) == 0
    gateway.process = None
    assert lab.archive.count(last.instance) == 0
