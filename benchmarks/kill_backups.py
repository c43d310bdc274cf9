"""Backups beside all the rest while the service is killed: one after the other, and every second is killed as well."""

import itertools
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rig import REGRADE

KEEP = "5"


@dataclass
class Backups:
    """Backups of `data_dir` in the folder `out`."""

    data_dir: Path
    out: Path
    codes: Counter[int] = field(default_factory=Counter)

    def run(self, stopped: threading.Event) -> None:
        """Make them until `stopped`."""
        chance = random.Random(0)
        for number in itertools.count():
            if stopped.is_set():
                return
            process = self._begin()
            if number % 2:
                time.sleep(chance.uniform(1, 4))
                process.kill()
            self.codes[process.wait(300)] += 1

    def check(self) -> dict[str, Any]:
        """How they ended; what of all snapshots is damaged, and what `store verify` finds of the newest, restored."""
        self.codes[self._begin().wait(300)] += 1
        restored = self.out.with_name("restored")
        verified = self._told("backup", "verify", self.out)
        self._told("restore", self.out, "--data-dir", restored)
        sound = self._told("store", "verify", "--data-dir", restored)
        codes = {"made": self.codes[0], "killed": self.codes[-signal.SIGKILL]}
        failed = self.codes.total() - sum(codes.values())
        return {**codes, "failed": failed, "verify_exit_code": verified, "restored_verify_exit_code": sound}

    def _begin(self) -> "subprocess.Popen[bytes]":
        command: list[str | Path] = [REGRADE, "backup", self.out, "--keep", KEEP, "--data-dir", self.data_dir]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _told(self, *words: object) -> int:
        return subprocess.run([REGRADE, *map(str, words)], stdout=subprocess.DEVNULL, check=False).returncode
