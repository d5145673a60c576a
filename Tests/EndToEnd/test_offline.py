"""Archives and the FHIR server are gone: what was fetched is served, what was not says who is missing."""

import time

import pytest
import requests

from bed.client import AS_STORED, FRAMES_AS_STORED, JSON, outcome, wado_query
from bed.gateway import Gateway
from bed.hospital import CT_STUDY, Hospital

FIRST_BYTE = 2.0


def requests_before(hospital):
    """Something of each kind from each place: (URL, Accept)."""
    root = hospital.gateway.dicomweb
    ct = next(image for image in hospital.rs.whole_studies if image.study == CT_STUDY)
    plain = next(
        image
        for image in hospital.uri.whole_studies
        if image.has_pixels and image.frames == 1 and image.transfer_syntax == "1.2.840.10008.1.2.1"
    )
    yield root + ct.path, AS_STORED
    yield root + ct.path + "/frames/1", FRAMES_AS_STORED
    yield root + ct.path + "/metadata", JSON
    yield root + ct.path + "/rendered", "image/jpeg"
    yield root + ct.path + "/rendered?viewport=64,64", "image/png"
    yield root + plain.path + "/rendered", "image/png"
    for image in (*hospital.rs.of_split_study[:3], *hospital.uri.of_split_study[:3], plain):
        yield root + image.path, AS_STORED
        yield f"{hospital.gateway.wado}?{wado_query(image, transferSyntax='*')}", "*/*"


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    """A hospital of its own: visited, then everything behind the gateway is stopped, and its records have expired."""
    with Hospital(tmp_path_factory.mktemp("closing"), fresh_for="1s", first_byte=f"{FIRST_BYTE:g}s") as hospital:
        with requests.Session() as session:
            hospital.before = {
                (url, accept): session.get(url, headers={"Accept": accept}) for url, accept in requests_before(hospital)
            }
        visited = time.monotonic()
        for server in (hospital.rs.archive, hospital.uri.archive, hospital.fhir):
            server.stop()
        time.sleep(max(0, visited + 1.1 - time.monotonic()))  # time itself is what is waited for: `fresh_for`
        yield hospital


def test_what_was_fetched_is_served_byte_for_byte(closed):
    for (url, accept), before in closed.before.items():
        assert before.status_code == 200, (url, before.text)
        after = requests.get(url, headers={"Accept": accept}, timeout=10)
        assert after.status_code == 200, (url, after.text)
        assert after.content == before.content, url
        assert after.headers["Content-Type"] == before.headers["Content-Type"]
        assert outcome(after) in {"hit", "stale", "derived"}, after.headers["X-Cache"]


def refused(url, names, addresses, within):
    """Asks for what nobody can answer; the client must learn who is missing, by name, in time."""
    started = time.monotonic()
    answer = requests.get(url, headers={"Accept": AS_STORED}, timeout=within + 5)
    took = time.monotonic() - started
    assert answer.status_code in (502, 504), (answer.status_code, answer.text)
    assert took < within, f"{took:.2f} s"
    assert any(name in answer.text for name in names), answer.text
    everything = answer.text + str(answer.headers)
    for address in addresses:
        assert address not in everything, everything
    return answer


def addresses(hospital):
    return [
        text
        for port in (hospital.rs.archive.port, hospital.uri.archive.port, hospital.fhir.port)
        for text in (f":{port}", f"127.0.0.1:{port}")
    ]


def test_what_was_not_fetched_names_the_backend(closed):
    for holdings, name in ((closed.rs, "main-archive"), (closed.uri, "old-archive")):
        image = holdings.of_split_study[-1]
        refused(closed.gateway.dicomweb + image.path, [name], addresses(closed), FIRST_BYTE + 1)
        url = f"{closed.gateway.wado}?{wado_query(image, transferSyntax='*')}"
        refused(url, [name], addresses(closed), FIRST_BYTE + 1)


def test_an_unknown_study_names_the_directory(closed):
    refused(
        f"{closed.gateway.dicomweb}/studies/1.2.3.4/series/1.2.3.5/instances/1.2.3.6",
        ["hospital-fhir"],
        addresses(closed),
        10,
    )


def test_a_hanging_archive_is_given_the_configured_time(hospital, tmp_path):
    image = hospital.rs.whole_studies[-1]
    settings = hospital.gateway_settings(first_byte="1s")
    with Gateway(tmp_path, settings) as gateway, hospital.rs.archive.hung():
        answer = refused(gateway.dicomweb + image.path, ["main-archive"], addresses(hospital), 3)
        assert answer.status_code == 504


def test_a_hanging_archive_does_not_hold_up_the_other(hospital, tmp_path):
    other = hospital.uri.whole_studies[0]
    with Gateway(tmp_path, hospital.gateway_settings(first_byte="3s")) as gateway, hospital.rs.archive.hung():
        with pytest.raises(requests.Timeout):
            requests.get(gateway.dicomweb + hospital.rs.whole_studies[-1].path, timeout=0.2)
        answer = requests.get(gateway.dicomweb + other.path, headers={"Accept": AS_STORED}, timeout=1)
        assert answer.status_code == 200
