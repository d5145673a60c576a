"""The disk fails under a running gateway: what is served is right or honestly broken off, and it comes back to work."""

import os
import random
import shutil
import subprocess
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path

import pytest
import requests

from bed.client import outcome, transfer, wado_query
from bed.gateway import Gateway
from bed.processes import wait_until

CLIENTS = 6
MIB = 1 << 20


def url_of(gateway, image):
    return f"{gateway.wado}?{wado_query(image, transferSyntax='*')}"


def ask(gateway, image):
    """One request: right, failed (and said so), cut (the client could tell), or wrong, which is never to be."""
    try:
        found = transfer(url_of(gateway, image), timeout=30)
    except (OSError, HTTPException):
        return "cut", None
    if not found.is_complete:
        return "cut", found
    if found.status != 200:
        return "failed" if found.status >= 500 else "wrong", found
    return "right" if found.body == image.stored.checksum() else "wrong", found


def ask_many(gateway, images, requests_each, seed=0):
    """Many clients at once ask for random images. Answers how often each came out."""

    def client(number):
        generator = random.Random(seed * 1000 + number)
        return Counter(ask(gateway, generator.choice(images))[0] for _ in range(requests_each))

    with ThreadPoolExecutor(CLIENTS) as pool:
        return sum(pool.map(client, range(CLIENTS)), Counter())


def assert_back_to_work(gateway, images):
    """Everything is answered right, and after a while from the cache."""
    assert Counter(ask(gateway, image)[0] for image in images) == {"right": len(images)}, gateway.log_tail()

    def all_hits():
        answers = [ask(gateway, image) for image in images]
        assert all(word == "right" for word, _ in answers), answers
        return all(outcome(found) == "hit" for _, found in answers)

    wait_until(all_hits, 20, lambda: f"everything is stored again; the log ends with\n{gateway.log_tail()}")


def some_images(lab, megabytes=2):
    images = [lab.small(f"small {number}", study=f"study {number % 3}") for number in range(6)]
    for number in range(4):
        front = ("rs", "uri")[number % 2]
        images.append(lab.large(f"large {number}", megabytes=megabytes, study=f"large {number}", front=front))
    return images


def start(lab, kind, **changes):
    gateway = kind(lab.folder / "gateway", lab.settings(**changes))
    lab.gateways.append(gateway)
    return gateway


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """What makes a gateway's disk fail; built here, since it is for this machine."""
    built = tmp_path_factory.mktemp("failing-disk") / "failing_disk.so"
    source = Path(__file__).parent / "bed/failing_disk.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", built, source, "-ldl"], check=True)
    return built


class TestFailingDisk:
    """EIO from reads, writes, sendfile and fdatasync of objects' files."""

    class Failing(Gateway):
        library = None
        one_in = 10

        def environment(self):
            return {
                **super().environment(),
                "LD_PRELOAD": str(self.library),
                "FAULTS_BELOW": str(self.cache_path.resolve()),
                "FAULTS_IN": str(self.one_in),
                "FAULTS_SEED": "20261124",
                "FAULTS_WHILE": str(self.switch),
            }

        @property
        def switch(self):
            return self.folder / "faults"

    @pytest.mark.parametrize("one_in", [3, 20])
    def test_nothing_wrong_is_served(self, lab, library, capsys, one_in):
        images = some_images(lab)
        gateway = start(lab, self.Failing, cache={"max_size": "1GiB"})
        gateway.library, gateway.one_in = library, one_in
        gateway.start()
        assert_back_to_work(gateway, images)
        gateway.switch.touch()
        outcomes = ask_many(gateway, images, requests_each=40, seed=one_in)
        assert outcomes["wrong"] == 0, outcomes
        assert outcomes["right"] > 0, outcomes
        gateway.switch.unlink()
        assert_back_to_work(gateway, images)
        statistics = requests.get(f"{gateway.admin}/cache/stats", timeout=10).json()
        assert statistics["damaged"] > 0, outcomes
        with capsys.disabled():
            print(f"\n  one call in {one_in} fails: {dict(outcomes)}; {statistics['damaged']} objects dropped")


class TestFullDisk:
    """A file system of 64 MiB in a mount namespace of the gateway's own, gone with it."""

    class Small(Gateway):
        def command(self):
            mount = 'mount -t tmpfs -o size=64m,mode=0700 tmpfs "$0" && exec "$@"'
            self.cache_path.mkdir(exist_ok=True)
            namespace = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
            return [*namespace, "sh", "-c", mount, self.cache_path, *super().command()]

        def stored_files(self):
            root = Path(f"/proc/{self.pid}/root{self.cache_path}/objects")
            return [path for path in root.rglob("*") if path.is_file() and path.name != "study.txt"]

    def test_clients_notice_nothing(self, lab, capsys):
        # Three times what the disk can hold.
        images = [
            lab.large(f"large {number}", megabytes=8, study=f"study {number}", front=("rs", "uri")[number % 2])
            for number in range(24)
        ]
        images += [lab.small(f"small {number}", study=f"study {number}") for number in range(24)]
        gateway = start(lab, self.Small, cache={"max_size": "1GiB", "min_free": "4MiB"}).start()
        ended, purges = threading.Event(), 0

        def purge():
            nonlocal purges
            generator = random.Random(1)
            while not ended.wait(0.05):
                gateway.purge_request(generator.choice(images).study)
                purges += 1

        purger = threading.Thread(target=purge)
        purger.start()
        try:
            outcomes = ask_many(gateway, images, requests_each=40)
        finally:
            ended.set()
            purger.join()
        assert set(outcomes) == {"right"}, (outcomes, gateway.log_tail())
        evicted = requests.get(f"{gateway.admin}/cache/stats", timeout=10).json()["evicted_series"]
        assert evicted > 0 and purges > 0
        assert_back_to_work(gateway, images[-4:])
        with capsys.disabled():
            print(f"\n  64 MiB: {dict(outcomes)}; {evicted} series evicted, {purges} purges meanwhile")


