"""Load: several lockbench on two client hosts, and one history of all of them.

Their clocks are the same CLOCK_MONOTONIC, so that lines of different files can stand in one
history; `proc` numbers are made different.
"""

import json
import subprocess

from rig.machine import Process, RigError

PROCS_PER_BENCH = 10**9
CALM = 3.0  # Seconds within which every client that lived through it all is served again

# (name, host, flags). Those with one prefix share their locks.
BENCHES = [
    ("own", "c1", ["--workload", "uncontended", "--inflight", "4", "--connections", "2",
                   "--hold", "10ms", "--prefix", "own-", "--ttl", "10s"]),
    ("queue-1", "c1", ["--workload", "contended", "--locks", "3", "--inflight", "9",
                       "--connections", "3", "--hold", "5ms", "--prefix", "shared-", "--ttl", "2s"]),
    ("queue-2", "c2", ["--workload", "contended", "--locks", "3", "--inflight", "9",
                       "--connections", "3", "--hold", "5ms", "--prefix", "shared-", "--ttl", "3s",
                       "--look", "15"]),
    ("mixed", "c2", ["--workload", "mixed", "--locks", "3", "--inflight", "8",
                     "--connections", "4", "--hold", "10ms", "--prefix", "shared-", "--ttl", "1s",
                     "--look", "25"]),
]


class Bench:
    def __init__(self, rig, name, host, flags, seconds, connect):
        self.name = name
        self.ended = None
        self.history = rig.scratch / f"{name}.jsonl"
        self.report_path = rig.scratch / f"{name}.json"
        network = rig.network
        arguments = [rig.binaries["lockbench"], "--cluster", network.client_list(host),
                     "--time", f"{seconds:.0f}s", "--warmup", "0s", "--connect", connect,
                     "--wait", "2s", "--answer", "2s", "--survive",
                     "--history", self.history, "--json", *flags]
        if "mixed" in flags or "--look" in flags:  # Otherwise nothing is drawn.
            arguments += ["--seed", str(rig.seed)]
        with open(self.report_path, "w", encoding="utf-8") as out:
            self.process = Process(name, arguments, rig.scratch / f"{name}.log",
                                   space=network.space(host), stdout=out)
        self.process.on_end = self._on_end

    def _on_end(self, _process, when):
        self.ended = when

    def report(self):
        try:
            return json.loads(self.report_path.read_text())
        except (OSError, ValueError):
            return {}


class Workload:
    def __init__(self, rig):
        self.rig = rig
        self.benches = []
        self.waves = 0

    def start(self, seconds):
        self.waves += 1
        wave = "" if self.waves == 1 else f"-{self.waves}"
        connect = "10s" if self.waves == 1 else "60s"  # Faults go on meanwhile.
        for name, host, flags in BENCHES:
            self.benches.append(Bench(self.rig, name + wave, host, flags, seconds, connect))

    def keep_going(self, seconds):
        """Start other clients for this long if the earlier ones are done."""
        if not any(bench.process.running() for bench in self.benches):
            self.start(seconds)

    def stuck(self, evidence, healed):
        """Those that had CALM seconds after the healing, and were granted nothing in them."""
        if healed is None:
            return
        for number, bench in enumerate(self.benches):
            last = evidence.last_grants.get(number, 0) / 1e9
            if bench.ended and bench.ended > healed + CALM and last < healed:
                yield bench

    def await_end(self, limit):
        for bench in self.benches:
            status = bench.process.wait(limit)
            if status is None:
                raise RigError(f"lockbench {bench.name} did not end")
            if status != 0:
                log = (self.rig.scratch / f"{bench.name}.log").read_text().strip()
                wrong = bench.report().get("first_wrong", "")
                self.rig.complain(f"lockbench {bench.name} ended with status {status}: "
                                  f"{wrong} {log}")

    def merge(self, path):
        """Write one history of all; the number of operations."""
        count = 0
        with open(path, "w", encoding="utf-8") as out:
            for number, bench in enumerate(self.benches):
                with open(bench.history, encoding="utf-8") as lines:
                    header = next(lines, "")
                    if number == 0:
                        out.write(header)
                    for line in lines:
                        begin, rest = line.split(",", 1)
                        proc = int(begin.removeprefix('{"proc":'))
                        out.write(f'{{"proc":{proc + number * PROCS_PER_BENCH},{rest}')
                        count += 1
        return count

    def kill(self):
        for bench in self.benches:
            bench.process.kill()


def check(binaries, path, drift_ppm):
    """lockcheck's verdict on a history: (exit code, what it said). A violation is drawn, too."""
    command = [str(binaries["lockcheck"]), f"--drift-ppm={drift_ppm}", str(path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    if done.returncode == 1:
        subprocess.run([*command, "--quiet", "--svg", str(path.with_name("window.svg")),
                        "--window", str(path.with_name("window.jsonl"))], check=False)
    return done.returncode, done.stdout
