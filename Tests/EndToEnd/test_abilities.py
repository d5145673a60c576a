"""Parameters that an archive may ignore silently are sent only where pictures have proven that it honours them."""

import io
import itertools
import json
from concurrent.futures import ThreadPoolExecutor

import PIL.Image
import pytest
import requests

from bed import fhir
from bed.archives import Orthanc
from bed.client import wado_query
from bed.gateway import Gateway, backend, files_source
from bed.kinds import COLUMNS, CT, NATIVE, ROWS, bright_cell, study
from bed.recorder import Recorder
from bed.renderer import SIZE, Renderer

JPEG = {"Accept": "image/jpeg"}
FRONTS = ["rs", "uri"]


def rendered(gateway, image, query="", frame=None, accept="image/jpeg"):
    tail = f"/frames/{frame}/rendered" if frame else "/rendered"
    return requests.get(f"{gateway.dicomweb}{image.path}{tail}{query}", headers={"Accept": accept}, timeout=60)


def picture(answer):
    assert answer.status_code == 200, answer.text
    return PIL.Image.open(io.BytesIO(answer.content))


def refused(answer, *abilities):
    """A sentence that names the abilities, and no picture."""
    assert answer.status_code == 501, (answer.status_code, answer.text[:200])
    assert all(ability in answer.text for ability in abilities), answer.text
    assert len(answer.text.split()) > 4


def known(gateway):
    """What the admin listener says: ability → whether the archive has it."""
    return {each["ability"]: each["able"] for each in backends(gateway)}


def backends(gateway):
    answer = requests.get(f"{gateway.admin}/backends", timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def members():
    return study("abilities", CT, NATIVE)


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory, members):
    """Speaks both protocols, each at a place of its own."""
    with Orthanc("archive", tmp_path_factory.mktemp("archive")) as archive:
        assert all(archive.store(each.image.data) for each in members)
        yield archive


class Bench:
    """The archive by one of its protocols, seen through a recorder, and a gateway that knows nothing of it yet."""

    def __init__(self, folder, orthanc, members, front):
        self.members = members
        self.recorder = Recorder(orthanc.port)
        address = f"{self.recorder.origin}/{'dicom-web' if front == 'rs' else 'wado'}"
        endpoint = fhir.endpoint("archive", f"dicom-wado-{front}", address)
        series = fhir.series_of(each.image for each in members)
        record = fhir.imaging_study("probed", members[0].image.study, "probed", series, ["archive"])
        settings = {
            "directory": [files_source(folder / "studies", endpoint, record)],
            "backends": [backend("the-archive", f"{self.recorder.origin}/")],
        }
        self.gateway = Gateway(folder / "gateway", settings).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.gateway.stop()
        self.recorder.stop()

    @property
    def slice(self):
        return self.members[0].image

    @property
    def film(self):
        return next(each for each in self.members if each.image.frames > 1)

    def pictures(self):
        """How many pictures the archive has been asked for."""
        return self.recorder.count("rendered") + self.recorder.count("contentType=image")


@pytest.fixture
def web_archive(tmp_path, orthanc, members):
    with Bench(tmp_path, orthanc, members, "rs") as bench:
        yield bench


@pytest.fixture
def old_archive(tmp_path, orthanc, members):
    with Bench(tmp_path, orthanc, members, "uri") as bench:
        yield bench


