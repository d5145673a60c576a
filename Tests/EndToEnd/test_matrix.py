"""Every WADO-RS resource of every kind of object from every kind of archive: the table that MATRIX.md shows.

A run asks for each cell after a purge, holds what comes against pydicom and Pillow, and writes the table. What may be
refused, since the archive or the object has nothing of the kind, is listed in `REFUSALS`; all else has to be right.
"""

import difflib
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from bed import fhir
from bed.archives import Orthanc, PixelMed
from bed.client import AS_STORED
from bed.gateway import Gateway, backend, files_source
from bed.kinds import JPEG, KINDS, NATIVE, REPORT, study
from bed.recorder import Recorder
from bed.resources import ARCHIVES, FOLDER, PIXELMED, RESOURCES, RS, URI, Place

TABLE = Path(__file__).with_name("MATRIX.md")
#: A request for an instance, and for what has to be known of one.
DATA_SET = re.compile(r"contentType=application/dicom|/instances/[0-9.]+(/metadata)?$")


# What may be refused.


@dataclass
class Refusal:
    """What is answered instead, and why: the status, what its sentence has to speak of, the word for the table."""

    statuses: set
    speaks_of: str
    word: str
    resources: str
    kinds: tuple = KINDS
    archives: tuple = ARCHIVES
    #: Whether the right thing is right, too.
    is_option: bool = False

    def concerns(self, place, resource):
        return place.kind in self.kinds and place.archive in self.archives and re.search(self.resources, resource.name)


MULTI_FRAME = (NATIVE, JPEG)
REFUSALS = [
    Refusal({404}, r"has [154]\b", "no such frame", "not there"),
    Refusal({404}, "pixel data|frame", "no pixel data", "^frames?$|pixeldata", kinds=(REPORT,)),
    # Pictures are made by archives; a folder makes none.
    Refusal({404, 406}, "render|picture|image", "no pictures", "rendered|thumbnail", archives=(FOLDER,)),
    # A text has no default that is a picture, and no frames (PS3.18 §8.7.4).
    Refusal({404, 406}, "image|picture|thumbnail|frame", "no image", "rendered|thumbnail", kinds=(REPORT,)),
    # PixelMed has no picture of any frame of many: it sends an empty body with a 200.
    Refusal({501, 502}, "frame|empty|picture", "no picture", "rendered|thumbnail", MULTI_FRAME, (PIXELMED,)),
    # Orthanc ignores frameNumber: a frame of many can't be asked for, and another one must not be given.
    Refusal({501}, "frame", "frame number", "frames? rendered|frame thumbnail", MULTI_FRAME, (URI,)),
    # Of the picture of a whole instance it may be known which frame that is, or not.
    Refusal({501}, "frame", "frame number", "rendered|thumbnail", MULTI_FRAME, (URI,), is_option=True),
]


# The cells.


@dataclass
class Cell:
    """What the table shows, and what is wrong with it."""

    text: str
    fault: str = ""


@dataclass
class Matrix:
    """The cells, by kind, archive and name of the resource."""

    cells: dict = field(default_factory=dict)

    def faults(self, kind, archive):
        return [
            f"{resource.name}: {self.cells[kind, archive, resource.name].fault}"
            for resource in RESOURCES
            if self.cells[kind, archive, resource.name].fault
        ]

    def __str__(self):
        text = HEAD
        for kind in KINDS:
            rows = [
                [resource.name, *(self.cells[kind, archive, resource.name].text for archive in ARCHIVES)]
                for resource in RESOURCES
            ]
            text += f"\n## {kind}\n\n{aligned(['', *ARCHIVES], rows)}\n"
        return text


HEAD = """# Every resource from every archive

Written by `test_matrix.py`; each cell was asked for, and what came was compared with what pydicom reads.

- **native**: the archive was asked for this very thing.
- **translated**: the archive was asked for it in the other protocol, or by another name.
- **composed**: put together from several answers of the archive.
- **derived**: made from the instances, in the gateway.
- **–**: there is no such thing.
"""


