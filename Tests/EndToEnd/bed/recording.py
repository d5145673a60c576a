"""An archive that makes pictures on both protocols and remembers how it was asked for them."""

import io
import json
import struct
import zlib

import pydicom

from .scripted import ScriptedArchive

PICTURES = {
    "image/jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xd9",
    "image/gif": b"GIF89a\1\0\1\0\0\0\0;         ",
    "text/html": b"<p>a report</p>",
}


def png(width, height):
    """A grey picture of that size."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = zlib.compress(b"".join(b"\0" + b"\x80" * width for _ in range(height)))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def size_of_picture(data):
    """(width, height) as the bytes of a JPEG or PNG say."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return struct.unpack(">II", data[16:24])
    assert data.startswith(b"\xff\xd8"), data[:16]
    at = 2
    while True:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        # A start of frame, which is neither a table nor an extension of one (ITU-T T.81 Table B.1).
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + length


class RecordingArchive(ScriptedArchive):
    """Answers metadata by pydicom, and every picture with one of the type asked for, whatever its parameters."""

    def __init__(self):
        super().__init__()
        self.fault = self._answer
        #: For a presentation state's own picture: (fields, body) of each part.
        self.presentation_parts = {}

    @property
    def asked(self):
        """(target, Accept) of each request so far."""
        return [(request.target, request.field("Accept")) for request in self.requests]

    @property
    def asked_for_pictures(self):
        return [pair for pair in self.asked if _is_picture(pair[0])]

    def forget(self):
        self.requests.clear()

    def _answer(self, request, conversation, stored):
        if stored is None:
            return False
        if request.path.endswith("/metadata"):
            metadata = pydicom.dcmread(io.BytesIO(stored.data), stop_before_pixels=True).to_json_dict()
            conversation.respond(200, {"Content-Type": "application/dicom+json"}, json.dumps([metadata]).encode())
            return True
        if not _is_picture(request.target):
            return False
        accept = request.field("Accept")
        if accept.startswith("multipart/related"):
            uid = request.path.rpartition("/instances/")[2].split("/")[0]
            self._send_parts(self.presentation_parts[uid], conversation)
            return True
        media_type = request.query.get("contentType", accept)
        body = png(1, 1) if media_type == "image/png" else PICTURES[media_type]
        if media_type.startswith("text/"):
            media_type += f"; charset={request.query.get('charset', 'utf-8').split(',')[0]}"
        conversation.respond(200, {"Content-Type": media_type}, body)
        return True

    def _send_parts(self, parts, conversation):
        body = b""
        for fields, payload in parts:
            head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
            body += f"--{self.BOUNDARY}\r\n{head}\r\n".encode() + payload + b"\r\n"
        body += f"--{self.BOUNDARY}--\r\n".encode()
        media_type = f'multipart/related; type="image/jpeg"; boundary={self.BOUNDARY}'
        conversation.respond(200, {"Content-Type": media_type}, body)


def _is_picture(target):
    path = target.partition("?")[0]
    if path == "/wado":
        return "contentType=application/dicom" not in target
    return path.endswith(("/rendered", "/thumbnail"))
