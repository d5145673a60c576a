"""Room for 10 of 30 studies: what is still there when it is read again, beside nginx and a simulated LRU.

The workload follows a Zipf law, once alone and once with exports mixed in, of studies that nobody reads again. Nobody's
cache may keep an export at the cost of what is read daily, and no series may be left in part: that helps nobody.
"""

import random
import re
import sys
import tempfile
import time
from collections import Counter, OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, RemoteDisconnected
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Tests/EndToEnd"))
from bed import fhir, images  # noqa: E402
from bed.client import AS_STORED  # noqa: E402
from bed.gateway import Gateway, backend, files_source  # noqa: E402
from bed.processes import wait_until  # noqa: E402
from bed.scripted import ScriptedArchive  # noqa: E402
from nginx import Nginx, bytes_on_disk  # noqa: E402

STUDIES, ROOM = 30, 10
READINGS = 500
# Every so many readings, so many studies are exported: more than half of the room, each time.
EXPORT_EVERY, EXPORTED = 25, 6
SERIES, SLICES, PIXELS = 2, 8, 256
SEED = 20261124
# A reading room reads no faster; the clocks of both caches count in whole seconds or less.
PACE = 0.1
# Seconds within which what has been sent is on the disk.
SETTLED = 2
GATEWAY, NGINX, LRU = "gateway", "nginx", "LRU, simulated"


@dataclass
class Reading:
    """Somebody reads a study to its end: a daily one, or one that is exported once."""

    study: str
    is_export: bool


def trace(with_exports):
    """The daily readings are the same in both."""
    generator = random.Random(SEED)
    names = [f"daily {number}" for number in range(STUDIES)]
    generator.shuffle(names)
    weights = [1 / rank for rank in range(1, STUDIES + 1)]
    readings, exported = [], 0
    for number in range(READINGS):
        if with_exports and number % EXPORT_EVERY == EXPORT_EVERY - 1:
            readings += [Reading(f"export {exported + each}", True) for each in range(EXPORTED)]
            exported += EXPORTED
        readings.append(Reading(generator.choices(names, weights)[0], False))
    return readings


def study(name):
    """Its slices, of 128 KiB each."""
    return [
        images.small(
            images.uid("eviction", name),
            images.uid("eviction", name, series),
            images.uid("eviction", name, series, number),
            pixels=PIXELS,
        )
        for series in range(SERIES)
        for number in range(SLICES)
    ]


class Archive(ScriptedArchive):
    """Counts what it sends, and can forget what was asked."""

    def __init__(self, studies):
        super().__init__()
        for members in studies.values():
            for image in members:
                self.put(image.instance, image.data)
        self.sent = 0

    def send_object(self, uid, stored, conversation):
        self.sent += stored.length
        super().send_object(uid, stored, conversation)


class Run:
    """A trace against one server."""

    def __init__(self, server, archive, studies, room):
        self.server, self.archive, self.studies, self.room = server, archive, studies, room
        self.objects = server.cache_path / ("" if server.name == NGINX else "objects")

    def run(self, readings):
        hits, asked, bytes_saved, bytes_read = 0, 0, 0, 0
        left_in_part, disk = 0, []
        for reading in readings:
            before, sent = len(self.archive.requests), self.archive.sent
            began = time.monotonic()
            length = self._read(self.studies[reading.study])
            missed = len(self.archive.requests) - before
            if not reading.is_export:
                asked += SERIES * SLICES
                hits += SERIES * SLICES - missed
                bytes_read += length
                bytes_saved += length - (self.archive.sent - sent)
            if self.server.name == NGINX:
                self._shrink()
            disk.append(bytes_on_disk(self.objects))
            left_in_part += self._left_in_part()
            time.sleep(max(0, began + PACE - time.monotonic()))
        return {
            "hits by requests": hits / asked,
            "hits by bytes": bytes_saved / bytes_read,
            "MB on disk, mean": sum(disk) / len(disk) / 1e6,
            "MB on disk, most": max(disk) / 1e6,
            "series left in part": left_in_part,
        }

    def _read(self, members):
        connection, length = HTTPConnection("127.0.0.1", self.server.port, timeout=60), 0
        for image in members:
            answer, body = self._get(connection, f"/dicom-web{image.path}")
            assert answer.status == 200 and image.data in body, (self.server.name, answer.status, body[:200])
            length += len(image.data)
        connection.close()
        return length

    def _get(self, connection, path):
        try:
            connection.request("GET", path, headers={"Accept": AS_STORED})
            answer = connection.getresponse()
        except RemoteDisconnected:
            # A worker of nginx that was woken just now lets go of the connections that it has taken.
            assert self.server.name == NGINX
            connection.close()
            connection.request("GET", path, headers={"Accept": AS_STORED})
            answer = connection.getresponse()
        return answer, answer.read()

    def _shrink(self):
        """nginx would look at its size every ten seconds only, and hold far more than it may in the meantime."""
        if bytes_on_disk(self.server.cache_path) > self.room:
            self.server.wake_manager()
            wait_until(lambda: bytes_on_disk(self.server.cache_path) <= self.room, 20, "nginx shrinks")

    def _left_in_part(self):
        """How many series have some of their instances on the disk, and not all; and that for good, since a client has an
        object's last byte before the disk does."""
        end = time.monotonic() + SETTLED
        while in_part := sum(count < SLICES for count in Counter(self._held()).values()):
            if self.server.name == NGINX or time.monotonic() > end:
                break
            time.sleep(0.01)
        return in_part

    def _held(self):
        """The series of each instance on the disk."""
        if self.server.name == NGINX:
            names = self.server.keys()
        else:
            names = map(str, self.objects.rglob("instance,*"))
        for name in names:
            yield re.search(r"/([0-9.]+)/(?:instances/)?[0-9.]+(?: |/instance,)", name)[1]


