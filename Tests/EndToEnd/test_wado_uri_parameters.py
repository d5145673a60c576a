"""Every parameter of pictures, through both doors and to archives of both protocols.

A recording archive shows which request leaves the gateway, to the letter; a real one makes pictures of the size asked for.
"""

from dataclasses import dataclass

import pytest

from bed.client import only_part, outcome, parts
from bed.hospital import CT_STUDY
from bed.lab import Lab
from bed.recording import PICTURES, RecordingArchive, size_of_picture

COLUMNS, ROWS = 64, 48
ARCHIVES = ["rs", "uri"]
#: Of parameters that an archive may ignore silently.
ABILITIES = ["viewport", "region", "flip", "window", "sigmoid", "quality", "annotation", "icc_profile"]
ABILITIES += ["presentation", "charset", "frame_number", "stored_syntax"]

#: What X-Cache says of an object that is there; the client may have its last byte before the disk does.
KEPT = ("hit", "follow")


@dataclass
class Bed:
    """A gateway before a recording archive with an image, one of three frames and a presentation state, twice:
    below its WADO-RS endpoint and below its WADO-URI endpoint."""

    lab: Lab
    gateway: object
    images: dict

    @property
    def archive(self):
        return self.lab.archive

    def begin(self):
        """An empty cache and an empty record."""
        for study in {image.study for image in self.images.values()}:
            assert self.gateway.purge_request(study).ok
        self.archive.forget()
        return self


def start(folder, able):
    lab = Lab(folder, archive=RecordingArchive())
    images = {}
    for front in ARCHIVES:
        shape = {"study": front, "front": front, "pixels": COLUMNS, "rows": ROWS}
        images[front, "one"] = lab.small("one", **shape)
        images[front, "three"] = lab.small("three", frames=3, **shape)
        images[front, "state"] = lab.presentation_state("state", [images[front, "one"]], study=front, front=front)
    return Bed(lab, lab.gateway(backend={"abilities": dict.fromkeys(ABILITIES, able)}), images)


@pytest.fixture(scope="module")
def able_bed(tmp_path_factory):
    bed = start(tmp_path_factory.mktemp("able"), able=True)
    with bed.lab:
        yield bed


@pytest.fixture(scope="module")
def unable_bed(tmp_path_factory):
    bed = start(tmp_path_factory.mktemp("unable"), able=False)
    with bed.lab:
        yield bed


@pytest.fixture
def able(able_bed):
    return able_bed.begin()


@pytest.fixture
def unable(unable_bed):
    return unable_bed.begin()


# The two spellings of a request for a picture.


def ids(image):
    return f"requestType=WADO&studyUID={image.study}&seriesUID={image.series}&objectUID={image.instance}"


def uri_request(image, items, media_type="image/jpeg"):
    """The WADO-URI request for a picture and its Accept, as the recording archive sees it."""
    return "/wado?" + "&".join(part for part in (ids(image), f"contentType={media_type}", items) if part), media_type


def rs_request(image, tail, media_type="image/jpeg"):
    return f"/dicom-web{image.path}{tail}", media_type


def expected_request(archive, image, to_rs, to_uri, media_type="image/jpeg"):
    return rs_request(image, to_rs, media_type) if archive == "rs" else uri_request(image, to_uri, media_type)


def ask_uri(bed, http, image, items, accept="*/*"):
    url = f"{bed.gateway.wado}?{ids(image)}" + (f"&{items}" if items else "")
    return http.get(url, headers={"Accept": accept}, timeout=30)


def ask_rs(bed, http, image, tail, accept="image/jpeg"):
    return http.get(f"{bed.gateway.dicomweb}{image.path}{tail}", headers={"Accept": accept}, timeout=30)


