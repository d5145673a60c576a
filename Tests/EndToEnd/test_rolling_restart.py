"""One gateway takes over from another, on the same port and the same cache, while clients ask: nobody notices."""

import re
import socket
import threading

import requests

from bed.client import outcome, transfer, wado_query
from bed.gateway import Gateway, run
from bed.processes import is_running, wait_until

CLIENTS = 6
GENERATIONS = 3


def url_of(gateway, image):
    return f"{gateway.wado}?{wado_query(image, transferSyntax='*')}"


class Successor(Gateway):
    """Starts while another gateway has the cache: its own admin port, and all else as the other's."""

    def __init__(self, first, name):
        super().__init__(first.folder, {**first.settings, "admin": None}, name=name)
        self.port = first.port
        self.settings["listen"] = first.settings["listen"]
        self.settings["admin"] = {**first.settings["admin"], "listen": [f"127.0.0.1:{self.admin_port}"]}

    def command(self):
        return [*super().command(), "--take-over"]


class Load:
    """Clients that ask for random images until they are told to end; every answer is checked."""

    def __init__(self, gateway, images):
        self.answers = 0
        self.outcomes = set()
        self.failures = []
        self._end = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._ask, args=(gateway, images[number:] + images[:number]), daemon=True)
            for number in range(CLIENTS)
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        for thread in self._threads:
            thread.join(60)

    def _ask(self, gateway, images):
        while not self._end.is_set():
            for image in images:
                try:
                    found = transfer(url_of(gateway, image))
                    right = found.status == 200 and found.is_complete and found.body == image.stored.checksum()
                    told = None if right else f"{found.status}, {found.length} bytes, complete: {found.is_complete}"
                except OSError as error:
                    told = repr(error)
                with self._lock:
                    self.answers += 1
                    if told:
                        self.failures.append(told)
                    else:
                        self.outcomes.add(outcome(found))

    def goes_on(self, answers=3 * CLIENTS):
        before = self.answers
        wait_until(lambda: self.answers >= before + answers, 60, "clients are answered")


def lock_file(gateway):
    return (gateway.cache_path / "lock").read_text()


def test_no_request_fails_and_one_owns_the_cache(lab, capsys):
    images = [lab.small(f"small {number}") for number in range(20)]
    images += [lab.large(f"large {number}", megabytes=2, front="uri") for number in range(4)]
    gateway = lab.gateway(server={"drain_timeout": "20s"})
    owner = gateway
    with Load(gateway, images) as load:
        load.goes_on()
        for number in range(GENERATIONS):
            successor = Successor(gateway, f"successor-{number}")
            lab.gateways.append(successor)
            successor.start()
            assert f"pid {owner.pid}\n" in lock_file(gateway), "the old one owns it until it goes"
            load.goes_on()
            process = owner.process
            owner.ask_to_stop()
            wait_until(lambda: f"pid {successor.pid}\n" in lock_file(gateway), 20, "the lock changes hands")
            load.goes_on()
            assert process.wait(30) == 0, owner.log_tail()
            owner.process = None
            owner = successor
            load.goes_on()
    assert not load.failures, load.failures[:10]
    assert load.outcomes >= {"hit", "miss"}, load.outcomes
    # Everything is the last one's now: it stores, and it owns.
    for image in images:
        assert transfer(url_of(gateway, image)).body == image.stored.checksum()
    wait_until(
        lambda: all(outcome(transfer(url_of(gateway, image))) == "hit" for image in images), 20, "all of it is stored"
    )
    assert is_running(owner.pid) and re.search(rf"pid {owner.pid}\b.*serving", lock_file(gateway), re.DOTALL)
    with capsys.disabled():
        print(f"\n  {GENERATIONS} rolling restarts, {load.answers} answers, none of them wrong")


def test_a_second_gateway_is_refused_and_told(lab):
    lab.small("image")
    gateway = lab.gateway()
    found = run("serve", "--config", gateway.configuration_path, "--set", "admin.listen=[]")
    assert found.returncode == 1
    for part in (str(gateway.pid), str(gateway.cache_path), "--take-over", "cache.path"):
        assert part in found.stderr, found.stderr
    assert gateway.is_ready()


def test_connections_that_wait_to_be_accepted_are_answered(lab):
    """The last ones in the listener's queue when it closes: the kernel would reset them."""
    image = lab.small("image")
    gateway = lab.gateway()
    url = gateway.dicomweb + image.path
    assert requests.get(url, timeout=10).status_code == 200
    head = f"GET {url.removeprefix(gateway.origin)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    with gateway.hung():
        waiting = [socket.create_connection(("127.0.0.1", gateway.port), timeout=20) for _ in range(8)]
        for connection in waiting:
            connection.sendall(head)
        gateway.ask_to_stop()
    for connection in waiting:
        with connection:
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 "), "not reset"
    assert gateway.process.wait(20) == 0
    gateway.process = None
