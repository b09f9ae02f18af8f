"""One run: start, load, break, heal, demand progress, stop, judge."""

import argparse
import itertools
import os
import pathlib
import random
import re
import shutil
import signal
import threading
import time

from rig import evidence as proof
from rig import nemeses, report, timeline
from rig.cluster import Cluster
from rig.disks import open_disks
from rig.machine import (RigError, Scratch, Skipped, find_binaries, is_root, now,
                         own_mounts, say)
from rig.network import open_network
from rig.workload import Workload, check

PASSED, BROKEN, FAILED, UNDECIDED, TOO_LITTLE, NOT_HERE = 0, 1, 2, 3, 4, 77
DRIFT_PPM = 5000  # What clocks may be off by: rho of the guarantees
PLANTS = ("lie", "cut", "history", "numb", "crash")
TOP = pathlib.Path(__file__).resolve().parents[3]


class Result:
    def __init__(self):
        self.evidence = None
        self.progress = None
        self.packets = {}
        self.skipped = []
        self.check_code = None
        self.check_output = ""
        self.complaints = []
        self.missing = []

    def code(self):
        if self.complaints or self.check_code == 1:
            return BROKEN
        if self.check_code in (2, 5):
            return FAILED
        if self.check_code == 3:
            return UNDECIDED
        return TOO_LITTLE if self.missing or self.check_code == 4 else PASSED

    def word(self):
        return {PASSED: "passed", BROKEN: "BROKEN", FAILED: "the rig failed",
                UNDECIDED: "undecided", TOO_LITTLE: "too little seen"}[self.code()]