# WADO-URI's parameters: what the client asks, and what a WADO-RS and a WADO-URI archive are asked. Where a size is given by both
# edges, a WADO-URI archive is asked for the size that fits into them, since there are archives that stretch to both.
FROM_WADO_URI = [
    ("", "/rendered", ""),
    ("rows=24", "/rendered?viewport=32,24", "rows=24"),
    ("columns=20", "/rendered?viewport=20,15", "columns=20"),
    ("columns=21", "/rendered?viewport=21,16", "columns=21"),
    ("rows=24&columns=40", "/rendered?viewport=40,24", "columns=32&rows=24"),
    (
        "region=0.25,0.5,0.75,1.0",
        "/rendered?viewport=32,24,16,24,32,24",
        "region=0.25,0.5,0.75,1",
    ),
    (
        "region=0.25,0.5,0.75,1&columns=100",
        "/rendered?viewport=100,75,16,24,32,24",
        "columns=100&region=0.25,0.5,0.75,1",
    ),
    (
        "region=0.25,0.5,0.75,1&rows=10&columns=100",
        "/rendered?viewport=100,10,16,24,32,24",
        "columns=13&rows=10&region=0.25,0.5,0.75,1",
    ),
    ("region=0,0,1,1", "/rendered", ""),
    ("windowCenter=-40.5&windowWidth=400", "/rendered?window=-40.5,400,linear", "windowCenter=-40.5&windowWidth=400"),
    ("imageQuality=70", "/rendered?quality=70", "imageQuality=70"),
    ("annotation=technique,patient", "/rendered?annotation=patient,technique", "annotation=patient,technique"),
    ("imageAnnotation=patient", "/rendered?annotation=patient", "annotation=patient"),
    ("unknown=1", "/rendered", ""),
]


