"""TLS on both sides: the gateway's own listener, with client certificates, and archives that speak HTTPS."""

import ssl

import pytest
import requests

from bed.certificates import Authority
from bed.client import AS_STORED, only_part
from bed.lab import BACKEND, Lab
from bed.scripted import ScriptedServer


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "authority")


class TestListener:
    def settings(self, authority, **changes):
        certificate, key = authority.issue("gateway", address="127.0.0.1")
        return {"tls": {"certificate": str(certificate), "key": str(key)}, **changes}

    def test_https(self, lab, authority):
        image = lab.small("image")
        gateway = lab.gateway(**self.settings(authority))
        url = f"https://127.0.0.1:{gateway.port}/dicom-web{image.path}"
        answer = requests.get(url, headers={"Accept": AS_STORED}, verify=str(authority.path), timeout=10)
        assert answer.status_code == 200, answer.text
        assert only_part(answer).body == image.data

    def test_plain_http_is_not_answered(self, lab, authority):
        lab.small("image")
        gateway = lab.gateway(**self.settings(authority))
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://127.0.0.1:{gateway.port}/", timeout=10)

    def test_client_certificates(self, lab, authority, tmp_path):
        image = lab.small("image")
        settings = self.settings(authority, access={"mode": "mtls"})
        settings["tls"]["client_ca"] = str(authority.path)
        gateway = lab.gateway(**settings)
        url = f"https://127.0.0.1:{gateway.port}/dicom-web{image.path}"

        def ask(certificate=None):
            return requests.get(
                url,
                headers={"Accept": AS_STORED},
                verify=str(authority.path),
                cert=certificate and tuple(map(str, certificate)),
                timeout=10,
            )

        stranger = Authority(tmp_path / "stranger").issue("anna", client=True)
        for certificate in (None, stranger):
            try:
                assert ask(certificate).status_code in (401, 403)
            except requests.ConnectionError:
                pass  # refused in the handshake
        assert not lab.archive.requests
        anna = ask(authority.issue("anna", client=True))
        assert anna.status_code == 200
        assert only_part(anna).body == image.data


class TestBackend:
    """Archives over HTTPS, with certificates checked."""

    @pytest.fixture
    def secure(self, authority, tmp_path):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*authority.issue("archive", address="127.0.0.1"))
        with Lab(tmp_path / "lab", tls=context) as lab:
            lab.image = lab.small("image")
            lab.context = context
            yield lab

    def ask(self, lab, **settings):
        gateway = lab.gateway(backend=settings)
        return requests.get(gateway.dicomweb + lab.image.path, headers={"Accept": AS_STORED}, timeout=10)

    def test_with_its_authority(self, secure, authority):
        answer = self.ask(secure, ca_file=str(authority.path))
        assert answer.status_code == 200, answer.text
        assert only_part(answer).body == secure.image.data

    def test_without_its_authority(self, secure):
        answer = self.ask(secure)
        assert answer.status_code == 502
        assert BACKEND in answer.text
        assert not secure.archive.requests

    def test_with_a_certificate_for_another_host(self, secure, authority):
        secure.context.load_cert_chain(*authority.issue("elsewhere", address="127.0.0.9"))
        assert self.ask(secure, ca_file=str(authority.path)).status_code == 502
        assert not secure.archive.requests

    def test_client_certificate(self, secure, authority):
        secure.context.verify_mode = ssl.CERT_REQUIRED
        secure.context.load_verify_locations(str(authority.path))
        assert self.ask(secure, ca_file=str(authority.path)).status_code == 502
        secure.gateways[0].stop()
        certificate, key = authority.issue("gateway", client=True)
        files = {"client_certificate": str(certificate), "client_key": str(key), "ca_file": str(authority.path)}
        gateway = secure.gateway("second", backend=files)
        answer = requests.get(gateway.dicomweb + secure.image.path, headers={"Accept": AS_STORED}, timeout=10)
        assert answer.status_code == 200, answer.text


def test_outbound_proxy(lab):
    """The request goes to the proxy, for the archive."""
    image = lab.small("image")
    proxy = ScriptedServer(lambda request, conversation: lab.archive.script(request, conversation))
    with proxy:
        gateway = lab.gateway(backend={"proxy": proxy.origin})
        answer = requests.get(gateway.dicomweb + image.path, headers={"Accept": AS_STORED}, timeout=10)
        assert answer.status_code == 200, answer.text
        assert proxy.requests[0].target.startswith(lab.archive.wado_rs)
    assert not lab.archive.requests
