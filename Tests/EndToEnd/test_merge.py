"""A patient merge at real servers: Orthanc's files get another name, the FHIR server's record another subject."""

import io

import pydicom
import pytest
import requests

from bed import fhir, images
from bed.archives import Orthanc
from bed.client import AS_STORED, FRAMES_AS_STORED, JSON, only_part, outcome, parts
from bed.fhir import Sekmet
from bed.gateway import Gateway, backend
from bed.processes import wait_until

SLICES = 4


class Merge:
    """A CT series of a patient with two files, on an archive that speaks one protocol."""

    def __init__(self, folder, dicomweb):
        self.study, self.series = images.uid("merge"), images.uid("merge", "series")
        self.archive = Orthanc("archive", folder / "archive", dicomweb=dicomweb).start()
        self.fhir = Sekmet(folder / "fhir").start()
        self.images = images.ct_series(self.study, self.series, slices=SLICES, size=64, patient="WRONG")
        for image in self.images:
            assert self.archive.store(image.data)
        kind = "dicom-wado-rs" if dicomweb else "dicom-wado-uri"
        address = self.archive.wado_rs if dicomweb else self.archive.wado_uri
        self.fhir.put([fhir.patient("wrong"), fhir.patient("right"), fhir.endpoint("archive", kind, address)])
        self.publish("wrong")
        self.gateway = Gateway(
            folder / "gateway",
            {
                "directory": [{"fhir": {"url": self.fhir.base, "name": "fhir", "fresh_for": "0s"}}],
                "backends": [backend("archive", f"{self.archive.root}/")],
            },
        ).start()

    def stop(self):
        for server in (self.gateway, self.fhir, self.archive):
            server.stop()

    def publish(self, subject):
        series = fhir.series_of(self.images)
        self.fhir.put([fhir.imaging_study("merge", self.study, subject, series, ["archive"])])

    def merge(self):
        """The same pictures under the same UIDs, of the right patient."""
        for image in self.images:
            file = pydicom.dcmread(io.BytesIO(image.data))
            file.PatientName, file.PatientID = "Right^Patient", "RIGHT"
            # To Orthanc another patient's image is another image, whatever its UIDs.
            found = requests.post(f"{self.archive.root}/tools/lookup", data=image.instance, timeout=10).json()
            for each in found:
                assert requests.delete(f"{self.archive.root}{each['Path']}", timeout=10).ok
            assert self.archive.store(images.written(file))
        self.publish("right")

    def get(self, path, accept):
        answer = requests.get(self.gateway.dicomweb + path, headers={"Accept": accept}, timeout=60)
        assert answer.status_code == 200, (answer.status_code, answer.text[:500])
        return answer

    def patients(self):
        """The PatientIDs of everything that has a header."""
        found = set()
        series = f"/studies/{self.study}/series/{self.series}"
        for image in self.images:
            found.add(pydicom.dcmread(io.BytesIO(only_part(self.get(image.path, AS_STORED)).body)).PatientID)
            found.add(self.get(image.path + "/metadata", JSON).json()[0]["00100020"]["Value"][0])
        whole = parts(self.get(series, AS_STORED))
        assert len(whole) == SLICES
        found |= {pydicom.dcmread(io.BytesIO(part.body)).PatientID for part in whole}
        documents = self.get(series + "/metadata", JSON).json()
        assert len(documents) == SLICES
        return found | {document["00100020"]["Value"][0] for document in documents}

    def frame(self):
        answer = self.get(self.images[0].path + "/frames/1", FRAMES_AS_STORED)
        return outcome(answer), only_part(answer).body


@pytest.mark.parametrize("dicomweb", [True, False], ids=["rs", "uri"])
def test_a_merge_is_seen_at_once_and_its_pixels_stay(tmp_path, dicomweb):
    merge = Merge(tmp_path, dicomweb)
    try:
        assert merge.patients() == {"WRONG"}
        _, before = merge.frame()
        wait_until(lambda: merge.frame()[0] in ("hit", "derived"), 10, "the frame in the cache")
        merge.merge()
        outcome_after, after = merge.frame()
        assert (outcome_after in ("hit", "derived"), after) == (True, before)
        assert merge.patients() == {"RIGHT"}
        # And once more, from the cache.
        merge.archive.stop()
        assert merge.patients() == {"RIGHT"}
    finally:
        merge.stop()