@pytest.mark.parametrize("archive", ARCHIVES)
class TestWADOURI:
    @pytest.mark.parametrize("items, to_rs, to_uri", FROM_WADO_URI)
    def test_parameters(self, able, http, archive, items, to_rs, to_uri):
        image = able.images[archive, "one"]
        answer = ask_uri(able, http, image, items)
        assert answer.status_code == 200, answer.text
        assert answer.content == PICTURES["image/jpeg"]
        assert able.archive.asked_for_pictures == [expected_request(archive, image, to_rs, to_uri)]

    @pytest.mark.parametrize("frame", [1, 3])
    def test_frame_number(self, able, http, archive, frame):
        image = able.images[archive, "three"]
        assert ask_uri(able, http, image, f"frameNumber={frame}").status_code == 200
        assert able.archive.asked_for_pictures == [
            expected_request(archive, image, f"/frames/{frame}/rendered", f"frameNumber={frame}")
        ]

    @pytest.mark.parametrize("name, frame", [("one", 1), ("one", 2), ("three", 4)])
    def test_frames_that_are_not_there(self, able, http, archive, name, frame):
        answer = ask_uri(able, http, able.images[archive, name], f"frameNumber={frame}")
        assert answer.status_code == 400
        assert '"frameNumber"' in answer.text
        assert not able.archive.asked_for_pictures

    @pytest.mark.parametrize(
        "content_type, accept, media_type",
        [
            ("image/png", "*/*", "image/png"),
            ("image/gif", "*/*", "image/gif"),
            ("image/webp,image/png,image/jpeg", "*/*", "image/png"),
            ("image/jpeg;q=0.5,image/png", "*/*", "image/png"),
            (None, "image/png", "image/png"),
            (None, "image/webp, image/*;q=0.5", "image/jpeg"),
            ("text/html", "*/*", "text/html"),
        ],
    )
    def test_content_type(self, able, http, archive, content_type, accept, media_type):
        image = able.images[archive, "one"]
        answer = ask_uri(able, http, image, f"contentType={content_type}" if content_type else "", accept)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"].startswith(media_type)
        assert able.archive.asked_for_pictures == [expected_request(archive, image, "/rendered", "", media_type)]

    def test_charset(self, able, http, archive):
        image = able.images[archive, "one"]
        answer = ask_uri(able, http, image, "contentType=text/html&charset=ISO-8859-1")
        assert answer.headers["Content-Type"] == "text/html; charset=iso-8859-1"
        assert able.archive.asked_for_pictures == [
            expected_request(archive, image, "/rendered?charset=iso-8859-1", "charset=iso-8859-1", "text/html")
        ]
        # Another character set is another text, and the same one is the same.
        assert outcome(ask_uri(able, http, image, "contentType=text/html&charset=gbk")) == "miss"
        assert outcome(ask_uri(able, http, image, "contentType=text/html&charset=iso-8859-1")) in KEPT

    def test_a_picture_has_no_charset(self, able, http, archive):
        image = able.images[archive, "one"]
        assert ask_uri(able, http, image, "contentType=image/jpeg&charset=gbk").status_code == 200
        assert able.archive.asked_for_pictures == [expected_request(archive, image, "/rendered", "")]

    @pytest.mark.parametrize(
        "syntax, to_rs",
        [("", "1.2.840.10008.1.2.1"), ("*", "*"), ("1.2.840.10008.1.2.4.90,1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.90")],
    )
    def test_transfer_syntax(self, able, http, archive, syntax, to_rs):
        image = able.images[archive, "one"]
        items = "contentType=application/dicom" + (f"&transferSyntax={syntax}" if syntax else "")
        answer = ask_uri(able, http, image, items)
        assert answer.status_code == 200, answer.text
        assert answer.content == image.data
        accept = f'multipart/related; type="application/dicom"; transfer-syntax={to_rs}'
        assert able.archive.asked[0] == (
            rs_request(image, "", accept)
            if archive == "rs"
            else uri_request(image, "transferSyntax=*", "application/dicom")
        )

    def test_a_presentation_state(self, able, http, archive):
        image, state = able.images[archive, "one"], able.images[archive, "state"]
        other = {"Content-Type": "image/jpeg", "Content-Location": f"/elsewhere{state.path}/rendered"}
        own = {"Content-Type": "image/jpeg", "Content-Location": f"/elsewhere{image.path}/rendered"}
        able.archive.presentation_parts[state.instance] = [(other, b"\xff\xd8\xff other"), (own, PICTURES["image/jpeg"])]
        items = f"presentationSeriesUID={state.series}&presentationUID={state.instance}"
        answer = ask_uri(able, http, image, f"{items}&columns=32")
        assert answer.status_code == 200, answer.text
        assert answer.content == PICTURES["image/jpeg"]
        expected = uri_request(image, f"columns=32&{items}")
        if archive == "rs":
            expected = rs_request(state, "/rendered?viewport=32,24", 'multipart/related; type="image/jpeg"')
        assert able.archive.asked_for_pictures == [expected]
        assert outcome(ask_uri(able, http, image, f"{items}&columns=32")) in KEPT

    @pytest.mark.parametrize(
        "items, status, name",
        [
            ("anonymize=yes", 501, "anonymize"),
            ("anonymize=no", 400, "anonymize"),
            ("contentType=application/dicom&anonymize=yes", 501, "anonymize"),
            ("contentType=application/dicom,image/jpeg", 400, "contentType"),
            ("contentType=application/dicom&windowCenter=1&windowWidth=2", 400, "windowCenter"),
            ("contentType=application/dicom&frameNumber=1", 400, "frameNumber"),
            ("contentType=image/jpeg;transfer-syntax=1.2", 400, "contentType"),
            ("transferSyntax=jpeg", 400, "transferSyntax"),
            ("windowCenter=40", 400, "windowWidth"),
            ("windowWidth=40", 400, "windowCenter"),
            ("presentationUID=1.2", 400, "presentationSeriesUID"),
            ("presentationSeriesUID=1.2", 400, "presentationUID"),
            ("presentationSeriesUID=1.2&presentationUID=1.3&frameNumber=1", 400, "frameNumber"),
            ("presentationSeriesUID=1.2&presentationUID=1.3&windowCenter=1&windowWidth=2", 400, "windowCenter"),
            ("region=0.5,0,0.5,1", 400, "region"),
            ("region=0,0,1.1,1", 400, "region"),
            ("rows=0", 400, "rows"),
            ("columns=a", 400, "columns"),
            ("imageQuality=101", 400, "imageQuality"),
            ("annotation=", 400, "annotation"),
            ("frameNumber=0", 400, "frameNumber"),
            ("charset=", 400, "charset"),
        ],
    )
    def test_what_is_refused(self, able, http, archive, items, status, name):
        answer = ask_uri(able, http, able.images[archive, "one"], items)
        assert answer.status_code == status, answer.text
        assert name[:8] in answer.text
        assert not able.archive.requests


