"""What this machine allows, and processes that cannot outlive the run.

Namespaces, mounts and loop devices are never given names outside the run: they belong to
processes, and every process dies with the one that started it. So even a run that is killed
leaves nothing behind but its folder.
"""

import concurrent.futures
import ctypes
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

CLONE_NEWNS = 0x00020000
MS_REC, MS_PRIVATE = 0x4000, 0x40000


class RigError(Exception):
    """The rig itself could not do its work: no verdict about lockd."""


class Skipped(Exception):
    """This machine does not allow it; the text says what."""


def now():
    return time.monotonic()


def own_mounts():
    """Give this process a mount namespace of its own, so that its mounts end with it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        raise Skipped(f"mount namespaces: {os.strerror(ctypes.get_errno())}")
    if libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        raise Skipped(f"private mounts: {os.strerror(ctypes.get_errno())}")


def is_root():
    return os.geteuid() == 0


def need_tool(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        raise Skipped(f"{name} is not installed")
    return path


def run(arguments, limit=30.0):
    """Run a short command; its output. RigError with what it said if it fails."""
    try:
        done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, text=True, timeout=limit, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RigError(f"{' '.join(map(str, arguments))}: {error}") from error
    if done.returncode != 0:
        raise RigError(f"{' '.join(map(str, arguments))}: {done.stdout.strip()}")
    return done.stdout


# To the kernel a child's parent is the thread that made it: all are made by one that stays.
SPAWNER = concurrent.futures.ThreadPoolExecutor(max_workers=1)


class Process:
    """A child that dies with us, in a network namespace if one is named.

    Each line that it writes to standard error goes to a file, stamped with our clock, and to
    `on_line(when, line)`.
    """

    def __init__(self, name, arguments, log, space=None, environment=None, on_line=None,
                 **pipes):
        prefix = ["setpriv", "--pdeathsig", "KILL"]
        if space is not None:
            prefix += ["nsenter", f"--net={space}"]
        self.name = name
        self.started = now()
        self.stopped = False
        self.on_end = None  # Called with this and the time when it says no more
        self._log = open(log, "a", encoding="utf-8", errors="replace")
        self._on_line = on_line
        self.child = SPAWNER.submit(
            subprocess.Popen, prefix + [str(a) for a in arguments], stderr=subprocess.PIPE,
            text=True, errors="replace", env={**os.environ, **(environment or {})},
            stdin=pipes.get("stdin", subprocess.DEVNULL),
            stdout=pipes.get("stdout", subprocess.DEVNULL)).result()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.child.stderr:
            when = now()
            self._log.write(f"{when - EPOCH:10.3f} {line}")
            self._log.flush()
            if self._on_line:
                self._on_line(when, line.rstrip("\n"))
        self._log.close()
        if self.on_end:
            self.on_end(self, now())

    @property
    def pid(self):
        return self.child.pid

    def running(self):
        return self.child.poll() is None

    def state(self):
        """The kernel's letter for it: R, S, D, T (stopped), ...; a dot when it is gone."""
        try:
            text = pathlib.Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8")
        except OSError:
            return "."
        return text.rpartition(")")[2].split()[0]

    def signal(self, number):
        if self.running():
            self.child.send_signal(number)
            self.stopped = number == signal.SIGSTOP or (
                self.stopped and number != signal.SIGCONT)

    def kill(self):
        """End it at once, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        self.wait(30)

    def wait(self, limit):
        """Its exit status, or None when it still runs after that many seconds."""
        try:
            status = self.child.wait(limit)
        except subprocess.TimeoutExpired:
            return None
        self._reader.join(5)
        return status


EPOCH = now()  # Times in reports count from here.


class Scratch:
    """The folder of a run."""

    def __init__(self, folder):
        self.path = pathlib.Path(folder)
        if self.path.exists() and any(self.path.iterdir()):
            raise RigError(f"{self.path} is not empty: give another --out")
        self.path.mkdir(parents=True, exist_ok=True)

    def __truediv__(self, name):
        return self.path / name


def find_binaries(build):
    """The programs under test and the rig's helpers, from a build folder."""
    build = pathlib.Path(build)
    places = {"lockd": "lockd/lockd", "lockctl": "liblock/lockctl",
              "lockbench": "bench/lockbench", "lockcheck": "bench/lockcheck",
              "wire": "tests/jepsen/jepsen_wire"}
    found = {name: build / place for name, place in places.items()}
    missing = [str(path) for path in found.values() if not path.exists()]
    optional = build / "tests/jepsen/jepsen_cutdisk"
    if optional.exists():
        found["cutdisk"] = optional
    if missing:
        raise RigError(f"not built: {', '.join(missing)}")
    return found


def say(text):
    print(f"{now() - EPOCH:8.2f}  {text}", flush=True)
    sys.stdout.flush()
