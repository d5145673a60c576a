"""What the cache serves after records and archives have changed: never yesterday's header, and no pixel fetched twice."""

import io
import time

import pydicom
import pytest
import requests

from bed import fhir, images
from bed.client import AS_STORED, FRAMES_AS_STORED, JSON, only_part, outcome
from bed.fhir import Sekmet
from bed.gateway import Gateway, backend
from bed.processes import wait_until
from bed.recording import RecordingArchive
from bed.scripted import SmallObject


class Ward:
    """One scripted archive and a real FHIR server whose records count for a moment only."""

    def __init__(self, folder, **cache):
        self.archive = RecordingArchive()
        self.fhir = Sekmet(folder / "fhir").start()
        self.study, self.series = images.uid("ward"), images.uid("ward", "series")
        self.instances = []
        self.record = {"subject": "one", "status": "available"}
        self.grow()
        self.publish()
        self.gateway = Gateway(
            folder / "gateway",
            {
                "directory": [{"fhir": {"url": self.fhir.base, "name": "ward-fhir", "fresh_for": "0s"}}],
                "backends": [backend("ward-archive", f"{self.archive.origin}/", abilities={"frames": False})],
                "cache": cache,
            },
        ).start()

    def stop(self):
        self.gateway.stop()
        self.fhir.stop()
        self.archive.stop()

    def grow(self):
        instance = images.uid("ward", len(self.instances))
        self.instances.append(instance)
        self.put(instance, "Yesterday")

    def put(self, instance, name):
        """Stores an image whose patient has that name; its pixels are always the same."""
        image = images.small(self.study, self.series, instance)
        file = pydicom.dcmread(io.BytesIO(image.data))
        file.PatientName = name
        self.archive.put(instance, SmallObject(images.written(file)))

    def publish(self, **changes):
        self.record |= changes
        series = [
            {"uid": self.series, "modality": "CT", "instances": [(each, str(images.CTImageStorage)) for each in self.instances]}
        ]
        study = fhir.imaging_study("ward", self.study, self.record["subject"], series, ["rs"], self.record["status"])
        self.fhir.put(
            [
                fhir.patient("one"),
                fhir.patient("two"),
                fhir.endpoint("rs", "dicom-wado-rs", self.archive.wado_rs),
                study,
            ]
        )

    def get(self, tail="", accept=AS_STORED, number=0, status=200, **fields):
        path = f"/studies/{self.study}/series/{self.series}/instances/{self.instances[number]}"
        answer = requests.get(self.gateway.dicomweb + path + tail, headers={"Accept": accept, **fields}, timeout=30)
        assert answer.status_code == status, (answer.status_code, answer.text[:500])
        return answer

    def stored(self, pattern):
        """The stored files of that name, once there is one: a client may have the last byte before the disk does."""
        found = []
        wait_until(lambda: found.extend(self.gateway.cache_path.rglob(pattern)) or found, 10, pattern)
        return found

    def name(self, number=0):
        """The patient's name as the instance's header has it."""
        return str(pydicom.dcmread(io.BytesIO(only_part(self.get(number=number)).body)).PatientName)

    def name_in_metadata(self, number=0):
        return self.get("/metadata", JSON, number).json()[0]["00100010"]["Value"][0]["Alphabetic"]

    def frame(self, number=0):
        return self.get("/frames/1", FRAMES_AS_STORED, number)


@pytest.fixture
def ward(tmp_path):
    """Makes a ward with these settings of the cache."""
    wards = []

    def make(**cache):
        wards.append(Ward(tmp_path, **cache))
        return wards[-1]

    yield make
    for each in wards:
        each.stop()


def test_another_subject_brings_new_headers_and_no_new_pixels(ward):
    ward = ward()
    pixels = only_part(ward.frame()).body
    assert (ward.name(), ward.name_in_metadata()) == ("Yesterday", "Yesterday")
    tag = ward.get().headers["ETag"]
    ward.put(ward.instances[0], "Today")
    ward.archive.forget()
    assert (ward.name(), ward.name_in_metadata()) == ("Yesterday", "Yesterday")
    assert ward.archive.requests == []

    ward.publish(subject="two")
    # The pixels of the stored instance are as good as they were.
    frame = ward.frame()
    assert only_part(frame).body == pixels
    assert ward.archive.requests == [], ward.archive.requests
    assert (ward.name(), ward.name_in_metadata()) == ("Today", "Today")
    assert ward.get().headers["ETag"] != tag
    assert outcome(ward.get()) == "hit"
    assert any(entry.get("raised_for") == "subject" for entry in ward.gateway.log_entries())


