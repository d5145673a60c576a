"""Who may ask, whom the gateway asks, and what neither of them learns."""

import base64
import json
import stat

import pytest
import requests

from bed.client import AS_STORED, exchange, parts, statuses, transfer, wado_query
from bed.gateway import Gateway, backend, run, secret_file
from bed.lab import BACKEND
from bed.processes import wait_until
from bed.scripted import ScriptedArchive

JSON_FIELDS = {"Content-Type": "application/dicom+json"}


def get(url, accept=AS_STORED, **fields):
    names = {name.replace("_", "-"): value for name, value in fields.items()}
    return requests.get(url, headers={"Accept": accept, **names}, timeout=10)


class TestAccess:
    """Every answer is authorized: misses, hits, 304s and followers alike."""

    @pytest.fixture
    def guarded(self, lab, tmp_path):
        self.tokens = secret_file(tmp_path / "tokens", "# people\nanna long-token-of-anna\ntoken-without-a-name\n")
        self.image = lab.small("image")
        self.gateway = lab.gateway(access={"mode": "bearer_file", "path": str(self.tokens)})
        return lab

    def bearer(self, token):
        return {"Authorization": f"Bearer {token}"}

    def test_without_a_token(self, guarded):
        answer = get(self.gateway.dicomweb + self.image.path)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert not guarded.archive.requests

    @pytest.mark.parametrize(
        "field",
        [
            "Bearer wrong",
            "Bearer",
            "Bearer ",
            "Basic long-token-of-anna",
            "long-token-of-anna",
            "Bearer long-token-of-ann",
            "Bearer anna",
            "Bearer long-token-of-annaa",
            "Bearer #",
            "Bearer anna long-token-of-anna",
        ],
    )
    def test_with_a_wrong_one(self, guarded, field):
        assert get(self.gateway.dicomweb + self.image.path, Authorization=field).status_code == 401
        assert not guarded.archive.requests

    @pytest.mark.parametrize("token", ["long-token-of-anna", "token-without-a-name"])
    def test_with_a_right_one(self, guarded, token):
        answer = get(self.gateway.dicomweb + self.image.path, **self.bearer(token))
        assert answer.status_code == 200, answer.text

    def test_hits_are_authorized_too(self, guarded):
        url = self.gateway.dicomweb + self.image.path
        get(url, **self.bearer("long-token-of-anna"))
        self.gateway.wait_until_stored(1)
        etag = get(url, **self.bearer("long-token-of-anna")).headers["ETag"]
        hit = get(url, **self.bearer("long-token-of-anna"))
        assert hit.headers["X-Cache"].startswith("hit")
        for fields in ({}, {"If_None_Match": etag}, {"Range": "bytes=0-1"}):
            refused = get(url, **fields)
            assert refused.status_code == 401
            assert "ETag" not in refused.headers
        assert requests.head(url, timeout=10).status_code == 401

    def test_tokens_are_read_again_when_they_change(self, guarded):
        url = self.gateway.dicomweb + self.image.path
        assert get(url, **self.bearer("long-token-of-anna")).status_code == 200
        secret_file(self.tokens, "bert long-token-of-bert\n")
        wait_until(lambda: get(url, **self.bearer("long-token-of-bert")).status_code == 200, 10, "the new token counts")
        wait_until(lambda: get(url, **self.bearer("long-token-of-anna")).status_code == 401, 10, "the old one does not")

    def test_a_file_that_everybody_can_read_is_no_secret(self, lab, tmp_path):
        lab.small("image")
        self.tokens = secret_file(tmp_path / "tokens", "anna long-token-of-anna\n")
        self.tokens.chmod(0o644)
        settings = lab.settings(access={"mode": "bearer_file", "path": str(self.tokens)})
        gateway = Gateway(lab.folder / "gateway", settings)
        checked = run("check", "--config", gateway.write_configuration())
        assert checked.returncode != 0
        assert "access.path" in checked.stdout + checked.stderr

    def test_the_log_names_the_principal_but_no_token(self, guarded):
        get(self.gateway.dicomweb + self.image.path, **self.bearer("long-token-of-anna"))
        wait_until(lambda: "anna" in self.gateway.log(), 5, "the principal is logged")
        assert "token-of" not in self.gateway.log()

    @pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "192.0.2.1:8080"])
    def test_beyond_loopback_only_with_access(self, lab, listen):
        lab.small("image")
        gateway = Gateway(lab.folder / "gateway", lab.settings(listen=[listen]))
        checked = run("check", "--config", gateway.write_configuration())
        assert checked.returncode != 0
        assert "access" in checked.stdout + checked.stderr
        served = run("serve", "--config", gateway.write_configuration())
        assert served.returncode != 0