# WADO-RS's parameters: below the instance.
FROM_WADO_RS = [
    ("/rendered", "/rendered", ""),
    ("/rendered?viewport=40,24", "/rendered?viewport=40,24", "columns=32&rows=24"),
    (
        "/rendered?viewport=40,24,16,24,32,24",
        "/rendered?viewport=40,24,16,24,32,24",
        # xmin = (16 + 0.25) / 64, ymin = (24 + 0.25) / 48
        "columns=32&rows=24&region=0.25390625,0.50520833,0.75,1",
    ),
    (
        "/rendered?viewport=40,24,3",
        "/rendered?viewport=40,24,3,0,61,48",
        "columns=31&rows=24&region=0.05078125,0.00520833,1,1",
    ),
    ("/rendered?viewport=40,24,0,0,64,48", "/rendered?viewport=40,24,0,0,64,48", "columns=32&rows=24"),
    ("/rendered?viewport=40,24,0,0,-64,48", "/rendered?viewport=40,24,0,0,-64,48", (501, "viewport")),
    ("/rendered?viewport=40,24,0,0,,-8", "/rendered?viewport=40,24,0,0,64,-8", (501, "viewport")),
    ("/rendered?window=40,400,linear", "/rendered?window=40,400,linear", "windowCenter=40&windowWidth=400"),
    (
        "/rendered?window=40,400,linear-exact",
        "/rendered?window=40.5,401,linear",
        "windowCenter=40.5&windowWidth=401",
    ),
    ("/rendered?window=40,400,sigmoid", "/rendered?window=40,400,sigmoid", (501, "window")),
    ("/rendered?quality=70", "/rendered?quality=70", "imageQuality=70"),
    ("/rendered?annotation=patient", "/rendered?annotation=patient", "annotation=patient"),
    ("/rendered?iccprofile=no", "/rendered?iccprofile=no", ""),
    ("/rendered?iccprofile=srgb", "/rendered?iccprofile=srgb", (400, "iccprofile")),
    ("/frames/1/rendered", "/frames/1/rendered", ""),
    ("/thumbnail?viewport=20,10", "/thumbnail?viewport=20,10", "columns=13&rows=10"),
]


@pytest.mark.parametrize("archive", ARCHIVES)
class TestWADORS:
    @pytest.mark.parametrize("tail, to_rs, to_uri", FROM_WADO_RS)
    def test_parameters(self, able, http, archive, tail, to_rs, to_uri):
        image = able.images[archive, "one"]
        answer = ask_rs(able, http, image, tail)
        if archive == "uri" and isinstance(to_uri, tuple):
            status, name = to_uri
            assert answer.status_code == status, answer.text
            assert name in answer.text
            assert not able.archive.asked_for_pictures
            return
        assert answer.status_code == 200, answer.text
        assert able.archive.asked_for_pictures == [expected_request(archive, image, to_rs, to_uri)]

    def test_frames(self, able, http, archive):
        image = able.images[archive, "three"]
        answer = ask_rs(able, http, image, "/frames/3,1/rendered?quality=5", 'multipart/related; type="image/jpeg"')
        assert answer.status_code == 200, answer.text
        assert [part.fields["content-location"] for part in parts(answer)] == [
            f"{able.gateway.dicomweb}{image.path}/frames/{frame}/rendered" for frame in (3, 1)
        ]
        assert able.archive.asked_for_pictures == [
            expected_request(
                archive, image, f"/frames/{frame}/rendered?quality=5", f"imageQuality=5&frameNumber={frame}"
            )
            for frame in (3, 1)
        ]

    def test_a_frame_that_is_not_there(self, able, http, archive):
        for name, frame in [("one", 2), ("three", 4)]:
            image = able.images[archive, name]
            answer = ask_rs(able, http, image, f"/frames/{frame}/rendered")
            if archive == "uri":
                assert answer.status_code == 404, answer.text
                assert not able.archive.asked_for_pictures

    def test_the_whole_of_several_frames(self, able, http, archive):
        """A type for one frame shows the first; a type that shows them all names none."""
        image = able.images[archive, "three"]
        assert ask_rs(able, http, image, "/rendered").status_code == 200
        assert ask_rs(able, http, image, "/rendered", "image/gif").status_code == 200
        assert able.archive.asked_for_pictures == [
            expected_request(archive, image, "/rendered", "frameNumber=1"),
            expected_request(archive, image, "/rendered", "", "image/gif"),
        ]

    @pytest.mark.parametrize(
        "tail, accept",
        [
            ("/rendered?charset=gbk", "text/html"),
            ("/rendered", "text/html; charset=GBK"),
            ("/rendered?charset=utf-8", "text/html; charset=gbk"),
        ],
    )
    def test_charset(self, able, http, archive, tail, accept):
        image = able.images[archive, "one"]
        assert ask_rs(able, http, image, tail, accept).headers["Content-Type"] == "text/html; charset=gbk"
        assert able.archive.asked_for_pictures == [
            expected_request(archive, image, "/rendered?charset=gbk", "charset=gbk", "text/html")
        ]

    def test_accept_charset(self, able, http, archive):
        image = able.images[archive, "one"]
        url = f"{able.gateway.dicomweb}{image.path}/rendered"
        headers = {"Accept": "text/html", "Accept-Charset": "iso-8859-1;q=0.5, gbk"}
        assert http.get(url, headers=headers).status_code == 200
        assert able.archive.asked_for_pictures == [
            expected_request(
                archive, image, "/rendered?charset=gbk,iso-8859-1", "charset=gbk,iso-8859-1", "text/html"
            )
        ]


