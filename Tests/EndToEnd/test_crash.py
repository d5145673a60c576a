"""`kill -9` in the middle of fills, twenty times; then whatever is served is right."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor

from bed.client import transfer, wado_query
from bed.gateway import Gateway
from bed.processes import wait_until

ROUNDS = 20
MIB = 1 << 20


def test_kill_9_in_the_middle_of_fills(lab, capsys):
    generator = random.Random(20261124)
    rounds = [
        [lab.large(f"large {number} {each}", megabytes=6, front=("rs", "uri")[each % 2]) for each in range(4)]
        + [lab.small(f"small {number} {each}", front=("rs", "uri")[each % 2]) for each in range(2)]
        for number in range(ROUNDS)
    ]
    settings = lab.settings()
    gateway = Gateway(lab.folder / "gateway", settings).start()
    lab.gateways.append(gateway)
    hits = cut = 0
    for number, images in enumerate(rounds):
        total = sum(image.stored.length for image in images)
        # Some rounds end when all bytes are out and the last objects are about to be published.
        threshold = total if number % 5 == 4 else generator.randrange(total)
        cut += kill_during(gateway, images, threshold)
        gateway.start()
        for image in images + (rounds[number - 1] if number else []):
            found = transfer(f"{gateway.wado}?{wado_query(image, transferSyntax='*')}")
            assert found.status == 200, (number, gateway.log_tail())
            assert found.body == image.stored.checksum(), f"round {number}: torn"
            hits += found.fields["x-cache"].startswith("hit")
        assert_no_temporary_files(gateway, objects=sum(map(len, rounds[: number + 1])))
    assert cut >= ROUNDS // 2, "most kills must come before everything was served"
    assert hits, "something must have survived a kill, else nothing was tested"
    with capsys.disabled():
        print(f"\n  {ROUNDS} kills, {cut} of them in the middle of answers, {hits} hits served afterwards")


def kill_during(gateway, images, threshold):
    """Asks for all images at once, kills the process after `threshold` bytes, and tells whether any answer was cut."""
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
        except OSError:
            return None

    with ThreadPoolExecutor(len(images)) as pool:
        running = [pool.submit(ask, image) for image in images]
        assert reached.wait(60), f"only {received} of {threshold} bytes came"
        gateway.kill()
        results = [each.result() for each in running]
    for image, found in zip(images, results, strict=True):
        if found and found.is_complete:
            assert found.body == image.stored.checksum()
    return any(found is None or not found.is_complete for found in results)


def assert_no_temporary_files(gateway, objects):
    """What the killed process left is swept, and there are no more files than objects."""
    wait_until(lambda: not gateway.temporary_files(), 10, lambda: f"no temporary files: {gateway.temporary_files()}")
    assert len(gateway.stored_files()) <= objects
