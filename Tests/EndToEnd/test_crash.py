"""`kill -9` a hundred times, in the middle of fills, evictions and purges; then whatever is served is right."""

import random
import threading
from http.client import HTTPException

import requests

from bed.client import outcome, transfer, wado_query
from bed.processes import wait_until

ROUNDS = 100
CLIENTS = 4
STUDIES = 6
MIB = 1 << 20


class Load:
    """Clients that ask for random images, and one that purges random studies, until the gateway is gone."""

    def __init__(self, gateway, images, seed, threshold):
        self.gateway = gateway
        self.images = images
        self.answers = self.cut = self.hits = self.purges = 0
        self.wrong = []
        self.reached = threading.Event()
        self._seed = seed
        self._left = threshold
        self._is_over = False
        self._lock = threading.Lock()
        targets = [self._ask] * CLIENTS + [self._purge]
        self._threads = [
            threading.Thread(target=target, args=(random.Random(seed + number),), daemon=True)
            for number, target in enumerate(targets)
        ]

    def run_and_kill(self):
        """Kills the gateway when clients have got so many bytes: a moment that no machine's speed decides."""
        for thread in self._threads:
            thread.start()
        assert self.reached.wait(30), f"{self._left} bytes are missing"
        self._is_over = True
        self.gateway.kill()
        for thread in self._threads:
            thread.join(30)

    def _ask(self, generator):
        last = 0

        def on_bytes(length):
            nonlocal last
            with self._lock:
                self._left -= length - last
                if self._left <= 0:
                    self.reached.set()
            last = length

        while not self._is_over:
            image = generator.choice(self.images)
            last = 0
            try:
                found = transfer(f"{self.gateway.wado}?{wado_query(image, transferSyntax='*')}", on_bytes=on_bytes)
            except (OSError, HTTPException):
                found = None
            with self._lock:
                if not found or not found.is_complete:
                    self.cut += 1
                elif found.status != 200 or found.body != image.stored.checksum():
                    self.wrong.append((image.instance, found.status, found.length))
                else:
                    self.answers += 1
                    self.hits += outcome(found) == "hit"

    def _purge(self, generator):
        while not self._is_over:
            try:
                self.gateway.purge_request(generator.choice(self.images).study)
                self.purges += 1
            except requests.RequestException:
                return
            # Some are to be stored before they are purged.
            self.reached.wait(generator.random() * 0.1)


def test_kill_9_a_hundred_times(lab, capsys):
    generator = random.Random(20261124)
    images = []
    for study in range(STUDIES):
        front = ("rs", "uri")[study % 2]
        images.append(lab.large(f"large {study}", megabytes=1, study=f"study {study}", front=front))
        images += [lab.small(f"small {study} {each}", study=f"study {study}", front=front) for each in range(3)]
    # Room for half of it, so that something is evicted all the time.
    gateway = lab.gateway(cache={"max_size": "3MiB"})
    answers = hits = cut = purges = evictions = 0
    for number in range(ROUNDS):
        load = Load(gateway, images, seed=number, threshold=generator.randrange(6 * MIB))
        load.run_and_kill()
        assert not load.wrong, (number, load.wrong)
        answers, hits, cut, purges = (
            answers + load.answers,
            hits + load.hits,
            cut + load.cut,
            purges + load.purges,
        )
        gateway.start()
        for image in generator.sample(images, 3):
            found = transfer(f"{gateway.wado}?{wado_query(image, transferSyntax='*')}")
            assert found.status == 200 and found.body == image.stored.checksum(), (number, found, gateway.log_tail())
            answers, hits = answers + 1, hits + (outcome(found) == "hit")
        evictions += requests.get(f"{gateway.admin}/cache/stats", timeout=10).json()["evicted_series"]
    assert cut >= ROUNDS, "a kill that cut nothing off tested nothing"
    assert hits >= ROUNDS, "something must have survived the kills, else nothing was tested"
    assert purges >= ROUNDS
    wait_until(lambda: not gateway.temporary_files(), 10, lambda: f"no temporary files: {gateway.temporary_files()}")
    with capsys.disabled():
        print(
            f"\n  {ROUNDS} kills cut {cut} answers; {answers} whole ones, {hits} of them hits, all right;"
            f" {purges} purges, and {evictions} evictions seen right after a restart"
        )
