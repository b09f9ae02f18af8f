#!/usr/bin/env python3
"""Tests of the tests: does the simulator find the bugs that are planted in the product?

Each NAME.patch of this folder plants one bug that real systems had. It is applied to a copy of
the file it changes, compiled with the release build's flags but without the assertions of its
own module (bare/assert.h), and linked with everything else as it is. The variant lives through
seeds until something outside that module finds it broken. What io does is not simulated: a bug of
io is planted in what stands in its place, in tests/sim/world.

    planted.py                  the ordinary test: each is found, from one start
    planted.py --table          ten starts each: the table of lockd/doc/verification.md
    planted.py NAME...          only these; --keep leaves the variants in BUILD/planted
    planted.py --by WORD        only breaches with this word count: linearizability

The head of a patch says, before the diff:

    Bug: what the code does wrong, in a few words
    Class: what kind of bug, and who had it
    Promise: what a user would miss
    Bound: the number of seeds within which it must be found
    Start: for a bug that takes many lives, the seed from which the ordinary test begins: not far
        before one that is known to find it, so that the test is quick for as long as neither
        product nor lives change. --table knows nothing of it.
"""

import argparse
import concurrent.futures
import json
import pathlib
import re
import shlex
import shutil
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
STARTS = 10
START_GAP = 100000
LIBRARIES = ["tests/sim/libsim_world.a", "bench/liblockcheck_parts.a", "lockd/liblockd_node.a", "lockd/liblockd_raft.a",
             "lockd/liblockd_locks.a", "lockd/liblockd_store.a", "liblock/liblock_core.a",
             "liblock/liblock_protocol.a", "liblock/liblock_base.a"]

# What is said of a breach, and the oracle that said it.
ORACLES = [
    ("linearizability: ", "linearizability"),
    ("two leaders of term", "election safety"),
    ("leads without the committed", "leader completeness"),
    ("is passed in the queue", "G7 order"),
    ("is over before it is due", "term grace"),
    ("believes in what it released", "G4, stop before sending"),
    ("another's session", "G10 one session"),
    ("does not see the damage", "damage is seen"),
    ("has committed another entry", "commits stay"),
    ("forgot what was durable", "durability"),
    ("replicas differ", "equal digests"),
    ("does not grow", "G2 tokens grow"),
    ("believes that it holds", "G4 exclusion"),
    ("lost its session early", "G3 no early loss"),
    (" reads at ", "G8 fresh reads"),
    ("is held that nobody holds", "G11 nothing left over"),
    ("gets no answer", "G6 answers"),
    ("no leader after healing", "progress"),
    ("no grant after healing", "progress"),
    ("no end of a session", "progress"),
    ("stands still after healing", "progress"),
    ("does not catch up", "progress"),
    ("does not boot", "boots again"),
    ("starts with an old program", "no way back"),
    ("raises the version", "all know the version"),
    ("of a version that the cluster", "kinds of the version"),
    ("the upgrade is not finished", "progress of upgrades"),
    ("a version is forgotten", "answers to operators hold"),
    ("a good clock is suspected", "clock guard"),
    ("suspects a good clock", "clock guard"),
    ("a fast clock is not noticed", "clock guard"),
    ("does not give way", "clock guard"),
    ("the node spins", "progress"),
    ("no grant with", "progress with bad disks"),
    ("slow disks unseat", "progress with bad disks"),
    ("no leader after a bad disk", "progress with bad disks"),
    ("stands while its log", "fitness"),
    ("which has to apply its log", "handover"),
    ("serves before it has applied", "serving"),
    ("has no room for the keepalives", "room"),
    ("is welcomed as", "strangers"),
    ("has no room for the answers", "room"),
    ("sends a rotten entry", "rot"),
    ("begins a second change", "one change at a time"),
    ("before its term has a commit", "one change at a time"),
    ("members that is too large", "one change at a time"),
    ("a majority of the members", "majority of the members"),
    ("has other members at", "same members"),
    ("counts by members", "same members"),
    ("was replaced is not told", "removed"),
    ("an old disk does not boot", "boots again"),
    ("no change of the members", "progress"),
    ("quota", "quotas"),
]


class Bug:
    def __init__(self, path):
        self.path = path
        self.name = path.stem
        text = path.read_text()
        head = text.split("\n--- ")[0]
        self.about = dict(re.findall(r"^(\w+): (.*(?:\n .*)*)", head, re.M))
        self.about = {key: " ".join(value.split()) for key, value in self.about.items()}
        self.bound = int(self.about["Bound"])
        self.start = int(self.about.get("Start", 1))
        self.files = re.findall(r"^\+\+\+ b/(\S+)", text, re.M)
        self.folders = {str(pathlib.Path(file).parent) for file in self.files
                        if not is_simulated(file)}


class Failed(Exception):
    pass


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise Failed(f"{command[0]}: {done.stdout}{done.stderr}")
    return done.stdout