class TestOrigins:
    """URLs in answers are the gateway's own, and nobody from outside decides what that is."""

    @pytest.fixture
    def described(self, lab):
        image = lab.small("image")

        def describe(request, conversation, stored):
            document = [
                {
                    "00080018": {"vr": "UI", "Value": [image.instance]},
                    "0020000D": {"vr": "UI", "Value": [image.study]},
                    "0020000E": {"vr": "UI", "Value": [image.series]},
                    "7FE00010": {"vr": "OW", "BulkDataURI": f"{lab.archive.wado_rs}{image.path}/bulk/7fe00010"},
                }
            ]
            conversation.respond(200, JSON_FIELDS, json.dumps(document).encode())
            return True

        lab.archive.fault = describe
        lab.url = f"/dicom-web{image.path}/metadata"
        return lab

    def root(self, gateway, path, **fields):
        answer = get(gateway.origin + path, accept="application/dicom+json", **fields)
        assert answer.status_code == 200, answer.text
        return answer.json()[0]["7FE00010"]["BulkDataURI"].partition("/dicom-web/")[0]

    def test_from_host(self, described):
        gateway = described.gateway()
        assert self.root(gateway, described.url) == gateway.origin
        assert self.root(gateway, described.url, Host="localhost:1234") == "http://localhost:1234"

    @pytest.mark.parametrize(
        "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "127.0.0.2", "[::2]"]
    )
    def test_hosts_that_are_not_allowed(self, described, host):
        answer = get(described.gateway().origin + described.url, Host=host)
        assert answer.status_code in (400, 403, 421)
        assert "evil" not in answer.text
        assert not described.archive.requests

    def test_one_cached_document_serves_every_host(self, described):
        gateway = described.gateway(allowed_hosts=["127.0.0.1", "images.example"])
        assert self.root(gateway, described.url) == gateway.origin
        answer = get(gateway.origin + described.url, accept="application/dicom+json", Host="images.example")
        assert answer.headers["X-Cache"].startswith("hit")
        assert "http://images.example/dicom-web/studies/" in answer.text
        assert f":{gateway.port}" not in answer.text
        assert described.archive.count() == 1

    def test_public_url_wins(self, described):
        gateway = described.gateway(public_url="https://images.example.org")
        fields = {"Host": "whatever.example", "Forwarded": "host=evil.example;proto=http"}
        assert self.root(gateway, described.url, **fields) == "https://images.example.org"

    def test_forwarded_from_anybody_counts_nothing(self, described):
        gateway = described.gateway(allowed_hosts=["127.0.0.1", "images.example"])
        fields = {"Forwarded": "for=1.2.3.4;host=images.example;proto=https", "X_Forwarded_Host": "images.example"}
        assert self.root(gateway, described.url, **fields) == gateway.origin

    def test_forwarded_from_a_trusted_proxy_counts(self, described):
        gateway = described.gateway(allowed_hosts=["127.0.0.1", "images.example"], trusted_proxies=["127.0.0.0/8"])
        fields = {"Forwarded": "for=1.2.3.4;host=images.example;proto=https"}
        assert self.root(gateway, described.url, **fields) == "https://images.example"

    def test_even_a_trusted_proxy_can_not_name_any_host(self, described):
        gateway = described.gateway(trusted_proxies=["127.0.0.0/8"])
        answer = get(
            gateway.origin + described.url, accept="application/dicom+json", Forwarded="host=evil.example;proto=https"
        )
        assert "evil.example" not in answer.text