class TestSize:
    """Rows and Columns are fetched once and kept."""

    def test_of_an_image_below_wado_uri(self, able, http):
        image = able.images["uri", "one"]
        for tail in ("/rendered?viewport=9,9,1,2,30,40", "/rendered?viewport=9,9,2,1,30,40"):
            assert ask_rs(able, http, image, tail).status_code == 200
        whole, *pictures = able.archive.asked
        assert whole == uri_request(image, "transferSyntax=*", "application/dicom")
        assert len(pictures) == 2 and pictures == able.archive.asked_for_pictures

    def test_of_an_image_below_wado_rs(self, able, http):
        image = able.images["rs", "one"]
        for items in ("rows=9", "columns=9", "region=0,0,0.5,0.5"):
            assert ask_uri(able, http, image, items).status_code == 200
        facts, *pictures = able.archive.asked
        assert facts == rs_request(image, "/metadata", "application/dicom+json")
        assert len(pictures) == 3 and pictures == able.archive.asked_for_pictures


#: A parameter, and the ability that an archive must be known to have for it.
NEEDS = [
    ("/rendered?viewport=9,9", "viewport"),
    ("/rendered?viewport=9,9,1,1,9,9", "region"),
    ("/rendered?window=1,2,linear", "window"),
    ("/rendered?quality=5", "quality"),
    ("/rendered?annotation=patient", "annotation"),
]


@pytest.mark.parametrize("archive", ARCHIVES)
@pytest.mark.parametrize("tail, ability", NEEDS)
def test_an_archive_without_the_ability_is_not_asked(unable, http, archive, tail, ability):
    answer = ask_rs(unable, http, unable.images[archive, "one"], tail)
    assert answer.status_code == 501, answer.text
    assert ability in answer.text
    assert not unable.archive.asked_for_pictures


@pytest.mark.parametrize(
    "archive, name, tail, accept, ability",
    [
        ("rs", "one", "/rendered?viewport=9,9,0,0,-9,9", "image/jpeg", "flip"),
        ("rs", "one", "/rendered?window=1,2,sigmoid", "image/jpeg", "sigmoid"),
        ("rs", "one", "/rendered?iccprofile=srgb", "image/jpeg", "icc_profile"),
        ("rs", "one", "/rendered?charset=gbk", "text/html", "charset"),
        ("uri", "one", "/rendered?charset=gbk", "text/html", "charset"),
        ("uri", "three", "/frames/2/rendered", "image/jpeg", "frame_number"),
        ("uri", "state", "/rendered", "image/jpeg", "presentation"),
    ],
)
def test_nor_one_without_an_ability_of_one_protocol(unable, http, archive, name, tail, accept, ability):
    answer = ask_rs(unable, http, unable.images[archive, name], tail, accept)
    assert answer.status_code == 501, answer.text
    assert ability in answer.text
    assert not unable.archive.asked_for_pictures


