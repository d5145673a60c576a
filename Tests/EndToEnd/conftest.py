"""Fixtures: the hospital (real servers, one for the whole session), and labs (a scripted archive, one a test)."""

import pytest
import requests

from bed.gateway import binary
from bed.hospital import Hospital
from bed.lab import Lab


def pytest_configure():
    if not binary().exists():
        raise pytest.UsageError(f"there is no {binary()}: `make build`, or name one in $WADOGATE")


@pytest.fixture(scope="session")
def whole_hospital(tmp_path_factory):
    with Hospital(tmp_path_factory.mktemp("hospital")) as hospital:
        yield hospital


@pytest.fixture
def hospital(whole_hospital):
    yield whole_hospital
    assert_alive(whole_hospital.gateway, restart=True)


@pytest.fixture
def gateway(hospital):
    return hospital.gateway


@pytest.fixture
def lab(tmp_path):
    with Lab(tmp_path) as lab:
        yield lab
        for gateway in lab.gateways:
            if gateway.process:
                assert_alive(gateway)


def assert_alive(gateway, restart=False):
    """The test that made the gateway die is the one that fails."""
    status = gateway.process.poll()
    if status is not None:
        tail = gateway.log_tail()
        gateway.process = None
        if restart:
            gateway.start()
        pytest.fail(f"the gateway died with {status}:\n{tail}")


@pytest.fixture(scope="session")
def http():
    """Keeps connections alive, as viewers do."""
    with requests.Session() as session:
        yield session
