"""Child processes: started in a session of their own, waited for with a deadline, ended by process id."""

import os
import re
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

READY_WITHIN = 30.0
END_WITHIN = 10.0

_given = set()


def free_port(preferred=0):
    """A port of 127.0.0.1 that nothing listens on, and that was not given away before; `preferred` if it is free."""
    if preferred and preferred not in _given:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", preferred))
                _given.add(preferred)
                return preferred
            except OSError:
                pass
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port


def wait_until(condition, within, what):
    """Polls until `condition()` is true and answers its value; TimeoutError, saying `what`, after `within` seconds."""
    end = time.monotonic() + within
    pause = 0.002
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"not within {within:g} s: {what() if callable(what) else what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def is_running(pid):
    """Whether the process exists and is not a zombie (nobody may be there to reap an orphan)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


class Server:
    """One server process. Its output goes to `folder`/`name`.log; it dies with the process that started it."""

    def __init__(self, name, folder):
        self.name = name
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log_path = self.folder / f"{name}.log"
        self.process = None

    # What a subclass says of itself.

    def command(self):
        raise NotImplementedError

    def environment(self):
        return dict(os.environ)

    def is_ready(self):
        raise NotImplementedError

    # Life.

    def start(self):
        self.launch()
        return self.wait_ready()

    def launch(self):
        """Starts the process without waiting for it."""
        assert self.process is None, f"{self.name} runs already"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *map(str, self.command())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment(),
                cwd=self.folder,
                start_new_session=True,
            )
        return self

    def wait_ready(self, within=READY_WITHIN):
        def ready():
            if self.process.poll() is not None:
                status, self.process = self.process.returncode, None
                raise RuntimeError(f"{self.name} ended at its start with {status}:\n{self.log_tail()}")
            return self.is_ready()

        wait_until(ready, within, lambda: f"{self.name} is ready; its log ends with\n{self.log_tail()}")
        return self

    def stop(self):
        """Asks the process to end (SIGTERM), and makes it end when it does not. Answers its exit status."""
        return self._end(signal.SIGTERM)

    def ask_to_stop(self):
        """Only asks, so that several can end at the same time; `stop` follows."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)

    def kill(self):
        """Ends the process as a power cut would."""
        return self._end(signal.SIGKILL)

    def _end(self, first):
        if self.process is None:
            return None
        process, self.process = self.process, None
        for number in (first, signal.SIGKILL):
            if process.poll() is None:
                # The whole session, and only it: its id is the leader's process id.
                os.killpg(process.pid, number)
            try:
                return process.wait(END_WITHIN)
            except subprocess.TimeoutExpired:
                continue
        raise RuntimeError(f"{self.name} ({process.pid}) did not end")

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @contextmanager
    def hung(self):
        """Lets the process hang for a while: its kernel still takes connections, and nobody answers."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    # What can be seen from outside.

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_tail(self, lines=30):
        return "\n".join(self.log().splitlines()[-lines:])

    def resident_peak(self):
        """The largest resident set so far, in bytes (VmHWM)."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) * 1024

    def descriptors(self):
        """How many file descriptors the process has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))
