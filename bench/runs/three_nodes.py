"""Three nodes on this machine for a bench, and what all benches here share.

Nodes may be connected through bench/delay: then each directed pair has a port of the proxy, and
each node has its own member list with those ports; only the ids must be equal.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from ports import free_ports

TOP = pathlib.Path(__file__).resolve().parents[2]
IDS = (1, 2, 3)


class Failed(Exception):
    """An error, as the user reads it."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def halves():
    """This process's cores in two, for nodes and load; both have all where there is but one."""
    cores = sorted(os.sched_getaffinity(0))
    half = len(cores) // 2
    return (cores[:half], cores[half:]) if half else (cores, cores)


def begin_on(cores):
    """What a child does before it becomes its program."""
    return (lambda: os.sched_setaffinity(0, cores)) if cores else None


class Slice:
    """A control group whose processes get `percent` of these cores, a millisecond at a time."""

    def __init__(self, percent, cores):
        period, quota = str(100000 // percent), str(1000 * cores)
        for top, files in (("/sys/fs/cgroup/cpu", {"cpu.cfs_period_us": period,
                                                   "cpu.cfs_quota_us": quota}),
                           ("/sys/fs/cgroup", {"cpu.max": f"{quota} {period}"})):
            self.folder = pathlib.Path(top, f"lockd-bench-{os.getpid()}")
            self.members = self.folder / "cgroup.procs"
            try:
                self.folder.mkdir()
                for name, text in files.items():
                    with open(self.folder / name, "r+", encoding="ascii") as file:
                        file.write(text)
                return
            except OSError:
                self.drop()
        raise Failed("cannot create a control group to slow the nodes down: run as root, or use "
                     "--share 100 on a machine with enough cores")

    def drop(self):
        try:
            self.folder.rmdir()
        except OSError:
            pass


class Cluster:
    """Started on entry; on exit nothing of it is left.

    `apart`: nodes and load have cores of their own; the nodes use `share` percent of theirs.
    """

    # pylint: disable-next=too-many-arguments
    def __init__(self, build, data, flags=(), delay_us=None, apart=False, share=100):
        self.build = build
        self.flags = list(flags)
        self.delay_us = delay_us
        self.node_cores, self.load_cores = halves() if apart else (None, None)
        self.slice = Slice(share, len(self.node_cores)) if share < 100 else None
        self.running = []
        self.pids = {}
        self.programs = {}  # Of nodes that run another one than lockd
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lockd-bench-", dir=data))
        pairs = [(a, b) for a in IDS for b in IDS if a != b]
        ports = free_ports(len(IDS) + len(pairs))
        self.own = dict(zip(IDS, ports))
        self.routes = dict(zip(pairs, ports[len(IDS):]))
        self.nodes = ",".join(f"{i}=127.0.0.1:{self.own[i]}" for i in IDS)

    def __enter__(self):
        try:
            if self.delay_us is not None:
                self._start_proxy()
            for node in IDS:
                self._start(node)
            self.await_leader()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in self.running:
            process.kill()
        for process in self.running:
            process.wait()
        if self.slice:
            self.slice.drop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start_proxy(self):
        command = [self.build / "bench/delay/delay"] + [str(us) for us in self.delay_us]
        command += [f"{port}={self.own[b]}" for (_, b), port in self.routes.items()]
        # pylint: disable-next=consider-using-with
        proxy = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 text=True)
        self.running.append(proxy)
        if proxy.stdout.readline() != "ready\n":
            raise Failed("the delaying proxy does not start")

    def _begin_node(self):
        """What a node does before it becomes its program."""
        if self.node_cores:
            os.sched_setaffinity(0, self.node_cores)
        if self.slice:
            self.slice.members.write_text("0", encoding="ascii")

    def _start(self, node):
        members = self.nodes
        if self.delay_us is not None:
            members = ",".join(
                f"{i}=127.0.0.1:{self.own[i] if i == node else self.routes[node, i]}"
                for i in IDS)
        command = [self.programs.get(node, self.build / "lockd/lockd"), "--id", str(node), "--cluster", members,
                   "--listen", f"127.0.0.1:{self.own[node]}",
                   "--data", self.folder / f"node{node}"] + self.flags
        with open(self.folder / f"node{node}.log", "ab") as log:
            # pylint: disable-next=consider-using-with,subprocess-popen-preexec-fn
            self.running.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log,
                                                 preexec_fn=self._begin_node))
        self.pids[node] = self.running[-1].pid

    def logs(self):
        """The last lines that the nodes said."""
        return "\n".join("\n".join(path.read_text(errors="replace").splitlines()[-3:])
                         for path in sorted(self.folder.glob("node*.log")))

    def status(self, *options):
        """What each node says of itself."""
        done = subprocess.run([self.build / "liblock/lockctl", "status", "--json", "--cluster",
                               self.nodes, "--connect", "2s", *options], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, check=False)
        try:
            return [node for node in json.loads(done.stdout)["nodes"] if node["reached"]]
        except (ValueError, KeyError):
            return []

    def await_leader(self, seconds=20):
        """All nodes know the same leader."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            nodes = self.status()
            leaders = {node["leader"] for node in nodes}
            if len(nodes) == len(IDS) and len(leaders) == 1 and leaders != {0}:
                return
            time.sleep(0.05)
        raise Failed("the cluster does not serve:\n" + self.logs())

    def load(self, *options):
        """What one lockbench reports. One that something was wrong for (1) reports, too."""
        with self.begin_load(*options) as bench:
            return self.end_load(bench)

    def begin_load(self, *options):
        # The caller ends it.
        # pylint: disable-next=consider-using-with,subprocess-popen-preexec-fn
        bench = subprocess.Popen([self.build / "bench/lockbench", "--cluster", self.nodes,
                                  "--json"] + [str(o) for o in options],
                                 stdout=subprocess.PIPE, text=True,
                                 preexec_fn=begin_on(self.load_cores))
        self.running.append(bench)
        return bench

    def end_load(self, bench):
        text, _ = bench.communicate()
        self.running.remove(bench)
        try:
            return json.loads(text)
        except ValueError:
            raise Failed(f"lockbench failed ({bench.returncode}):\n{self.logs()}") from None


def term_of(nodes):
    return max((node["term"] for node in nodes), default=0)


def duration(ns):
    for unit, size in (("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if ns >= size:
            digits = max(0, 3 - len(str(int(ns // size))))
            return f"{ns / size:.{digits}f}{unit}"
    return f"{ns:.0f}ns"


def aligned(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(row, widths))).rstrip()
                     for row in rows)


def add_common(parser):
    parser.add_argument("--build", type=pathlib.Path, default=TOP / "build/release",
                        help="directory where lockd and the rest were built (build/release)")
    parser.add_argument("--data", default=os.environ.get("TMPDIR", "/var/tmp"),
                        help="directory for the data, on a real disk (TMPDIR, else /var/tmp)")
    parser.add_argument("--json", metavar="FILE", help="write all figures to FILE, - for stdout")


def number_list(least, most):
    """A parser of numbers between commas."""
    def parse(text):
        import argparse  # pylint: disable=import-outside-toplevel
        try:
            values = [float(part) for part in text.split(",")]
        except ValueError:
            values = []
        if not values or not all(least <= value <= most for value in values):
            raise argparse.ArgumentTypeError(f"{text}: allowed are numbers from {least} to {most}")
        return [int(value) if value == int(value) else value for value in values]
    return parse


def on_signal(number, _frame):
    """Once: what is started is stopped on the way out, and that is not cut short."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise Failed(f"ended by signal {number}")


def run(name, settings, programs, measure, table):
    """Measure and tell. Returns the exit status: 0 measured, 1 failed, 2 wrong usage."""
    settings.build = settings.build.resolve()
    for program in programs:
        if not os.access(settings.build / program, os.X_OK):
            say(f"{name}: {settings.build / program} is not built; see --build")
            return 2
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    try:
        result = measure(settings)
    except (Failed, OSError) as failed:
        say(f"{name}: {failed}")
        return 1
    if settings.json:
        text = json.dumps(result, indent=1)
        if settings.json == "-":
            print(text)
            return 0
        pathlib.Path(settings.json).write_text(text + "\n", encoding="utf-8")
    print(table(result))
    return 0