class TestCredentials:
    """What is told to archives."""

    SECRETS = {"Authorization": "Bearer of-the-client", "Cookie": "session=of-the-client", "X_Api_Key": "of-the-client"}

    def test_the_clients_own_stay_here(self, lab):
        image = lab.small("image")
        gateway = lab.gateway()
        assert get(gateway.dicomweb + image.path, **self.SECRETS).status_code == 200
        assert get(f"{gateway.wado}?{wado_query(image)}", **self.SECRETS).status_code in (200, 406)
        for request in lab.archive.requests:
            assert "of-the-client" not in str(request.fields)

    def test_unless_configured_and_then_nothing_is_kept_or_shared(self, lab):
        image = lab.small("image")
        gateway = lab.gateway(backend={"credentials": {"client": True}})
        for client in ("one", "two"):
            answer = get(gateway.dicomweb + image.path, Authorization=f"Bearer {client}", Cookie="session=s")
            assert answer.status_code == 200, answer.text
            assert answer.headers["X-Cache"].startswith("bypass")
        assert [request.field("Authorization") for request in lab.archive.requests] == ["Bearer one", "Bearer two"]
        assert not any(request.field("Cookie") for request in lab.archive.requests)

    def test_what_one_request_needs_of_an_instance_is_fetched_once_for_it(self, lab):
        image = lab.large("frames", megabytes=4, front="uri")
        gateway = lab.gateway(backend={"credentials": {"client": True}})
        accept = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
        for client in ("one", "two"):
            answer = get(
                f"{gateway.dicomweb}{image.path}/frames/1,3,5", accept, Authorization=f"Bearer {client}"
            )
            assert answer.status_code == 200, answer.text
            assert len(parts(answer)) == 3
        assert [request.field("Authorization") for request in lab.archive.requests] == ["Bearer one", "Bearer two"]

    def test_basic(self, lab, tmp_path):
        secret_file(tmp_path / "password", "se:cret\n")
        image = lab.small("image")
        credentials = {"basic": {"user": "gateway", "password_file": str(tmp_path / "password")}}
        gateway = lab.gateway(backend={"credentials": credentials})
        assert get(gateway.dicomweb + image.path).status_code == 200
        expected = base64.b64encode(b"gateway:se:cret").decode()
        assert lab.archive.requests[0].field("Authorization") == f"Basic {expected}"
        assert "se:cret" not in gateway.log() and expected not in gateway.log()

    def test_a_bearer_file_is_read_again_when_it_changes(self, lab, tmp_path):
        token = secret_file(tmp_path / "token", "first\n")
        images = [lab.small(f"image {number}") for number in range(50)]
        gateway = lab.gateway(backend={"credentials": {"bearer_file": str(token)}})
        get(gateway.dicomweb + images[0].path)
        assert lab.archive.requests[-1].field("Authorization") == "Bearer first"
        secret_file(token, "second\n")
        remaining = iter(images[1:])

        def changed():
            get(gateway.dicomweb + next(remaining).path)
            return lab.archive.requests[-1].field("Authorization") == "Bearer second"

        wait_until(changed, 10, "the new token is used")

    def test_a_fixed_header(self, lab, tmp_path):
        secret_file(tmp_path / "key", "the-key\n")
        image = lab.small("image")
        credentials = {"header": {"name": "X-Api-Key", "value_file": str(tmp_path / "key")}}
        gateway = lab.gateway(backend={"credentials": credentials})
        assert get(gateway.dicomweb + image.path).status_code == 200
        assert lab.archive.requests[0].field("X-Api-Key") == "the-key"

    def test_they_do_not_follow_a_redirect_to_another_origin(self, lab, tmp_path):
        secret_file(tmp_path / "token", "secret\n")
        image = lab.small("image")
        with ScriptedArchive() as elsewhere:
            lab.archive.fault = lambda request, conversation, stored: (
                conversation.respond(302, {"Location": elsewhere.origin + request.target}, b"") or True
            )
            gateway = lab.gateway(
                backend={"credentials": {"bearer_file": str(tmp_path / "token")}},
            )
            # Even an origin that is itself a backend is another origin.
            gateway.stop()
            gateway.settings["backends"].append(backend("elsewhere", f"{elsewhere.origin}/"))
            gateway.start()
            answer = get(gateway.dicomweb + image.path)
            assert answer.status_code == 502
            assert not elsewhere.requests

    def test_a_redirect_within_the_origin_is_followed(self, lab):
        image = lab.small("image")

        def move(request, conversation, stored):
            if "moved=1" in request.target:
                return False
            conversation.respond(302, {"Location": request.target + "?moved=1"}, b"")
            return True

        lab.archive.fault = move
        gateway = lab.gateway()
        assert get(gateway.dicomweb + image.path).status_code == 200

    def test_a_redirect_out_of_the_permitted_path_is_not(self, lab):
        image = lab.small("image")
        lab.archive.fault = lambda request, conversation, stored: (
            conversation.respond(302, {"Location": "/private" + request.target}, b"") or True
        )
        gateway = lab.gateway()
        gateway.stop()
        gateway.settings["backends"][0]["match"] = lab.archive.wado_rs
        gateway.start()
        assert get(gateway.dicomweb + image.path).status_code == 502
        assert lab.archive.count("/private") == 0