def aligned(header, rows):
    """A table whose columns are aligned in its source, too."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines)


def ask(place, resource):
    """One cell: asked for with nothing in the cache, and judged."""
    status = "—"
    try:
        place.purge()
        path = resource.path(place)
        if path is None:
            return Cell("–")
        place.purge()
        seen = len(place.recorder.answered) if place.recorder else 0
        answer = requests.get(place.gateway.dicomweb + path, headers={"Accept": resource.accept}, timeout=30)
        status = answer.status_code
        assert_no_address_of_the_archive(place, answer)
        refusal = next((each for each in REFUSALS if each.concerns(place, resource)), None)
        if refusal and not (refusal.is_option and status == 200):
            assert_refused(answer, refusal)
            return Cell(f"{status} {refusal.word}")
        assert status == 200, answer.text
        resource.check(place, answer)
        return Cell(f"200 {how(place, resource, path, seen)}")
    except Exception as error:  # whatever a body that isn't what it should be makes of its reader
        return Cell(f"**{status} wrong**", f"{status}: {type(error).__name__}: {str(error)[:600]}")


def assert_refused(answer, refusal):
    assert answer.status_code in refusal.statuses, answer.text[:300]
    assert re.search(refusal.speaks_of, answer.text, re.IGNORECASE), answer.text[:300]
    assert len(answer.text.split()) > 5 and "<" not in answer.text, f"no sentence: {answer.text[:300]}"


def assert_no_address_of_the_archive(place, answer):
    if place.recorder:
        for port in (place.recorder.archive_port, place.recorder.port):
            assert f":{port}".encode() not in answer.content
            assert not any(f":{port}" in value for value in answer.headers.values())


def how(place, resource, path, seen):
    """The word for the way that the answer came, by what the archive was asked for."""
    is_stored = resource.accept == AS_STORED or resource.name.startswith("instance, ")
    if place.recorder is None:
        return "native" if is_stored else "derived"
    asked = [each.request for each in place.recorder.answered[seen:] if 200 <= each.status < 300]
    if f"/dicom-web{path}" in [each.target for each in asked]:
        return "native"
    if not is_stored:
        # Beside what the answer is made of, an instance or its metadata may be fetched for what has to be known of it.
        asked = [each for each in asked if not DATA_SET.search(each.target)]
    # One thing may be asked for in several ways, to find out which of them the archive understands.
    things = {each.query.get("objectUID", each.path) for each in asked}
    return {0: "derived", 1: "translated"}.get(len(things), "composed")


@pytest.fixture(scope="module")
def matrix(tmp_path_factory):
    folder = tmp_path_factory.mktemp("matrix")
    studies = {(archive, kind): study(archive, kind) for archive in ARCHIVES for kind in KINDS}
    rs, uri = Orthanc("rs", folder / "rs"), Orthanc("uri", folder / "uri", dicomweb=False)
    pixelmed = PixelMed(folder / "pixelmed")
    for archive, files in {PIXELMED: pixelmed.holdings, FOLDER: folder / "files"}.items():
        files.mkdir(exist_ok=True)
        for number, image in enumerate(images_of(studies, archive)):
            (files / f"{number}.dcm").write_bytes(image.data)
    archives = {RS: rs, URI: uri, PIXELMED: pixelmed}
    recorders = {name: Recorder(archive.port) for name, archive in archives.items()}
    gateway = Gateway(folder / "gateway", settings(folder, studies, recorders))
    matrix = Matrix()
    try:
        for archive in archives.values():
            archive.launch()
        for name in (RS, URI):
            archives[name].wait_ready()
            assert all(archives[name].store(image.data) for image in images_of(studies, name))
        pixelmed.wait_ready()
        gateway.start()
        for (archive, kind), members in studies.items():
            place = Place(gateway, archive, kind, members, recorders.get(archive))
            for resource in RESOURCES:
                matrix.cells[kind, archive, resource.name] = ask(place, resource)
    finally:
        for server in (gateway, *archives.values()):
            server.ask_to_stop()
        for server in (gateway, *archives.values(), *recorders.values()):
            server.stop()
    return matrix


def images_of(studies, archive):
    return [each.image for (name, _), members in studies.items() if name == archive for each in members]


def settings(folder, studies, recorders):
    resources = [
        fhir.endpoint("rs", "dicom-wado-rs", f"{recorders[RS].origin}/dicom-web"),
        fhir.endpoint("uri", "dicom-wado-uri", f"{recorders[URI].origin}/wado"),
        fhir.endpoint("pixelmed", "dicom-wado-uri", f"{recorders[PIXELMED].origin}/wado"),
    ]
    endpoints = {RS: "rs", URI: "uri", PIXELMED: "pixelmed"}
    for number, ((archive, _), members) in enumerate(studies.items()):
        if archive in endpoints:
            resources.append(record(f"study-{number}", members, endpoints[archive]))
    return {
        "directory": [
            files_source(folder / "studies", *resources),
            {"archive": {"path": str(folder / "files"), "name": "folder"}},
        ],
        "backends": [
            backend(endpoints[name], f"{recorder.origin}/", timeouts={"connect": "2s", "first_byte": "20s"})
            for name, recorder in recorders.items()
        ],
    }


def record(identifier, members, endpoint):
    series = fhir.series_of(each.image for each in members)
    return fhir.imaging_study(identifier, members[0].image.study, "kinds", series, [endpoint])


# The tests.


@pytest.mark.parametrize("archive", ARCHIVES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_resource(matrix, kind, archive):
    faults = matrix.faults(kind, archive)
    assert not faults, "\n" + "\n".join(faults)


def test_the_table_is_as_committed(matrix):
    committed = TABLE.read_text() if TABLE.exists() else ""
    TABLE.write_text(str(matrix))
    difference = difflib.unified_diff(committed.splitlines(), str(matrix).splitlines(), "committed", "now", lineterm="")
    assert committed == str(matrix), "MATRIX.md is written anew: look at it and commit it.\n" + "\n".join(difference)
