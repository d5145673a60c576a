"""What the gateway says of every file that pydicom ships, beside what pydicom and dcmtk say of it: element by element.

The files lie in a folder that is directory and backend in one. Whatever differs stands in `oracles/deviations.txt`, one
element at a time, under the name of the deviation from the standard that it is: of the oracle, never of the gateway.
"""

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pydicom.datadict
import pytest
import requests

from bed import oracles, specimens
from bed.client import FRAMES_AS_STORED, JSON, parts
from bed.gateway import Gateway
from bed.oracles import PIXEL_DATA, Unread
from bed.specimens import pydicom_alone

# pydicom says of many of these files that they are not as they should be.
pytestmark = pytest.mark.filterwarnings("ignore")

XML = 'multipart/related; type="application/dicom+xml"'
LISTED = Path(__file__).parent / "oracles" / "deviations.txt"

#: Files that end too early, or hold what ends beyond its end, at what the gateway says of them. Nothing is made up.
REFUSED = {
    "test_files/dicomdirtests/DICOMDIR-nooffset": "a sequence or item ends beyond what holds it",
    "test_files/rtplan_truncated.dcm": "a sequence or item ends beyond what holds it",
}
#: Files of which only the pixels are cut off: metadata is told, frames are refused.
PIXELS_CUT_OFF = {"test_files/MR_truncated.dcm": "the file ends inside of Pixel Data"}

#: Files that an oracle does not read, or misreads as a whole, and why.
NO_CONVERSION = "names a character set that dcmtk's iconv does not know"
NOT_EXPLICIT = "is in Implicit VR, against its transfer syntax: dcmtk takes every element for UN, or gives up"
NO_DIRECTORY = "has directory records, of which dcm2xml makes no Native DICOM Model"
UNREAD = {
    "dcm2json": {
        "charset_files/chrH31.dcm": NO_CONVERSION,
        "charset_files/chrH32.dcm": NO_CONVERSION,
        "charset_files/chrJapMulti.dcm": NO_CONVERSION,
        "charset_files/chrJapMultiExplicitIR6.dcm": NO_CONVERSION,
        "charset_files/chrSQEncoding.dcm": NO_CONVERSION,
        "charset_files/chrSQEncoding1.dcm": NO_CONVERSION,
        "explicit_VR-UN.dcm": "names a character set that there is not: 49",
        "made/not-a-number.dcm": "has an FD that is no number, and writes it as JSON has none",
        "test_files/J2K_pixelrep_mismatch.dcm": NO_CONVERSION,
        "test_files/SC_rgb_jpeg.dcm": NOT_EXPLICIT,
        "test_files/rtdose_rle.dcm": NOT_EXPLICIT,
        "test_files/rtdose_rle_1frame.dcm": NOT_EXPLICIT,
    },
    "dcm2xml": {
        "charset_files/chrH31.dcm": NO_CONVERSION,
        "charset_files/chrH32.dcm": NO_CONVERSION,
        "charset_files/chrJapMulti.dcm": NO_CONVERSION,
        "charset_files/chrJapMultiExplicitIR6.dcm": NO_CONVERSION,
        "charset_files/chrSQEncoding.dcm": NO_CONVERSION,
        "charset_files/chrSQEncoding1.dcm": NO_CONVERSION,
        "explicit_VR-UN.dcm": "names a character set that there is not: 49",
        "test_files/J2K_pixelrep_mismatch.dcm": NO_CONVERSION,
        "test_files/SC_rgb_jpeg.dcm": NOT_EXPLICIT,
        "test_files/rtdose_rle.dcm": NOT_EXPLICIT,
        "test_files/rtdose_rle_1frame.dcm": NOT_EXPLICIT,
        "test_files/dicomdirtests/DICOMDIR": NO_DIRECTORY,
        "test_files/dicomdirtests/DICOMDIR-bigEnd": NO_DIRECTORY,
        "test_files/dicomdirtests/DICOMDIR-implicit": NO_DIRECTORY,
        "test_files/dicomdirtests/DICOMDIR-nopatient": NO_DIRECTORY,
        "test_files/dicomdirtests/DICOMDIR-reordered": NO_DIRECTORY,
        "test_files/dicomdirtests/TINY_ALPHA/DICOMDIR": NO_DIRECTORY,
    },
}


# The deviations, by name: the clause, and what the difference must then be.


def is_group_length(path, ours, theirs):
    return ours is None and path.endswith("0000")


