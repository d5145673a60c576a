"""`python -m bed up|down|run`: a bed for a person. `up` leaves it in the background, `run` stays in front of it."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from .gateway import REPOSITORY, binary
from .hospital import Hospital
from .processes import is_running, wait_until

_PORTS = {"rs": 8042, "uri": 8043, "fhir": 8090, "gateway": 8080, "admin": 9090}


def _started_at(pid):
    """Clock ticks since boot: with the process id, the name of a process."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


class _State:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.path = self.folder / "bed.json"

    def write(self, urls):
        partial = self.path.with_suffix(".partial")
        partial.write_text(json.dumps({"pid": os.getpid(), "started": _started_at(os.getpid()), "urls": urls}))
        partial.rename(self.path)

    def running(self):
        """What the running bed wrote, or None."""
        try:
            state = json.loads(self.path.read_text())
            return state if is_running(state["pid"]) and _started_at(state["pid"]) == state["started"] else None
        except (OSError, ValueError, KeyError):
            return None


def run(state, with_gateway):
    """Brings the bed up and stays until SIGTERM or ^C."""
    signals = {signal.SIGTERM, signal.SIGINT}
    bed = Hospital(state.folder, ports=_PORTS, with_gateway=with_gateway)
    for number in signals:
        signal.signal(number, lambda *_: sys.exit(0))
    with bed:
        state.write(bed.urls())
        _show(bed.urls())
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        signal.sigwait(signals)
    state.path.unlink(missing_ok=True)


def up(state, with_gateway):
    if running := state.running():
        print("The bed is up already.")
        return _show(running["urls"])
    print("Starting two archives, a FHIR server" + (" and the gateway" if with_gateway else ""), "…", flush=True)
    shutil.rmtree(state.folder, ignore_errors=True)
    state.folder.mkdir(parents=True)
    arguments = ["run", "--folder", state.folder] + ([] if with_gateway else ["--without-gateway"])
    with open(state.folder / "bed.log", "wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "bed", *map(str, arguments)],
            cwd=Path(__file__).resolve().parents[1],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    wait_until(lambda: state.running() or child.poll() is not None, 120, "the bed is up")
    if running := state.running():
        _show(running["urls"])
        print(f"\nLogs and data are in {os.path.relpath(state.folder)}. `make bed-down` ends it.")
    else:
        sys.exit((state.folder / "bed.log").read_text())


def down(state, _):
    running = state.running()
    if not running:
        return print("No bed is up.")
    os.kill(running["pid"], signal.SIGTERM)
    wait_until(lambda: not is_running(running["pid"]), 60, "the bed is down")
    print("The bed is down.")


def _show(urls):
    width = max(map(len, urls))
    for name, url in urls.items():
        print(f"  {name:<{width}}  {url}", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="bed", description=__doc__)
    parser.add_argument("command", choices=["up", "down", "run"])
    parser.add_argument("--folder", default=REPOSITORY / ".build/bed", help="where state and logs go")
    parser.add_argument("--without-gateway", action="store_true", help="only the servers behind it")
    arguments = parser.parse_args()
    with_gateway = not arguments.without_gateway
    if arguments.command != "down" and with_gateway and not binary().exists():
        sys.exit(f"There is no {binary()}: `make build` first.")
    state = _State(arguments.folder)
    {"up": up, "down": down, "run": run}[arguments.command](state, with_gateway)


if __name__ == "__main__":
    main()
