"""Every WADO-RS resource: how it is asked for, and when its answer is right, as pydicom and Pillow see it."""

import re
from collections import defaultdict
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

from . import truth
from .client import AS_STORED, FRAMES_AS_STORED, JSON, parts
from .gateway import Gateway
from .kinds import COLUMNS, CT, JPEG, NATIVE, REPORT, ROWS
from .recorder import Recorder

RS, URI, PIXELMED, FOLDER = "Orthanc, WADO-RS", "Orthanc, WADO-URI only", "PixelMed, WADO-URI", "folder of files"
ARCHIVES = (RS, URI, PIXELMED, FOLDER)

_XML = 'multipart/related; type="application/dicom+xml"'
_JPEGS = 'multipart/related; type="image/jpeg"'
_LEVELS = ("study", "series", "instance")
_OCTETS = ("application/octet-stream", "1.2.840.10008.1.2.1")
#: The media type and transfer syntax of each kind's frames.
_PIXELS = {CT: _OCTETS, NATIVE: _OCTETS, JPEG: ("image/jpeg", "1.2.840.10008.1.2.4.50")}


@dataclass
class Place:
    """A study of one kind on one archive, behind the gateway."""

    gateway: Gateway
    archive: str
    kind: str
    members: list
    recorder: Recorder | None

    @property
    def instance(self):
        """Not the first, which a server that ignores what it is asked would give."""
        return self.members[1]

    def at(self, level):
        """The path of a level, and what belongs to it."""
        image = self.instance.image
        path = {
            "study": f"/studies/{image.study}",
            "series": f"/studies/{image.study}/series/{image.series}",
            "instance": image.path,
        }[level]
        return path, [each for each in self.members if each.path == path or each.path.startswith(f"{path}/")]

    @property
    def frame_list(self):
        """Two frames of the instance."""
        return None if self.kind == CT else [2, 4]

    @property
    def frame(self):
        return 1 if self.kind == CT else 3

    @property
    def frame_path(self):
        return f"{self.instance.path}/frames/{self.frame}"

    def purge(self):
        answer = self.gateway.purge_request(self.instance.image.study)
        assert answer.ok, answer.text


@dataclass
class Resource:
    """`path(place)` is what to ask for, None where there is none; `check(place, answer)` fails for what is wrong."""

    name: str
    accept: str
    path: callable
    check: callable


def _data_sets(level):
    def check(place, answer):
        expected = [each.image.data for each in place.at(level)[1]]
        found = parts(answer)
        # A DICOMweb archive puts the members of its studies in an order of its own.
        ordered = sorted if place.archive in (RS, FOLDER) else list
        assert ordered(part.body for part in found) == ordered(expected)
        assert {part.media_type for part in found} == {"application/dicom"}
        assert {part.transfer_syntax for part in found} == {place.instance.image.transfer_syntax}

    return Resource(level, AS_STORED, lambda place: place.at(level)[0], check)


def _single_part():
    def check(place, answer):
        assert answer.headers["Content-Type"].startswith("application/dicom;")
        assert answer.content == place.instance.image.data

    accept = "application/dicom; transfer-syntax=*"
    return Resource("instance, single part", accept, lambda place: place.instance.path, check)


def _frames(name, numbers):
    def path(place):
        listed = numbers(place)
        return listed and f"{place.instance.path}/frames/{','.join(map(str, listed))}"

    def check(place, answer):
        held = truth.frames(place.instance.dataset())
        _assert_pixels(place, parts(answer), [held[number - 1] for number in numbers(place)])

    return Resource(name, FRAMES_AS_STORED, path, check)


def _pixel_data(level):
    def check(place, answer):
        expected = [frame for each in place.at(level)[1] for frame in truth.frames(each.dataset())]
        found = parts(answer)
        if place.archive == FOLDER:
            # The instances of a folder come in an order of its own.
            found, expected = sorted(found, key=lambda part: part.body), sorted(expected)
        _assert_pixels(place, found, expected)

    return Resource(f"{level} pixeldata", FRAMES_AS_STORED, lambda place: place.at(level)[0] + "/pixeldata", check)


def _assert_pixels(place, found, expected):
    _assert_values([part.body for part in found], expected)
    assert {(part.media_type, part.transfer_syntax) for part in found} == {_PIXELS[place.kind]}


def _assert_values(found, expected):
    assert [len(truth.padded(each)) for each in found] == [len(truth.padded(each)) for each in expected]
    assert [truth.padded(each) for each in found] == [truth.padded(each) for each in expected]


def _bulk(name, attribute):
    """The bulk data of one attribute, by the URI that the metadata has for it."""

    def path(place):
        answer = requests.get(
            f"{place.gateway.dicomweb}{place.instance.path}/metadata", headers={"Accept": JSON}, timeout=20
        )
        assert answer.ok, answer.text
        uri = {tag.upper(): uri for tag, uri in truth.bulk_uris(answer.json()[0]).items()}.get(attribute)
        return uri and uri.removeprefix(place.gateway.dicomweb)

    def check(place, answer):
        _assert_values([part.body for part in parts(answer)], truth.bulk_values(place.instance.dataset())[attribute])

    return Resource(name, "*/*", path, check)


def _bulk_data(level):
    def check(place, answer):
        found = defaultdict(list)
        for part in parts(answer):
            found[re.sub("/bulk(data/stored|data)?/", " ", _location(place, part)).upper()].append(part.body)
        expected = {
            f"{each.path} {attribute}".upper(): values
            for each in place.at(level)[1]
            for attribute, values in truth.bulk_values(each.dataset()).items()
        }
        assert sorted(found) == sorted(expected)
        for name, values in expected.items():
            _assert_values(found[name], values)

    return Resource(f"{level} bulkdata", FRAMES_AS_STORED, lambda place: place.at(level)[0] + "/bulkdata", check)


