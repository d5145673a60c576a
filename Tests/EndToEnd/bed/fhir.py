"""FHIR R4: SEKMET as the real server, and the resources that tell the gateway where studies are."""

import json
import sys
from pathlib import Path

import requests

from .processes import Server, free_port

CONNECTION_TYPES = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type"
DICOM_CODES = "http://dicom.nema.org/resources/ontology/DCM"


class Sekmet(Server):
    """The FHIR server of the bed."""

    def __init__(self, folder, name="fhir", port=0):
        super().__init__(name, folder)
        self.port = free_port(port)
        self.session = requests.Session()

    @property
    def base(self):
        return f"http://127.0.0.1:{self.port}/fhir"

    def command(self):
        settings = self.folder / "settings.yaml"
        # JSON is YAML.
        settings.write_text(
            json.dumps(
                {
                    "base_url": f"http://127.0.0.1:{self.port}",
                    "host": "127.0.0.1",
                    "port": self.port,
                    "data_dir": str(self.folder / "data"),
                    "simulator": {"enabled": False},
                    "log_inbound": False,
                }
            )
        )
        return [Path(sys.executable).with_name("sekmet"), "serve", "-c", settings]

    def is_ready(self):
        try:
            return self.session.get(f"{self.base}/metadata", timeout=2).ok
        except requests.ConnectionError:
            return False

    def put(self, resources):
        """Creates or replaces resources in one transaction."""
        entries = [
            {"resource": resource, "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}}
            for resource in resources
        ]
        answer = self.session.post(
            self.base,
            json={"resourceType": "Bundle", "type": "transaction", "entry": entries},
            headers={"Content-Type": "application/fhir+json"},
            timeout=60,
        )
        assert answer.ok, answer.text[:2000]

    def delete(self, reference):
        assert self.session.delete(f"{self.base}/{reference}", timeout=10).ok


def patient(identifier, family="Synthetic"):
    return {"resourceType": "Patient", "id": identifier, "name": [{"family": family, "given": ["Test"]}]}


def endpoint(identifier, connection_type, address, status="active"):
    return {
        "resourceType": "Endpoint",
        "id": identifier,
        "status": status,
        "connectionType": {"system": CONNECTION_TYPES, "code": connection_type},
        "payloadType": [{"text": "DICOM"}],
        "address": address,
    }


def imaging_study(identifier, study, subject, series, endpoints=(), status="available"):
    """An R4 ImagingStudy. `series`: dicts with uid, modality, instances [(uid, sop_class)], endpoints."""
    resource = {
        "resourceType": "ImagingStudy",
        "id": identifier,
        "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{study}"}],
        "status": status,
        "subject": {"reference": f"Patient/{subject}"},
        "numberOfSeries": len(series),
        "numberOfInstances": sum(len(each["instances"]) for each in series),
        "series": [_series(each) for each in series],
    }
    if endpoints:
        resource["endpoint"] = [{"reference": f"Endpoint/{each}"} for each in endpoints]
    return resource


def series_of(members, endpoints=()):
    """The series of some images, for `imaging_study`."""
    series = {}
    for image in members:
        of = series.setdefault(image.series, {"uid": image.series, "modality": image.modality, "instances": []})
        of["instances"].append((image.instance, image.sop_class))
        of["endpoints"] = list(endpoints)
    return list(series.values())


def _series(series):
    resource = {
        "uid": series["uid"],
        "modality": {"system": DICOM_CODES, "code": series.get("modality") or "OT"},
        "numberOfInstances": len(series["instances"]),
        "instance": [
            {"uid": uid, "sopClass": {"system": "urn:ietf:rfc:3986", "code": f"urn:oid:{sop_class}"}}
            for uid, sop_class in series["instances"]
        ],
    }
    if series.get("endpoints"):
        resource["endpoint"] = [{"reference": f"Endpoint/{each}"} for each in series["endpoints"]]
    return resource


def searchset(*resources):
    """A Bundle as a search answers it: what is not an ImagingStudy is there by `_include`."""
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": sum(each["resourceType"] == "ImagingStudy" for each in resources),
        "entry": [
            {
                "resource": each,
                "search": {"mode": "match" if each["resourceType"] == "ImagingStudy" else "include"},
            }
            for each in resources
        ],
    }
