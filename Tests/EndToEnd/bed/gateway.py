"""The gateway as an operator runs it: a binary, a configuration file, ports and a log."""

import json
import os
import socket
import subprocess
from pathlib import Path

import requests
import yaml

from .processes import Server, free_port, wait_until

REPOSITORY = Path(__file__).resolve().parents[3]


def binary():
    """The executable under test: $WADOGATE, else the release build."""
    return Path(os.environ.get("WADOGATE") or REPOSITORY / ".build/release/wadogate")


def backend(name, match, **settings):
    """One entry of `backends`."""
    return {"name": name, "match": match, **settings}


def secret_file(path, text):
    """Writes a file that only its owner can read, in one step; the gateway refuses others."""
    partial = Path(f"{path}.partial")
    partial.touch(mode=0o600)
    partial.write_text(text)
    partial.rename(path)
    return path


def files_source(folder, *resources):
    """A `files` source for a directory of FHIR JSON: one Bundle with the given resources."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": each} for each in resources]}
    # Written aside and renamed, since a gateway may be reading.
    partial = folder / ".studies.partial"
    partial.write_text(json.dumps(bundle))
    partial.rename(folder / "studies.json")
    return {"files": {"path": str(folder)}}


class Gateway(Server):
    """`wadogate serve` with a configuration that the test writes; `settings` are merged over the defaults below."""

    def __init__(self, folder, settings, name="gateway", port=0, admin_port=0):
        super().__init__(name, folder)
        self.port = free_port(port)
        self.admin_port = free_port(admin_port)
        self.cache_path = self.folder / "cache"
        self.admin_token = "an-administrator's-token-of-this-test"
        token_file = secret_file(self.folder / "admin-token", self.admin_token + "\n")
        self.settings = _merged(
            {
                "listen": [f"127.0.0.1:{self.port}"],
                "cache": {"path": str(self.cache_path), "max_size": "20GiB", "min_free": "1MiB"},
                "admin": {"listen": [f"127.0.0.1:{self.admin_port}"], "token_file": str(token_file)},
                "log": {"format": "json", "level": "info"},
            },
            settings,
        )

    @property
    def origin(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def dicomweb(self):
        return f"{self.origin}/dicom-web"

    @property
    def wado(self):
        return f"{self.origin}/wado"

    @property
    def admin(self):
        return f"http://127.0.0.1:{self.admin_port}"

    @property
    def configuration_path(self):
        return self.folder / f"{self.name}.yaml"

    def write_configuration(self):
        self.configuration_path.write_text(yaml.dump(self.settings, Dumper=_Plain, sort_keys=False))
        return self.configuration_path

    def command(self):
        return [binary(), "serve", "--config", self.write_configuration()]

    def environment(self):
        # A crash must end the process at once, not wait for a key.
        return {**os.environ, "SWIFT_BACKTRACE": "interactive=no"}

    def is_ready(self):
        try:
            return requests.get(f"{self.admin}/readyz", timeout=2).status_code == 200
        except requests.ConnectionError:
            return False

    def accepts_connections(self):
        """Whether the front door is open."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        except OSError:
            return False

    def purge_request(self, study, series=None, **fields):
        """Asks the admin listener to forget a study or series. `fields` replace the right ones; None leaves one off."""
        right = {"Authorization": f"Bearer {self.admin_token}", "Origin": self.admin}
        path = f"/cache/studies/{study}" + (f"/series/{series}" if series else "")
        return requests.delete(self.admin + path, headers={**right, **fields}, timeout=10)

    def requests_logged(self):
        """The request lines of the JSON log so far."""
        return [entry for entry in self.log_entries() if "route" in entry]

    def log_entries(self):
        """The lines of the JSON log so far."""
        lines = []
        for line in self.log().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict):
                lines.append(entry)
        return lines

    def stored_files(self):
        """The files of cached objects; a study's document is none."""
        # Unlike rglob, walk passes over folders that go while it walks.
        walk = os.walk(self.cache_path / "objects")
        files = (Path(folder) / name for folder, _, names in walk for name in names)
        return [path for path in files if path.is_file() and path.name != "study.txt"]

    def stored_bytes(self):
        """What cached objects take up, while some of them may be dropped."""

        def size(path):
            try:
                return path.stat().st_size
            except FileNotFoundError:
                return 0

        return sum(size(path) for path in self.stored_files())

    def wait_until_stored(self, objects):
        """Waits until so many objects are published: a client may have the last byte before the disk does."""
        wait_until(lambda: len(self.stored_files()) >= objects, 10, lambda: f"{objects} objects: {self.stored_files()}")

    def temporary_files(self):
        """What is being filled or thrown away."""
        return [path for name in ("fills", "trash") for path in (self.cache_path / name).rglob("*")]


def run(*arguments, timeout=60, **options):
    """Runs a subcommand to its end; answers the completed process with text output."""
    return subprocess.run(
        [binary(), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "SWIFT_BACKTRACE": "interactive=no"},
        **options,
    )


class _Plain(yaml.SafeDumper):
    """Writes a value out each time; the gateway reads no aliases."""

    def ignore_aliases(self, data):
        return True


def _merged(base, changes):
    merged = dict(base)
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _merged(merged[key], value)
        elif value is None:
            merged.pop(key, None)
        else:
            merged[key] = value
    return merged