def is_source_character_set(path, ours, theirs):
    return path.endswith("00080005") and ours["values"] == ["ISO_IR 192"] and theirs["values"]


def is_empty_string(path, ours, theirs):
    return "" in theirs["values"] and ours == {**theirs, "values": [each or None for each in theirs["values"]]}


def is_padded(path, ours, theirs):
    return ours == {**theirs, "values": [each and each.strip(" ") or None for each in theirs["values"]]}


def is_big_endian(path, ours, theirs):
    unit = {"OW": 2, "OL": 4, "OF": 4, "OV": 8, "OD": 8}[ours["vr"]]
    return ours == {**theirs, "bytes": oracles.swapped(theirs["bytes"], unit)}


def is_left_out(path, ours, theirs):
    return theirs is None and (ours["values"] == ["1A"] or ours["vr"] == "PN" and None in ours["values"])


def is_given_character_set(path, ours, theirs):
    return path.endswith("00080005") and ours["values"] == [] and theirs["values"] == ["ISO_IR 192"]


def is_rounded(path, ours, theirs):
    return ours["vr"] == "FD" and all(
        mine == other or math.isclose(float(mine), float(other), rel_tol=1e-15)
        for mine, other in zip(ours["values"], theirs["values"], strict=True)
    )


def is_cut_name(path, ours, theirs):
    cut = [{group: text.rstrip("^") for group, text in each.items()} for each in ours["values"]]
    return ours["vr"] == "PN" and theirs["values"] == [each for each in cut if any(each.values())]


def is_made_even(path, ours, theirs):
    return theirs == {**ours, "bytes": ours["bytes"] + b"\0"}


def is_without_keyword(path, ours, theirs):
    return theirs == {**ours, "keyword": None}


def is_taken_as_unknown(path, ours, theirs):
    return theirs["vr"] == "UN" and "bytes" in theirs and ours["vr"] != "UN"


def has_groups_of_the_name_before(path, ours, theirs):
    pairs = zip(ours["values"], theirs["values"], strict=True)
    return ours["vr"] == "PN" and all((mine or {}).items() <= other.items() for mine, other in pairs)


def is_block_forgotten(path, ours, theirs):
    return (ours or theirs)["keyword"] is None and (ours is None or theirs is None)


#: By oracle and name: the clause, and the test that a difference is this deviation and no other.
DEVIATIONS = {
    "pydicom": {
        "group-length": ("PS3.18 F.2.2: group lengths are not part of the model", is_group_length),
        "character-set": ("PS3.18 F.2: the repertoire is UTF-8, which is ISO_IR 192", is_source_character_set),
        "empty-string": ("PS3.18 F.2.5: an empty value among others is null", is_empty_string),
        "padding": ("PS3.5 table 6.2-1: spaces around a value are no part of it", is_padded),
        "big-endian": ("PS3.18 8.7.3.3.2, F.2.7: binary values are little endian", is_big_endian),
        "left-out": ("PS3.18 F.2.2: the model has every attribute, also no number in IS, and empty names", is_left_out),
    },
    "dcm2json": {
        "character-set": ("PS3.18 F.2: the repertoire is UTF-8, which is ISO_IR 192", is_source_character_set),
        "empty-character-set": ("PS3.18 F.2.5: an empty attribute has no value", is_given_character_set),
        "rounded": ("PS3.18 F.2.3: the number is the value; the last of its digits are wrong", is_rounded),
        "name": ("PS3.18 F.2.2: components of a name are not changed", is_cut_name),
        "unknown": ("PS3.5 6.2.2: what is known is read by its own VR, though UN is written", is_taken_as_unknown),
        "odd-length": ("PS3.18 F.2.7: the value as it is, which need not be even", is_made_even),
    },
    "dcm2xml": {
        "empty-character-set": ("PS3.19 A.1.5: an empty attribute has no value", is_given_character_set),
        "rounded": ("PS3.19 A.1.5: the number is the value; the last of its digits are wrong", is_rounded),
        "name": ("PS3.19 A.1.5: components of a name are not changed", is_cut_name),
        "groups": ("PS3.19 A.1.5: an empty group does not stand in the document", has_groups_of_the_name_before),
        "unknown": ("PS3.5 6.2.2: what is known is read by its own VR, though UN is written", is_taken_as_unknown),
        "odd-length": ("PS3.19 A.1.5: the value as it is, which need not be even", is_made_even),
        "keyword": ("PS3.6 chapter 6: retired attributes have keywords too", is_without_keyword),
        "big-endian": ("PS3.19 A.1.5: InlineBinary is in little endian", is_big_endian),
        "block": ("PS3.5 7.8.1: without a creator the block is all that tells elements apart", is_block_forgotten),
    },
}


