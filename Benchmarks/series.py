"""The metadata of a whole series from an archive that speaks only WADO-URI, against fetching its instances."""

import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Tests/EndToEnd"))
from bed import fhir, images  # noqa: E402
from bed.archives import Orthanc  # noqa: E402
from bed.client import JSON, wado_query  # noqa: E402
from bed.gateway import Gateway, backend, files_source  # noqa: E402

INSTANCES = 300
# Of the gateway to one backend, and of the parallel comparison.
CONNECTIONS = 16
STUDY, SERIES = images.uid("bench", "study"), images.uid("bench", "series")


class SeriesBench:
    """A real Orthanc with 300 CT slices of 512², and the gateway before it."""

    def start(self):
        self.folder = tempfile.TemporaryDirectory(prefix="wadogate-bench-")
        folder = Path(self.folder.name)
        self.archive = Orthanc("archive", folder / "archive", dicomweb=False).start()
        self.slices = images.ct_series(STUDY, SERIES, INSTANCES)
        for image in self.slices:
            assert self.archive.store(image.data)
        record = fhir.imaging_study("bench", STUDY, "bench", fhir.series_of(self.slices, ["uri"]))
        endpoint = fhir.endpoint("uri", "dicom-wado-uri", self.archive.wado_uri)
        settings = {
            "directory": [files_source(folder / "studies", record, endpoint)],
            "backends": [backend("archive", f"{self.archive.root}/", max_connections=CONNECTIONS)],
        }
        self.gateway = Gateway(folder / "gateway", settings).start()

        self.fetch_all(lambda fetch, of: [fetch(each) for each in of])  # warms the archive
        return self

    def stop(self):
        for server in (getattr(self, "gateway", None), getattr(self, "archive", None)):
            if server:
                server.stop()
        self.folder.cleanup()

    def connection(self):
        """This thread's own to the archive. Nothing above http.client: it asks for no compression, and costs little."""
        if not hasattr(self.connections, "archive"):
            self.connections.archive = HTTPConnection("127.0.0.1", self.archive.port, timeout=60)
        return self.connections.archive

    def fetch(self, image):
        connection = self.connection()
        connection.request("GET", f"/wado?{wado_query(image)}")
        answer = connection.getresponse()
        assert answer.status == 200 and len(answer.read()) > 512 * 1024

    def fetch_all(self, how):
        # An archive closes connections that nobody uses.
        self.connections = threading.local()
        began = time.perf_counter()
        list(how(self.fetch, self.slices))
        return time.perf_counter() - began

    def metadata(self):
        """Seconds to the first byte and to the last."""
        connection = HTTPConnection("127.0.0.1", self.gateway.port, timeout=300)
        began = time.perf_counter()
        connection.request("GET", f"/dicom-web/studies/{STUDY}/series/{SERIES}/metadata", headers={"Accept": JSON})
        answer = connection.getresponse()
        content = answer.read(1)
        first = time.perf_counter() - began
        content += answer.read()
        took = time.perf_counter() - began
        connection.close()
        assert answer.status == 200 and content.count(b'"00080018"') == INSTANCES, content[:1000]
        return first, took

    def round(self):
        one_by_one = self.fetch_all(map)
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            in_parallel = self.fetch_all(pool.map)
        purged = self.gateway.purge_request(STUDY)
        assert purged.ok, purged.text
        first, took = self.metadata()
        return {
            "ratio": took / one_by_one,
            "ratio in parallel": took / in_parallel,
            "gateway ms": took * 1e3,
            "fetches ms": one_by_one * 1e3,
            "first byte ms": first * 1e3,
            "peak MB": self.gateway.resident_peak() / 1e6,
        }
