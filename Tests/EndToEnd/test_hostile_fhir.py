"""A FHIR server that answers something else than it was asked."""

import json

import pytest
import requests

from bed import fhir, images
from bed.client import AS_STORED, only_part
from bed.gateway import Gateway, backend
from bed.scripted import ScriptedArchive, ScriptedServer

FHIR_JSON = {"Content-Type": "application/fhir+json"}
NAME = "scripted-fhir"


class Scene:
    """A scripted FHIR server, a scripted archive with one image, and a gateway between them."""

    def __init__(self, folder):
        self.folder = folder
        self.archive = ScriptedArchive()
        self.forbidden = ScriptedArchive()
        self.fhir = ScriptedServer()
        self.image = images.small(images.uid("fhir study"), images.uid("fhir series"), images.uid("fhir image"))
        for archive in (self.archive, self.forbidden):
            archive.put(self.image.instance, self.image.data)
        self.gateway = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.gateway:
            died = self.gateway.process.poll()
            self.gateway.stop()
            assert died is None, self.gateway.log_tail()
        for server in (self.archive, self.forbidden, self.fhir):
            server.__exit__()

    def start(self, script):
        self.fhir.script = script
        self.gateway = Gateway(
            self.folder,
            {
                "directory": [
                    {
                        "fhir": {
                            "url": f"{self.fhir.origin}/fhir",
                            "name": NAME,
                            "negative_for": "0s",
                            "fresh_for": "0s",
                            "timeouts": {"connect": "1s", "first_byte": "2s", "stall": "2s"},
                        }
                    }
                ],
                "backends": [backend("scripted-archive", f"{self.archive.origin}/dicom-web")],
            },
        ).start()
        return self

    def ask(self):
        return requests.get(self.gateway.dicomweb + self.image.path, headers={"Accept": AS_STORED}, timeout=30)

    def study(self, study=None, subject="p1", address=None, identifier="s1"):
        """The ImagingStudy and Endpoint that a well-behaved server would answer."""
        series = {
            "uid": self.image.series,
            "modality": "CT",
            "instances": [(self.image.instance, self.image.sop_class)],
        }
        return [
            fhir.imaging_study(identifier, study or self.image.study, subject, [series], ["e1"]),
            fhir.endpoint("e1", "dicom-wado-rs", self.archive.wado_rs if address is None else address),
        ]

    def assert_no_address_in(self, answer):
        for server in (self.archive, self.forbidden, self.fhir):
            # The request's identifier may hold any digits.
            told = (answer.text + str(answer.headers)).replace(answer.headers["X-Request-Id"], "")
            assert f":{server.port}" not in told


@pytest.fixture
def scene(tmp_path):
    with Scene(tmp_path) as scene:
        yield scene


def answering(*resources, status=200):
    body = json.dumps(fhir.searchset(*resources)).encode()
    return lambda request, conversation: conversation.respond(status, FHIR_JSON, body)


def test_a_good_answer_works(scene):
    """The scene itself, so that the other tests fail for their own reasons only."""
    answer = scene.start(answering(*scene.study())).ask()
    assert answer.status_code == 200, answer.text
    assert only_part(answer).body == scene.image.data


def test_strict_handling_is_asked_for(scene):
    scene.start(answering(*scene.study())).ask()
    assert "handling=strict" in scene.fhir.requests[0].field("Prefer")
    assert scene.image.study in scene.fhir.requests[0].target


def test_other_studies_are_not_taken_for_the_one_asked_for(scene):
    others = [scene.study(study=images.uid("other", number), identifier=f"o{number}")[0] for number in range(50)]
    answer = scene.start(answering(*others, scene.study()[1])).ask()
    assert answer.status_code == 404
    assert not scene.archive.requests


def test_the_right_study_is_found_among_others(scene):
    others = [scene.study(study=images.uid("other", number), identifier=f"o{number}")[0] for number in range(50)]
    assert scene.start(answering(*others, *scene.study())).ask().status_code == 200


def test_two_subjects_under_one_study_are_refused(scene):
    first, endpoint = scene.study(subject="p1", identifier="s1")
    second, _ = scene.study(subject="p2", identifier="s2")
    answer = scene.start(answering(first, second, endpoint)).ask()
    assert answer.status_code in (409, 500, 502), answer.text
    assert "p1" not in answer.text and "p2" not in answer.text
    assert not scene.archive.requests


def test_paging_that_loops(scene):
    def loop(request, conversation):
        bundle = fhir.searchset()
        bundle["link"] = [{"relation": "next", "url": scene.fhir.origin + request.target}]
        conversation.respond(200, FHIR_JSON, json.dumps(bundle).encode())

    answer = scene.start(loop).ask()
    assert answer.status_code in (404, 502)
    assert len(scene.fhir.requests) < 50


def test_paging_that_never_ends(scene):
    def endless(request, conversation):
        bundle = fhir.searchset()
        page = int(request.query.get("page", 0)) + 1
        bundle["link"] = [{"relation": "next", "url": f"{scene.fhir.origin}/fhir/ImagingStudy?page={page}"}]
        conversation.respond(200, FHIR_JSON, json.dumps(bundle).encode())

    answer = scene.start(endless).ask()
    assert answer.status_code in (404, 502)
    assert len(scene.fhir.requests) < 1000


def test_paging_to_another_server(scene):
    def elsewhere(request, conversation):
        bundle = fhir.searchset()
        bundle["link"] = [{"relation": "next", "url": f"{scene.forbidden.origin}/fhir/ImagingStudy?page=2"}]
        conversation.respond(200, FHIR_JSON, json.dumps(bundle).encode())

    answer = scene.start(elsewhere).ask()
    assert answer.status_code in (404, 502)
    assert not scene.forbidden.requests


