"""How the tests talk HTTP: whole bodies, bodies too large to hold, multipart, and raw bytes on a socket."""

import re
import socket
import time
import zlib
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
FRAMES_AS_STORED = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
JSON = "application/dicom+json"


def wado_query(image, **parameters):
    """The query of a WADO-URI request for the image itself; the slash of a media type stays as it is."""
    query = {
        "requestType": "WADO",
        "studyUID": image.study,
        "seriesUID": image.series,
        "objectUID": image.instance,
        "contentType": "application/dicom",
        **parameters,
    }
    return "&".join(f"{name}={value}" for name, value in query.items() if value is not None)


def outcome(answer):
    """The first word of X-Cache, of a response or of a transfer: hit, miss, follow…"""
    fields = answer.fields if isinstance(answer, Transfer) else {k.lower(): v for k, v in answer.headers.items()}
    return fields["x-cache"].split(";")[0]


@dataclass
class Part:
    fields: dict
    body: bytes

    @property
    def media_type(self):
        return self.fields["content-type"].split(";")[0].strip()

    @property
    def transfer_syntax(self):
        return parameters(self.fields["content-type"]).get("transfer-syntax")


def parameters(content_type):
    """A media type's parameters."""
    message = Message()
    message["Content-Type"] = content_type
    return dict(message.get_params()[1:])


def parts(response):
    """The parts of a multipart/related answer; strict about its framing, as the strictest client is."""
    content_type = response.headers["Content-Type"]
    assert content_type.lower().startswith("multipart/related"), content_type
    boundary = parameters(content_type)["boundary"].encode()
    assert re.fullmatch(rb"[0-9A-Za-z'()+_,./:=? -]{1,70}", boundary), boundary
    delimiter = b"--" + boundary
    body = response.content
    assert body.startswith(delimiter + b"\r\n"), body[:200]
    assert body.rstrip(b"\r\n").endswith(delimiter + b"--"), body[-200:]
    found = []
    for piece in (b"\r\n" + body).split(b"\r\n" + delimiter)[1:-1]:
        assert piece.startswith(b"\r\n")
        head, separator, payload = piece[2:].partition(b"\r\n\r\n")
        assert separator, piece[:200]
        fields = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n"))
        found.append(Part({name.lower(): value for name, value in fields.items()}, payload))
    return found


def only_part(response):
    found = parts(response)
    assert len(found) == 1, [part.fields for part in found]
    return found[0]


@dataclass
class Transfer:
    """What came of a body that was not kept."""

    status: int
    fields: dict
    checksum: int
    length: int
    is_complete: bool
    seconds: float

    @property
    def body(self):
        return self.checksum, self.length


def transfer(url, fields=None, timeout=120, on_bytes=None):
    """GETs a URL and keeps only the body's checksum.

    `on_bytes(total)` is called as the body grows, and may end it by returning False.
    """
    started = time.monotonic()
    parts_of_url = urlsplit(url)
    connection = HTTPConnection(parts_of_url.hostname, parts_of_url.port, timeout=timeout)
    buffer = memoryview(bytearray(1 << 20))
    checksum = length = 0
    is_complete = True
    try:
        connection.request("GET", f"{parts_of_url.path}?{parts_of_url.query}".rstrip("?"), headers=fields or {})
        response = connection.getresponse()
        announced = response.length
        try:
            while count := response.readinto(buffer):
                checksum = zlib.crc32(buffer[:count], checksum)
                length += count
                if on_bytes and on_bytes(length) is False:
                    is_complete = False
                    break
        except (HTTPException, OSError):
            is_complete = False
        if announced is not None and length != announced:
            is_complete = False
        names = {name.lower(): value for name, value in response.getheaders()}
        return Transfer(response.status, names, checksum, length, is_complete, time.monotonic() - started)
    finally:
        connection.close()


def exchange(port, data, timeout=10, half_close=False):
    """Sends raw bytes, and answers all that comes until the other side closes; `timeout` seconds of silence fail."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        try:
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # closed on us while sending: what it said before still counts
        received = b""
        while True:
            try:
                piece = connection.recv(65536)
            except ConnectionResetError:
                return received
            if not piece:
                return received
            received += piece


def statuses(received):
    """The status codes of all answers in raw bytes."""
    return [int(code) for code in re.findall(rb"^HTTP/1\.[01] (\d{3})", received, re.MULTILINE)]
