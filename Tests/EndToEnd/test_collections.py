"""Whole studies and series: from archives with and without WADO-RS, of records with and without lists of instances."""

import io
import warnings

import PIL.Image
import pytest
import requests

from bed import fhir, truth
from bed.archives import Orthanc
from bed.client import AS_STORED, FRAMES_AS_STORED, JSON, parts
from bed.gateway import Gateway, backend, files_source
from bed.kinds import COLUMNS, CT, JPEG, NATIVE, REPORT, ROWS, bright_cell, study

PICTURES = 'multipart/related; type="image/jpeg"'
XML = 'multipart/related; type="application/dicom+xml"'
#: Every kind of record, and the endpoints that it names: whether series are listed, and instances.
RECORDS = {
    "rs, listed": (["rs"], True, True),
    "rs, series listed": (["rs"], True, False),
    "rs, nothing listed": (["rs"], False, False),
    "uri, listed": (["uri"], True, True),
    "uri with qido, series listed": (["uri", "qido"], True, False),
    "uri with qido, nothing listed": (["uri", "qido"], False, False),
}
FOLDER = "folder"
ALL = [*RECORDS, FOLDER]
WITH_PICTURES = list(RECORDS)


@pytest.fixture(scope="module")
def holdings():
    """The members of each study, by the kind of its record."""
    return {name: study(name, CT, NATIVE, JPEG, REPORT) for name in ALL}


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory, holdings):
    with Orthanc("archive", tmp_path_factory.mktemp("archive")) as orthanc:
        for name in RECORDS:
            assert all(orthanc.store(each.image.data) for each in holdings[name])
        yield orthanc


def record(name, members):
    endpoints, lists_series, lists_instances = RECORDS[name]
    series = fhir.series_of(each.image for each in members) if lists_series else []
    if not lists_instances:
        for each in series:
            each["instances"] = []
    identifier = name.replace(",", "").replace(" ", "-")
    return fhir.imaging_study(identifier, members[0].image.study, "p", series, endpoints)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, orthanc, holdings):
    folder = tmp_path_factory.mktemp("gateway")
    store = folder / "dicom"
    store.mkdir()
    for number, each in enumerate(holdings[FOLDER]):
        (store / f"{number:02}.dcm").write_bytes(each.image.data)
    resources = [
        fhir.endpoint("rs", "dicom-wado-rs", orthanc.wado_rs),
        fhir.endpoint("uri", "dicom-wado-uri", orthanc.wado_uri),
        fhir.endpoint("qido", "dicom-qido-rs", f"{orthanc.wado_rs}/studies/"),
        *(record(name, holdings[name]) for name in RECORDS),
    ]
    settings = {
        "directory": [files_source(folder / "studies", *resources), {"archive": {"path": str(store)}}],
        "backends": [backend("archive", f"{orthanc.root}/")],
    }
    with Gateway(folder / "gateway", settings) as gateway:
        yield gateway


@pytest.fixture
def get(gateway):
    def get(path, accept, status=200):
        answer = requests.get(gateway.dicomweb + path, headers={"Accept": accept}, timeout=60)
        assert answer.status_code == status, (path, answer.status_code, answer.text[:500])
        return answer

    return get


def levels(members):
    """The study's path and each series', with what is below it."""
    yield f"/studies/{members[0].image.study}", members
    for uid in dict.fromkeys(each.image.series for each in members):
        below = [each for each in members if each.image.series == uid]
        yield f"/studies/{below[0].image.study}/series/{uid}", below


def of_kind(members, kind):
    return [each for each in members if each.image.source.startswith(kind)]


def location(part, gateway):
    return part.fields["content-location"].removeprefix(gateway.dicomweb)


def dataset(member):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return member.dataset()


@pytest.mark.parametrize("name", ALL)
def test_data_sets(holdings, get, name):
    for path, members in levels(holdings[name]):
        found = [each.body for each in parts(get(path, AS_STORED))]
        assert sorted(found) == sorted(each.image.data for each in members)