def test_the_study_on_a_later_page(scene):
    def paged(request, conversation):
        if request.query.get("page") == "2":
            bundle = fhir.searchset(*scene.study())
        else:
            bundle = fhir.searchset()
            bundle["link"] = [{"relation": "next", "url": f"{scene.fhir.origin}/fhir/ImagingStudy?page=2"}]
        conversation.respond(200, FHIR_JSON, json.dumps(bundle).encode())

    assert scene.start(paged).ask().status_code == 200


@pytest.mark.parametrize(
    "junk",
    [
        b"\x00\xff" * (5 << 20),
        b"[" * (10 << 20),
        b'{"a":' * (2 << 20),
        b'{"resourceType":"Bundle","type":"searchset","entry":[' + b'{"resource":{}},' * (10 << 16),
        b"",
        b"null",
        b'"ImagingStudy"',
        b'{"resourceType":"Bundle","type":"searchset","entry":7}',
        b'{"resourceType":"Patient"}',
        b"<html>Please log in</html>",
    ],
    ids=[
        "bytes",
        "brackets",
        "braces",
        "no end",
        "nothing",
        "null",
        "a string",
        "wrong type",
        "another resource",
        "html",
    ],
)
def test_junk(scene, junk):
    scene.start(lambda request, conversation: conversation.respond(200, FHIR_JSON, junk))
    answer = scene.ask()
    assert answer.status_code == 502, (answer.status_code, answer.text)
    assert NAME in answer.text
    scene.assert_no_address_in(answer)
    assert scene.gateway.resident_peak() < 256 << 20


def test_an_endless_answer(scene):
    def endless(request, conversation):
        conversation.head(200, {**FHIR_JSON, "Connection": "close"})
        for _ in range(1 << 12):
            conversation.send(b" " * (1 << 20))

    answer = scene.start(endless).ask()
    assert answer.status_code == 502
    assert scene.gateway.resident_peak() < 256 << 20


def test_an_endpoint_on_a_forbidden_host(scene):
    answer = scene.start(answering(*scene.study(address=scene.forbidden.wado_rs))).ask()
    assert answer.status_code == 502, answer.text
    scene.assert_no_address_in(answer)
    assert not scene.forbidden.requests


@pytest.mark.parametrize(
    "address",
    [
        "{archive}/dicom-web/../other",
        "{archive}/dicom-web/%2e%2e/other",
        "{archive}/dicom-web-too",
        "{archive}/",
        "{archive_with_user}/dicom-web",
        "file:///etc/passwd",
        "ftp://127.0.0.1/dicom-web",
        "http://[::1]:1/dicom-web",
        "http://127.0.0.1:{forbidden_port}\\@127.0.0.1:{archive_port}/dicom-web",
        "//127.0.0.1:{forbidden_port}/dicom-web",
        "javascript:alert(1)",
        "",
    ],
)
def test_addresses_that_only_look_permitted(scene, address):
    filled = address.format(
        archive=scene.archive.origin,
        archive_with_user=scene.archive.origin.replace("://", "://user:secret@"),
        archive_port=scene.archive.port,
        forbidden_port=scene.forbidden.port,
    )
    answer = scene.start(answering(*scene.study(address=filled))).ask()
    assert answer.status_code in (404, 502), (answer.status_code, answer.text)
    scene.assert_no_address_in(answer)
    assert not scene.forbidden.requests
    assert not scene.archive.requests


@pytest.mark.parametrize(
    "study_status, endpoint_status, expected",
    [
        ("registered", "active", 404),
        ("cancelled", "active", 404),
        ("entered-in-error", "active", 410),
        ("unknown", "active", 200),
        ("available", "suspended", 503),
        ("available", "error", 503),
        ("available", "never-heard-of", 503),
    ],
)
def test_statuses_have_their_own_answers(scene, study_status, endpoint_status, expected):
    study, endpoint = scene.study()
    study["status"], endpoint["status"] = study_status, endpoint_status
    answer = scene.start(answering(study, endpoint)).ask()
    assert answer.status_code == expected, answer.text
    if expected == 503:
        assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_errors_of_the_fhir_server(scene, status):
    outcome = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": "exception", "diagnostics": "SECRET"}],
    }
    scene.start(lambda request, conversation: conversation.respond(status, FHIR_JSON, json.dumps(outcome).encode()))
    answer = scene.ask()
    assert answer.status_code in (502, 503, 504), answer.text
    assert NAME in answer.text
    assert "SECRET" not in answer.text


def test_a_fhir_server_that_hangs(scene):
    answer = scene.start(lambda request, conversation: conversation.wait_for_end()).ask()
    assert answer.status_code == 504
    assert NAME in answer.text
    assert answer.elapsed.total_seconds() < 6


def test_missing_endpoints_are_fetched_and_references_stay_at_home(scene):
    """The endpoint is not included but can be read; a reference to another server is not followed."""
    study, endpoint = scene.study()
    study["series"][0]["endpoint"] = [{"reference": f"{scene.forbidden.origin}/fhir/Endpoint/e9"}]

    def script(request, conversation):
        resource = endpoint if request.path.endswith("/Endpoint/e1") else fhir.searchset(study)
        conversation.respond(200, FHIR_JSON, json.dumps(resource).encode())

    answer = scene.start(script).ask()
    assert answer.status_code == 200, answer.text
    assert not scene.forbidden.requests