def test_growth_keeps_what_is_there(ward):
    ward = ward()
    assert ward.name() == "Yesterday"
    ward.archive.forget()
    ward.grow()
    ward.publish()
    assert ward.name() == "Yesterday"
    assert ward.archive.requests == []
    assert ward.name(1) == "Yesterday"


def test_a_change_that_nobody_can_see_is_a_change(ward):
    ward = ward()
    assert ward.name() == "Yesterday"
    ward.put(ward.instances[0], "Today")
    study = requests.get(f"{ward.fhir.base}/ImagingStudy/ward", timeout=10).json()
    study["note"] = [{"text": "corrected"}]
    ward.fhir.put([study])
    assert ward.name() == "Today"


def test_the_same_bytes_keep_their_tag(ward):
    ward = ward()
    ward.get()
    tag = ward.get().headers["ETag"]
    ward.archive.forget()
    ward.publish(subject="two")
    assert ward.name() == "Yesterday"
    assert ward.archive.count(), "it was fetched again"
    assert ward.get(status=304, **{"If-None-Match": tag}).headers["ETag"] == tag


def test_a_record_in_error_purges_its_study(ward):
    ward = ward()
    ward.get()
    folder = ward.gateway.cache_path / "objects"
    assert ward.stored("instance,*")
    ward.publish(status="entered-in-error")
    ward.get(status=410)
    wait_until(lambda: not list(folder.rglob("instance,*")), 10, "the purge")


def test_a_new_process_answers_while_the_fhir_server_is_down(ward):
    ward = ward()
    before = ward.get()
    ward.stored("study.txt")
    ward.stored("instance,*")
    ward.gateway.stop()
    ward.fhir.stop()
    ward.archive.forget()
    ward.gateway.start()
    after = ward.get()
    assert after.content == before.content
    assert outcome(after) == "stale"
    assert ward.archive.requests == []
    # Whoever reads the document finds text.
    text = next(ward.gateway.cache_path.rglob("study.txt")).read_text()
    assert "subject Patient/one" in text and "raised-for unknown" in text


def test_a_damaged_document_costs_one_fetch(ward):
    ward = ward()
    ward.get()
    ward.stored("study.txt")
    ward.stored("instance,*")
    ward.gateway.stop()
    document = next(ward.gateway.cache_path.rglob("study.txt"))
    document.write_bytes(document.read_bytes().replace(b"Patient/one", b"Patient/two"))
    ward.archive.forget()
    ward.gateway.start()
    assert ward.name() == "Yesterday"
    assert ward.archive.count()
    ward.archive.forget()
    assert outcome(ward.get()) == "hit"
    assert ward.archive.requests == []


# Pictures age.


def test_an_old_picture_is_served_and_renewed(ward):
    ward = ward(fresh_for={"rendered": "0s"})
    ward.get("/rendered", "image/jpeg")
    ward.stored("rendered/*")
    ward.archive.forget()
    answer = ward.get("/rendered", "image/jpeg")
    assert outcome(answer) == "stale" and answer.headers["Warning"].startswith("110 ")
    ward.archive.wait_for_requests(1, "/rendered")


def test_an_old_picture_serves_when_the_archive_is_down(ward):
    ward = ward(fresh_for={"rendered": "0s"}, stale_while_revalidate="0s")
    before = ward.get("/rendered", "image/jpeg")
    ward.stored("rendered/*")
    ward.archive.stop()
    answer = ward.get("/rendered", "image/jpeg")
    assert answer.content == before.content
    assert outcome(answer) == "stale"


def test_a_picture_that_is_too_old_is_not_served(ward):
    ward = ward(fresh_for={"rendered": "0s"}, stale_while_revalidate="0s", stale_if_error="0s")
    ward.get("/rendered", "image/jpeg")
    ward.stored("rendered/*")
    ward.archive.stop()
    ward.get("/rendered", "image/jpeg", status=502)