@pytest.mark.parametrize("name", ALL)
def test_metadata(holdings, get, name):
    for path, members in levels(holdings[name]):
        found = {each["00080018"]["Value"][0]: truth.json_model(each) for each in get(f"{path}/metadata", JSON).json()}
        assert set(found) == {each.image.instance for each in members}
        # What a WADO-RS archive says of its instances is its own.
        if not name.startswith("rs"):
            assert found == {each.image.instance: truth.model(dataset(each)) for each in members}
        assert len(parts(get(f"{path}/metadata", XML))) == len(members)


@pytest.mark.parametrize("name", ALL)
def test_bulk_data(holdings, get, gateway, name):
    instances = [(each.path, [each]) for each in holdings[name]]
    for path, members in [*levels(holdings[name]), *instances]:
        found = {}
        for part in parts(get(f"{path}/bulkdata", FRAMES_AS_STORED)):
            found.setdefault(location(part, gateway), []).append(part)
        expected = {
            f"{each.path}/bulkdata/stored/{where}": value
            for each in members
            for where, value in truth.bulk_values(dataset(each)).items()
        }
        assert set(found) == set(expected)
        for where, values in expected.items():
            joined = b"".join(truth.padded(part.body) for part in found[where])
            assert joined == b"".join(truth.padded(value) for value in values), where
            if not where.endswith("/bulkdata/stored/7FE00010"):
                assert [part.fields["content-type"] for part in found[where]] == ["application/octet-stream"]


def test_bulk_data_has_the_urls_of_the_metadata(holdings, get, gateway):
    for path, _ in levels(holdings["uri, listed"]):
        named = {
            uri for each in get(f"{path}/metadata", JSON).json() for uri in truth.bulk_uris(each).values()
        }
        found = {part.fields["content-location"] for part in parts(get(f"{path}/bulkdata", FRAMES_AS_STORED))}
        assert found == named


@pytest.mark.parametrize("name", ALL)
def test_pixel_data_is_a_part_for_each_frame(holdings, get, gateway, name):
    for path, members in levels(holdings[name]):
        expected = {
            f"{each.path}/frames/{number}": frame
            for each in members
            for number, frame in enumerate(truth.frames(dataset(each)), 1)
        }
        if not expected:
            get(f"{path}/pixeldata", FRAMES_AS_STORED, status=404)
            continue
        found = parts(get(f"{path}/pixeldata", FRAMES_AS_STORED))
        assert {location(part, gateway): truth.padded(part.body) for part in found} == {
            where: truth.padded(frame) for where, frame in expected.items()
        }
        syntaxes = {each.path: each.image.transfer_syntax for each in members}
        for part in found:
            stored = syntaxes[location(part, gateway).rpartition("/frames/")[0]]
            assert part.transfer_syntax == stored
            assert part.media_type == ("image/jpeg" if stored.endswith(".4.50") else "application/octet-stream")


@pytest.mark.parametrize("name", WITH_PICTURES)
def test_pictures_of_all_that_are_images(holdings, get, gateway, name):
    """A part for each, in order, of an archive too that gives one picture for all (Orthanc)."""
    for path, members in levels(holdings[name]):
        expected = {each.path: each.cells[0] for each in members if each.cells}
        if not expected:
            get(f"{path}/rendered", PICTURES, status=404)
            continue
        found = parts(get(f"{path}/rendered", PICTURES))
        shown = {
            location(part, gateway).removesuffix("/rendered"): truth.Picture(part.body).bright_cell for part in found
        }
        assert shown == expected
        if RECORDS[name][2]:
            assert list(shown) == list(expected)


