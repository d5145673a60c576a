"""One set of objects answers all: what a series that was retrieved once costs the archive afterwards."""

import io
import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import PIL.Image
import pytest
import requests

from bed import fhir, images
from bed.archives import Orthanc
from bed.client import AS_STORED, FRAMES_AS_STORED, JSON, only_part, outcome, parts, transfer
from bed.gateway import Gateway, backend, files_source
from bed.processes import wait_until
from bed.recorder import Recorder
from bed.scripted import PATIENCE, Gate

SLICES = 30


class Place:
    """A gateway before a real Orthanc, through a proxy that counts, a study of two series, and an image of six frames."""

    def __init__(self, folder, orthanc, recorder, name):
        self.orthanc, self.recorder = orthanc, recorder
        self.study = images.uid("cache", name)
        self.slices = [
            image
            for series in range(2)
            for image in images.ct_series(self.study, images.uid("cache", name, series), SLICES, size=32)
        ]
        ids = [images.uid("cache", name, "frames", level) for level in ("study", "series", "instance")]
        self.frames = images.many_frames(*ids, frames=6, size=32)
        assert all(orthanc.store(image.data) for image in [*self.slices, self.frames])
        records = [
            fhir.imaging_study(f"study-{number}", members[0].study, "p", fhir.series_of(members, ["rs"]))
            for number, members in enumerate([self.slices, [self.frames]])
        ]
        endpoint = fhir.endpoint("rs", "dicom-wado-rs", f"{recorder.origin}/dicom-web")
        settings = {
            "directory": [files_source(folder / "studies", endpoint, *records)],
            "backends": [backend("archive", f"{recorder.origin}/")],
        }
        self.gateway = Gateway(folder / "gateway", settings)

    def path(self, level):
        return self.slices[0].path.rpartition("/instances/")[0] if level == "series" else f"/studies/{self.study}"

    def below(self, level):
        return self.slices[:SLICES] if level == "series" else self.slices

    def get(self, path, accept=AS_STORED):
        answer = requests.get(self.gateway.dicomweb + path, headers={"Accept": accept}, timeout=PATIENCE)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:500])
        return answer

    def retrieve(self, level):
        """The data sets of a level, sorted, and how the cache took part."""
        answer = self.get(self.path(level))
        return sorted(part.body for part in parts(answer)), outcome(answer)

    def asked(self):
        """The paths of what was retrieved from the archive since the last call. Counting a series costs no search twice."""
        found = [each.request.path for each in self.recorder.answered if not each.request.path.endswith("/series")]
        self.recorder.answered.clear()
        return [path.removeprefix("/dicom-web") for path in found]

    def lose(self, members):
        """Removes their folders, as an operator may at any time. The gateway has no open descriptors of them."""
        self.gateway.stop()
        for image in members:
            (folder,) = (self.gateway.cache_path / "objects").glob(f"*/*/*/*/*/{image.instance}")
            shutil.rmtree(folder)
        self.gateway.start()


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory):
    with Orthanc("archive", tmp_path_factory.mktemp("archive")) as orthanc:
        yield orthanc


@pytest.fixture
def place(tmp_path, orthanc, request):
    with Recorder(orthanc.port) as recorder:
        place = Place(tmp_path, orthanc, recorder, request.node.name)
        with place.gateway:
            yield place


@pytest.mark.parametrize("level", ["series", "study"])
def test_the_second_retrieve_costs_the_archive_nothing(place, level):
    expected = sorted(image.data for image in place.below(level))
    assert place.retrieve(level) == (expected, "miss")
    assert place.asked() == [place.path(level)]
    assert place.retrieve(level) == (expected, "hit")
    assert place.asked() == []


def test_a_study_is_answered_from_its_series_and_the_other_way_round(place):
    for image in place.slices[::SLICES]:
        place.get(image.path.rpartition("/instances/")[0])
    place.asked()
    assert place.retrieve("study") == (sorted(image.data for image in place.slices), "hit")
    assert place.retrieve("series") == (sorted(image.data for image in place.below("series")), "hit")
    assert place.asked() == []


def test_all_that_is_in_the_instances_is_answered_from_them(place):
    place.retrieve("study")
    place.asked()
    for image in place.slices[3::SLICES]:
        pixels = images.pixels_of(image)
        assert only_part(place.get(image.path)).body == image.data
        assert only_part(place.get(f"{image.path}/frames/1", FRAMES_AS_STORED)).body == pixels
        assert [part.body for part in parts(place.get(f"{image.path}/pixeldata", FRAMES_AS_STORED))] == [pixels]
    query = {"requestType": "WADO", "studyUID": image.study, "seriesUID": image.series, "objectUID": image.instance}
    answer = requests.get(place.gateway.wado, params=query | {"contentType": "application/dicom"}, timeout=PATIENCE)
    assert answer.content == image.data
    assert place.asked() == []