def test_an_archive_that_reads_no_asterisk_is_told_no_transfer_syntax(unable, http):
    image = unable.images["uri", "one"]
    assert ask_uri(unable, http, image, "contentType=application/dicom&transferSyntax=*").content == image.data
    assert unable.archive.asked == [uri_request(image, "", "application/dicom")]


@pytest.fixture(scope="module")
def bed(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("states"), archive=RecordingArchive())
    images = {}
    for front in ARCHIVES:
        shape = {"study": front, "front": front, "pixels": COLUMNS, "rows": ROWS}
        images[front] = [lab.small(name, **shape) for name in ("first", "second", "third")]
        of = [images[front][2], images[front][0]]
        images[front, "two"] = lab.presentation_state("two", of, study=front, front=front)
        images[front, "one"] = lab.presentation_state("one", of[:1], study=front, front=front)
        cine = lab.small("cine", frames=2, **shape)
        for name, image in [("frame of one", images[front][0]), ("frame of two", cine)]:
            images[front, name] = lab.presentation_state(name, [image], study=front, front=front, frame=1)
        images[front, "none"] = lab.presentation_state("none", [], study=front, front=front)
    with lab:
        yield lab, lab.gateway(backend={"abilities": {"presentation": True, "viewport": True}}), images


class TestPresentationState:
    """The state's own resource."""

    MULTIPART = 'multipart/related; type="image/jpeg"'

    @pytest.fixture
    def show(self, bed, http):
        lab, gateway, images = bed
        for front in ARCHIVES:
            gateway.purge_request(images[front][0].study)
        lab.archive.forget()

        def ask(state, query="", accept=self.MULTIPART):
            return http.get(f"{gateway.dicomweb}{state.path}/rendered{query}", headers={"Accept": accept}, timeout=30)

        return ask

    @staticmethod
    def under(state, image, items=""):
        name = f"presentationSeriesUID={state.series}&presentationUID={state.instance}"
        return uri_request(image, "&".join(part for part in (items, name) if part))

    @pytest.mark.parametrize("accept", [MULTIPART, "*/*"])
    def test_is_each_of_its_images_in_its_order(self, bed, show, accept):
        lab, gateway, images = bed
        state, shown = images["uri", "two"], [images["uri"][2], images["uri"][0]]
        answer = show(state, "?viewport=32,24", accept)
        assert answer.status_code == 200, answer.text
        assert [part.fields["content-location"] for part in parts(answer)] == [
            f"{gateway.dicomweb}{image.path}/rendered" for image in shown
        ]
        assert lab.archive.asked_for_pictures == [
            self.under(state, image, "columns=32&rows=24") for image in shown
        ]
        # The state is read once, and its pictures are kept.
        lab.archive.forget()
        assert len(parts(show(state, "?viewport=32,24", accept))) == 2
        assert not lab.archive.requests

    def test_of_one_image_is_single_for_whoever_takes_that(self, bed, show):
        lab, gateway, images = bed
        state, image = images["uri", "one"], images["uri"][2]
        answer = show(state, accept="image/jpeg")
        assert answer.status_code == 200, answer.text
        assert answer.content == PICTURES["image/jpeg"]
        assert only_part(show(state)).body == PICTURES["image/jpeg"]
        assert lab.archive.asked_for_pictures == [self.under(state, image)]

    def test_of_several_images_needs_multipart(self, bed, show):
        for front in ARCHIVES:
            answer = show(bed[2][front, "two"], accept="image/jpeg")
            assert answer.status_code == 406, answer.text
            assert "multipart/related" in answer.text

    def test_the_first_frame_is_the_image_where_it_is_the_only_one(self, bed, show):
        lab, _, images = bed
        assert show(images["uri", "frame of two"]).status_code == 501
        assert not lab.archive.asked_for_pictures
        assert show(images["uri", "frame of one"]).status_code == 200
        assert lab.archive.asked_for_pictures == [self.under(images["uri", "frame of one"], images["uri"][0])]

    def test_of_no_image_is_refused(self, bed, show):
        assert show(bed[2]["uri", "none"]).status_code == 501
        assert not bed[0].archive.asked_for_pictures

    @pytest.mark.parametrize("front", ARCHIVES)
    @pytest.mark.parametrize("query, name", [("window=1,2,linear", "window"), ("viewport=9,9,1,1", "viewport")])
    def test_takes_a_size_only(self, bed, show, front, query, name):
        answer = show(bed[2][front, "one"], f"?{query}")
        assert answer.status_code == 400, answer.text
        assert f'"{name}"' in answer.text
        assert not bed[0].archive.asked_for_pictures

    def test_of_an_archive_that_shows_it_itself(self, bed, show):
        lab, gateway, images = bed
        state = images["rs", "two"]
        pictures = [PICTURES["image/jpeg"], PICTURES["image/jpeg"] + b"2"]
        lab.archive.presentation_parts[state.instance] = [({"Content-Type": "image/jpeg"}, each) for each in pictures]
        answer = show(state, "?viewport=32,24")
        assert [part.body for part in parts(answer)] == pictures
        assert lab.archive.asked_for_pictures == [rs_request(state, "/rendered?viewport=32,24", self.MULTIPART)]

    @pytest.mark.parametrize("location", [None, "/studies/1/instances/2", "frames/1"])
    def test_no_picture_is_guessed(self, bed, show, http, location):
        """An image under a state of an archive that does not say which picture is whose."""
        lab, gateway, images = bed
        state, image = images["rs", "one"], images["rs"][2]
        fields = {"Content-Type": "image/jpeg", **({"Content-Location": location} if location else {})}
        lab.archive.presentation_parts[state.instance] = [(fields, PICTURES["image/jpeg"])]
        query = f"{ids(image)}&presentationSeriesUID={state.series}&presentationUID={state.instance}"
        answer = http.get(f"{gateway.wado}?{query}", timeout=30)
        assert answer.status_code == 501, answer.text
        assert "which of a presentation state's pictures" in answer.text

    def test_another_patients_state_is_not_asked_for(self, bed, show, http):
        lab, gateway, images = bed
        image, state = images["uri"][0], images["rs", "one"]
        query = f"{ids(image)}&presentationSeriesUID={state.series}&presentationUID={state.instance}"
        answer = http.get(f"{gateway.wado}?{query}", timeout=30)
        assert answer.status_code in (404, 502), answer.text
        assert not lab.archive.asked_for_pictures


