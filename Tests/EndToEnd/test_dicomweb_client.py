"""`dicomweb-client`, a strict client, pointed at the gateway without a change."""

import io

import pydicom
import pytest
import requests
from dicomweb_client.api import DICOMwebClient

from bed.client import parts
from bed.gateway import Gateway
from bed.hospital import CT_SERIES, CT_STUDY, SPLIT_STUDY


@pytest.fixture
def client(gateway):
    return DICOMwebClient(url=gateway.dicomweb)


@pytest.fixture
def direct(hospital):
    return DICOMwebClient(url=hospital.rs.archive.wado_rs)


@pytest.fixture
def image(hospital):
    return next(each for each in hospital.rs.whole_studies if each.study == CT_STUDY)


def identifiers(image):
    return image.study, image.series, image.instance


def test_instance(client, image):
    assert client.retrieve_instance(*identifiers(image)) == pydicom.dcmread(io.BytesIO(image.data))


def test_instance_as_stored_from_every_place(client, hospital):
    for holdings in (hospital.rs, hospital.uri):
        for each in (holdings.whole_studies[0], holdings.of_split_study[0]):
            found = client.retrieve_instance(*identifiers(each), media_types=(("application/dicom", "*"),))
            assert found.SOPInstanceUID == each.instance
            assert found.file_meta.TransferSyntaxUID == each.transfer_syntax


def test_series(client, hospital):
    found = client.retrieve_series(CT_STUDY, CT_SERIES)
    expected = {each.instance for each in hospital.rs.whole_studies if each.study == CT_STUDY}
    assert {each.SOPInstanceUID for each in found} == expected


def test_series_of_the_split_study_on_the_dicomweb_archive(client, hospital):
    image = hospital.rs.of_split_study[0]
    found = client.retrieve_series(SPLIT_STUDY, image.series, media_types=(("application/dicom", "*"),))
    assert [each.SOPInstanceUID for each in found] == [image.instance]


def test_metadata(client, image):
    assert client.retrieve_instance_metadata(*identifiers(image))["00080018"]["Value"] == [image.instance]
    assert len(client.retrieve_series_metadata(CT_STUDY, CT_SERIES)) == 32
    assert len(client.retrieve_study_metadata(CT_STUDY)) == 32


def test_frames(client, hospital):
    image = next(each for each in hospital.rs.whole_studies if each.frames > 2 and each.source == "emri_small.dcm")
    pixels = pydicom.dcmread(io.BytesIO(image.data)).PixelData
    size = len(pixels) // image.frames
    assert client.retrieve_instance_frames(*identifiers(image), [1, 3]) == [pixels[:size], pixels[2 * size : 3 * size]]


def test_rendered(client, direct, image):
    for media_type in ("image/jpeg", "image/png"):
        arguments = {"media_types": (media_type,)}
        found = client.retrieve_instance_rendered(*identifiers(image), **arguments)
        assert found == direct.retrieve_instance_rendered(*identifiers(image), **arguments)


def test_bulk_data(hospital, tmp_path):
    """A BulkDataURI that the gateway wrote is fetched as it stands.

    The client sends a Host without its port, so the gateway is told its public URL, as behind any proxy.
    """
    gateway = Gateway(tmp_path, hospital.gateway_settings())
    gateway.settings["public_url"] = gateway.origin
    with gateway:
        client = DICOMwebClient(url=gateway.dicomweb)
        for image in hospital.rs.whole_studies:
            metadata = client.retrieve_instance_metadata(*identifiers(image))
            uris = [element["BulkDataURI"] for element in metadata.values() if "BulkDataURI" in element]
            for uri in uris:
                # Orthanc refuses the client's default Accept; the gateway does not.
                archive_uri = uri.replace(gateway.dicomweb, hospital.rs.archive.wado_rs)
                accept = {"Accept": 'multipart/related; type="application/octet-stream"'}
                theirs = parts(requests.get(archive_uri, headers=accept, timeout=10))
                assert client.retrieve_bulkdata(uri) == [part.body for part in theirs]
            if uris:
                return
    pytest.fail("no image has bulk data")