class Rig:
    """Everything of one run; the other modules know each other through it."""

    def __init__(self, options):
        self.options = options
        self.seed = options.seed
        self.seconds = options.time
        self.pauses = (0.5, 2.0)
        self.node_flags = swarm(options.seed) if options.swarm else []
        self.over = threading.Event()
        self.stopping = False
        self.result = Result()
        self.binaries = find_binaries(options.build)
        self.scratch = Scratch(options.out)
        self.network = None
        self.disks = []
        self.sectors_lost = 0
        self.notes = []
        self.own_mounts = False
        self.cluster = None
        self.workload = None
        self.kinds = []
        self.lanes = []
        self.ended = None  # Of faults
        self.healed = None
        self.finished = None  # Of everything
        self._numbers = itertools.count(1)

    def number(self):
        return next(self._numbers)

    def sleep(self, seconds):
        """Until then, or until the time of faults is over."""
        self.over.wait(max(0.0, seconds))

    def complain(self, what):
        if self.stopping:
            return
        say(f"WRONG: {what}")
        if what not in self.result.complaints:
            self.result.complaints.append(what)

    def note(self, what):
        """Count something that is neither right nor wrong."""
        say(what)
        self.notes.append(what)

    def faults(self):
        return sorted((f for lane in self.lanes for f in lane.faults),
                      key=lambda fault: fault.begin)

    def start(self):
        options = self.options
        self.network, notes = open_network(options.net, self.binaries, self.scratch,
                                           options.nodes)
        self.result.skipped += notes
        self.disks, why = open_disks(options.disks, self, options.nodes)
        self.result.skipped += [why] if why else []
        self.cluster = Cluster(self, options.nodes)
        self.workload = Workload(self)
        self.kinds, skipped = nemeses.usable(nemeses.by_names(options.faults), self)
        self.result.skipped += skipped
        self.cluster.start_all()
        took = self.cluster.await_grant(options.bound)
        self.network.numb = options.plant == "numb"
        if options.plant == "lie":
            for disk in self.disks:
                disk.ask("lie")
        say(f"{options.nodes} nodes grant after {took:.2f} s (network: {self.network.kind})")

    def break_things(self):
        for lane in ("nodes", "network", "clients"):
            kinds = [kind for kind in self.kinds if kind.lane == lane]
            if kinds:
                self.lanes.append(nemeses.Lane(self, lane, kinds, self.seed))
        for lane in self.lanes:
            lane.start()
        end = now() + self.seconds
        # On a machine that is slow it may take longer than all the time until each was met.
        limit = end + 2 * self.seconds + 30
        least = min(self.options.min_each, 2)
        while not self.over.is_set() and (now() < end or (
                now() < limit and any(lane.misses(least) for lane in self.lanes))):
            time.sleep(0.1)
            self.workload.keep_going(10)
        self.plant_late()
        self.over.set()
        for lane in self.lanes:
            lane.join(60)
            if lane.error:
                raise lane.error
            if lane.is_alive():
                raise RigError(f"the faults of {lane.lane} do not come to an end")
        self.ended = now()

    def plant_late(self):
        if self.options.plant == "crash":
            self.cluster.nodes[0].process.signal(signal.SIGSEGV)

    def demand_progress(self):
        self.network.heal()
        if self.options.plant == "cut":
            self.network.link("*", "*", "cut")
        for node in self.cluster.nodes:
            why = node.unexpected_end()
            if why:
                self.complain(why)
            if not node.running():
                node.start()
        try:
            self.result.progress = self.cluster.await_grant(self.options.bound)
            self.healed = now()
            say(f"after healing: a grant after {self.result.progress:.2f} s")
        except RigError as error:
            self.complain(f"no progress after healing: {error}")

    def finish(self):
        self.workload.keep_going(self.options.calm)
        self.workload.await_end(self.options.calm + self.options.bound + 60)
        self.cluster.await_agreement(self.options.bound)
        self.result.packets = self.network.counts()
        self.finished = now()
        for node in self.cluster.nodes:
            ended = node.stop()
            if ended != 0:
                self.complain(f"{node.name}: SIGTERM at the end: status {ended}")
        for what in self.cluster.two_leaders():
            self.complain(what)

    def drifts(self):
        """Whether a node's clocks ran at another rate than the clients'."""
        return any(fault.kind == "clock-rate" for fault in self.faults())

    def judge(self):
        history = self.scratch / "history.jsonl"
        self.workload.merge(history)
        if self.options.plant == "history":
            plant_in(history)
        self.result.evidence = proof.Evidence(history)
        for bench in self.workload.stuck(self.result.evidence, self.healed):
            self.complain(f"lockbench {bench.name} was granted nothing after healing")
        self.result.check_code, self.result.check_output = check(
            self.binaries, history, DRIFT_PPM if self.drifts() else 0)
        say(f"lockcheck: {report.VERDICTS.get(self.result.check_code)}")
        options = self.options
        self.result.missing = proof.shortfalls(self.result.evidence, self, {
            "grants": options.min_grants, "hand-overs": options.min_hand_overs,
            "leader changes": options.min_leader_changes, "each fault": options.min_each})

    def run(self):
        self.start()
        self.workload.start(self.seconds + 2 * self.options.calm)
        self.break_things()
        self.demand_progress()
        self.finish()
        self.judge()

    def stop(self):
        self.over.set()
        self.stopping = True
        for lane in self.lanes:
            lane.join(30)
        for part in (self.workload, self.cluster):
            if part:
                part.kill()
        for disk in self.disks:
            disk.stop()
        if self.network:
            self.network.stop()


def swarm(seed):
    """Settings of lockd drawn from the seed; a round of ten has many that nobody would choose."""
    dice = random.Random(f"{seed}-settings")
    flags = ["--write", dice.choice(["dsync", "fsync"]),
             "--log-writes", str(dice.choice([1, 2, 8])),
             "--tick", dice.choice(["10ms", "100ms", "500ms"]),
             "--work", str(dice.choice([1, 16, 1024]))]
    small = {"waits": 12, "waits-per-lock": 5, "answers": 64, "changes": 64,
             "changes-per-session": 2, "holds": 16, "sessions": 16, "locks": 16}
    for name, value in small.items():
        if dice.random() < 0.25:
            flags += [f"--{name}", str(value)]
    return flags


