"""`wadogate cache …` and the same as HTTP calls, against a running gateway."""

import json
import os
import pty
import select
import signal
import subprocess
import time

import pytest
import requests

from bed.client import AS_STORED
from bed.gateway import binary, run
from bed.hospital import CT_SERIES, CT_STUDY
from bed.processes import wait_until
from bed.scripted import Gate

MIB = 1 << 20


def cache(gateway, *arguments, text=None, **options):
    """Runs `wadogate cache` to its end."""
    return subprocess.run(
        [binary(), "cache", *map(str, arguments), "--config", gateway.configuration_path],
        input=text or "", capture_output=True, text=True, timeout=120, **options,
    )


def lines(found):
    return [json.loads(line) for line in found.stdout.splitlines()]


class TestWithArchives:
    """Every command, with Orthanc behind the gateway."""

    @pytest.fixture
    def warmed(self, gateway):
        found = cache(gateway, "warm", CT_STUDY)
        assert found.returncode == 0, found.stdout + found.stderr
        yield gateway
        cache(gateway, "purge", "--study", CT_STUDY)

    def test_a_warm_study_is_there(self, warmed):
        answer = requests.get(f"{warmed.dicomweb}/studies/{CT_STUDY}", headers={"Accept": AS_STORED}, timeout=30)
        assert answer.status_code == 200 and answer.headers["X-Cache"].startswith("hit")
        again, summary = lines(cache(warmed, "warm", CT_STUDY, "--json"))[-2:]
        assert again["state"] == "done" and again["instances"] == again["present"] > 0
        assert summary["summary"]["fetched_bytes"] == 0

    def test_stats(self, warmed):
        told = json.loads(cache(warmed, "stats", "--json").stdout)
        assert told["objects"] > 0 and told["by_class"]["instance"]["objects"] > 0
        assert told == requests.get(f"{warmed.admin}/cache/stats", timeout=10).json()
        table = cache(warmed, "stats")
        assert table.returncode == 0
        assert "instance" in table.stdout and "main-archive" in table.stdout and "MiB" in table.stdout

    def test_list_and_show(self, warmed):
        entries = lines(cache(warmed, "list", "--study", CT_STUDY, "--json"))
        assert CT_SERIES in [entry["series"] for entry in entries]
        assert all(entry["bytes"] > 0 and entry["study"] == CT_STUDY for entry in entries)
        table = cache(warmed, "list", "--study", CT_STUDY).stdout
        assert CT_SERIES in table and "LAST USED" in table
        shown = json.loads(cache(warmed, "show", CT_STUDY, "--objects", "--json").stdout)
        assert shown["bytes"] == sum(entry["bytes"] for entry in entries)
        stored = [each for series in shown["series"] for each in series["contents"] if each["class"] == "instance"]
        assert stored and all(each["backend"] == "main-archive" and each["length"] > 0 for each in stored)
        assert CT_SERIES in cache(warmed, "show", CT_STUDY).stdout
        assert "no such series" in cache(warmed, "list", "--study", "1.2.3").stdout

    def test_purge(self, warmed):
        dry = json.loads(cache(warmed, "purge", "--study", CT_STUDY, "--dry-run", "--json").stdout)
        assert dry["dry_run"] and dry["objects"] > 0
        assert cache(warmed, "show", CT_STUDY).returncode == 0
        done = json.loads(cache(warmed, "purge", "--study", CT_STUDY, "--json").stdout)
        assert done["objects"] == dry["objects"] and done["freed_bytes"] == dry["freed_bytes"]
        gone = cache(warmed, "show", CT_STUDY)
        assert gone.returncode == 1 and "nothing" in gone.stderr

    def test_pins(self, warmed):
        assert cache(warmed, "pin", CT_STUDY, f"{CT_STUDY}/{CT_SERIES}", "--patient", "Patient/7").returncode == 0
        told = cache(warmed, "pins").stdout.splitlines()
        assert sorted(told) == sorted([CT_STUDY, f"{CT_STUDY}/{CT_SERIES}", "--patient Patient/7"])
        assert json.loads(cache(warmed, "show", CT_STUDY, "--json").stdout)["pinned"]
        assert cache(warmed, "unpin", CT_STUDY, f"{CT_STUDY}/{CT_SERIES}", "--patient", "Patient/7").returncode == 0
        assert cache(warmed, "pins").stdout == ""

    def test_a_study_that_nobody_knows(self, gateway):
        found = cache(gateway, "warm", "1.2.3.4", CT_STUDY)
        assert found.returncode == 1
        assert "failed  1.2.3.4" in found.stderr and f"done    {CT_STUDY}" in found.stdout
        assert "1 failed" in found.stderr


