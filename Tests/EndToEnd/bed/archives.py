"""Orthanc, as two different archives: one that speaks DICOMweb, and one that speaks WADO-URI only."""

import json

import requests

from .processes import Server, free_port

_DICOMWEB_PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


class Orthanc(Server):
    """Orthanc with its DICOMweb plugin. With `dicomweb=False` its RS resources are off and only `/wado` answers."""

    def __init__(self, name, folder, dicomweb=True, port=0):
        super().__init__(name, folder)
        self.dicomweb = dicomweb
        self.port = free_port(port)
        self.dicom_port = free_port()
        self.session = requests.Session()

    @property
    def root(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def wado_rs(self):
        return f"{self.root}/dicom-web"

    @property
    def wado_uri(self):
        return f"{self.root}/wado"

    def command(self):
        configuration = {
            "Name": self.name,
            "HttpPort": self.port,
            "DicomPort": self.dicom_port,
            "StorageDirectory": str(self.folder / "storage"),
            "IndexDirectory": str(self.folder / "storage"),
            "Plugins": [_DICOMWEB_PLUGIN],
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "HttpThreadsCount": 16,
            "StableAge": 1,
            "OverwriteInstances": True,
            "DicomWeb": {
                "Enable": self.dicomweb,
                "Root": "/dicom-web/",
                "EnableWado": True,
                "WadoRoot": "/wado",
                "StudiesMetadata": "Full",
                "SeriesMetadata": "Full",
            },
        }
        path = self.folder / f"{self.name}.json"
        path.write_text(json.dumps(configuration, indent=2))
        return ["Orthanc", path]

    def is_ready(self):
        try:
            return self.session.get(f"{self.root}/system", timeout=2).ok
        except requests.ConnectionError:
            return False

    def store(self, part10):
        """Loads one file. Answers whether the archive took it."""
        return self.session.post(f"{self.root}/instances", data=part10, timeout=60).ok