def test_few_missing_instances_are_fetched_one_by_one_and_many_with_the_series(place):
    expected = sorted(image.data for image in place.below("series"))
    place.retrieve("series")
    place.gateway.wait_until_stored(SLICES)
    place.asked()
    few, many = place.slices[4:6], place.slices[2:27]
    place.lose(few)
    assert place.retrieve("series")[0] == expected
    assert sorted(place.asked()) == sorted(image.path for image in few)
    place.gateway.wait_until_stored(SLICES)
    place.lose(many)
    assert place.retrieve("series")[0] == expected
    assert place.asked() == [place.path("series")]
    assert place.retrieve("series") == (expected, "hit")
    assert place.asked() == []


@pytest.mark.parametrize("level", ["series", "study"])
def test_an_instance_that_arrives_is_there_at_the_next_retrieve(place, level):
    place.retrieve(level)
    file = images.data_set(
        place.study, place.slices[0].series, images.uid("late", level), images.CTImageStorage, "CT", "SYNTHETIC-CT"
    )
    late = images.written(file)
    assert place.orthanc.store(late)
    expected = sorted([late, *(image.data for image in place.below(level))])
    # What an archive counts is known for a second.
    time.sleep(1.1)
    assert place.retrieve(level)[0] == expected
    place.asked()
    assert place.retrieve(level) == (expected, "hit")
    assert place.asked() == []
    found = place.get(f"{place.path(level)}/metadata", JSON).json()
    assert images.uid("late", level) in {each["00080018"]["Value"][0] for each in found}


def test_metadata_costs_one_request_for_each_series(place):
    expected = {image.instance for image in place.below("series")}
    for accept in (JSON, "application/dicom+json, application/json", "*/*"):
        found = place.get(f"{place.path('series')}/metadata", accept).json()
        assert {each["00080018"]["Value"][0] for each in found} == expected
        # The document, and the list that vouches for it.
        place.gateway.wait_until_stored(2)
    assert len(place.asked()) == 1
    of_one = place.get(f"{place.slices[7].path}/metadata", JSON).json()
    assert [each["00080018"]["Value"][0] for each in of_one] == [place.slices[7].instance]
    assert place.asked() == []


def test_one_picture_in_several_spellings_is_one_object(place):
    path = f"{place.slices[0].path}/rendered"
    first = place.get(f"{path}?viewport=24,24", "image/png")
    assert PIL.Image.open(io.BytesIO(first.content)).size == (24, 24)
    place.asked()
    place.gateway.wait_until_stored(1)
    stored = place.gateway.stored_files()
    for query, accept in (
        ("viewport=24%2C24", "image/png"),
        ("viewport=24,24&accept=image/png", FRAMES_AS_STORED),
        ("accept=image%2Fpng&viewport=24,24", "*/*"),
        ("viewport=24,24", "image/png, image/jpeg;q=0.5"),
        ("viewport=024,24", "image/png"),
    ):
        again = place.get(f"{path}?{query}", accept)
        assert (again.content, outcome(again)) == (first.content, "hit"), (query, accept)
    assert place.asked() == []
    assert sorted(place.gateway.stored_files()) == sorted(stored)


def test_a_list_of_frames_is_answered_from_single_ones_and_these_from_a_list(place):
    pixels = images.pixels_of(place.frames)
    held = [pixels[start : start + 1024] for start in range(0, len(pixels), 1024)]

    def frames(numbers):
        found = place.get(f"{place.frames.path}/frames/{numbers}", FRAMES_AS_STORED)
        return [part.body for part in parts(found)]

    def moved_pixels():
        # How many frames there are is for the metadata to say.
        return [path for path in place.asked() if not path.endswith("/metadata")]

    assert [frames(number) for number in (1, 2)] == [held[0:1], held[1:2]]
    assert moved_pixels()
    assert frames("2,1") == [held[1], held[0]]
    assert moved_pixels() == []
    assert frames("1,2,3,4") == held[:4]
    place.asked()
    assert [frames(number) for number in (3, 4)] == [held[2:3], held[3:4]]
    assert moved_pixels() == []


# An archive whose whole answers a test holds and breaks.