def listed(oracle):
    """The listed differences of an oracle: {(file, path): name of the deviation}."""
    found = {}
    section = None
    for line in LISTED.read_text().splitlines():
        if line.startswith("["):
            section = tuple(line.strip("[]").split(" "))
            assert section[1] in DEVIATIONS[section[0]]
        elif line and not line.startswith("#"):
            file, *paths = line.split("\t")
            if section[0] == oracle:
                for path in paths:
                    assert found.setdefault((file, path), section[1]) is section[1], (file, path)
    return found


def assert_listed(oracle, found):
    """`found` is {(file, path): (ours, theirs)}; both ways it must be what is listed."""
    known = listed(oracle)
    new = {f"{file}\t{path}": found[file, path] for file, path in found.keys() - known.keys()}
    assert not new, f"{len(new)} differences from {oracle} are not listed:\n" + "\n".join(
        f"{place}\n    ours   {ours}\n    theirs {theirs}"[:600] for place, (ours, theirs) in sorted(new.items())[:40]
    )
    gone = sorted(known.keys() - found.keys())
    assert not gone, f"{oracle} no longer differs in {gone}"
    for place, name in known.items():
        assert DEVIATIONS[oracle][name][1](place[1], *found[place]), (oracle, name, place, found[place])


# The gateway's side.


class Archive:
    """The folder, a gateway of its own, and what it answered."""

    def __init__(self, folder):
        self.specimens = specimens.specimens()
        self.files = {}
        (folder / "archive").mkdir()
        for number, each in enumerate(self.specimens):
            self.files[each.name] = folder / "archive" / f"{number:03}.dcm"
            self.files[each.name].write_bytes(each.data)
        self.gateway = Gateway(
            folder / "gateway", {"directory": [{"archive": {"path": str(folder / "archive"), "name": "specimens"}}]}
        )
        self._local = threading.local()
        self._bulk = {}

    def __getitem__(self, name):
        return next(each for each in self.specimens if each.name == name)

    def get(self, url, accept):
        session = self._local.__dict__.setdefault("session", requests.Session())
        return session.get(url, headers={"Accept": accept}, timeout=30)

    def of(self, specimen, resource, accept):
        return self.get(f"{self.gateway.dicomweb}{specimen.path}/{resource}", accept)

    def json(self, specimen):
        answer = self.of(specimen, "metadata", JSON)
        assert answer.status_code == 200, (specimen, answer.text)
        (document,) = answer.json()
        assert list(document) == sorted(document)
        return document

    def xml(self, specimen):
        answer = self.of(specimen, "metadata", XML)
        assert answer.status_code == 200, (specimen, answer.text)
        (part,) = parts(answer)
        return oracles.elements_of_xml(part.body)

    def bulk(self, url):
        """What is behind a BulkDataURI: frames one behind the other."""
        assert url.startswith(f"{self.gateway.dicomweb}/studies/")
        if url not in self._bulk:
            answer = self.get(url, "*/*")
            assert answer.status_code == 200, (url, answer.text)
            self._bulk[url] = b"".join(part.body for part in parts(answer))
        return self._bulk[url]

    def each(self, work):
        """The results of `work` for every specimen, by name."""
        with ThreadPoolExecutor(6) as pool:
            return dict(zip((each.name for each in self.specimens), pool.map(work, self.specimens)))

    def whole(self):
        return [each for each in self.specimens if each.name not in REFUSED]


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    archive = Archive(tmp_path_factory.mktemp("oracles"))
    archive.gateway.start()
    yield archive
    archive.gateway.stop()


@pytest.fixture
def no_private_dictionary(monkeypatch):
    """pydicom knows the VRs of some makers' private elements; the gateway knows none, which is as good."""
    monkeypatch.setattr(pydicom.datadict, "private_dictionaries", {})


def differences_of_each(archive, compare):
    """{(file, path): (ours, theirs)} of all, and the files that an oracle does not read with its words."""
    found, unread = {}, {}
    for name, result in archive.each(compare).items():
        if isinstance(result, Unread):
            unread[name] = str(result)
        else:
            found |= {(name, path): (ours, theirs) for path, ours, theirs in result}
    return found, unread


