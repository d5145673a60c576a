"""A gateway whose cache lies on a disk of its own, of a few megabytes: a tmpfs in a mount namespace that ends with it."""

import os
from pathlib import Path

from .gateway import Gateway


class SmallDiskGateway(Gateway):
    """`wadogate serve` with its cache on a tmpfs of `megabytes`; root needs no user namespace for that."""

    def __init__(self, folder, settings, megabytes=8, **options):
        super().__init__(folder, settings, **options)
        self.megabytes = megabytes
        self._outside = self.cache_path

    def command(self):
        self._outside.mkdir(parents=True, exist_ok=True)
        namespaces = ["--mount"] if os.geteuid() == 0 else ["--user", "--map-root-user", "--mount"]
        mount = f'mount -t tmpfs -o size={self.megabytes}m small-disk "$0" && exec "$@"'
        return ["unshare", *namespaces, "sh", "-c", mount, self._outside, *super().command()]

    def start(self):
        super().start()
        # The same process all along, and the folder as it sees it.
        self.cache_path = Path(f"/proc/{self.process.pid}/root{self._outside}")
        return self

    @property
    def _ballast(self):
        return self.cache_path / "ballast"

    def fill_disk(self):
        """Leaves not a byte free."""
        with self._ballast.open("wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)) == 4096:
                    pass
            except OSError:
                pass

    def free_disk(self):
        self._ballast.unlink()
