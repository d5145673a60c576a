"""Servers whose every byte a test decides: an archive and a FHIR server that lie, stall and break off."""

import socket
import struct
import threading
import zlib
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

import numpy

from .processes import wait_until

_BLOCK = 1 << 20
PATIENCE = 60.0


class PeerGone(Exception):
    """The gateway closed the connection."""


@dataclass
class Request:
    """One request as it came."""

    method: str
    target: str
    fields: list = field(default_factory=list)

    @property
    def path(self):
        return unquote(urlsplit(self.target).path)

    @property
    def query(self):
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}

    def field(self, name):
        return next((value for key, value in self.fields if key.lower() == name.lower()), None)


class Conversation:
    """The server's side of one connection."""

    def __init__(self, connection):
        self._connection = connection
        self._received = b""
        self.is_closed = False

    def read_request(self):
        """The next request, or None at the connection's end."""
        while b"\r\n\r\n" not in self._received:
            try:
                piece = self._connection.recv(65536)
            except OSError:
                piece = b""
            if not piece:
                return None
            self._received += piece
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        fields = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        return Request(method, target, fields)

    def start_tls(self, context):
        try:
            self._connection = context.wrap_socket(self._connection, server_side=True)
        except (
            OSError
        ) as error:  # ssl.SSLError is one: the gateway didn't like the certificate, or we didn't like its own
            raise PeerGone from error

    def send(self, data):
        try:
            self._connection.sendall(data)
        except OSError as error:
            raise PeerGone from error

    def head(self, status, fields=()):
        lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in dict(fields).items()), "", ""]
        self.send("\r\n".join(lines).encode("latin-1"))

    def respond(self, status, fields=(), body=b""):
        self.head(status, {**dict(fields), "Content-Length": len(body)})
        self.send(body)

    def wait_for_end(self, within=PATIENCE):
        """Sends nothing more and waits until the other side closes: a stall."""
        self._connection.settimeout(within)
        try:
            while self._connection.recv(65536):
                pass
        except OSError:
            pass
        self.close()

    def close(self):
        """Ends the connection in good order (FIN)."""
        self.is_closed = True
        for end in (lambda: self._connection.shutdown(socket.SHUT_RDWR), self._connection.close):
            try:
                end()
            except OSError:
                pass

    def reset(self):
        """Ends it with RST."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.is_closed = True
        self._connection.close()


class ScriptedServer:
    """Answers each request by `script(request, conversation)`, a thread a connection, and remembers what was asked."""

    def __init__(self, script=None, tls=None):
        self.script = script
        self.tls = tls
        self.requests = []
        self._connections = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        self.failures = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def origin(self):
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        assert not self.failures, self.failures

    def stop(self):
        """Stops listening and ends every connection: from now on, connection refused."""
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        with self._lock:
            connections = list(self._connections)
        for conversation in connections:
            conversation.close()

    def count(self, part=""):
        """How many requests came whose target contains `part`."""
        return sum(part in request.target for request in list(self.requests))

    def wait_for_requests(self, number, part="", within=10):
        wait_until(
            lambda: self.count(part) >= number, within, lambda: f"{number} requests with {part!r}: {self.requests}"
        )

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            conversation = Conversation(connection)
            with self._lock:
                self._connections.add(conversation)
            threading.Thread(target=self._converse, args=(conversation,), daemon=True).start()

    def _converse(self, conversation):
        try:
            if self.tls:
                conversation.start_tls(self.tls)
            while not conversation.is_closed and (request := conversation.read_request()):
                self.requests.append(request)
                self.script(request, conversation)
        except PeerGone:
            pass
        except Exception as error:  # shown when the test ends
            self.failures.append(error)
        finally:
            conversation.close()
            with self._lock:
                self._connections.discard(conversation)


class SmallObject:
    """A Part 10 file that is held whole."""

    def __init__(self, data):
        self.data = data
        self.length = len(data)

    def pieces(self):
        yield self.data

    def checksum(self):
        return zlib.crc32(self.data), self.length


class LargeObject:
    """A Part 10 file made up while it is sent: a head, then blocks that each carry their own number."""

    def __init__(self, head, pixel_bytes):
        self.head = head
        self.pixel_bytes = pixel_bytes
        self.length = len(head) + pixel_bytes

    def pieces(self):
        yield self.head
        # Blocks differ from those of any other object, and from each other.
        pattern = numpy.random.default_rng(zlib.crc32(self.head)).integers(0, 256, _BLOCK, dtype="u1")
        for number, start in enumerate(range(0, self.pixel_bytes, _BLOCK)):
            block = pattern[: min(_BLOCK, self.pixel_bytes - start)].copy()
            block[:8] = numpy.frombuffer(struct.pack("<Q", number), dtype="u1")
            yield memoryview(block)

    def checksum(self):
        """What `client.transfer` finds when the bytes are right."""
        value = 0
        for piece in self.pieces():
            value = zlib.crc32(piece, value)
        return value, self.length


class Gate:
    """Holds a body at a number of bytes until the test opens it."""

    def __init__(self, at):
        self.at = at
        self.reached = threading.Event()
        self._open = threading.Event()

    def open(self):
        self._open.set()

    def wait_reached(self):
        assert self.reached.wait(PATIENCE), f"no body came as far as {self.at} bytes"

    def pass_through(self):
        self.reached.set()
        assert self._open.wait(PATIENCE), "the test never opened the gate"


class ScriptedArchive(ScriptedServer):
    """An archive with both front doors (`/dicom-web`, `/wado`) over objects that a test puts in.

    `fault(request, conversation, object)` is called before an object is sent, and answers True when it has done the
    answering itself.
    """

    BOUNDARY = "scripted-boundary"

    def __init__(self, tls=None):
        super().__init__(self._serve, tls)
        self.objects = {}
        self.gates = {}
        self.fault = None

    @property
    def wado_rs(self):
        return f"{self.origin}/dicom-web"

    @property
    def wado_uri(self):
        return f"{self.origin}/wado"

    def put(self, uid, stored):
        self.objects[uid] = SmallObject(stored) if isinstance(stored, bytes) else stored

    def _serve(self, request, conversation):
        uid = request.query.get("objectUID") or request.path.rpartition("/instances/")[2].split("/")[0]
        stored = self.objects.get(uid)
        if self.fault and self.fault(request, conversation, stored):
            return
        if stored is None:
            conversation.respond(404, {}, b"")
        elif request.path == "/wado":
            conversation.head(200, {"Content-Type": "application/dicom", "Content-Length": stored.length})
            self.send_object(uid, stored, conversation)
        elif request.path.endswith(f"/instances/{uid}"):
            before, after = self.envelope()
            length = len(before) + stored.length + len(after)
            conversation.head(200, {"Content-Type": self.multipart_type(), "Content-Length": length})
            conversation.send(before)
            self.send_object(uid, stored, conversation)
            conversation.send(after)
        else:
            conversation.respond(404, {}, b"")

    def multipart_type(self):
        return f'multipart/related; type="application/dicom"; boundary={self.BOUNDARY}'

    def envelope(self):
        before = f"--{self.BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        return before, f"\r\n--{self.BOUNDARY}--\r\n".encode()

    def send_object(self, uid, stored, conversation):
        gate = self.gates.get(uid)
        sent = 0
        for piece in stored.pieces():
            if gate and sent + len(piece) > gate.at:
                conversation.send(piece[: gate.at - sent])
                gate.pass_through()
                piece, sent, gate = piece[gate.at - sent :], gate.at, None
            conversation.send(piece)
            sent += len(piece)