# The tests.


def test_no_file_is_missing(archive):
    shipped = specimens.shipped()
    assert set(specimens.LEFT_OUT) <= set(shipped)
    assert len(shipped) == 273
    assert len(archive.specimens) == len(shipped) - len(specimens.LEFT_OUT) + len(specimens.made())


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_whole_is_refused(archive, name):
    for resource, accept in (("metadata", JSON), ("metadata", XML), ("frames/1", FRAMES_AS_STORED)):
        answer = archive.of(archive[name], resource, accept)
        assert answer.status_code == 502
        assert REFUSED[name] in answer.text


def test_json_equals_pydicoms(archive, no_private_dictionary):
    def compare(specimen):
        if specimen.name in REFUSED:
            return []
        ours, theirs = archive.json(specimen), oracles.json_by_pydicom(specimen.dataset)
        if specimen.name in PIXELS_CUT_OFF:
            assert (ours.pop(PIXEL_DATA)["vr"], theirs.pop(PIXEL_DATA)["vr"]) == ("OW", "OW")
        return list(oracles.differences(ours, theirs, archive.bulk))

    found, unread = differences_of_each(archive, compare)
    assert not unread
    assert_listed("pydicom", found)


def pixels_apart(specimen, document):
    """A document without its Pixel Data, and the file to give to dcmtk, which has no JSON for fragments."""
    if document.pop(PIXEL_DATA, None) is None or specimen.is_deflated:
        return specimen.data
    return specimen.without(int(PIXEL_DATA, 16))


def by_dcmtk(archive, tmp_path, tool, document_of, run):
    def compare(specimen):
        if specimen.name in REFUSED:
            return []
        ours = document_of(specimen)
        copy = tmp_path / archive.files[specimen.name].name
        copy.write_bytes(pixels_apart(specimen, ours))
        try:
            theirs = run(copy, specimen)
        except (Unread, ValueError) as error:
            return Unread(error)
        theirs.pop(PIXEL_DATA, None)
        return list(oracles.differences(ours, theirs, archive.bulk))

    found, unread = differences_of_each(archive, compare)
    unread |= {name: "misread" for name, _ in found if name in UNREAD[tool]}
    assert unread.keys() == UNREAD[tool].keys(), unread
    return {place: each for place, each in found.items() if place[0] not in unread}


def test_json_equals_dcmtks(archive, tmp_path):
    def run(copy, _):
        return oracles.json_by_dcmtk(copy)

    assert_listed("dcm2json", by_dcmtk(archive, tmp_path, "dcm2json", archive.json, run))


def test_xml_equals_dcmtks(archive, tmp_path):
    def run(copy, specimen):
        return oracles.elements_of_xml(oracles.xml_by_dcmtk(copy, "SpecificCharacterSet" in specimen.dataset))

    assert_listed("dcm2xml", by_dcmtk(archive, tmp_path, "dcm2xml", archive.xml, run))


def test_frames_equal_pydicoms(archive):
    """All frames at once, and then one alone, which takes another way."""

    def compare(specimen):
        with pydicom_alone:
            expected = oracles.frames(specimen.dataset)
        if specimen.name in REFUSED or specimen.name in PIXELS_CUT_OFF:
            return 0
        if expected is None:
            answer = archive.of(specimen, "frames/1", FRAMES_AS_STORED)
            assert answer.status_code == 404, (specimen, answer.text)
            return 0
        last = len(expected)
        numbers = ",".join(map(str, range(1, last + 1)))
        for list_of_numbers, frames in ((numbers, expected), (last, expected[-1:])):
            answer = archive.of(specimen, f"frames/{list_of_numbers}", FRAMES_AS_STORED)
            assert answer.status_code == 200, (specimen, answer.text)
            assert [part.body for part in parts(answer)] == frames, specimen
        return last

    counts = archive.each(compare)
    assert sum(count > 0 for count in counts.values()) == 180
    assert sum(counts.values()) == 443


@pytest.mark.parametrize("name", PIXELS_CUT_OFF)
def test_pixels_that_are_cut_off_are_refused(archive, name):
    answer = archive.of(archive[name], "frames/1", FRAMES_AS_STORED)
    assert answer.status_code == 502
    assert PIXELS_CUT_OFF[name] in answer.text
