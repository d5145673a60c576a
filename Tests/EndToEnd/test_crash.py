"""`kill -9` in the middle of fills, twenty times; then whatever is served is right."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException

from bed.client import outcome, transfer, wado_query
from bed.processes import wait_until
from bed.scripted import Gate

ROUNDS = 20
MIB = 1 << 20


def test_kill_9_in_the_middle_of_fills(lab, capsys):
    generator = random.Random(20261124)
    rounds = [
        [lab.large(f"large {number} {each}", megabytes=6, front=("rs", "uri")[each % 2]) for each in range(4)]
        + [lab.small(f"small {number} {each}", front=("rs", "uri")[each % 2]) for each in range(2)]
        for number in range(ROUNDS)
    ]
    gateway = lab.gateway()
    cut = hits = 0
    for number, images in enumerate(rounds):
        cut += kill_during(gateway, lab.archive, images, generator)
        gateway.start()
        for image in images + (rounds[number - 1] if number else []):
            found = transfer(f"{gateway.wado}?{wado_query(image, transferSyntax='*')}")
            assert found.status == 200, (number, gateway.log_tail())
            assert found.body == image.stored.checksum(), f"round {number}: torn"
            hits += outcome(found) == "hit"
        assert_no_temporary_files(gateway, objects=sum(map(len, rounds[: number + 1])))
    assert cut >= ROUNDS
    assert hits, "something must have survived a kill, else nothing was tested"
    with capsys.disabled():
        print(f"\n  {ROUNDS} kills cut {cut} answers; {hits} hits served afterwards, all right")


def kill_during(gateway, archive, images, generator):
    """Asks for all images at once and kills the process at a random moment. Answers how many answers were cut.

    The archive holds one of the images back somewhere, so that at least this one is being filled when the end comes; the
    moment is a number of bytes received, so that it does not depend on the speed of the machine.
    """
    held = generator.choice([image for image in images if image.stored.length > MIB])
    gate = archive.gates[held.instance] = Gate(at=generator.randrange(MIB, held.stored.length))
    others = sum(image.stored.length for image in images if image is not held)
    threshold = generator.randrange(others)
    lock, reached = threading.Lock(), threading.Event()
    received = 0

    def ask(image):
        last = 0

        def on_bytes(length):
            nonlocal received, last
            with lock:
                received += length - last
                last = length
                if received >= threshold:
                    reached.set()

        try:
            return transfer(f"{gateway.wado}?{wado_query(image, transferSyntax='*')}", on_bytes=on_bytes)
        except (OSError, HTTPException):
            return None

    with ThreadPoolExecutor(len(images)) as pool:
        running = [pool.submit(ask, image) for image in images]
        gate.wait_reached()
        assert reached.wait(60), f"only {received} of {threshold} bytes came"
        gateway.kill()
        gate.open()
        results = [each.result() for each in running]
    del archive.gates[held.instance]
    for image, found in zip(images, results, strict=True):
        if found and found.is_complete:
            assert found.body == image.stored.checksum()
    return sum(found is None or not found.is_complete for found in results)


def assert_no_temporary_files(gateway, objects):
    """What the killed process left is swept, and there are no more files than objects."""
    wait_until(lambda: not gateway.temporary_files(), 10, lambda: f"no temporary files: {gateway.temporary_files()}")
    assert len(gateway.stored_files()) <= objects
