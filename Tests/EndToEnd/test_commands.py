"""The subcommands: `explain`, `check`, `demo`, `version`, and how `serve` starts and ends."""

import re
import signal
import threading

import pytest
import requests

from bed import fhir, images
from bed.client import AS_STORED, outcome, transfer, wado_query
from bed.gateway import REPOSITORY, Gateway, files_source, run
from bed.hospital import CT_SERIES, CT_STUDY, SPLIT_STUDY
from bed.processes import wait_until
from bed.scripted import Gate

MIB = 1 << 20


def _steps(output):
    """The steps of an explanation: the lines below STEP, without their numbers."""
    _, _, table = output.partition("\nSTEP")
    lines = table.splitlines()[1:]
    return [line.split(maxsplit=1)[1].strip() for line in lines if line.strip()[:1].isdigit()]


class TestExplain:
    """Which record, from which source, which endpoint for each series, and why not the others."""

    def explain(self, hospital, target, *options):
        return run("explain", target, *options, "--config", hospital.gateway.configuration_path)

    def test_a_study(self, hospital):
        found = self.explain(hospital, CT_STUDY)
        assert found.returncode == 0, found.stderr
        for expected in (CT_STUDY, CT_SERIES, "hospital-fhir", "dicom-wado-rs", "main-archive"):
            assert expected in found.stdout, expected

    def test_a_study_on_two_archives(self, hospital):
        found = self.explain(hospital, SPLIT_STUDY)
        assert found.returncode == 0, found.stderr
        assert "main-archive" in found.stdout and "old-archive" in found.stdout
        for image in hospital.rs.of_split_study + hospital.uri.of_split_study:
            assert image.series in found.stdout

    def test_one_series(self, hospital):
        image = hospital.uri.of_split_study[0]
        found = self.explain(hospital, f"{SPLIT_STUDY}/{image.series}")
        assert found.returncode == 0, found.stderr
        assert "old-archive" in found.stdout and "main-archive" not in found.stdout

    def test_a_series_that_the_study_does_not_have(self, hospital):
        found = self.explain(hospital, f"{CT_STUDY}/1.2.3")
        assert found.returncode != 0
        assert "1.2.3" in found.stdout + found.stderr

    def test_a_study_that_nobody_knows(self, hospital):
        found = self.explain(hospital, "1.2.3.4")
        assert found.returncode != 0
        assert "1.2.3.4" in found.stdout + found.stderr and "hospital-fhir" in found.stdout + found.stderr

    def test_something_that_is_no_uid(self, hospital):
        found = self.explain(hospital, "../etc")
        assert found.returncode != 0

    def test_a_request_to_a_web_archive(self, hospital, tmp_path):
        image = hospital.rs.whole_studies[-1]
        empty = f"cache.path={tmp_path / 'cache'}"
        found = self.explain(hospital, f"/dicom-web{image.path}/frames/1", "--set", empty)
        assert found.returncode == 0, found.stderr
        steps = _steps(found.stdout)
        assert f"{image.path}/frames/1" in steps[0] and "dicom-wado-rs" in steps[0]
        assert "stored instance" in steps[1]

    def test_a_request_that_is_translated(self, hospital):
        image = hospital.uri.whole_studies[0]
        url = f"http://somewhere/dicom-web{image.path}/rendered?window=40,400,linear"
        found = self.explain(hospital, url)
        assert found.returncode == 0, found.stderr
        step, = _steps(found.stdout)
        assert "requestType=WADO" in step and "windowCenter=40&windowWidth=400" in step
        assert "probe" in step and "window" in step

    def test_a_request_that_the_cache_answers(self, hospital):
        """The command reads the cache of a gateway that runs; the gateway says the same."""
        image = hospital.rs.whole_studies[-1]
        path = f"/dicom-web{image.path}/frames/1"
        accept = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
        assert requests.get(hospital.gateway.origin + path, headers={"Accept": accept}).status_code == 200
        found = self.explain(hospital, path, "--accept", accept)
        assert "the cache holds" in _steps(found.stdout)[0]
        answer = requests.get(f"{hospital.gateway.admin}/explain{path}", headers={"Accept": accept})
        assert answer.status_code == 200, answer.text
        assert answer.json()["request"]["steps"] == _steps(found.stdout)

    def test_a_whole_study_on_two_archives(self, hospital):
        found = self.explain(hospital, f"/dicom-web/studies/{SPLIT_STUDY}")
        assert found.returncode == 0, found.stderr
        assert len(_steps(found.stdout)) == len(hospital.rs.of_split_study + hospital.uri.of_split_study)

    def test_a_request_that_would_be_refused(self, hospital):
        image = hospital.rs.whole_studies[-1]
        found = self.explain(hospital, f"/dicom-web{image.path}/rendered?quality=1000")
        assert found.returncode != 0 and "quality" in found.stderr and "400" in found.stderr

    def test_a_request_to_anonymize(self, hospital):
        image = hospital.rs.whole_studies[-1]
        query = f"studyUID={image.study}&seriesUID={image.series}&objectUID={image.instance}"
        target = f"/wado?requestType=WADO&{query}&contentType=application/dicom&anonymize=yes"
        found = self.explain(hospital, target)
        assert "501" in found.stdout and "anonymize" in found.stdout, found
        assert _steps(found.stdout) == []

    def test_why_not_the_others(self, lab):
        lab.small("image")
        study = next(each for each in lab.resources() if each["resourceType"] == "ImagingStudy")
        study["endpoint"] = [{"reference": f"Endpoint/{name}"} for name in ("retired", "strange", "uri")]
        resources = [
            fhir.endpoint("retired", "dicom-wado-rs", lab.archive.wado_rs, status="off"),
            fhir.endpoint("strange", "dicom-wado-uri", "http://192.0.2.1/wado"),
            study,
            *(each for each in lab.resources() if each["resourceType"] == "Endpoint"),
        ]
        settings = lab.settings()
        settings["directory"] = [files_source(lab.folder / "others", *resources)]
        gateway = Gateway(lab.folder / "gateway", settings)
        found = run("explain", images.uid("lab", "study"), "--config", gateway.write_configuration())
        assert found.returncode == 0, found.stderr
        assert "retired" in found.stdout and "off" in found.stdout
        assert "strange" in found.stdout, "an address that matches no backend is named as a reason"