class TestVerify:
    def test_damage_is_found_and_dropped(self, lab):
        images = [lab.large(f"image {number}", 2, study=f"study {number}", front="uri") for number in range(3)]
        gateway = lab.gateway(cache={"scrub": "0B"})
        assert cache(gateway, "warm", *(image.study for image in images)).returncode == 0
        sound = cache(gateway, "verify")
        assert sound.returncode == 0 and "0 were damaged" in sound.stdout, sound
        victim = next(path for path in gateway.stored_files() if images[1].study in str(path) and "instance" in path.name)
        with victim.open("r+b") as file:
            file.seek(MIB)
            file.write(b"damage")
        assert cache(gateway, "verify", "--study", images[0].study).returncode == 0
        found = cache(gateway, "verify", "--json")
        assert found.returncode == 1 and lines(found)[-1]["summary"]["damaged"] == 1
        assert not victim.exists() and cache(gateway, "verify").returncode == 0


class TestWithoutAGateway:
    @pytest.mark.parametrize("command", ["stats", "list", "pins"])
    def test_nobody_answers(self, command):
        found = run("cache", command, "--admin", "http://127.0.0.1:1")
        assert found.returncode == 3
        assert "127.0.0.1:1" in found.stderr and "--admin" in found.stderr

    @pytest.mark.parametrize(
        "words",
        [
            ["warm"], ["warm", "x"], ["warm", "1.2/1.3/1.4"], ["warm", "1.2", "--jobs", "0"],
            ["warm", "1.2", "--rate", "fast"], ["purge"], ["purge", "--all", "--study", "1.2"],
            ["purge", "--study", "x"], ["list", "--older-than", "3"], ["show"], ["show", "1.2/1.3"], ["pin"], ["prune"],
        ],
    )
    def test_what_is_not_understood(self, words):
        found = run("cache", *words, "--admin", "http://127.0.0.1:1")
        assert found.returncode == 2, found.stderr
        assert "--help" in found.stderr

    def test_a_wrong_configuration(self, tmp_path):
        (tmp_path / "wrong.yaml").write_text("listne: []\n")
        found = run("cache", "stats", "--config", tmp_path / "wrong.yaml")
        assert found.returncode == 78 and "listne" in found.stderr

    def test_the_group_explains_itself(self):
        for words in (["cache", "--help"], ["help", "cache"]):
            found = run(*words)
            assert found.returncode == 0 and "cache warm" in found.stdout and "cache purge" in found.stdout

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_completion(self, shell):
        script = run("completion", shell).stdout
        assert "purge" in script and "older-than" in script


class TestToken:
    def test_without_it_nothing_changes(self, lab, tmp_path):
        lab.small("image", front="uri")
        gateway = lab.gateway()
        empty = tmp_path / "token"
        empty.write_text("another\n")
        for words in (["purge", "--all"], ["pin", "1.2"], ["warm", "1.2"]):
            found = run("cache", *words, "--admin", gateway.admin, "--token-file", empty)
            assert found.returncode == 1 and "admin.token_file" in found.stderr, found
        assert run("cache", "stats", "--admin", gateway.admin).returncode == 0