def test_a_backend_is_asked_by_its_validator(ward):
    ward = ward(fresh_for={"rendered": "0s"}, stale_while_revalidate="0s")
    plain = ward.archive.fault

    def with_tags(request, conversation, stored):
        if not request.path.endswith("/rendered"):
            return plain(request, conversation, stored)
        if request.field("If-None-Match") == '"v1"':
            conversation.head(304, {"ETag": '"v1"'})
        else:
            conversation.respond(200, {"Content-Type": "image/jpeg", "ETag": '"v1"'}, b"\xff\xd8\xff\xe0 a picture")
        return True

    ward.archive.fault = with_tags
    first = ward.get("/rendered", "image/jpeg")
    ward.stored("rendered/*")
    second = ward.get("/rendered", "image/jpeg")
    assert second.content == first.content
    assert [each.field("If-None-Match") for each in ward.archive.requests if each.path.endswith("/rendered")] == [
        None,
        '"v1"',
    ]
    assert ward.get("/rendered", "image/jpeg").headers["ETag"] == second.headers["ETag"]


# What is not there.


def test_what_is_not_there_is_asked_for_once_in_a_while(ward):
    ward = ward(negative_for="1h")
    del ward.archive.objects[ward.instances[0]]
    for _ in range(3):
        ward.get(status=404)
    once = len(ward.archive.requests)
    ward.archive.forget()
    ward.get(status=404)
    assert ward.archive.requests == [] and once
    # Another version of the record may tell of an image that has come.
    ward.put(ward.instances[0], "Today")
    ward.publish(subject="two")
    assert ward.name() == "Today"


def test_negative_answers_are_not_remembered_if_that_is_configured(ward):
    ward = ward(negative_for="0s")
    del ward.archive.objects[ward.instances[0]]
    for number in range(1, 4):
        ward.get(status=404)
        assert ward.archive.count() >= number


def test_failures_are_not_remembered(ward):
    ward = ward(negative_for="1h")
    ward.archive.fault = lambda request, conversation, stored: conversation.respond(503) or True
    ward.get(status=503)
    ward.archive.fault = None
    ward.get()


# What clients insist on.


def test_a_client_may_insist_on_a_renewal(ward):
    ward = ward(honor_client_cache_control=True)
    ward.get()
    ward.put(ward.instances[0], "Today")
    time.sleep(1.1)  # stored times are whole seconds: time itself is what is waited for
    assert ward.name() == "Yesterday"
    ward.get(**{"Cache-Control": "no-cache"})
    assert ward.name() == "Today"


def test_a_client_may_forbid_a_fetch(ward):
    ward = ward(honor_client_cache_control=True)
    ward.get(status=504, **{"Cache-Control": "only-if-cached"})
    assert ward.archive.requests == []
    ward.get()
    ward.get(**{"Cache-Control": "only-if-cached"})


def test_clients_insist_in_vain_unless_configured(ward):
    ward = ward()
    ward.get(**{"Cache-Control": "only-if-cached"})
    ward.archive.forget()
    ward.get(**{"Cache-Control": "no-cache"})
    assert ward.archive.requests == []


# Corrections that no record tells of.


def test_a_silent_correction_is_found(ward):
    ward = ward(recheck_instances="1s")
    assert (ward.name(), ward.name_in_metadata()) == ("Yesterday", "Yesterday")
    pixels = only_part(ward.frame()).body
    ward.stored("metadata.json")
    ward.stored("instance,stored")
    ward.put(ward.instances[0], "Today")

    def is_found():
        ward.get("/frames/1", FRAMES_AS_STORED)  # the study is in use
        return any(entry.get("raised_for") == "metadata" for entry in ward.gateway.log_entries())

    wait_until(is_found, 20, "the re-check")
    assert (ward.name(), ward.name_in_metadata()) == ("Today", "Today")
    assert only_part(ward.frame()).body == pixels


def test_what_agrees_stays(ward):
    ward = ward(recheck_instances="1s")
    assert ward.name_in_metadata() == "Yesterday"
    ward.stored("metadata.json")
    ward.archive.forget()

    def is_rechecked():
        assert ward.name_in_metadata() == "Yesterday"
        return ward.archive.count("/metadata") >= 2

    wait_until(is_rechecked, 20, "two re-checks")
    assert not any("raised_for" in entry for entry in ward.gateway.log_entries())