@pytest.mark.parametrize("name", WITH_PICTURES)
def test_thumbnails_show_the_middle_image(holdings, get, name):
    for path, members in levels(holdings[name]):
        # Which of several unlisted series is the first, the archive says.
        first = "/series/" in path or RECORDS[name][1]
        series = {each.image.series: [] for each in members}
        for each in members:
            series[each.image.series].append(each)
        middles = [below[(len(below) - 1) // 2] for below in series.values()]
        possible = [each.cells[0] for each in (middles[:1] if first else middles) if each.cells]
        if not possible:
            get(f"{path}/thumbnail", "image/jpeg", status=404)
            continue
        with PIL.Image.open(io.BytesIO(get(f"{path}/thumbnail", "image/jpeg").content)) as picture:
            # Orthanc centres a picture within the size that it is asked for.
            height = picture.width * ROWS // COLUMNS
            top = (picture.height - height) // 2
            assert bright_cell(picture.crop((0, top, picture.width, top + height))) in possible


@pytest.mark.parametrize("resource", ["rendered", "thumbnail"])
def test_a_folder_has_no_pictures(holdings, get, resource):
    for path, members in levels(holdings[FOLDER]):
        status = 406 if any(each.cells for each in members) else 404
        assert get(f"{path}/{resource}", f"image/jpeg, {PICTURES}", status=status).text


def test_single_parts_are_for_single_items(holdings, get):
    """Who takes no multipart is answered where one item results."""
    members = holdings["uri, listed"]
    several = members[0].path.rpartition("/instances/")[0]
    get(f"{several}/rendered", "image/jpeg", status=406)
    get(f"{several}/bulkdata", "application/octet-stream; transfer-syntax=*", status=406)
    get(f"{several}/pixeldata", "application/octet-stream; transfer-syntax=*", status=406)


def test_what_nobody_lists_is_refused_with_a_sentence(tmp_path, orthanc, holdings):
    members = holdings["uri, listed"]
    series = fhir.series_of(each.image for each in members)
    for each in series:
        each["instances"] = []
    resources = [
        fhir.endpoint("uri", "dicom-wado-uri", orthanc.wado_uri),
        fhir.endpoint("qido", "dicom-qido-rs", "http://127.0.0.1:9/elsewhere"),
        fhir.imaging_study("unlisted", members[0].image.study, "p", series, ["uri"]),
    ]
    settings = {
        "directory": [files_source(tmp_path / "studies", *resources)],
        "backends": [backend("archive", f"{orthanc.root}/")],
    }
    with Gateway(tmp_path / "gateway", settings) as gateway:
        for resource in ("", "/metadata", "/bulkdata", "/pixeldata", "/rendered", "/thumbnail"):
            answer = requests.get(f"{gateway.dicomweb}/studies/{members[0].image.study}{resource}", timeout=20)
            assert answer.status_code == 501, (resource, answer.text)
            assert "QIDO-RS" in answer.text


def test_records_of_a_real_directory(tmp_path, hospital, orthanc, holdings):
    """SEKMET's records, without lists, name a QIDO-RS endpoint beside the WADO-URI one."""
    hospital.fhir.put(
        [
            fhir.patient("p"),
            fhir.endpoint("c-uri", "dicom-wado-uri", orthanc.wado_uri),
            fhir.endpoint("c-qido", "dicom-qido-rs", orthanc.wado_rs),
            fhir.imaging_study("collections", holdings["uri, listed"][0].image.study, "p", [], ["c-uri", "c-qido"]),
        ]
    )
    settings = {
        "directory": [{"fhir": {"url": hospital.fhir.base}}],
        "backends": [backend("archive", f"{orthanc.root}/")],
    }
    with Gateway(tmp_path / "gateway", settings) as gateway:
        members = holdings["uri, listed"]
        answer = requests.get(
            f"{gateway.dicomweb}/studies/{members[0].image.study}", headers={"Accept": AS_STORED}, timeout=60
        )
        assert answer.status_code == 200, answer.text
        assert sorted(each.body for each in parts(answer)) == sorted(each.image.data for each in members)