class TestOrthanc:
    """Its WADO-RS honours much; its WADO-URI ignores everything."""

    def test_what_it_honours_is_proven_and_used(self, web_archive):
        gateway, image = web_archive.gateway, web_archive.slice
        half = COLUMNS // 2, ROWS // 2
        assert picture(rendered(gateway, image, f"?viewport={half[0]},{half[1]}")).size == half
        assert web_archive.pictures() == 3 + 1, "plain, half, plain again; and the client's own"
        part = picture(rendered(gateway, image, "?viewport=40,30,8,10,40,30"))
        whole = picture(rendered(gateway, image))
        assert part.size == (40, 30)
        assert _differs(part, whole.crop((8, 10, 48, 40))) < 10, "the pixels that were asked for"
        white = picture(rendered(gateway, image, "?window=-5000,10,linear"))
        assert white.convert("L").getextrema()[0] > 250
        coarse, fine = (rendered(gateway, image, f"?quality={quality}") for quality in (5, 95))
        assert coarse.status_code == fine.status_code == 200
        assert len(coarse.content) < len(fine.content)
        flipped = picture(rendered(gateway, image, f"?viewport={COLUMNS},{ROWS},0,0,-{COLUMNS},{ROWS}"))
        assert _differs(flipped, whole.transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT)) < 10
        proven = {name for name, is_able in known(gateway).items() if is_able}
        assert proven == {"viewport", "region", "window", "quality", "flip"}

    def test_the_second_time_it_is_only_asked_for_the_picture(self, web_archive):
        gateway = web_archive.gateway
        for query, count in (("?viewport=48,32", 4), ("?viewport=24,16", 5), ("?viewport=12,8", 6)):
            assert rendered(gateway, web_archive.slice, query).status_code == 200
            assert web_archive.pictures() == count

    @pytest.mark.parametrize(
        "query, ability", [("annotation=patient", "annotation"), ("iccprofile=srgb", "icc_profile")]
    )
    def test_what_it_ignores_is_refused(self, web_archive, query, ability):
        refused(rendered(web_archive.gateway, web_archive.slice, f"?{query}"), ability)
        asked = web_archive.pictures()
        refused(rendered(web_archive.gateway, web_archive.slice, f"?{query}"), ability)
        assert web_archive.pictures() == asked
        assert known(web_archive.gateway)[ability] is False

    @pytest.mark.parametrize(
        "query, ability",
        [
            ("viewport=48,32", "viewport"),
            ("viewport=40,30,8,10,40,30", "region"),
            ("window=40,400,linear", "window"),
            ("quality=5", "quality"),
        ],
    )
    def test_its_wado_uri_ignores_all(self, old_archive, query, ability):
        for _ in range(2):
            refused(rendered(old_archive.gateway, old_archive.slice, f"?{query}"), ability)
        assert rendered(old_archive.gateway, old_archive.slice).status_code == 200, "without parameters it has pictures"
        assert known(old_archive.gateway)[ability] is False

    def test_its_wado_uri_shows_the_first_frame_and_no_other(self, old_archive):
        gateway, film = old_archive.gateway, old_archive.film
        for frame in (2, 3):
            refused(rendered(gateway, film.image, frame=frame), "frame_number")
        assert old_archive.pictures() == 4, "the first, the last, one behind, the first again; and that once"
        assert bright_cell(picture(rendered(gateway, film.image))) == film.cells[0]
        assert old_archive.pictures() == 5


def _differs(one, other):
    """The mean difference of the pixels of two pictures."""
    pairs = zip(one.convert("L").tobytes(), other.convert("L").tobytes(), strict=True)
    differences = [abs(a - b) for a, b in pairs]
    return sum(differences) / len(differences)