def plant_in(history):
    """Give the token of some grant to another session, too."""
    lines = history.read_text().splitlines(keepends=True)
    grants = [i for i, line in enumerate(lines) if '"op":"acquire"' in line
              and '"res":"ok"' in line]
    token = re.search('"token":[0-9]+', lines[grants[0]]).group()
    lines[grants[-1]] = re.sub('"token":[0-9]+', token, lines[grants[-1]])
    history.write_text("".join(lines))


def parse(arguments):
    parser = argparse.ArgumentParser(prog="tests/jepsen/run", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = ", ".join(kind.kind for kind in nemeses.ALL)
    parser.add_argument("--time", type=float, default=60, help="seconds of faults")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--nodes", type=int, choices=(3, 5), default=3)
    parser.add_argument("--faults", default="all",
                        help=f"comma-separated, -NAME takes one out: all, {kinds}")
    parser.add_argument("--net", choices=("auto", "netns", "proxy"), default="auto")
    parser.add_argument("--swarm", action="store_true",
                        help="draw settings of lockd from the seed, too")
    parser.add_argument("--disks", choices=("auto", "cut", "plain"), default="auto")
    parser.add_argument("--build", default=TOP / "build/release")
    parser.add_argument("--out", help="folder for report, timeline, history and logs")
    parser.add_argument("--keep", action="store_true", help="keep it though the run passed")
    parser.add_argument("--plant", choices=PLANTS,
                        help="something wrong, so that the run must not pass: disks that lie, "
                        "a cut that does not heal, a token given twice in the history, network "
                        "faults that do nothing, a node that crashes")
    parser.add_argument("--calm", type=float, default=4,
                        help="seconds of load after healing, so that histories end in peace")
    parser.add_argument("--bound", type=float, default=30,
                        help="seconds within which a healed cluster must grant")
    parser.add_argument("--min-grants", type=int, help="50 a second")
    parser.add_argument("--min-hand-overs", type=int, help="5 a second")
    parser.add_argument("--min-leader-changes", type=int, default=1)
    parser.add_argument("--min-each", type=int, default=1, help="times of each fault")
    options = parser.parse_args(arguments)
    if options.out is None:
        options.out = f"/var/tmp/lockd-jepsen-{options.seed}-{os.getpid()}"
    if options.min_grants is None:
        options.min_grants = int(50 * options.time)
    if options.min_hand_overs is None:
        options.min_hand_overs = int(5 * options.time)
    return options


def carry_out(rig):
    """Run and clean up, whatever happens; the exit status."""
    try:
        rig.run()
        code = rig.result.code()
    except Skipped as why:
        print(f"skipped: {why}")
        code = NOT_HERE
    except (RigError, OSError) as error:
        say(f"the rig failed: {error}")
        code = FAILED
    except KeyboardInterrupt:
        say("interrupted")
        code = 130
    finally:
        rig.stop()
    return code


def main(arguments):
    options = parse(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        rig = Rig(options)
        if is_root():
            own_mounts()
            rig.own_mounts = True
    except Skipped as why:
        say(f"without: {why}")
    except RigError as error:
        say(str(error))
        return FAILED
    code = carry_out(rig)
    if rig.ended is not None:
        said = report.text(rig, rig.result)
        (rig.scratch / "report.txt").write_text(said)
        (rig.scratch / "report.json").write_text(report.figures(rig, rig.result))
        if rig.result.evidence:
            picture = timeline.draw(rig, rig.result.evidence, rig.result.word())
            (rig.scratch / "timeline.svg").write_text(picture)
        print(said)
    if code == PASSED and not options.keep:
        shutil.rmtree(rig.scratch.path, ignore_errors=True)
    else:
        if code == PASSED:  # Disks are large, and say nothing more.
            for image in rig.scratch.path.glob("*.img"):
                image.unlink()
        print(f"kept: {rig.scratch.path}")
    return code
