"""A client that takes nothing: it holds up neither the archive nor anybody else, and is given up in the end."""

import socket
import threading
import time

from bed.client import transfer, wado_query
from bed.processes import wait_until

MIB = 1 << 20


def ask_and_take_nothing(gateway, image):
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    connection.settimeout(30)
    connection.connect(("127.0.0.1", gateway.port))
    target = f"/wado?{wado_query(image, transferSyntax='*')}"
    connection.sendall(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    return connection


def test_a_client_that_takes_nothing_holds_up_nobody(lab):
    image = lab.large("80 MB", megabytes=80, front="uri")
    sent = threading.Event()
    send_object = lab.archive.send_object

    def watched(*arguments):
        send_object(*arguments)
        sent.set()

    lab.archive.send_object = watched
    gateway = lab.gateway(server={"write_timeout": "2s"})
    with ask_and_take_nothing(gateway, image) as slow:
        # The archive is let go although its only reader reads nothing.
        assert sent.wait(20), "the slow client holds the archive's connection"
        other = transfer(f"{gateway.wado}?{wado_query(image, transferSyntax='*')}")
        assert other.body == image.stored.checksum()
        assert lab.archive.count(image.instance) == 1
        wait_until(lambda: not is_held(gateway, slow), 6, "the client that takes nothing is given up")
    assert gateway.resident_peak() < 128 * MIB


def test_a_slow_but_living_client_gets_everything(lab):
    image = lab.large("8 MB", megabytes=8, front="rs")
    gateway = lab.gateway(server={"write_timeout": "1s"})
    received = 0
    with ask_and_take_nothing(gateway, image) as slow:
        started = time.monotonic()
        while received < image.stored.length:
            piece = slow.recv(min(MIB // 2, image.stored.length - received))
            assert piece, f"given up after {received} bytes"
            received += len(piece)
            time.sleep(0.15)  # slowness itself
        assert time.monotonic() - started > 2, "it took longer than the time-out, which is idle time only"


def test_hundreds_of_slow_clients_leave_room_for_a_fast_one(lab):
    image = lab.large("20 MB", megabytes=20, front="uri")
    gateway = lab.gateway(server={"write_timeout": "20s"})
    expected = image.stored.checksum()
    assert transfer(f"{gateway.wado}?{wado_query(image, transferSyntax='*')}").body == expected
    before = gateway.descriptors()
    slow = [ask_and_take_nothing(gateway, image) for _ in range(200)]
    try:
        fast = transfer(f"{gateway.wado}?{wado_query(image, transferSyntax='*')}", timeout=10)
        assert fast.body == expected
        assert gateway.resident_peak() < 128 * MIB
    finally:
        for connection in slow:
            connection.close()
    wait_until(lambda: gateway.descriptors() <= before + 4, 10, "the descriptors of clients that left are given back")


def is_held(gateway, connection):
    """Whether the gateway's end of the connection is still open (our own end can't tell while its buffer is full)."""
    established = "01"
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in list(table)[1:]]
    ours, theirs = connection.getsockname()[1], gateway.port
    return any(
        local.endswith(f":{theirs:04X}") and remote.endswith(f":{ours:04X}") and state == established
        for _, local, remote, state, *_ in rows
    )
