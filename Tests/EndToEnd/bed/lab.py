"""A gateway before one scripted archive, with a `files` directory: for tests that need a backend to misbehave."""

from dataclasses import dataclass
from pathlib import Path

from . import fhir, images
from .gateway import Gateway, backend, files_source
from .scripted import LargeObject, ScriptedArchive, SmallObject

BACKEND = "scripted-archive"


@dataclass
class Stored:
    """An object of the scripted archive and the UIDs it is asked for by."""

    study: str
    series: str
    instance: str
    stored: object

    @property
    def path(self):
        return f"/studies/{self.study}/series/{self.series}/instances/{self.instance}"

    @property
    def data(self):
        return self.stored.data


class Lab:
    """Objects are added first; then `gateway()` starts one that knows them."""

    def __init__(self, folder, tls=None, archive=None):
        self.folder = Path(folder)
        self.archive = archive or ScriptedArchive(tls)
        self.gateways = []
        self._studies = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for gateway in self.gateways:
            gateway.stop()
        self.archive.__exit__()

    # What the archive holds, and what the directory says of it.

    def small(self, name, study="study", front="rs", **shape):
        """An image of a few kilobytes (or what `pixels`, `rows` and `frames` make of it)."""
        ids = self._register(name, study, front)
        return self._put(ids, SmallObject(images.small(*ids, **shape).data))

    def presentation_state(self, name, of, study="study", front="rs", frame=None):
        """A presentation state of such images, in a series of its own."""
        sop_class = images.GrayscaleSoftcopyPresentationState
        ids = self._register(name, study, front, "PR", sop_class)
        state = images.presentation_state(*ids, [(each.series, each.instance) for each in of], frame=frame)
        return self._put(ids, SmallObject(state.data))

    def large(self, name, megabytes, study="study", front="rs"):
        """A multi-frame object of about `megabytes` MiB (frames are half a MiB), made up while it is sent."""
        ids = self._register(name, study, front)
        pixel_bytes = megabytes << 20
        return self._put(ids, LargeObject(images.head_of_large(*ids, pixel_bytes), pixel_bytes))

    def _put(self, ids, stored):
        self.archive.put(ids[2], stored)
        return Stored(*ids, stored)

    def _register(self, name, study, front, modality="CT", sop_class=str(images.CTImageStorage)):
        series = images.uid("lab", study, front, "series" if modality == "CT" else modality)
        ids = images.uid("lab", study), series, images.uid("lab", study, name)
        record = self._studies.setdefault(study, {})
        record.setdefault((series, modality, front), []).append((ids[2], sop_class))
        return ids

    def resources(self):
        found = [
            fhir.endpoint("rs", "dicom-wado-rs", self.archive.wado_rs),
            fhir.endpoint("uri", "dicom-wado-uri", self.archive.wado_uri),
        ]
        for study, record in self._studies.items():
            series = [
                {"uid": uid, "modality": modality, "instances": instances, "endpoints": [front]}
                for (uid, modality, front), instances in record.items()
            ]
            found.append(fhir.imaging_study(f"lab-{study}", images.uid("lab", study), "lab", series))
        return found

    # The gateway.

    def settings(self, **changes):
        return {
            "directory": [files_source(self.folder / "studies", *self.resources())],
            "backends": [
                backend(
                    BACKEND,
                    f"{self.archive.origin}/",
                    timeouts={"connect": "2s", "first_byte": "5s", "stall": "5s"},
                    **changes.pop("backend", {}),
                )
            ],
            **changes,
        }

    def gateway(self, name="gateway", **changes):
        """Starts a gateway; it is stopped with the lab."""
        gateway = Gateway(self.folder / name, self.settings(**changes))
        self.gateways.append(gateway)
        return gateway.start()