class TestWarm:
    """Before an archive whose every answer is scripted."""

    def studies(self, lab, number, megabytes=1):
        return [lab.large(f"image {each}", megabytes, study=f"study {each}", front="uri") for each in range(number)]

    def test_a_list_on_standard_input(self, lab):
        images = self.studies(lab, 3)
        gateway = lab.gateway()
        text = "# tomorrow\n" + "\n".join(image.study for image in images) + f"\n\n{images[0].study}\n"
        found = cache(gateway, "warm", "-", text=text)
        assert found.returncode == 0, found.stderr
        assert sorted(found.stdout.split()[1::2]) == sorted(image.study for image in images)
        assert "3 of 3" in found.stderr
        gateway.wait_until_stored(3)

    def test_what_is_there_costs_the_archive_nothing(self, lab):
        images = self.studies(lab, 2)
        gateway = lab.gateway()
        assert cache(gateway, "warm", *(image.study for image in images)).returncode == 0
        asked = lab.archive.count()
        summary = lines(cache(gateway, "warm", *(image.study for image in images), "--json"))[-1]["summary"]
        assert summary["present"] == summary["instances"] == 2 and summary["fetched_bytes"] == 0
        assert lab.archive.count() == asked

    def test_one_series(self, lab):
        of_one = lab.small("one", front="uri")
        other = lab.presentation_state("other", of=[of_one], front="uri")
        gateway = lab.gateway()
        assert cache(gateway, "warm", f"{of_one.study}/{of_one.series}").returncode == 0
        assert lab.archive.count(of_one.instance) == 1 and lab.archive.count(other.instance) == 0

    def test_more_than_one_call_takes(self, lab):
        image = lab.small("image", front="uri")
        gateway = lab.gateway()
        unknown = [f"1.2.3.{number}" for number in range(450)]
        summary = lines(cache(gateway, "warm", "--json", "-", text="\n".join([*unknown, image.study])))[-1]["summary"]
        assert summary["items"] == 451 and summary["failed"] == 450 and summary["done"] == 1

    def test_no_more_jobs_than_said(self, lab):
        images = self.studies(lab, 3)
        gates = [lab.archive.gates.setdefault(image.instance, Gate(at=MIB // 2)) for image in images]
        gateway = lab.gateway()
        process = subprocess.Popen(
            [binary(), "cache", "warm", "--jobs", "1", *(image.study for image in images), "--config",
             gateway.configuration_path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for number, gate in enumerate(gates):
            gate.wait_reached()
            assert sum(each.reached.is_set() for each in gates) == number + 1
            gate.open()
        assert process.wait(30) == 0
        process.communicate()

    def test_a_rate(self, lab):
        image, = self.studies(lab, 1, megabytes=2)
        gateway = lab.gateway()
        began = time.monotonic()
        assert cache(gateway, "warm", image.study, "--rate", "2MiB/s").returncode == 0
        # Time is the subject: 2 MiB at 2 MiB/s.
        assert 0.6 < time.monotonic() - began < 20

    def test_ctrl_c_and_resume(self, lab, tmp_path):
        images = self.studies(lab, 3)
        gate = lab.archive.gates[images[1].instance] = Gate(at=MIB // 2)
        gateway = lab.gateway()
        journal = tmp_path / "done"
        words = ["warm", "--jobs", "1", "--resume", journal, *(image.study for image in images)]
        process = subprocess.Popen(
            [binary(), "cache", *map(str, words), "--config", gateway.configuration_path],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        gate.wait_reached()
        wait_until(lambda: journal.read_text().split() == [images[0].study], 10, "the first one is noted")
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
        assert process.returncode == 130 and "1 of 3" in told and "interrupted" in told, told
        assert lab.archive.count(images[2].instance) == 0
        gate.open()
        # Cut short by a crash: that one is done again.
        with journal.open("a") as file:
            file.write(images[2].study[:5])
        found = cache(gateway, *words)
        assert found.returncode == 0, found.stderr
        assert "2 of 2" in found.stderr and "1 by an earlier run" in found.stderr
        assert lab.archive.count(images[0].instance) == 1
        assert cache(gateway, *words).returncode == 0

    def test_a_bar_on_a_terminal(self, lab):
        images = self.studies(lab, 2)
        gate = lab.archive.gates[images[1].instance] = Gate(at=MIB // 2)
        gateway = lab.gateway()
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [binary(), "cache", "warm", "--jobs", "1", *(image.study for image in images), "--config",
             gateway.configuration_path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs)
        os.close(theirs)
        shown = ""

        def read():
            nonlocal shown
            while select.select([ours], [], [], 0.1)[0]:
                try:
                    piece = os.read(ours, 65536)
                except OSError:
                    return
                if not piece:
                    return
                shown += piece.decode()

        gate.wait_reached()
        wait_until(lambda: read() or "1/2" in shown, 10, lambda: f"half of it: {shown!r}")
        assert "[###" in shown and "MiB" in shown and "\r" in shown
        gate.open()
        assert process.wait(30) == 0
        read()
        os.close(ours)
        assert process.stdout.read() == b"" and "2 of 2 brought" in shown
        process.stdout.close()

    def test_the_answer_streams_and_ends_with_its_client(self, lab):
        images = self.studies(lab, 2)
        gate = lab.archive.gates[images[1].instance] = Gate(at=MIB // 2)
        gateway = lab.gateway()
        answer = requests.post(
            f"{gateway.admin}/cache/warm?jobs=1", data="\n".join(image.study for image in images), stream=True,
            headers={"Authorization": f"Bearer {gateway.admin_token}"}, timeout=10)
        assert answer.headers["Content-Type"] == "application/x-ndjson"
        told = answer.iter_lines()  # Kept: the connection is closed with it.
        first = next(json.loads(line) for line in told if b'"done"' in line)
        assert first["item"] == images[0].study and first["fetched_bytes"] > MIB
        gate.wait_reached()
        answer.close()
        gate.open()
        # Whoever asks next gets what he asks for.
        assert cache(gateway, "warm", images[1].study).returncode == 0


class TestPurgeOnATerminal:
    @pytest.mark.parametrize("word, is_there", [("n", True), ("y", False)])
    def test_it_asks(self, lab, word, is_there):
        image = lab.small("image", front="uri")
        gateway = lab.gateway()
        assert cache(gateway, "warm", image.study).returncode == 0
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [binary(), "cache", "purge", "--study", image.study, "--config", gateway.configuration_path],
            stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        os.close(theirs)
        os.write(ours, f"{word}\n".encode())
        _, told = process.communicate(timeout=30)
        os.close(ours)
        assert "Go on? [y/N]" in told and "1 series" in told
        assert process.returncode == (1 if is_there else 0)
        assert (cache(gateway, "show", image.study).returncode == 0) is is_there
