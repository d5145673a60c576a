"""Real archives: Orthanc, which speaks DICOMweb or WADO-URI only as it is told to, and PixelMed, WADO-URI only."""

import json
import socket
from pathlib import Path

import requests

from .processes import Server, free_port

_DICOMWEB_PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
_JAVA_LIBRARIES = "pixelmed hsqldb vecmath jmdns commons-codec slf4j-api slf4j-jdk14 commons-net jaxb-api".split()


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


class PixelMed(Server):
    """PixelMed's WADO-URI server, from Debian's libpixelmed-java, over the files that lie in `holdings` at its start.

    It listens on every interface, since it can't be told otherwise; it holds nothing but synthetic images, and ends
    with the tests.
    """

    def __init__(self, folder, name="pixelmed"):
        super().__init__(name, folder)
        self.holdings = self.folder / "holdings"
        self.holdings.mkdir()
        self.port = free_port()
        self.dicom_port = free_port()

    @property
    def root(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def wado_uri(self):
        return f"{self.root}/wado"

    def command(self):
        libraries = ":".join(f"/usr/share/java/{name}.jar" for name in _JAVA_LIBRARIES)
        return [
            *("java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true", "-cp", libraries),
            *(Path(__file__).with_name("PixelMed.java"), self.folder / "database", self.holdings),
            *(self.dicom_port, self.port),
        ]

    def is_ready(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=2).close()
            return True
        except OSError:
            return False