class TestCheck:
    """Errors have a file, a line and a proposal."""

    GOOD = (
        "listen: ['127.0.0.1:0']\n"
        "directory:\n"
        "  - files: {{ path: {folder}/studies }}\n"
        "backends:\n"
        "  - name: pacs\n"
        "    match: http://127.0.0.1:8042/\n"
        "cache:\n"
        "  path: {folder}/cache\n"
    )

    def check(self, tmp_path, text):
        (tmp_path / "studies").mkdir(exist_ok=True)
        path = tmp_path / "wadogate.yaml"
        path.write_text(text)
        return run("check", "--config", path), path

    def test_a_good_file(self, tmp_path):
        found, _ = self.check(tmp_path, self.GOOD.format(folder=tmp_path))
        assert found.returncode == 0, found.stdout + found.stderr

    @pytest.mark.parametrize(
        "line, text, words",
        [
            (7, "cahce:", ["cahce", "cache"]),
            (8, "  pahth: /x", ["pahth", "path"]),
            (8, "  max_size: 10 parsecs", ["max_size"]),
            (8, "  max_size: -1GiB", ["max_size"]),
            (8, "  max_size: 1", ["max_size"]),
            (8, "  max_size: [1, 2]", ["max_size"]),
            (6, "    match: ftp://127.0.0.1/", ["match"]),
            (6, "    match: http://user:pw@127.0.0.1/", ["match"]),
            (6, "    macth: http://127.0.0.1/", ["macth", "match"]),
            (1, "listen: ['127.0.0.1']", ["listen"]),
            (1, "listen: ['127.0.0.1:99999']", ["listen"]),
            (3, "  - filez: { path: /x }", ["filez", "files"]),
            (8, "  path: relative", ["path"]),
            (8, "\tpath: /x", []),
            (8, "  path: 'unterminated", []),
        ],
    )
    def test_errors(self, tmp_path, line, text, words):
        lines = self.GOOD.format(folder=tmp_path).split("\n")
        lines[line - 1] = text
        found, path = self.check(tmp_path, "\n".join(lines))
        output = found.stdout + found.stderr
        assert found.returncode != 0
        assert re.search(rf"{re.escape(str(path))}:\d+", output), output
        if words:
            assert f"{path}:{line}" in output, output
        assert all(word in output for word in words), output
        assert "Fatal error" not in output

    def test_every_error_is_told_at_once(self, tmp_path):
        text = self.GOOD.format(folder=tmp_path) + "fisrt: 1\nsecnod: 2\n"
        found, _ = self.check(tmp_path, text)
        assert "fisrt" in found.stdout + found.stderr and "secnod" in found.stdout + found.stderr

    def test_a_missing_file(self, tmp_path):
        found = run("check", "--config", tmp_path / "nothing.yaml")
        assert found.returncode != 0
        assert "nothing.yaml" in found.stdout + found.stderr

    def test_the_reference_is_a_good_file(self):
        found = run("check", "--config", REPOSITORY / "Config/wadogate.yaml")
        output = found.stdout + found.stderr
        # It may lack a directory, which an operator must name; it may not hold an unknown key or a bad value.
        assert "unknown" not in output.lower(), output

    def test_settings_from_the_command_line_and_the_environment(self, tmp_path, monkeypatch):
        _, path = self.check(tmp_path, self.GOOD.format(folder=tmp_path))
        assert run("check", "--config", path, "--set", "cache.max_size=2GiB").returncode == 0
        assert run("check", "--config", path, "--set", "cache.max_size=two").returncode != 0
        assert run("check", "--config", path, "--set", "no.such=1").returncode != 0
        monkeypatch.setenv("WADOGATE_CACHE_MAX_SIZE", "nonsense")
        found = run("check", "--config", path)
        assert found.returncode != 0
        assert "WADOGATE_CACHE_MAX_SIZE" in found.stdout + found.stderr