class TestPermissions:
    """Root ignores modes, unless the capabilities that make it so are taken away."""

    class Obedient(Gateway):
        def command(self):
            if os.geteuid() != 0:
                return super().command()
            return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--", *super().command()]

    CHANGES = {
        "objects' files": (lambda cache: list((cache / "objects").rglob("instance,*")), 0o000),
        "instances' folders": (lambda cache: [p.parent for p in (cache / "objects").rglob("instance,*")], 0o000),
        "instances' folders, only to write": (
            lambda cache: [p.parent for p in (cache / "objects").rglob("instance,*")],
            0o500,
        ),
        "studies' folders": (lambda cache: list((cache / "objects").glob("*/*/*/*")), 0o000),
        "the folder of objects": (lambda cache: [cache / "objects"], 0o000),
        "the folder of objects, only to write": (lambda cache: [cache / "objects"], 0o500),
        "the folder of fills": (lambda cache: [cache / "fills"], 0o000),
        "the trash": (lambda cache: [cache / "trash"], 0o000),
        "the accounting": (lambda cache: list(cache.glob("accounting*")), 0o000),
        "everything": (lambda cache: [cache], 0o000),
    }

    @pytest.mark.parametrize("what", CHANGES)
    def test_they_are_taken_away_and_given_back(self, lab, what):
        choose, mode = self.CHANGES[what]
        images = some_images(lab, megabytes=1)
        stored, later = images[::2], images[1::2]
        # One descriptor, so that files are opened again.
        gateway = start(lab, self.Obedient).start()
        assert_back_to_work(gateway, stored)
        gateway.stop()
        gateway.start()
        changed = {path: path.stat().st_mode for path in choose(gateway.cache_path)}
        assert changed
        for path in changed:
            path.chmod(mode)
        try:
            for _ in range(2):
                words = Counter(ask(gateway, image)[0] for image in images)
                assert words == {"right": len(images)}, gateway.log_tail()
        finally:
            for path, before in changed.items():
                if path.exists():
                    path.chmod(before)
        assert_back_to_work(gateway, stored + later)


class TestAccounting:
    @pytest.mark.parametrize("how", ["deleted", "garbage", "truncated"])
    def test_it_is_spoilt_while_it_is_used(self, lab, how):
        images = some_images(lab)
        gateway = lab.gateway(cache={"max_size": "6MiB"})
        generator = random.Random(7)
        for number in range(4):
            outcomes = ask_many(gateway, images, requests_each=10, seed=number)
            assert set(outcomes) == {"right"}, (outcomes, gateway.log_tail())
            for path in gateway.cache_path.glob("accounting*"):
                if how == "deleted":
                    path.unlink()
                elif how == "truncated":
                    os.truncate(path, path.stat().st_size // 2)
                else:
                    path.write_bytes(generator.randbytes(8192))
            if number % 2:
                gateway.kill()
                gateway.start()
        assert set(ask_many(gateway, images, requests_each=10)) == {"right"}
        gateway.stop()
        gateway.start()
        assert set(ask_many(gateway, images, requests_each=5)) == {"right"}
        wait_until(
            lambda: gateway.stored_bytes() <= 7 * MIB, 20, lambda: f"it keeps to its size: {gateway.stored_bytes()}"
        )


class TestForeignFiles:
    def test_they_disturb_nobody(self, lab):
        """Pipes, links, devices and folders where objects and folders should be."""
        images = some_images(lab, megabytes=1)
        gateway = lab.gateway()
        assert_back_to_work(gateway, images)
        gateway.stop()
        generator = random.Random(11)
        files = sorted((gateway.cache_path / "objects").rglob("instance,*"))
        for number, path in enumerate(files):
            folder = generator.choice([path, path.parent, path.parent.parent])
            if not folder.exists():
                continue
            if folder.is_dir():
                shutil.rmtree(folder)
            else:
                folder.unlink()
            match number % 5:
                case 0:
                    os.mkfifo(folder)
                case 1:
                    folder.symlink_to("/etc")
                case 2:
                    folder.write_bytes(b"")
                case 3:
                    (folder / ("d/" * 100)).mkdir(parents=True)
                case _:
                    os.mkfifo(folder) if os.geteuid() else os.mknod(folder, 0o20600, os.makedev(1, 5))
        gateway.start()
        assert_back_to_work(gateway, images)