class TestBulkDataLinks:
    """A BulkDataURI that leads elsewhere becomes a sealed token: it can be fetched again, and can't be forged."""

    @pytest.fixture
    def linked(self, lab):
        self.image = image = lab.small("image")
        self.other = lab.small("another image")
        self.payload = b"bulk data" * 100
        self.outside = ScriptedArchive()
        self.links = {
            "00420011": f"{lab.archive.origin}/opaque/blob?id=17&sig=a%2Fb",
            "00420012": f"{self.outside.origin}/forbidden",
            "00420013": "file:///etc/passwd",
        }

        def script(request, conversation, stored):
            if request.path.endswith("/metadata"):
                document = [
                    {
                        "00080018": {"vr": "UI", "Value": [image.instance]},
                        "0020000D": {"vr": "UI", "Value": [image.study]},
                        "0020000E": {"vr": "UI", "Value": [image.series]},
                        **{tag: {"vr": "OB", "BulkDataURI": url} for tag, url in self.links.items()},
                    }
                ]
                conversation.respond(200, JSON_FIELDS, json.dumps(document).encode())
            elif request.target == "/opaque/blob?id=17&sig=a%2Fb":
                before = b"--b\r\nContent-Type: application/octet-stream\r\n\r\n"
                body = before + self.payload + b"\r\n--b--\r\n"
                media_type = 'multipart/related; type="application/octet-stream"; boundary=b'
                conversation.respond(200, {"Content-Type": media_type}, body)
            else:
                return False
            return True

        lab.archive.fault = script
        self.gateway = lab.gateway()
        with self.outside:
            yield lab

    def link(self):
        metadata = get(f"{self.gateway.dicomweb}{self.image.path}/metadata", accept="application/dicom+json").json()[0]
        for tag in ("00420012", "00420013"):
            assert "BulkDataURI" not in metadata.get(tag, {}), "what may not be fetched is no link"
        url = metadata["00420011"]["BulkDataURI"]
        assert url.startswith(self.gateway.dicomweb + self.image.path + "/")
        assert "opaque" not in url and "id=17" not in url
        return url

    def fetch(self, url):
        return get(url, accept='multipart/related; type="application/octet-stream"')

    def test_it_resolves(self, linked):
        answer = self.fetch(self.link())
        assert answer.status_code == 200, answer.text
        assert self.payload in answer.content

    def test_it_resolves_after_a_restart(self, linked):
        url = self.link()
        self.gateway.stop()
        self.gateway.start()
        assert self.payload in self.fetch(url).content

    def test_it_can_not_be_forged(self, linked):
        url = self.link()
        root, _, token = url.rpartition("/")
        linked.archive.requests.clear()
        forged = [token[:-1], token + "A", token[:1], token.swapcase(), token[::-1], "~", "~" + "A" * 64, "~AAAA"]
        forged += [
            token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :] for at in range(1, len(token) - 1, 3)
        ]
        for each in forged:
            answer = self.fetch(f"{root}/{each}")
            assert 400 <= answer.status_code < 500, (each, answer.status_code)
        assert not [request for request in linked.archive.requests if "opaque" in request.target]
        assert not self.outside.requests

    def test_it_belongs_to_its_instance(self, linked):
        url = self.link()
        moved = url.replace(self.image.path, self.other.path)
        assert moved != url
        assert 400 <= self.fetch(moved).status_code < 500

    def test_the_allow_list_counts_again_when_it_is_used(self, linked):
        url = self.link()
        self.gateway.stop()
        self.gateway.settings["backends"][0]["match"] = linked.archive.wado_rs
        self.gateway.start()
        linked.archive.requests.clear()
        assert self.fetch(url).status_code in (403, 404, 410, 502)
        assert not linked.archive.count("opaque")


