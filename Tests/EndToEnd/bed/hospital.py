"""The whole bed: two archives, one FHIR server that knows what is where, and a gateway before them."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from . import fhir, images
from .archives import Orthanc
from .fhir import Sekmet
from .gateway import Gateway, backend

CT_STUDY = images.uid("bed", "ct study")
CT_SERIES = images.uid("bed", "ct series")
SPLIT_STUDY = images.uid("bed", "split study")


@dataclass
class Holdings:
    """What one archive took, as it was sent."""

    archive: Orthanc
    endpoint: str
    whole_studies: list = field(default_factory=list)
    of_split_study: list = field(default_factory=list)


class Hospital:
    """Starts everything, loads it, and knows the truth about each image.

    * `rs`: pydicom's files and a synthetic CT, on the archive that speaks DICOMweb.
    * `uri`: some images of every transfer syntax, under UIDs of their own, on the archive that speaks only WADO-URI.
    * One study has series on both.
    """

    def __init__(self, folder, ports=None, with_gateway=True, **settings):
        folder, ports = Path(folder), ports or {}
        self.folder = folder
        rs = Orthanc("archive-rs", folder / "archive-rs", port=ports.get("rs", 0))
        uri = Orthanc("archive-uri", folder / "archive-uri", dicomweb=False, port=ports.get("uri", 0))
        self.rs, self.uri = Holdings(rs, "rs"), Holdings(uri, "uri")
        self.fhir = Sekmet(folder / "fhir", port=ports.get("fhir", 0))
        self.gateway = None
        if with_gateway:
            self.gateway = Gateway(
                folder / "gateway",
                self.gateway_settings(**settings),
                port=ports.get("gateway", 0),
                admin_port=ports.get("admin", 0),
            )

    def gateway_settings(self, fresh_for="5m", first_byte="20s"):
        """A configuration for this bed; the names of backends are what clients may see."""
        timeouts = {"connect": "1s", "first_byte": first_byte, "stall": "15s"}
        return {
            "directory": [{"fhir": {"url": self.fhir.base, "name": "hospital-fhir", "fresh_for": fresh_for}}],
            "backends": [
                backend("main-archive", f"{self.rs.archive.root}/", timeouts=timeouts),
                backend("old-archive", f"{self.uri.archive.root}/", timeouts=timeouts),
            ],
        }

    @property
    def servers(self):
        return [self.rs.archive, self.uri.archive, self.fhir] + ([self.gateway] if self.gateway else [])

    def start(self):
        sources = [self.rs.archive, self.uri.archive, self.fhir]
        try:
            for server in sources:
                server.launch()
            for server in sources:
                server.wait_ready()
            self.load()
            if self.gateway:
                self.gateway.start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        for server in reversed(self.servers):
            server.ask_to_stop()
        for server in self.servers:
            server.stop()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # Loading.

    def load(self):
        originals = images.pydicom_files()
        for image in originals + images.ct_series(CT_STUDY, CT_SERIES, slices=32):
            if self.rs.archive.store(image.data):
                self.rs.whole_studies.append(image)
        for image in images.per_transfer_syntax(self.rs.whole_studies, most=3):
            self._store_copy(
                self.uri, image, study=images.uid("uri study", image.source), patient=image.patient or "ANON"
            )
        # The first series of either archive is the smallest image of a transfer syntax, and so on.
        for holdings in (self.rs, self.uri):
            for image in images.per_transfer_syntax(self.rs.whole_studies, most=1):
                self._store_copy(holdings, image, study=SPLIT_STUDY, patient="SPLIT")
        self.fhir.put(self.resources())

    def _store_copy(self, holdings, image, study, patient):
        names = (holdings.endpoint, study, image.source)
        copied = images.copy(image, study, images.uid("series", *names), images.uid("instance", *names), patient)
        if copied and holdings.archive.store(copied.data):
            (holdings.of_split_study if study == SPLIT_STUDY else holdings.whole_studies).append(copied)

    def resources(self):
        """What the FHIR server is told."""
        resources = [
            fhir.endpoint("rs", "dicom-wado-rs", self.rs.archive.wado_rs),
            fhir.endpoint("uri", "dicom-wado-uri", self.uri.archive.wado_uri),
        ]
        patients = {}
        for holdings in (self.rs, self.uri):
            for study, members in _grouped(holdings.whole_studies, lambda image: image.study).items():
                subject = _identifier("patient", members[0].patient)
                patients[subject] = fhir.patient(subject)
                series = fhir.series_of(members)
                resources.append(
                    fhir.imaging_study(_identifier("study", study), study, subject, series, [holdings.endpoint])
                )
        split = fhir.series_of(self.rs.of_split_study, ["rs"]) + fhir.series_of(self.uri.of_split_study, ["uri"])
        subject = _identifier("patient", "SPLIT")
        patients[subject] = fhir.patient(subject)
        resources.append(fhir.imaging_study("split", SPLIT_STUDY, subject, split))
        return [*patients.values(), *resources]

    # What a person wants to know.

    def urls(self):
        ct = self.rs.whole_studies[-1]
        old = self.uri.whole_studies[0]
        gateway = self.gateway
        lines = {
            "DICOMweb archive": self.rs.archive.wado_rs,
            "WADO-URI archive": self.uri.archive.wado_uri,
            "FHIR server": self.fhir.base,
        }
        if gateway:
            lines |= {
                "gateway, DICOMweb": gateway.dicomweb,
                "gateway, WADO-URI": gateway.wado,
                "gateway, administration": gateway.admin,
                "a CT study's metadata": f"{gateway.dicomweb}/studies/{CT_STUDY}/metadata",
                "a CT slice as a picture": f"{gateway.dicomweb}{ct.path}/rendered",
                "an instance of the WADO-URI archive": f"{gateway.dicomweb}{old.path}",
                "the split study's ImagingStudy": f"{self.fhir.base}/ImagingStudy/split",
            }
        return lines


def _grouped(items, key):
    groups = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def _identifier(kind, name):
    return f"{kind}-{hashlib.sha256(name.encode()).hexdigest()[:20]}"
