"""A proxy before a real archive that changes nothing and remembers what was asked and how it was answered."""

import socket
from dataclasses import dataclass

from .scripted import Request, ScriptedServer

_PIECE = 1 << 18


@dataclass
class Answered:
    """A request, the status that the archive gave it (0 when it gave none), and the bytes of the answer, head and all."""

    request: Request
    status: int
    length: int = 0


class Recorder(ScriptedServer):
    """Stands before the server that listens on `port`; a connection serves one request.

    The Host that the archive sees, and writes into its URLs, is the recorder's.
    """

    def __init__(self, port):
        super().__init__(self._pass_on)
        self.archive_port = port
        self.answered = []

    def _pass_on(self, request, conversation):
        fields = [(name, value) for name, value in request.fields if name.lower() != "connection"]
        lines = [f"{request.method} {request.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in (*fields, ("Connection", "close"))]
        with socket.create_connection(("127.0.0.1", self.archive_port), timeout=60) as archive:
            archive.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
            received = archive.recv(_PIECE)
            # "HTTP/1.1 200 OK"
            answered = Answered(request, int(received[9:12] or 0))
            self.answered.append(answered)
            while received:
                answered.length += len(received)
                conversation.send(received)
                received = archive.recv(_PIECE)
        conversation.close()