class WholeAnswers:
    """The scripted archive answers series and studies as Orthanc does: no length, the connection's end is the answer's.

    `gate` holds an answer in the middle of its third part; `breaks_off` ends it before the closing boundary.
    """

    def __init__(self, lab, members):
        self.archive, self.members = lab.archive, members
        self.gate = None
        self.breaks_off = False
        lab.archive.fault = self._answer

    @property
    def path(self):
        return self.members[0].path.rpartition("/instances/")[0]

    @property
    def retrieved(self):
        """How often the series was retrieved, and how often an instance of it."""
        paths = [each.path.removeprefix("/dicom-web") for each in self.archive.requests]
        return paths.count(self.path), sum("/instances/" in path for path in paths)

    def _answer(self, request, conversation, stored):
        if request.path.endswith("/series"):
            return self._count(conversation)
        if stored or request.path.removeprefix("/dicom-web") != self.path:
            return False
        before = f"--{self.archive.BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        conversation.head(200, {"Content-Type": self.archive.multipart_type(), "Connection": "close"})
        for number, each in enumerate(self.members):
            half = len(each.data) // 2
            conversation.send((b"\r\n" if number else b"") + before + each.data[:half])
            if self.gate and number == 2:
                self.gate.pass_through()
            conversation.send(each.data[half:])
        if not self.breaks_off:
            conversation.send(f"\r\n--{self.archive.BOUNDARY}--\r\n".encode())
        conversation.close()
        return True

    def _count(self, conversation):
        of = self.members[0]
        series = {
            "0020000D": {"vr": "UI", "Value": [of.study]},
            "0020000E": {"vr": "UI", "Value": [of.series]},
            "00201209": {"vr": "IS", "Value": [len(self.members)]},
        }
        conversation.respond(200, {"Content-Type": "application/dicom+json"}, json.dumps([series]).encode())
        return True


@pytest.fixture
def whole(lab):
    return WholeAnswers(lab, [lab.small(f"image {number}") for number in range(6)])


def retrieve(gateway, whole, **options):
    return transfer(gateway.dicomweb + whole.path, {"Accept": AS_STORED}, **options)


def data_sets(gateway, whole):
    answer = requests.get(gateway.dicomweb + whole.path, headers={"Accept": AS_STORED}, timeout=PATIENCE)
    assert answer.status_code == 200, answer.text
    return [part.body for part in parts(answer)]


def lists_of_members(gateway):
    return [path for path in gateway.stored_files() if path.name == "members"]


def test_without_the_closing_boundary_nothing_vouches_for_the_series(lab, whole):
    gateway = lab.gateway()
    whole.breaks_off = True
    broken = retrieve(gateway, whole)
    assert broken.status == 200 and not broken.is_complete
    assert lists_of_members(gateway) == []
    whole.breaks_off = False
    expected = [each.data for each in whole.members]
    assert data_sets(gateway, whole) == expected
    asked = whole.retrieved
    assert asked[0] == 2
    wait_until(lambda: len(lists_of_members(gateway)) == 1, PATIENCE, "the series' list of members")
    assert data_sets(gateway, whole) == expected
    assert whole.retrieved == asked


def test_followers_of_a_series_get_the_same_bytes_from_one_request(lab, whole):
    gate = whole.gate = Gate(at=0)
    gateway = lab.gateway()
    with ThreadPoolExecutor(8) as pool:
        running = [pool.submit(data_sets, gateway, whole) for _ in range(8)]
        gate.wait_reached()
        # An instance that has come already, and one that is coming, are answered from the same fill.
        first = requests.get(gateway.dicomweb + whole.members[0].path, headers={"Accept": AS_STORED}, timeout=PATIENCE)
        third = pool.submit(transfer, gateway.dicomweb + whole.members[2].path, {"Accept": AS_STORED})
        assert only_part(first).body == whole.members[0].data
        gate.open()
        expected = [each.data for each in whole.members]
        assert all(each.result() == expected for each in running)
        assert third.result().is_complete
    assert whole.retrieved == (1, 0)


def test_a_series_is_filled_to_its_end_when_its_client_leaves(lab, whole):
    gate = whole.gate = Gate(at=0)
    gateway = lab.gateway()
    connection = HTTPConnection("127.0.0.1", gateway.port, timeout=PATIENCE)
    connection.request("GET", f"/dicom-web{whole.path}", headers={"Accept": AS_STORED})
    assert connection.getresponse().read(1000)
    gate.wait_reached()
    connection.sock.close()
    connection.close()
    wait_until(gateway.requests_logged, PATIENCE, "the request's end in the log")
    gate.open()
    wait_until(lambda: len(lists_of_members(gateway)) == 1, PATIENCE, "the series' list of members")
    assert data_sets(gateway, whole) == [each.data for each in whole.members]
    assert whole.retrieved == (1, 0)


def test_what_is_purged_while_it_comes_is_not_kept(lab, whole):
    gate = whole.gate = Gate(at=0)
    gateway = lab.gateway()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(data_sets, gateway, whole)
        gate.wait_reached()
        gateway.wait_until_stored(2)
        assert gateway.purge_request(whole.members[0].study).ok
        gate.open()
        assert running.result() == [each.data for each in whole.members]
    whole.gate = None
    # What came before the purge is gone: the list can't vouch for it, and the archive is asked again for what is missing.
    assert data_sets(gateway, whole) == [each.data for each in whole.members]
    assert whole.retrieved != (1, 0)
