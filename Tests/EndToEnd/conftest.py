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
def hospital(tmp_path_factory):
    with Hospital(tmp_path_factory.mktemp("hospital")) as hospital:
        yield hospital
        assert hospital.gateway.process.poll() is None, f"the gateway died:\n{hospital.gateway.log_tail()}"


@pytest.fixture(scope="session")
def gateway(hospital):
    return hospital.gateway


@pytest.fixture
def lab(tmp_path):
    with Lab(tmp_path) as lab:
        yield lab
        for gateway in lab.gateways:
            if gateway.process:
                assert gateway.process.poll() is None, f"{gateway.name} died:\n{gateway.log_tail()}"


@pytest.fixture(scope="session")
def http():
    """Keeps connections alive, as viewers do."""
    with requests.Session() as session:
        yield session
