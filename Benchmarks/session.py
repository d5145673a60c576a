"""A recorded session of three viewers, replayed against the gateway and against nginx before the same Orthanc.

What counts is what the archive had to do and what lies on the disk afterwards. Both begin with an empty cache.
"""

import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Tests/EndToEnd"))
from bed import fhir, images  # noqa: E402
from bed.archives import Orthanc  # noqa: E402
from bed.gateway import Gateway, backend, files_source  # noqa: E402
from bed.processes import wait_until  # noqa: E402
from bed.recorder import Recorder  # noqa: E402
from nginx import Nginx, bytes_on_disk  # noqa: E402

_SESSION = Path(__file__).with_name("session.txt")
# As many connections as a browser opens to one server.
CONNECTIONS = 6
SERIES, SLICES, SIZE = 4, 75, 512
FRAMES = 200
PATIENT = "SESSION"
STUDY = images.uid("session", "study")
GATEWAY, NGINX = "gateway", "nginx"


@dataclass
class Step:
    """What one viewer asks for by one line of the list: (path, Accept, pixels that must be in the answer)."""

    viewer: str
    template: str
    requests: list = field(default_factory=list)

    @property
    def what(self):
        names = {"/metadata": "metadata", "/rendered": "thumbnails", "/frames/": "frames"}
        return next((name for part, name in names.items() if part in self.template), "study")


def study():
    """(the slices, an image of 200 frames): 300 of 512 KiB in 4 series, and 52 MB."""
    slices = [
        image
        for number in range(SERIES)
        for image in images.ct_series(STUDY, images.uid("session", number), SLICES, SIZE, PATIENT)
    ]
    ids = STUDY, images.uid("session", "multi-frame"), images.uid("session", "multi-frame", 1)
    return slices, images.many_frames(*ids, FRAMES, SIZE, PATIENT)


def recorded(slices, multi, same_spelling):
    """The steps of the list. With `same_spelling` whoever asks for what was asked before spells it the same."""
    series = {}
    for image in [*slices, multi]:
        series.setdefault(image.series, []).append(image)
    first_spelling, steps, viewer = {}, [], None
    for line in _SESSION.read_text().splitlines():
        if line.startswith("== "):
            viewer = line[3:]
        elif line and not line.startswith("#"):
            template, _, accept = (part.strip() for part in line.partition("|"))
            if same_spelling:
                template = template.replace("%2C", ",")
                accept = first_spelling.setdefault(template, accept)
            step = Step(viewer, template)
            step.requests = list(dict.fromkeys((path, accept, pixels) for path, pixels in _paths(template, series)))
            steps.append(step)
    return steps