def is_simulated(file):
    """Whether a file is a part of the simulator: it stands where io does, or threads do."""
    return file.startswith("tests/sim/")


def compile_command(build, file):
    """How the module without assertions compiles it; of the simulator, how it is compiled."""
    kind = "sim_world" if is_simulated(file) else "bare_"
    for entry in json.loads((build / "compile_commands.json").read_text()):
        if entry["file"] == str(ROOT / file) and kind in entry["command"]:
            return shlex.split(entry["command"])
    raise Failed(f"{file} is not compiled into a bare module")


def build_variant(build, bug):
    folder = build / "planted" / bug.name
    shutil.rmtree(folder, ignore_errors=True)
    for file in bug.files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, folder / file)
    run(["patch", "--quiet", "--fuzz=0", "-p1", "-d", str(folder), "-i", str(bug.path)])
    objects = []
    for file in bug.files:
        command = compile_command(build, file)
        command[command.index("-c") + 1] = str(folder / file)
        command[command.index("-o") + 1] = str(folder / file) + ".o"
        run(command, cwd=build)
        objects.append(str(folder / file) + ".o")
    libraries = [build / each for each in LIBRARIES]
    for each in bug.folders:
        module = pathlib.Path(each).name
        libraries = [library for library in libraries if f"_{module}.a" not in library.name]
        libraries.append(build / "tests/sim/planted" / f"libbare_{module}.a")
    hunt = build / "tests/sim/planted/CMakeFiles/sim_hunt.dir/hunt.cc.o"
    run(["c++", "-fno-lto", "-o", folder / "hunt", hunt, *objects, "-Wl,--start-group", *libraries,
         "-Wl,--end-group"])
    return folder / "hunt"


def oracle_of(out, error):
    assertion = re.search(r"(\w+)/(\w+\.\w+):\d+: .*Assertion `(.*)' failed", error)
    said = assertion.group(3) if assertion else out.split(": ", 1)[-1].strip()
    for words, oracle in ORACLES:
        if words in said:
            return oracle
    if assertion:
        return f"{assertion.group(1)}'s assertions ({assertion.group(2)})"
    return re.sub(r"\d+", "N", said)


def hunt(program, begin, count, by):
    """How many seeds it took, and who found it; (None, None): nobody."""
    try:
        done = subprocess.run([program, str(begin), str(count), *by], capture_output=True,
                              text=True, timeout=600)
    except subprocess.TimeoutExpired:
        return None, None
    found = re.search(r"^caught (\d+): .*", done.stdout, re.M)
    if found:
        return int(found.group(1)) - begin + 1, oracle_of(found.group(0), done.stderr)
    if not done.stdout.startswith("clean"):
        raise Failed(f"{program}: {done.stdout}{done.stderr}")
    return None, None


def median(values, bound):
    """Of the starts; one that found nothing took longer than all."""
    return statistics.median([bound * 10 if value is None else value for value in values])


def try_bug(build, bug, starts, keep, by):
    program = build_variant(build, bug)
    begins = [bug.start] if starts == 1 else range(1, START_GAP * starts, START_GAP)
    found = [hunt(program, begin, bug.bound, by) for begin in begins]
    if not keep:
        shutil.rmtree(build / "planted" / bug.name)
    seeds = [seed for seed, _ in found]
    oracles = {}
    for _, oracle in found:
        if oracle:
            oracles[oracle] = oracles.get(oracle, 0) + 1
    return seeds, sorted(oracles, key=lambda each: -oracles[each])


def print_row(bug, seeds, oracles, table):
    missed = sum(seed is None for seed in seeds)
    middle = f"{median(seeds, bug.bound):g}"
    if table:
        print(f"| {bug.name} | {bug.about['Bug']} | {bug.about['Class']} | "
              f"{', '.join(oracles[:2])} | {middle} | {bug.bound} |", flush=True)
    print(f"{bug.name}: {seeds} {oracles}", file=sys.stderr if table else sys.stdout,
          flush=True)
    return missed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--by", action="append", default=[])
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    build = options.build.resolve()
    bugs = [Bug(path) for path in sorted(HERE.glob("*.patch"))]
    bugs = [bug for bug in bugs if not options.names or bug.name in options.names]
    starts = STARTS if options.table else 1
    if options.table:
        print("| planted bug | what it does | class and source | found by | seeds | bound |")
        print("|---|---|---|---|---|---|", flush=True)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        tries = {pool.submit(try_bug, build, bug, starts, options.keep,
                             options.by): bug
                 for bug in bugs}
        for result in concurrent.futures.as_completed(tries):
            try:
                failed += print_row(tries[result], *result.result(), options.table) > 0
            except Failed as reason:
                failed += 1
                print(f"{tries[result].name}: {reason}", file=sys.stderr, flush=True)
    print(f"{len(bugs) - failed} of {len(bugs)} planted bugs found", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
