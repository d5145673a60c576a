"""Pictures of an archive that stretches what it is asked for, and ignores areas: PixelMed."""

import io

import numpy
import pytest
import requests
from PIL import Image

from bed import fhir, images
from bed.archives import PixelMed
from bed.gateway import Gateway, backend, files_source


@pytest.fixture(scope="module")
def bed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pixelmed")
    image = images.small(*(images.uid("pixelmed", level) for level in ("study", "series", "instance")), pixels=96)
    archive = PixelMed(folder / "archive")
    archive.holdings.mkdir(exist_ok=True)
    (archive.holdings / "image.dcm").write_bytes(image.data)
    resources = [
        fhir.endpoint("pixelmed", "dicom-wado-uri", f"{archive.root}/wado"),
        fhir.imaging_study("study", image.study, "someone", fhir.series_of([image], ["pixelmed"])),
    ]
    settings = {
        "directory": [files_source(folder / "studies", *resources)],
        "backends": [backend("pixelmed", f"{archive.root}/")],
    }
    gateway = Gateway(folder / "gateway", settings)
    try:
        archive.launch()
        archive.wait_ready()
        yield gateway.start(), image
    finally:
        gateway.stop()
        archive.stop()


def rendered(bed, query):
    gateway, image = bed
    return requests.get(f"{gateway.dicomweb}{image.path}/rendered?{query}", headers={"Accept": "image/jpeg"}, timeout=30)


@pytest.mark.parametrize("box, expected", [("64,32", (32, 32)), ("32,64", (32, 32)), ("48,48", (48, 48))])
def test_a_picture_keeps_the_images_shape(bed, box, expected):
    answer = rendered(bed, f"viewport={box}")
    assert answer.status_code == 200, answer.text
    assert Image.open(io.BytesIO(answer.content)).size == expected


def test_a_window_is_honoured(bed):
    white, black = (rendered(bed, f"window={center},2,linear") for center in (-5000, 5000))
    assert white.status_code == black.status_code == 200, white.text + black.text
    brightness = [numpy.asarray(Image.open(io.BytesIO(each.content)).convert("L")).mean() for each in (white, black)]
    assert brightness[0] > brightness[1] + 50


def test_an_area_is_refused_since_it_is_ignored(bed):
    answer = rendered(bed, "viewport=32,32,0,0,48,48")
    assert answer.status_code == 501 and "region" in answer.text, answer.text
