"""Clients that try to be read in two ways: HTTP/1.1 framing, UIDs that are paths, time that never ends."""

import socket
import time

import pytest

from bed.client import exchange, statuses, wado_query
from bed.lab import Lab

HOST = b"Host: 127.0.0.1\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One lab for all cases: what comes after an attack must find the gateway as it was."""
    with Lab(tmp_path_factory.mktemp("hostile-http")) as lab:
        lab.image = lab.small("image")
        gateway = lab.gateway()
        yield lab
        assert gateway.process.poll() is None, gateway.log_tail()


def get(*lines, target=b"/nothing", body=b""):
    """A GET with the given field lines after its Host."""
    return b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def chunked(body):
    return b"POST /nothing HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + body


def request_line(line):
    return line + b"\r\n" + HOST + b"\r\n"


# What it is → (bytes, status). Then the connection closes, since nobody knows where the next request begins.
AMBIGUOUS = {
    # Lengths
    "two equal lengths": (get(b"Content-Length: 3", b"Content-Length: 3", body=b"abc"), 400),
    "two different lengths": (get(b"Content-Length: 3", b"Content-Length: 30", body=b"abc"), 400),
    "a list of lengths": (get(b"Content-Length: 3, 3", body=b"abc"), 400),
    "a signed length": (get(b"Content-Length: +3", body=b"abc"), 400),
    "a negative length": (get(b"Content-Length: -1"), 400),
    "a hexadecimal length": (get(b"Content-Length: 0x3", body=b"abc"), 400),
    "a length with a fraction": (get(b"Content-Length: 3.0", body=b"abc"), 400),
    "a length with a blank in it": (get(b"Content-Length: 1 0", body=b"abc"), 400),
    "an empty length": (get(b"Content-Length:"), 400),
    "a length beyond 64 bits": (get(b"Content-Length: 36893488147419103232"), 400),
    "a length in other digits": (get("Content-Length: ٣".encode(), body=b"abc"), 400),
    # Transfer-Encoding
    "both framings": (get(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 400),
    "both framings, reversed": (
        get(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n"),
        400,
    ),
    "two transfer encodings": (
        get(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
        400,
    ),
    "chunked, but not last": (get(b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"), 400),
    "chunked twice": (get(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"), 400),
    "an unknown coding": (get(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), 501),
    "almost chunked": (get(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"), 400),
    "chunked with a vertical tab": (get(b"Transfer-Encoding:\x0bchunked", body=b"0\r\n\r\n"), 400),
    "chunked in HTTP/1.0": (b"GET /nothing HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    # Chunks
    "a chunk size that is no number": (chunked(b"zz\r\nabc\r\n0\r\n\r\n"), 400),
    "an empty chunk size": (chunked(b"\r\nabc\r\n0\r\n\r\n"), 400),
    "a signed chunk size": (chunked(b"+3\r\nabc\r\n0\r\n\r\n"), 400),
    "a chunk size with 0x": (chunked(b"0x3\r\nabc\r\n0\r\n\r\n"), 400),
    "a chunk size beyond all bounds": (chunked(b"ffffffffffffffff0\r\nabc"), 400),
    "a chunk size with a blank": (chunked(b"3 \r\nabc\r\n0\r\n\r\n"), 400),
    "a chunk that is too long": (chunked(b"3\r\nabcdef\r\n0\r\n\r\n"), 400),
    "a chunk that ends with LF": (chunked(b"3\r\nabc\n0\r\n\r\n"), 400),
    "a chunk size that ends with LF": (chunked(b"3\nabc\r\n0\r\n\r\n"), 400),
    "a NUL in a chunk extension": (chunked(b"3;a=\0\r\nabc\r\n0\r\n\r\n"), 400),
    "endless chunk extensions": (chunked(b"3;" + b"a" * 20000 + b"\r\nabc\r\n0\r\n\r\n"), 400),
    "a folded trailer": (chunked(b"0\r\nA: b\r\n c\r\n\r\n"), 400),
    # Lines
    "bare LF": (b"GET /nothing HTTP/1.1\nHost: 127.0.0.1\n\n", 400),
    "bare LF after a field": (b"GET /nothing HTTP/1.1\r\nHost: 127.0.0.1\nA: b\r\n\r\n", 400),
    "bare LF at the end": (b"GET /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n\n", 400),
    "bare CR in a value": (get(b"A: b\rc"), 400),
    "bare CR for a line end": (b"GET /nothing HTTP/1.1\rHost: 127.0.0.1\r\r", 400),
    "a folded field": (get(b"A: b", b" c"), 400),
    "a folded field by tab": (get(b"Content-Length: 0", b"\t3"), 400),
    "a blank before the first field": (b"GET /nothing HTTP/1.1\r\n " + HOST + b"\r\n", 400),
    "a blank before the colon": (get(b"Content-Length : 3", body=b"abc"), 400),
    "a tab before the colon": (get(b"Transfer-Encoding\t: chunked", body=b"0\r\n\r\n"), 400),
    "a field without a colon": (get(b"Nonsense"), 400),
    "a field without a name": (get(b": b"), 400),
    "a field name with a blank": (get(b"A B: c"), 400),
    "a field name in UTF-8": (get("Ä: b".encode()), 400),
    "NUL in a value": (get(b"A: b\0c"), 400),
    "NUL in a name": (get(b"A\0: b"), 400),
    "NUL in the target": (request_line(b"GET /noth\0ing HTTP/1.1"), 400),
    "DEL in a value": (get(b"A: b\x7fc"), 400),
    # Request line
    "no version": (request_line(b"GET /nothing"), 400),
    "two blanks": (request_line(b"GET  /nothing HTTP/1.1"), 400),
    "a tab for a blank": (request_line(b"GET\t/nothing HTTP/1.1"), 400),
    "a blank at the end": (request_line(b"GET /nothing HTTP/1.1 "), 400),
    "a blank in the target": (request_line(b"GET /no thing HTTP/1.1"), 400),
    "a blank before the method": (request_line(b" GET /nothing HTTP/1.1"), 400),
    "a fragment": (request_line(b"GET /nothing#here HTTP/1.1"), 400),
    "raw UTF-8 in the target": (request_line("GET /nöthing HTTP/1.1".encode()), 400),
    "lower-case http": (request_line(b"GET /nothing http/1.1"), 400),
    "HTTP/2.0 in words": (request_line(b"GET /nothing HTTP/2.0"), 505),
    "HTTP/1.2": (request_line(b"GET /nothing HTTP/1.2"), 505),
    "a version with more digits": (request_line(b"GET /nothing HTTP/1.10"), 400),
    "a target without a slash": (request_line(b"GET nothing HTTP/1.1"), 400),
    "CONNECT": (b"CONNECT 127.0.0.1:80 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a method that is no token": (request_line(b"GE(T /nothing HTTP/1.1"), 400),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "a TLS hello": (bytes.fromhex("160301002f0100002b0303") + b"\xaa" * 38, 400),
    # Host
    "no Host": (b"GET /nothing HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (b"GET /nothing HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400),
    "a list of Hosts": (b"GET /nothing HTTP/1.1\r\nHost: 127.0.0.1, evil.example\r\n\r\n", 400),
    "a Host with a path": (b"GET /nothing HTTP/1.1\r\nHost: 127.0.0.1/evil\r\n\r\n", 400),
    "a Host with a user": (b"GET /nothing HTTP/1.1\r\nHost: user@127.0.0.1\r\n\r\n", 400),
    "an empty Host": (b"GET /nothing HTTP/1.1\r\nHost:\r\n\r\n", 400),
    "a Host that differs from the target": (b"GET http://evil.example/nothing HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    # Sizes
    "a target of 60 KB": (request_line(b"GET /" + b"a" * 60000 + b" HTTP/1.1"), 414),
    "a field of 60 KB": (get(b"A: " + b"b" * 60000), 431),
    "fields of 60 KB together": (get(*[b"A%d: " % number + b"b" * 1000 for number in range(60)]), 431),
    "a thousand fields": (get(*[b"A: b"] * 1000), 431),
    "an endless field name": (b"GET /nothing HTTP/1.1\r\n" + b"a" * 60000, 431),
    "a body beyond all bounds": (get(b"Content-Length: 1000000000", body=b"a" * 100), 413),
    "an unknown expectation": (get(b"Expect: 200-maybe"), 417),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_ambiguous_framing_is_refused(shared, name):
    data, status = AMBIGUOUS[name]
    answer = exchange(shared.gateways[0].port, data + SMUGGLED)
    assert statuses(answer) == [status], answer[:500]
    assert b"smuggled" not in answer
    head = answer.partition(b"\r\n\r\n")[0].lower()
    assert b"connection: close" in head


def test_there_are_enough_cases():
    assert len(AMBIGUOUS) >= 40


WELL_FORMED = {
    "two in a row": (get() + get(b"Connection: close"), [404, 404]),
    "names in any case": (get(b"cOnNeCtIoN: CLOSE"), [404]),
    "no blank after the colon": (get(b"Connection:close"), [404]),
    "blanks around a value": (get(b"Connection: \t close \t"), [404]),
    "an empty line before": (b"\r\n" + get(b"Connection: close"), [404]),
    "HTTP/1.0, which ends by closing": (b"GET /nothing HTTP/1.0\r\n" + HOST + b"\r\n", [404]),
    "absolute form": (get(b"Connection: close", target=b"http://127.0.0.1/nothing"), [404]),
    "a body that nobody reads": (get(b"Content-Length: 3", body=b"abc") + get(b"Connection: close"), [404, 404]),
    "a chunked body": (
        get(b"Transfer-Encoding: chunked", body=b"3;ext=1\r\nabc\r\n0\r\nTrailer: x\r\n\r\n")
        + get(b"Connection: close"),
        [404, 404],
    ),
}


@pytest.mark.parametrize("name", WELL_FORMED)
def test_well_formed_requests_are_answered(shared, name):
    data, expected = WELL_FORMED[name]
    assert statuses(exchange(shared.gateways[0].port, data)) == expected


def test_a_head_may_come_byte_by_byte(shared):
    data = get(b"Connection: close")
    with socket.create_connection(("127.0.0.1", shared.gateways[0].port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in data:
            connection.sendall(bytes([byte]))
        assert statuses(connection.recv(65536)) == [404]


U = "1.2.840.113619.2.1"
BAD_UIDS = {
    "dots": "..",
    "dots and slashes, encoded": "..%2F..%2Fetc",
    "dots, encoded": "%2e%2e",
    "dots, encoded twice": "%252e%252e",
    "a slash, encoded": f"{U}%2F{U}",
    "a slash, encoded twice": f"{U}%252F{U}",
    "a backslash": f"{U}%5C..",
    "65 characters": "1." + "2" * 63,
    "300 characters": "1." * 149 + "1",
    "letters": "1.2.abc",
    "an empty component": "1..2",
    "a dot at the end": "1.2.",
    "a dot at the beginning": ".1.2",
    "NUL": "1.2%00",
    "a line end": "1.2%0D%0A",
    "a blank": "1.2%20",
    "a star": "*",
    "a query, encoded": "1.2%3Fa=b",
    "a sign": "-1.2",
    "other digits": "%D9%A1.%D9%A2",
    "broken escapes": "1.2%2",
}


@pytest.mark.parametrize("name", BAD_UIDS)
def test_uids_are_checked_before_they_touch_a_path_or_a_url(shared, name):
    bad, gateway, image = BAD_UIDS[name], shared.gateways[0], shared.image
    before = (len(shared.archive.requests), sorted(gateway.stored_files()))
    uri = "/wado?requestType=WADO&contentType=application/dicom"
    targets = [
        f"/dicom-web/studies/{bad}",
        f"/dicom-web/studies/{bad}/series/{image.series}/instances/{image.instance}",
        f"/dicom-web/studies/{image.study}/series/{bad}/metadata",
        f"/dicom-web/studies/{image.study}/series/{image.series}/instances/{bad}/frames/1",
        f"{uri}&studyUID={bad}&seriesUID={U}&objectUID={U}",
        f"{uri}&studyUID={image.study}&seriesUID={image.series}&objectUID={bad}",
    ]
    for target in targets:
        answer = exchange(gateway.port, get(b"Connection: close", target=target.encode()))
        assert statuses(answer) == [400], (target, answer[:500])
    assert (len(shared.archive.requests), sorted(gateway.stored_files())) == before


@pytest.mark.parametrize(
    "target",
    [
        "/dicom-web/studies/../../../../etc/passwd",
        "/dicom-web/../../etc/passwd",
        "/dicom-web/studies/{study}/../../../etc/passwd",
        "/dicom-web//studies/{study}",
        "/dicom-web/studies//{study}",
        "/dicom-web/studies/{study}/series/{series}/instances/{instance}/bulk/../../../../../../other",
        "/dicom-web/studies/{study}/series/{series}/instances/{instance}/bulk/%2e%2e/%2e%2e/secret",
        "/dicom-web/studies/{study}/series/{series}/instances/{instance}/bulk/..%2f..%2fsecret",
    ],
)
def test_paths_lead_nowhere_else(shared, target):
    image, gateway = shared.image, shared.gateways[0]
    before = len(shared.archive.requests)
    filled = target.format(study=image.study, series=image.series, instance=image.instance)
    answer = exchange(gateway.port, get(b"Connection: close", target=filled.encode()))
    assert statuses(answer)[0] in (400, 404), answer[:300]
    assert len(shared.archive.requests) == before, shared.archive.requests[before:]


def test_the_gateway_still_answers_after_all_that(shared):
    target = f"/wado?{wado_query(shared.image)}".encode()
    answer = exchange(shared.gateways[0].port, get(b"Connection: close", target=target))
    assert statuses(answer) == [200]
    assert answer.endswith(shared.image.data)


class TestClientsThatTakeTheirTime:
    """None of them may hold on to anything for ever."""

    LIMITS = {"server": {"header_timeout": "500ms", "idle_timeout": "1s", "write_timeout": "1s"}}

    def closes_within(self, port, seconds, data=b""):
        started = time.monotonic()
        answer = exchange(port, data, timeout=seconds + 5)
        assert time.monotonic() - started < seconds
        return answer

    def test_a_client_that_never_sends_its_head(self, lab):
        port = lab.gateway(**self.LIMITS).port
        assert statuses(self.closes_within(port, 3)) in ([], [408])

    def test_a_client_that_sends_half_a_head(self, lab):
        port = lab.gateway(**self.LIMITS).port
        assert statuses(self.closes_within(port, 3, b"GET /nothing HTTP/1.1\r\nHos")) in ([], [408])

    def test_a_client_that_drips_its_head(self, lab):
        port = lab.gateway(**self.LIMITS).port
        started = time.monotonic()
        with socket.create_connection(("127.0.0.1", port), timeout=0.05) as connection:
            try:
                while time.monotonic() - started < 5:
                    connection.sendall(b"A")
                    try:
                        if not connection.recv(1000):
                            break
                    except TimeoutError:
                        continue
            except OSError:
                pass
        assert time.monotonic() - started < 3, "each byte must not buy more time"

    def test_a_client_that_never_sends_its_body(self, lab):
        port = lab.gateway(**self.LIMITS).port
        data = b"POST /nothing HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\n"
        assert statuses(self.closes_within(port, 4, data))[:1] in ([], [404], [405], [408])

    def test_an_idle_connection(self, lab):
        port = lab.gateway(**self.LIMITS).port
        assert statuses(self.closes_within(port, 4, get())) == [404]
