"""nginx as a cache before an archive, configured by nginx.conf, and what a cache takes on the disk."""

import os
import pwd
import shutil
import signal
import socket
from pathlib import Path

from bed.processes import Server, free_port

_CONFIGURATION = Path(__file__).with_name("nginx.conf")


class Nginx(Server):
    """nginx with `proxy_cache` before the archive that listens on a port. `max_size` is in bytes."""

    def __init__(self, folder, archive_port, max_size):
        super().__init__("nginx", folder)
        self.archive_port = archive_port
        self.max_size = max_size
        self.port = free_port()
        self.cache_path = self.folder / "cache"

    def command(self):
        text = _CONFIGURATION.read_text()
        for name, value in {
            "FOLDER": self.folder,
            "CACHE": self.cache_path,
            "MAX_SIZE": self.max_size,
            "ARCHIVE": self.archive_port,
            "PORT": self.port,
        }.items():
            text = text.replace(f"@{name}@", str(value))
        path = self.folder / "nginx.conf"
        path.write_text(text)
        executable = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        # It stays who it is: a root that becomes another user could not write into the bench's folder.
        return [executable, "-e", self.folder / "error.log", "-c", path, "-g", f"user {_user()};"]

    def is_ready(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=2).close()
            return True
        except OSError:
            return False

    def wake_manager(self):
        """Makes the cache's manager look at the size now. It looks every ten seconds else, and at its start."""
        os.kill(self.pid, signal.SIGHUP)

    def keys(self):
        """The key of each stored object, as its file says it."""
        for path in files(self.cache_path):
            head = path.open("rb").read(4096)
            if b"\nKEY: " in head:
                yield head.partition(b"\nKEY: ")[2].partition(b"\n")[0].decode("latin-1")


def _user():
    return pwd.getpwuid(os.getuid()).pw_name


def files(folder):
    """Every file below a folder that may change meanwhile."""
    for path, _, names in os.walk(folder):
        for name in names:
            yield Path(path, name)


def bytes_on_disk(folder):
    """The blocks of all files, whatever their lengths."""
    total = 0
    for path in files(folder):
        try:
            total += path.lstat().st_blocks * 512
        except FileNotFoundError:
            pass
    return total
