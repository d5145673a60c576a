"""The metadata of a whole series from an archive that speaks only WADO-URI, against fetching its instances."""

import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

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
        self.session = requests.Session()
        self.fetch_all(lambda fetch, of: [fetch(each) for each in of])  # warms the archive
        return self

    def stop(self):
        for server in (getattr(self, "gateway", None), getattr(self, "archive", None)):
            if server:
                server.stop()
        self.folder.cleanup()

    def fetch(self, image):
        answer = self.session.get(f"{self.archive.wado_uri}?{wado_query(image)}", timeout=60)
        assert answer.status_code == 200 and len(answer.content) > 512 * 1024

    def fetch_all(self, how):
        began = time.perf_counter()
        list(how(self.fetch, self.slices))
        return time.perf_counter() - began

    def metadata(self):
        """Seconds to the first byte and to the last."""
        began = time.perf_counter()
        url = f"{self.gateway.dicomweb}/studies/{STUDY}/series/{SERIES}/metadata"
        with self.session.get(url, headers={"Accept": JSON}, stream=True, timeout=300) as answer:
            assert answer.status_code == 200, answer.text
            chunks = answer.iter_content(1 << 20)
            content = next(chunks)
            first = time.perf_counter() - began
            content += b"".join(chunks)
        took = time.perf_counter() - began
        assert content.count(b'"00080018"') == INSTANCES
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
