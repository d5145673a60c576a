"""A viewer's whole session against an archive that speaks only WADO-URI: what it costs the archive."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from bed import fhir, images, truth
from bed.archives import Orthanc
from bed.client import JSON, only_part
from bed.gateway import Gateway, backend, files_source
from bed.kinds import CT, JPEG, NATIVE, PATIENT, REPORT, Member, study
from bed.recorder import Recorder

#: As OHIF asks for frames, and how many connections a browser opens to one server.
FRAME_ACCEPT = 'multipart/related; type="application/octet-stream"; transfer-syntax="*"'
CONNECTIONS = 6


@pytest.fixture(scope="module")
def members():
    """A CT series as scanners make them, and small series of every kind, in one study."""
    small = study("viewer", CT, NATIVE, JPEG, REPORT)
    slices = images.ct_series(small[0].image.study, images.uid("viewer", "ct"), 24, size=256, patient=PATIENT)
    return [Member(image, []) for image in slices] + small


@pytest.fixture(scope="module")
def archive(tmp_path_factory, members):
    with Orthanc("archive", tmp_path_factory.mktemp("archive"), dicomweb=False) as orthanc:
        assert all(orthanc.store(each.image.data) for each in members)
        yield orthanc


@pytest.fixture
def recorder(archive):
    with Recorder(archive.port) as recorder:
        yield recorder


@pytest.fixture
def gateway(tmp_path, recorder, members):
    series = fhir.series_of(each.image for each in members)
    record = fhir.imaging_study("viewed", members[0].image.study, "viewer", series, ["uri"])
    endpoint = fhir.endpoint("uri", "dicom-wado-uri", f"{recorder.origin}/wado")
    settings = {
        "directory": [files_source(tmp_path / "studies", endpoint, record)],
        "backends": [backend("old-archive", f"{recorder.origin}/")],
    }
    with Gateway(tmp_path / "gateway", settings) as gateway:
        yield gateway


class Viewer:
    """Asks as OHIF does, on a browser's connections."""

    def __init__(self, gateway, members):
        self.gateway = gateway
        self.members = members
        self.pool = ThreadPoolExecutor(CONNECTIONS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.pool.shutdown()

    def metadata(self):
        """The metadata of every series, at once."""
        paths = dict.fromkeys(each.path.rpartition("/instances/")[0] for each in self.members)
        return [self.pool.submit(self._metadata, path) for path in paths]

    def frames(self):
        """Every frame of every series, at once."""
        return [
            self.pool.submit(self._frame, each, number, frame)
            for each in self.members
            for number, frame in enumerate(truth.frames(each.dataset()), 1)
        ]

    def _metadata(self, path):
        answer = self._get(f"{path}/metadata", JSON)
        found = {each["00080018"]["Value"][0]: truth.json_model(each) for each in answer.json()}
        of_series = [each for each in self.members if each.path.startswith(f"{path}/")]
        assert found == {each.image.instance: truth.model(each.dataset()) for each in of_series}

    def _frame(self, member, number, frame):
        part = only_part(self._get(f"{member.path}/frames/{number}", FRAME_ACCEPT))
        assert truth.padded(part.body) == truth.padded(frame), (member.path, number)

    def _get(self, path, accept):
        answer = requests.get(self.gateway.dicomweb + path, headers={"Accept": accept}, timeout=60)
        assert answer.status_code == 200, (path, answer.text)
        return answer


def fetched(recorder):
    """How often the archive was asked for each instance; it is asked for nothing else."""
    requests_seen = [each.request for each in recorder.answered]
    assert all(each.query["contentType"] == "application/dicom" for each in requests_seen), requests_seen
    return Counter(each.query["objectUID"] for each in requests_seen)


def done(*askings):
    for asking in askings:
        for each in asking:
            each.result()


@pytest.mark.parametrize("order", ["metadata first", "frames first", "all at once"])
def test_each_instance_is_fetched_once(gateway, recorder, members, order):
    expected = Counter(each.image.instance for each in members)
    with Viewer(gateway, members) as viewer:
        if order == "metadata first":
            done(viewer.metadata())
            assert fetched(recorder) == expected
            done(viewer.frames())
        elif order == "frames first":
            done(viewer.frames())
            done(viewer.metadata())
        else:
            done(viewer.metadata(), viewer.frames())
        assert fetched(recorder) == expected
        # And whoever looks at it next costs the archive nothing.
        done(viewer.metadata(), viewer.frames())
    assert fetched(recorder) == expected