class TestDemo:
    def test_once(self):
        found = run("demo", "--once", timeout=120)
        assert found.returncode == 0, found.stdout + found.stderr
        for word in ("200", "application/dicom", "miss", "hit"):
            assert word in found.stdout, found.stdout
        assert "http://" in found.stdout


class TestLife:
    def test_version(self):
        found = run("version")
        assert found.returncode == 0
        assert re.search(r"\d+\.\d+", found.stdout)

    def test_an_unknown_command(self):
        found = run("sreve")
        assert found.returncode != 0
        assert "serve" in found.stdout + found.stderr

    def test_sigterm_lets_answers_finish(self, lab):
        image = lab.large("20 MB", megabytes=20, front="uri")
        gate = lab.archive.gates[image.instance] = Gate(at=5 * MIB)
        gateway = lab.gateway()
        result = {}
        client = threading.Thread(
            target=lambda: result.update(found=transfer(f"{gateway.wado}?{wado_query(image, transferSyntax='*')}"))
        )
        client.start()
        gate.wait_reached()
        process = gateway.process
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: not gateway.accepts_connections(), 5, "no new connections are taken")
        assert process.poll() is None
        gate.open()
        client.join(30)
        assert result["found"].is_complete and result["found"].body == image.stored.checksum()
        assert process.wait(10) == 0
        gateway.process = None

    def test_sighup_ends_nothing(self, lab):
        lab.small("image")
        gateway = lab.gateway()
        for count in (1, 2, 3):
            gateway.process.send_signal(signal.SIGHUP)
            told = "configuration is read at the start only; TLS files are reloaded"
            wait_until(lambda: gateway.log().count(told) == count, 5, "it is told")
        assert gateway.is_ready() and gateway.process.poll() is None
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(10) == 0
        gateway.process = None

    def test_the_drain_ends_in_time(self, lab):
        image = lab.large("20 MB", megabytes=20, front="uri")
        gate = lab.archive.gates[image.instance] = Gate(at=5 * MIB)
        gateway = lab.gateway(server={"drain_timeout": "1s"})
        client = threading.Thread(target=lambda: transfer(f"{gateway.wado}?{wado_query(image, transferSyntax='*')}"))
        client.start()
        gate.wait_reached()
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(5) == 0
        gateway.process = None
        gate.open()
        client.join(30)

    def test_what_was_cached_survives_a_restart(self, lab):
        image = lab.small("image")
        gateway = lab.gateway()
        url = gateway.dicomweb + image.path
        requests.get(url, headers={"Accept": AS_STORED}, timeout=10)
        gateway.wait_until_stored(1)
        first = requests.get(url, headers={"Accept": AS_STORED}, timeout=10)
        gateway.stop()
        gateway.start()
        second = requests.get(url, headers={"Accept": AS_STORED}, timeout=10)
        assert second.headers["X-Cache"].startswith("hit")
        assert second.content == first.content
        assert second.headers["ETag"] == first.headers["ETag"]

    def test_least_recently_used_series_go_first(self, lab):
        images_of = {name: lab.large(name, megabytes=4, study=name, front="uri") for name in "abcd"}
        gateway = lab.gateway(cache={"max_size": "13MiB"})

        def ask(name):
            found = transfer(f"{gateway.wado}?{wado_query(images_of[name], transferSyntax='*')}")
            assert found.body == images_of[name].stored.checksum()
            return outcome(found)

        assert [ask(name) for name in "abc"] == ["miss"] * 3
        assert ask("a") == "hit"
        assert ask("d") == "miss"
        # The last one may still be on its way to the disk.
        wait_until(lambda: self.evicted(gateway) > 0, 10, "a series had to go")
        assert self.size(gateway) <= 13 * MIB
        assert ask("a") == "hit", "used more recently than the others"
        assert "miss" in (ask("b"), ask("c")), "one of them went"

    def evicted(self, gateway):
        return requests.get(f"{gateway.admin}/cache/stats", timeout=10).json()["evicted_series"]

    def size(self, gateway):
        return sum(path.stat().st_size for path in gateway.stored_files())


class TestArchiveSource:
    """A folder of DICOM files: directory and backend in one."""

    def test_it_is_served(self, tmp_path):
        image = images.small(images.uid("folder study"), images.uid("folder series"), images.uid("folder image"))
        folder = tmp_path / "dicom"
        (folder / "deep" / "er").mkdir(parents=True)
        (folder / "deep" / "er" / "image").write_bytes(image.data)
        (folder / "notes.txt").write_text("not an image")
        settings = {"directory": [{"archive": {"path": str(folder), "name": "folder"}}]}
        with Gateway(tmp_path / "gateway", settings) as gateway:
            answer = requests.get(f"{gateway.wado}?{wado_query(image, transferSyntax='*')}", timeout=10)
            assert answer.status_code == 200, answer.text
            assert answer.content == image.data
            later = images.small(image.study, image.series, images.uid("later image"))
            (folder / "later.dcm").write_bytes(later.data)
            wait_until(
                lambda: (
                    requests.get(f"{gateway.wado}?{wado_query(later, transferSyntax='*')}", timeout=10).content
                    == later.data
                ),
                20,
                "a new file is seen",
            )