class TestCacheOnDisk:
    def test_modes(self, lab):
        image = lab.small("image")
        gateway = lab.gateway()
        get(gateway.dicomweb + image.path)
        gateway.wait_until_stored(1)
        for path in [gateway.cache_path, *gateway.cache_path.rglob("*")]:
            mode = stat.S_IMODE(path.lstat().st_mode)
            assert mode == (0o700 if path.is_dir() else 0o600), (path, oct(mode))

    def test_one_gateway_at_a_time_owns_the_folder(self, lab):
        lab.small("image")
        gateway = lab.gateway()
        second = Gateway(lab.folder / "second", lab.settings(cache={"path": str(gateway.cache_path)}))
        started = run("serve", "--config", second.write_configuration())
        assert started.returncode != 0
        assert str(gateway.cache_path) in started.stdout + started.stderr

    def test_a_damaged_file_is_never_served(self, lab):
        image = lab.large("image", megabytes=4)
        gateway = lab.gateway()
        url = f"{gateway.wado}?{wado_query(image, transferSyntax='*')}"
        assert transfer(url).body == image.stored.checksum()
        gateway.wait_until_stored(1)
        gateway.stop()
        [stored] = [path for path in gateway.stored_files() if path.stat().st_size > 4 << 20]
        with open(stored, "r+b") as file:
            file.seek(3 << 20)
            file.write(b"damaged!")
        gateway.start()
        found = transfer(url)
        assert not found.is_complete or found.body == image.stored.checksum()
        assert transfer(url).body == image.stored.checksum()
        assert lab.archive.count(image.instance) == 2

    @pytest.mark.parametrize("damage", ["truncated", "emptied", "a folder", "a link"])
    def test_whatever_lies_in_the_folder(self, lab, damage):
        image = lab.small("image")
        gateway = lab.gateway()
        url = f"{gateway.wado}?{wado_query(image, transferSyntax='*')}"
        assert transfer(url).body == image.stored.checksum()
        gateway.wait_until_stored(1)
        gateway.stop()
        stored = max(gateway.stored_files(), key=lambda path: path.stat().st_size)
        content = stored.read_bytes()
        if damage == "truncated":
            stored.write_bytes(content[: len(content) // 2])
        elif damage == "emptied":
            stored.write_bytes(b"")
        else:
            stored.unlink()
            stored.mkdir() if damage == "a folder" else stored.symlink_to("/etc/passwd")
        gateway.start()
        found = transfer(url)
        assert found.status == 200
        assert found.body == image.stored.checksum()


class TestAnswers:
    def test_cache_control_and_vary(self, lab):
        image = lab.small("image")
        gateway = lab.gateway()
        for url in (
            gateway.dicomweb + image.path,
            f"{gateway.wado}?{wado_query(image, transferSyntax='*')}",
            f"{gateway.dicomweb}/studies/1.2.3",
        ):
            for answer in (get(url), get(url)):
                assert "private" in answer.headers["Cache-Control"] or "no-store" in answer.headers["Cache-Control"]
                assert "public" not in answer.headers["Cache-Control"]
                if "no-store" not in answer.headers["Cache-Control"]:
                    vary = answer.headers["Vary"].lower()
                    assert "accept" in vary and "authorization" in vary

    def test_logs_hold_no_names_and_no_query_values(self, lab):
        image = lab.small("image")
        gateway = lab.gateway()
        marker = "QUERYVALUE"
        get(f"{gateway.wado}?{wado_query(image)}&patientName={marker}")
        get(f"{gateway.dicomweb}{image.path}?PatientID={marker}")
        get(f"{gateway.dicomweb}{image.path}/rendered?viewport={marker}")
        get(f"{gateway.dicomweb}/{marker}")
        exchange(gateway.port, f"GET /?{marker} HTTP/1.1\nHost: 127.0.0.1\n\n".encode())
        wait_until(lambda: len(gateway.requests_logged()) >= 4, 5, lambda: gateway.log())
        log = gateway.log()
        assert image.study in log
        assert marker not in log
        assert "Synthetic" not in log and "SYNTHETIC-SMALL" not in log

    def test_a_log_line_has_what_an_operator_needs(self, lab):
        image = lab.small("image")
        gateway = lab.gateway()
        answer = get(gateway.dicomweb + image.path)
        line = wait_until(lambda: gateway.requests_logged(), 5, lambda: gateway.log())[0]
        text = json.dumps(line)
        assert answer.headers["X-Request-Id"] in text
        for expected in (image.study, image.series, image.instance, BACKEND, "miss", "instance", "GET", "200"):
            assert expected in text, (expected, line)
        assert f":{lab.archive.port}" not in text


class TestAdministration:
    """Calls that change something need the token, and a Host and Origin that match, on loopback too."""

    @pytest.fixture
    def kept(self, lab):
        self.image = lab.small("image")
        self.gateway = lab.gateway()
        self.url = self.gateway.dicomweb + self.image.path
        get(self.url)
        self.gateway.wait_until_stored(1)
        assert get(self.url).headers["X-Cache"].startswith("hit")
        return lab

    def purge(self, **fields):
        return self.gateway.purge_request(self.image.study, **fields)

    def test_purge(self, kept):
        answer = self.purge()
        assert answer.status_code == 200, answer.text
        assert get(self.url).headers["X-Cache"].startswith("miss")

    def test_an_invented_method_is_not_logged(self, lab):
        gateway = lab.gateway(log={"level": "debug"})
        assert requests.request("DOE^JANE", f"{gateway.admin}/healthz", timeout=10).status_code == 405
        wait_until(lambda: '"method":"other"' in gateway.log().replace(" ", ""), 5, gateway.log)
        assert "DOE^JANE" not in gateway.log()

    def test_a_script_without_origin_may(self, kept):
        """Only browsers send Origin; curl has the token."""
        assert self.purge(Origin=None).status_code == 200

    @pytest.mark.parametrize(
        "change",
        [
            {"Authorization": None},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "Bearer "},
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Host": "evil.example"},
            {"Host": "evil.example:9090"},
        ],
        ids=str,
    )
    def test_refused(self, kept, change):
        answer = self.purge(**change)
        assert answer.status_code in (400, 401, 403, 421), answer.text
        assert get(self.url).headers["X-Cache"].startswith("hit"), "nothing was purged"

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "OPTIONS"])
    def test_other_methods_change_nothing(self, kept, method):
        answer = self.study_request(method)
        assert answer.status_code == 405
        assert {each.strip() for each in answer.headers["Allow"].split(",")} == {"GET", "HEAD", "DELETE"}
        assert get(self.url).headers["X-Cache"].startswith("hit")

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_reading_changes_nothing(self, kept, method):
        """The path that a DELETE purges tells a GET what is held."""
        answer = self.study_request(method)
        assert answer.status_code == 200, answer.text
        if method == "GET":
            assert answer.json()["study"] == self.image.study
        assert get(self.url).headers["X-Cache"].startswith("hit")

    def study_request(self, method):
        """Asks with all that a change needs, but for the method."""
        gateway = self.gateway
        fields = {"Authorization": f"Bearer {gateway.admin_token}", "Origin": gateway.admin}
        return requests.request(
            method, f"{gateway.admin}/cache/studies/{self.image.study}", headers=fields, timeout=10
        )

    def test_health(self, kept):
        assert requests.get(f"{self.gateway.admin}/healthz", timeout=10).status_code == 200
        assert requests.get(f"{self.gateway.admin}/readyz", timeout=10).status_code == 200

    def test_the_front_door_has_no_administration(self, kept):
        for path in (b"/healthz", b"/cache/stats", b"/explain/1.2.3", b"/metrics"):
            answer = exchange(
                self.gateway.port, b"GET " + path + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
            )
            assert statuses(answer) == [404]