@pytest.mark.parametrize("front", FRONTS)
class TestScriptedArchive:
    """Archives of which nothing is known beforehand."""

    def test_some_are_honoured_and_some_ignored(self, lab, front):
        image = lab.small("image", front=front)
        lab.archive.fault = Renderer("viewport", "window")
        gateway = lab.gateway()
        assert picture(rendered(gateway, image, "?viewport=32,32")).size == (32, 32)
        white = picture(rendered(gateway, image, "?window=-1000,10,linear"))
        assert white.convert("L").getextrema()[0] > 250
        refused(rendered(gateway, image, "?viewport=32,16,0,8,32,16"), "region")
        refused(rendered(gateway, image, "?quality=5&viewport=16,16"), "quality")
        found = {"viewport": True, "window": True, "region": False, "quality": False}
        assert known(gateway) == found
        assert logged(gateway) == found

    def test_twenty_clients_make_one_probe(self, lab, front):
        images = [lab.small(f"image {number}", front=front) for number in range(20)]
        renderer = lab.archive.fault = Renderer("viewport")
        gateway = lab.gateway()
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda image: rendered(gateway, image, "?viewport=16,16"), images))
        assert all(picture(answer).size == (16, 16) for answer in answers)
        assert len(renderer.pictures) == 3 + 20

    def test_twenty_clients_are_refused_by_one_probe(self, lab, front):
        image = lab.small("image", front=front)
        renderer = lab.archive.fault = Renderer()
        gateway = lab.gateway()
        with ThreadPoolExecutor(20) as pool:
            queries = [f"?viewport={size},{size}" for size in range(10, 30)]
            answers = list(pool.map(lambda query: rendered(gateway, image, query), queries))
        for answer in answers:
            refused(answer, "viewport")
        assert len(renderer.pictures) == 3

    def test_answers_that_differ_by_themselves_prove_nothing(self, lab, front):
        image = lab.small("image", front=front)
        renderer = lab.archive.fault = Renderer("window")
        numbers = itertools.count()
        renderer.comment = lambda: f"picture {next(numbers)}".encode()
        gateway = lab.gateway()
        refused(rendered(gateway, image, "?window=40,400,linear"), "window")
        assert rendered(gateway, image).status_code == 200

    @pytest.mark.parametrize("status", [503, 504, 500, 404])
    def test_a_fault_is_told_and_not_remembered(self, lab, front, status):
        image = lab.small("image", front=front)
        renderer = lab.archive.fault = Renderer("viewport")
        renderer.status = lambda _: status if len(renderer.pictures) == 1 else None
        gateway = lab.gateway()
        first = rendered(gateway, image, "?viewport=16,16")
        assert first.status_code == {500: 502}.get(status, status), first.text
        assert len(renderer.pictures) == 1, "an archive in trouble is left alone"
        assert known(gateway) == {}
        assert picture(rendered(gateway, image, "?viewport=16,16")).size == (16, 16)

    def test_a_fault_between_decides_nothing(self, lab, front):
        image = lab.small("image", front=front)
        renderer = lab.archive.fault = Renderer("window")
        renderer.status = lambda _: 503 if len(renderer.pictures) == 2 else None
        gateway = lab.gateway()
        assert rendered(gateway, image, "?window=40,400,linear").status_code == 503
        assert rendered(gateway, image, "?window=40,400,linear").status_code == 200

    def test_another_clients_missing_image_harms_nobody(self, lab, front):
        """Waiting for a probe with an image that the archive does not have, a client tries its own."""
        missing, image = lab.small("missing", front=front), lab.small("image", front=front)
        renderer = lab.archive.fault = Renderer("viewport")
        renderer.status = lambda request: 404 if missing.instance in request.target else None
        gateway = lab.gateway()
        with ThreadPoolExecutor(8) as pool:
            asked = [missing, image] * 4
            answers = list(pool.map(lambda each: rendered(gateway, each, "?viewport=16,16"), asked))
        assert [answer.status_code for answer in answers] == [404, 200] * 4

    def test_what_the_operator_says_is_not_tried_out(self, lab, front):
        image = lab.small("image", front=front)
        renderer = lab.archive.fault = Renderer("quality")
        gateway = lab.gateway(backend={"abilities": {"viewport": True, "quality": False}})
        # The operator's word counts, though it is wrong.
        assert picture(rendered(gateway, image, "?viewport=16,16")).size == (SIZE, SIZE)
        refused(rendered(gateway, image, "?quality=5"), "quality")
        assert len(renderer.pictures) == 1
        assert {each["known"] for each in backends(gateway)} == {"configured"}

    def test_a_client_of_the_archive_asks_with_its_own_credentials(self, lab, front):
        image = lab.small("image", front=front)
        renderer = lab.archive.fault = Renderer("viewport")
        gateway = lab.gateway(backend={"credentials": {"client": True}})
        for client, count in (("one", 4), ("two", 5)):
            answer = requests.get(
                f"{gateway.dicomweb}{image.path}/rendered?viewport=16,16",
                headers={**JPEG, "Authorization": f"Bearer {client}"},
                timeout=30,
            )
            assert picture(answer).size == (16, 16)
            assert len(renderer.pictures) == count, "what one client's request has shown holds for the next"
        assert [each.field("Authorization") for each in renderer.pictures] == ["Bearer one"] * 4 + ["Bearer two"]

    def test_presentations_are_never_tried_out(self, lab, front):
        image = lab.small("image", front=front)
        renderer = lab.archive.fault = Renderer()
        gateway = lab.gateway()
        query = wado_query(image, contentType="image/jpeg", presentationSeriesUID="1.2.3", presentationUID="1.2.4")
        answer = requests.get(f"{gateway.wado}?{query}", timeout=30)
        assert answer.status_code >= 400
        assert renderer.pictures == []