class TestRealArchive:
    """Orthanc's WADO-RS makes what is asked for; its CT has 512 by 512 pixels."""

    @pytest.fixture
    def image(self, hospital):
        return next(each for each in hospital.rs.whole_studies if each.study == CT_STUDY)

    @pytest.mark.parametrize("media_type", ["image/jpeg", "image/png"])
    @pytest.mark.parametrize(
        "items, size",
        [
            ("", (512, 512)),
            ("rows=128", (128, 128)),
            ("columns=100", (100, 100)),
            ("rows=128&columns=128", (128, 128)),
            ("region=0.25,0.5,0.75,1&windowCenter=40&windowWidth=400", (256, 256)),
            ("region=0,0,0.5,0.25", (256, 128)),
            ("region=0,0,0.5,0.25&columns=64", (64, 32)),
            ("region=0.25,0.25,0.5,0.75&rows=64", (32, 64)),
        ],
    )
    def test_through_wado_uri(self, hospital, http, image, media_type, items, size):
        answer = http.get(f"{hospital.gateway.wado}?{ids(image)}&contentType={media_type}&{items}")
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == media_type
        assert size_of_picture(answer.content) == size

    @pytest.mark.parametrize("media_type", ["image/jpeg", "image/png"])
    @pytest.mark.parametrize(
        "query, size",
        [
            ("viewport=64,64", (64, 64)),
            ("viewport=100,50,0,0,256,128", (100, 50)),
            ("viewport=100,100,256,256", (100, 100)),
            ("viewport=100,100,0,0,-512,512", (100, 100)),
        ],
    )
    def test_through_wado_rs(self, hospital, http, image, media_type, query, size):
        answer = http.get(
            f"{hospital.gateway.dicomweb}{image.path}/rendered?{query}", headers={"Accept": media_type}
        )
        assert answer.status_code == 200, answer.text
        assert size_of_picture(answer.content) == size
