"""64 clients on random objects and ranges of them, while the cache is far too small and studies are purged."""

import random
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection

import pytest
import requests

from bed.client import AS_STORED, FRAMES_AS_STORED, only_part, wado_query
from bed.processes import wait_until
from bed.scripted import SmallObject

MIB = 1 << 20
CLIENTS = 64
REQUESTS = 40
STUDIES, IMAGES = 12, 4
ROWS, COLUMNS, FRAMES = 64, 128, 4
FRAME = ROWS * COLUMNS * 2
# About half of the objects.
MAX_SIZE = 2 * MIB
SEED = 20261124


@dataclass
class Question:
    """What can be asked for, and the one right body."""

    target: str
    fields: dict
    body: bytes


@pytest.fixture
def held(lab):
    """Images of four frames of 16 KiB, no two alike, on both kinds of archive."""
    generator = random.Random(SEED)
    found = []
    for study in range(STUDIES):
        for number in range(IMAGES):
            front = ("rs", "uri")[study % 2]
            shape = {"pixels": COLUMNS, "rows": ROWS, "frames": FRAMES}
            image = lab.small(f"image {number}", study=f"study {study}", front=front, **shape)
            image.stored = SmallObject(image.data[: -FRAMES * FRAME] + generator.randbytes(FRAMES * FRAME))
            lab.archive.put(image.instance, image.data)
            found.append(image)
    return found


def questions(gateway, held):
    """Asks for everything once, and holds what is in each answer against what the archive has."""
    found = []

    def ask(target, content, accept=None):
        fields = {"Accept": accept} if accept else {}
        answer = requests.get(gateway.origin + target, headers=fields, timeout=60)
        assert answer.status_code == 200, (target, answer.text)
        assert (only_part(answer).body if accept else answer.content) == content, target
        found.append(Question(target, fields, answer.content))

    for image in held:
        frames = image.data[-FRAMES * FRAME :]
        ask(f"/wado?{wado_query(image, transferSyntax='*')}", image.data)
        ask(f"/dicom-web{image.path}", image.data, AS_STORED)
        for number in (1, FRAMES):
            frame = frames[(number - 1) * FRAME : number * FRAME]
            ask(f"/dicom-web{image.path}/frames/{number}", frame, FRAMES_AS_STORED)
    return found


def is_right(question, answer, body):
    """Whether this is the whole body, byte for byte; only a part's length may be missing where none was known yet, and then
    the answer's tag is no strong one."""
    if answer.getheader("ETag").startswith("W/"):
        return body == re.sub(rb"\r\nContent-Length: \d+", b"", question.body, count=1)
    return body == question.body


class Client:
    """Asks for whole objects, ranges of them and heads, as its own random numbers have it."""

    def __init__(self, gateway, questions, number):
        self.random = random.Random(SEED + number)
        self.questions = questions
        self.connection = HTTPConnection("127.0.0.1", gateway.port, timeout=60)

    def run(self):
        """What was wrong with the first answer that was; None when all were right."""
        with closing(self.connection):
            for _ in range(REQUESTS):
                question = self.random.choice(self.questions)
                wrong = self.random.choice((self.whole, self.whole, self.range, self.range, self.head))(question)
                if wrong:
                    return question.target, question.fields, *wrong
        return None

    def whole(self, question):
        answer, body = self._ask("GET", question)
        found = answer.status, answer.getheader("X-Cache"), len(body), body[:300]
        return None if answer.status == 200 and is_right(question, answer, body) else found

    def range(self, question):
        first = self.random.randrange(len(question.body))
        last = self.random.randrange(first, len(question.body) + 1000)
        answer, body = self._ask("GET", question, {"Range": f"bytes={first}-{last}"})
        found = answer.status, answer.getheader("X-Cache"), len(body), body[:300]
        if answer.status == 200 and not found[1].startswith("hit"):
            # Until an object's length is known, no range of it can be.
            return None if is_right(question, answer, body) else found
        return None if (answer.status, body) == (206, question.body[first : last + 1]) else (first, last, *found)

    def head(self, question):
        answer, body = self._ask("HEAD", question)
        is_weak = answer.getheader("ETag").startswith("W/")
        lengths = [str(len(question.body))] + [None] * (not answer.getheader("X-Cache").startswith("hit"))
        found = answer.status, answer.getheader("Content-Length"), answer.getheader("X-Cache"), body
        return None if answer.status == 200 and (is_weak or found[1] in lengths) and not body else found

    def _ask(self, method, question, fields={}):
        self.connection.request(method, question.target, headers=question.fields | fields)
        answer = self.connection.getresponse()
        return answer, answer.read()


def test_64_clients_during_evictions_and_purges(lab, held, capsys):
    gateway = lab.gateway(cache={"max_size": f"{MAX_SIZE}B", "max_object": "1MiB"}, log={"level": "info"})
    asked = questions(gateway, held)
    done, purges, generator = threading.Event(), 0, random.Random(SEED)

    def purge():
        nonlocal purges
        while not done.wait(0.01):
            image = generator.choice(held)
            series = image.series if generator.random() < 0.5 else None
            assert gateway.purge_request(image.study, series).ok
            purges += 1

    with ThreadPoolExecutor(CLIENTS + 1) as pool:
        purging = pool.submit(purge)
        try:
            clients = [pool.submit(Client(gateway, asked, number).run) for number in range(CLIENTS)]
            wrong = [found for each in clients if (found := each.result())]
        finally:
            done.set()
        purging.result()
    assert not wrong, f"{len(wrong)} wrong: {wrong[:3]}"
    assert_bounded(gateway)
    log = gateway.requests_logged()
    failures = [each for each in log if each.get("failure")]
    assert not failures, failures[:3]
    outcomes = {word: sum(each.get("cache") == word for each in log) for word in ("hit", "derived", "miss", "follow")}
    assert outcomes["hit"] and outcomes["miss"], outcomes
    evicted = requests.get(f"{gateway.admin}/cache/stats", timeout=10).json()["evicted_series"]
    assert evicted, "the cache was never too small"
    with capsys.disabled():
        print(f"\n  {CLIENTS * REQUESTS} answers right; {purges} purges, {evicted} series evicted, {outcomes}")


def assert_bounded(gateway):
    """What it holds follows from its settings and not from what has passed."""
    assert gateway.resident_peak() < 128 * MIB

    def statistics():
        return requests.get(f"{gateway.admin}/cache/stats", timeout=10).json()

    wait_until(lambda: statistics()["fills"] == 0, 10, lambda: f"no fills: {statistics()}")
    wait_until(lambda: statistics()["bytes"] <= MAX_SIZE, 10, lambda: f"room enough: {statistics()}")
    wait_until(lambda: not gateway.temporary_files(), 10, lambda: f"no remains: {gateway.temporary_files()}")
    on_disk = sum(path.stat().st_blocks * 512 for path in gateway.stored_files())
    assert on_disk <= MAX_SIZE * 1.1
    # Connections of 64 clients that are gone, at most as many to the archive as are allowed, and an open object each.
    wait_until(
        lambda: gateway.descriptors() < 64 + 2 * len(gateway.stored_files()),
        10,
        lambda: f"few descriptors: {gateway.descriptors()}, {len(gateway.stored_files())} objects",
    )