class TestFrameNumbers:
    """Of archives that speak only WADO-URI: frames are counted from 1."""

    def film(self, lab, renderer):
        renderer.frames = 5
        lab.archive.fault = renderer
        return lab.small("film", front="uri", frames=5)

    def test_an_archive_that_counts_from_one(self, lab):
        renderer = Renderer("frame_number")
        image = self.film(lab, renderer)
        gateway = lab.gateway()
        answers = [rendered(gateway, image, frame=frame) for frame in range(1, 6)]
        assert len({answer.content for answer in answers}) == 5
        assert [answer.status_code for answer in answers] == [200] * 5
        numbers = [each.query.get("frameNumber") for each in renderer.pictures]
        assert numbers == ["1", "5", "6", "1"] + ["1", "2", "3", "4", "5"]
        assert rendered(gateway, image, frame=6).status_code == 404

    def test_an_archive_that_counts_from_zero(self, lab):
        renderer = Renderer("frame_number", counts_from=0)
        image = self.film(lab, renderer)
        gateway = lab.gateway()
        for frame in (2, 4):
            refused(rendered(gateway, image, frame=frame), "frame_number")
        assert len(renderer.pictures) == 3, "the first, the last that it does not have, the first again; and that once"

    def test_other_parameters_are_tried_on_the_frame_that_is_asked_for(self, lab):
        renderer = Renderer("frame_number", "viewport")
        image = self.film(lab, renderer)
        assert picture(rendered(lab.gateway(), image, "?viewport=16,16", frame=3)).size == (16, 16)
        numbers = [each.query.get("frameNumber") for each in renderer.pictures]
        assert numbers == ["1", "5", "6", "1"] + ["3", "3", "3"] + ["3"]

    def test_without_frame_numbers_nothing_else_is_tried(self, lab):
        renderer = Renderer("viewport")
        image = self.film(lab, renderer)
        refused(rendered(lab.gateway(), image, "?viewport=16,16", frame=3), "frame_number")
        assert all("rows" not in each.query for each in renderer.pictures)


class TestHostileArchive:
    """Bodies that no picture has."""

    @pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"\xff\xd8\xff\xe0\0\x10JFIF", b"\x89PNG\r\n\x1a\n"])
    def test_what_is_no_picture_proves_nothing(self, lab, body):
        image = lab.small("image")
        renderer = lab.archive.fault = Renderer()
        renderer.picture = lambda _: body
        gateway = lab.gateway()
        answer = rendered(gateway, image, "?viewport=16,16")
        assert answer.status_code == 502 and len(answer.text.split()) > 4
        assert known(gateway) == {}

    def test_an_endless_picture_is_not_read_to_its_end(self, lab):
        image = lab.small("image")
        renderer, sent = Renderer(), []

        def endless(request, conversation, stored):
            if not request.path.endswith("/rendered"):
                return renderer(request, conversation, stored)
            conversation.head(200, {"Content-Type": "image/jpeg", "Content-Length": 1 << 40})
            conversation.send(Renderer().picture(request))
            while True:  # until the gateway has enough, which ends the conversation
                conversation.send(bytes(1 << 20))
                sent.append(1)

        lab.archive.fault = endless
        gateway = lab.gateway()
        answer = rendered(gateway, image, "?viewport=16,16")
        assert answer.status_code == 502, answer.text
        assert len(sent) < 64


def logged(gateway):
    """Ability → whether the archive has it, as the log tells."""
    lines = [json.loads(line) for line in gateway.log().splitlines() if "ability found out" in line]
    return {line["ability"]: line["able"] for line in lines}