def _location(place, part):
    """What a part is, as a path below the DICOMweb root."""
    path = urlsplit(part.fields["content-location"]).path
    assert path.startswith("/dicom-web/studies/"), path
    return path.removeprefix("/dicom-web")


def _json_metadata(level):
    def check(place, answer):
        assert answer.headers["Content-Type"] == JSON
        expected = {each.image.instance: truth.model(each.dataset()) for each in place.at(level)[1]}
        found = {each["00080018"]["Value"][0]: truth.json_model(each) for each in answer.json()}
        _assert_models(_with_compressed_pixels(place, found), expected)

    return Resource(f"{level} metadata, JSON", JSON, lambda place: place.at(level)[0] + "/metadata", check)


def _assert_models(found, expected):
    """Element by element."""
    assert sorted(found) == sorted(expected)
    for uid, model in expected.items():
        differing = {tag for tag in {*model, *found[uid]} if model.get(tag) != found[uid].get(tag)}
        assert not differing, {tag: (found[uid].get(tag), model.get(tag)) for tag in differing}


def _with_compressed_pixels(place, models):
    """Orthanc's own metadata doesn't say where compressed pixel data is; all others' do."""
    if (place.archive, place.kind) != (RS, JPEG):
        return models
    return {uid: model | {"7FE00010": "bulk data"} for uid, model in models.items()}


def _xml_metadata(level):
    def check(place, answer):
        models = [truth.xml_model(part.body) for part in parts(answer)]
        expected = {
            each.image.instance: truth.without_private(truth.model(each.dataset())) for each in place.at(level)[1]
        }
        _assert_models(_with_compressed_pixels(place, {each["00080018"][0]: each for each in models}), expected)

    return Resource(f"{level} metadata, XML", _XML, lambda place: place.at(level)[0] + "/metadata", check)


def _rendered_instance():
    def check(place, answer):
        _assert_picture(answer.content, answer.headers["Content-Type"], place.instance.cells[:1])

    return Resource("instance rendered", "image/jpeg", lambda place: place.instance.path + "/rendered", check)


def _rendered_collection(level):
    def check(place, answer):
        members = {each.path: each for each in place.at(level)[1]}
        seen = set()
        for part in parts(answer):
            owner, _, which = _location(place, part).removesuffix("/rendered").partition("/frames/")
            seen.add(owner)
            _assert_picture(part.body, part.media_type, [members[owner].cells[int(which or 1) - 1]])
        assert seen == set(members)

    return Resource(f"{level} rendered", _JPEGS, lambda place: place.at(level)[0] + "/rendered", check)


def _rendered_frame():
    def check(place, answer):
        _assert_picture(answer.content, answer.headers["Content-Type"], [place.instance.cells[place.frame - 1]])

    return Resource("frame rendered", "image/jpeg", lambda place: f"{place.frame_path}/rendered", check)


def _rendered_frames():
    def path(place):
        listed = place.frame_list
        return listed and f"{place.instance.path}/frames/{','.join(map(str, listed))}/rendered"

    def check(place, answer):
        found = parts(answer)
        assert len(found) == len(place.frame_list)
        for part, number in zip(found, place.frame_list):
            _assert_picture(part.body, part.media_type, [place.instance.cells[number - 1]])

    return Resource("frames rendered", _JPEGS, path, check)


def _thumbnail(level):
    def check(place, answer):
        # The middle instance of the first series stands for all.
        members = place.at(level)[1]
        series = [each for each in members if each.image.series == members[0].image.series]
        stands_for_all = series[len(series) // 2 : len(series) // 2 + 1] if len(series) % 2 else series
        cells = [cell for each in stands_for_all for cell in each.cells]
        _assert_picture(answer.content, answer.headers["Content-Type"], cells, any_size=True)

    return Resource(f"{level} thumbnail", "image/jpeg", lambda place: place.at(level)[0] + "/thumbnail", check)


def _frame_thumbnail():
    def check(place, answer):
        cells = [place.instance.cells[place.frame - 1]]
        _assert_picture(answer.content, answer.headers["Content-Type"], cells, any_size=True)

    return Resource("frame thumbnail", "image/jpeg", lambda place: f"{place.frame_path}/thumbnail", check)


def _assert_picture(data, content_type, cells, any_size=False):
    """By its own bytes: what it is, how large, and of which frame."""
    picture = truth.Picture(data)
    assert picture.media_type == content_type == "image/jpeg"
    assert picture.bright_cell in cells
    if any_size:
        assert abs(picture.width / picture.height - COLUMNS / ROWS) < 0.05
    else:
        assert (picture.width, picture.height) == (COLUMNS, ROWS)


RESOURCES = [
    *map(_data_sets, _LEVELS),
    _single_part(),
    _frames("frame", lambda place: [place.frame]),
    _frames("frames", lambda place: place.frame_list),
    _frames("frame that is not there", lambda place: None if place.kind == REPORT else [9]),
    _bulk("one BulkDataURI", "00291010"),
    _bulk("one BulkDataURI, nested", "04000500/2/04000520"),
    _bulk("one BulkDataURI, pixel data", "7FE00010"),
    *map(_bulk_data, _LEVELS),
    *map(_pixel_data, _LEVELS),
    *map(_json_metadata, _LEVELS),
    *map(_xml_metadata, _LEVELS),
    *map(_rendered_collection, _LEVELS[:2]),
    _rendered_instance(),
    _rendered_frame(),
    _rendered_frames(),
    *map(_thumbnail, _LEVELS),
    _frame_thumbnail(),
]