def _paths(template, series):
    """What a template stands for: paths, and (the image, the frame) that the answer must hold."""
    for uid, members in series.items():
        middle = members[len(members) // 2].instance
        for image in members if "{instance}" in template else members[:1]:
            for frame in range(1, image.frames + 1) if "{frame}" in template else [None]:
                path = template.format(study=STUDY, series=uid, middle=middle, instance=image.instance, frame=frame)
                yield path, frame and (image.instance, frame)


class Replay:
    """Sends a session to one server and counts what reaches the archive meanwhile."""

    def __init__(self, server, root, recorder, pixels):
        self.server, self.root, self.recorder, self.pixels = server, root, recorder, pixels
        self.local = threading.local()

    def run(self, steps):
        """A figure for each step."""
        found = []
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            for step in steps:
                seen, began = len(self.recorder.answered), time.perf_counter()
                answers = list(pool.map(self._ask, step.requests))
                seconds = time.perf_counter() - began
                self._quiet()
                asked = self.recorder.answered[seen:]
                found.append(
                    {
                        "viewer": step.viewer,
                        "what": step.what,
                        "requests": len(step.requests),
                        "refused": sum(answer is None for answer in answers),
                        "bytes": sum(answer or 0 for answer in answers),
                        "seconds": seconds,
                        "backend requests": len(asked),
                        "backend bytes": sum(each.length for each in asked),
                    }
                )
        return found

    def _ask(self, request):
        """The length of the answer's body; None for a picture that is refused."""
        path, accept, pixels = request
        if not hasattr(self.local, "connection"):
            self.local.connection = HTTPConnection("127.0.0.1", self.server.port, timeout=300)
        self.local.connection.request("GET", self.root + path, headers={"Accept": accept})
        answer = self.local.connection.getresponse()
        body = answer.read()
        if "/rendered" in path and answer.status >= 400:
            return None
        assert answer.status == 200, (self.server.name, path, answer.status, body[:500])
        assert pixels is None or self.pixels[pixels] in body, (self.server.name, path, len(body))
        return len(body)

    def _quiet(self):
        """The archive's last byte is counted, and nothing is being filled."""
        def state():
            return len(self.recorder.answered), sum(each.length for each in self.recorder.answered)

        before, since = state(), time.monotonic()
        while time.monotonic() < since + 0.3:
            time.sleep(0.02)
            now = state()
            if now != before:
                before, since = now, time.monotonic()
        if self.server.name == GATEWAY:
            statistics = f"{self.server.admin}/cache/stats"
            wait_until(lambda: requests.get(statistics, timeout=5).json()["fills"] == 0, 60, "fills end")


def _gateway(folder, recorder, members):
    record = fhir.imaging_study("session", STUDY, "session", fhir.series_of(members, ["rs"]))
    endpoint = fhir.endpoint("rs", "dicom-wado-rs", f"{recorder.origin}/dicom-web")
    settings = {
        "directory": [files_source(folder / "studies", record, endpoint)],
        "backends": [backend("archive", f"{recorder.origin}/", timeouts={"first_byte": "2m", "stall": "1m"})],
    }
    return Gateway(folder, settings, name=GATEWAY)


def measure():
    """Variant → server → {steps, bytes on disk}."""
    slices, multi = study()
    members = [*slices, multi]
    pixels = {(image.instance, 1): images.pixels_of(image) for image in slices}
    frame = SIZE * SIZE
    of_multi = images.pixels_of(multi)
    pixels |= {(multi.instance, n + 1): of_multi[n * frame : (n + 1) * frame] for n in range(FRAMES)}
    found = {}
    with tempfile.TemporaryDirectory(prefix="wadogate-bench-") as folder:
        folder = Path(folder)
        with Orthanc("archive", folder / "archive") as archive:
            for image in members:
                assert archive.store(image.data)
            for variant in ("each viewer's own spelling", "all viewers spell alike"):
                steps = recorded(slices, multi, same_spelling=variant.startswith("all"))
                for name in (NGINX, GATEWAY):
                    print(f"session, {variant}: {name}", file=sys.stderr)
                    place = folder / variant.partition(" ")[0] / name
                    with Recorder(archive.port) as recorder:
                        if name == NGINX:
                            server = Nginx(place, recorder.port, 64 << 30)
                        else:
                            server = _gateway(place, recorder, members)
                        with server:
                            figures = Replay(server, "/dicom-web", recorder, pixels).run(steps)
                            disk = bytes_on_disk(server.cache_path)
                    found.setdefault(variant, {})[name] = {"steps": figures, "bytes on disk": disk}
    return found


def _row(name, gateway, nginx, unit=1.0, digits=0):
    ratio = f"{gateway / nginx:>8.2f}" if nginx else f"{'':>8}"
    return f"  {name:<40}{gateway / unit:>12.{digits}f}{nginx / unit:>12.{digits}f}{ratio}"


def table(found):
    print("\nsession: three viewers and one study (300 CT slices in 4 series, 200 frames in a fifth), before one Orthanc")
    for variant, servers in found.items():
        gateway, nginx = servers[GATEWAY], servers[NGINX]
        print(f"\n  {variant:<40}{'gateway':>12}{'nginx':>12}{'ratio':>8}")
        totals = [{key: sum(step[key] for step in each["steps"]) for key in ("backend requests", "backend bytes", "seconds")}
                  for each in (gateway, nginx)]
        print(_row("backend requests", *(each["backend requests"] for each in totals)))
        print(_row("backend MB", *(each["backend bytes"] for each in totals), 1e6, 1))
        print(_row("MB on disk", gateway["bytes on disk"], nginx["bytes on disk"], 1e6, 1))
        print(_row("seconds", *(each["seconds"] for each in totals), 1, 1))
        print("    of these, backend requests and MB, and seconds, by step")
        viewer = None
        for ours, theirs in zip(gateway["steps"], nginx["steps"], strict=True):
            if ours["viewer"] != viewer:
                viewer = ours["viewer"]
                print(f"    {viewer}")
            line = f"      {ours['what'] + ', ' + str(ours['requests']):<22}"
            for each in (ours, theirs):
                line += f"{each['backend requests']:>8}{each['backend bytes'] / 1e6:>8.1f} MB{each['seconds']:>7.1f} s"
                line += f" ({each['refused']} refused)" if each["refused"] else ""
            print(line)


if __name__ == "__main__":
    table(measure())