def simulated(readings, studies, room):
    """What a plain LRU of single instances would have had, each taking what its file takes."""
    held, size = OrderedDict(), 0
    hits, asked, saved, read, disk, left_in_part = 0, 0, 0, 0, [], 0
    for reading in readings:
        for image in studies[reading.study]:
            length, on_disk = len(image.data), -(-len(image.data) // 4096) * 4096
            is_hit = image.instance in held
            if is_hit:
                held.move_to_end(image.instance)
            else:
                held[image.instance] = (image.series, on_disk)
                size += on_disk
                while size > room:
                    size -= held.popitem(last=False)[1][1]
            if not reading.is_export:
                asked, hits, read, saved = asked + 1, hits + is_hit, read + length, saved + length * is_hit
        disk.append(size)
        left_in_part += sum(count < SLICES for count in Counter(series for series, _ in held.values()).values())
    return {
        "hits by requests": hits / asked,
        "hits by bytes": saved / read,
        "MB on disk, mean": sum(disk) / len(disk) / 1e6,
        "MB on disk, most": max(disk) / 1e6,
        "series left in part": left_in_part,
    }


def _gateway(folder, archive, studies, room):
    records = [
        fhir.imaging_study(f"study-{number}", members[0].study, "eviction", fhir.series_of(members, ["rs"]))
        for number, members in enumerate(studies.values())
    ]
    settings = {
        "directory": [
            files_source(folder / "studies", fhir.endpoint("rs", "dicom-wado-rs", archive.wado_rs), *records)
        ],
        "backends": [backend("archive", f"{archive.origin}/")],
        "cache": {"max_size": f"{room}B"},
        "log": {"level": "warning"},
    }
    return Gateway(folder, settings, name=GATEWAY)


def _measured(name, folder, readings, studies, room):
    with Archive(studies) as archive:
        server = Nginx(folder, archive.port, room) if name == NGINX else _gateway(folder, archive, studies, room)
        with server:
            return Run(server, archive, studies, room).run(readings)


def measure():
    """Workload → cache → figures."""
    traces = {"Zipf": trace(with_exports=False), "Zipf, with exports": trace(with_exports=True)}
    studies = {name: study(name) for name in sorted({each.study for readings in traces.values() for each in readings})}
    # What the instances of so many studies take in files of their own, each with a page for what is known of it.
    room = ROOM * sum(-(-len(image.data) // 4096) * 4096 + 4096 for image in next(iter(studies.values())))
    found = {workload: {} for workload in traces}
    # At once, since they wait most of the time.
    with tempfile.TemporaryDirectory(prefix="wadogate-bench-") as folder, ThreadPoolExecutor(4) as pool:
        print("eviction", file=sys.stderr)
        running = {
            (workload, name): pool.submit(
                _measured, name, Path(folder, workload.replace(",", "").replace(" ", "-"), name), readings, studies, room
            )
            for workload, readings in traces.items()
            for name in (GATEWAY, NGINX)
        }
        for (workload, name), result in running.items():
            found[workload][name] = result.result()
    for workload, readings in traces.items():
        found[workload][LRU] = simulated(readings, studies, room)
    return found


def table(found):
    print(f"\neviction: room for {ROOM} of {STUDIES} studies, {READINGS} readings of whole studies by a Zipf law")
    for workload, caches in found.items():
        print(f"\n  {workload:<24}" + "".join(f"{name:>16}" for name in caches))
        for figure in next(iter(caches.values())):
            values = (each[figure] for each in caches.values())
            print(f"  {figure:<24}" + "".join(f"{value:>16.3g}" for value in values))


if __name__ == "__main__":
    table(measure())
