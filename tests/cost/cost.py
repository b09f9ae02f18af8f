#!/usr/bin/env python3
"""Instructions per command, counted by callgrind, against the stored figures.

    cost.py --load PROGRAM --stored FILE --compiler TEXT            compare
    cost.py --load PROGRAM --stored FILE --compiler TEXT --store    write FILE anew

Seconds lie on shared machines; instructions of a fixed piece of work do not. `commit_load` is
that work: three nodes in one process in virtual time. Counted is what node_step() takes, all
three nodes together, and what core_step() takes, liblock's side; not the simulator around them.

A figure may move by 2 % (the C library picks its copy routines by processor). Whoever makes it
move further, either way, stores the new figures in a commit of its own that says why. With
another compiler than the figures were stored with nothing is compared (exit status 77).
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

# Name, clients, locks at once for each, rounds: one request alone, and many at once.
LOADS = [("alone", 1, 1, 300), ("many", 64, 8, 10)]
COUNTED = ["node_step", "core_step"]
TOLERANCE = 0.02


def inclusive(profile):
    """Instructions spent in each counted function and below it."""
    text = subprocess.run(
        ["callgrind_annotate", "--inclusive=yes", "--threshold=100", profile],
        capture_output=True, text=True, check=True).stdout
    found = {}
    for name in COUNTED:
        match = re.search(rf"^\s*([\d,]+) .*:{name}( \[|$)", text, re.MULTILINE)
        if not match:
            sys.exit(f"cost: callgrind saw no {name}")
        found[name] = int(match.group(1).replace(",", ""))
    return found


def measure(program, load):
    """Instructions per command of one load: {"node_step": ..., "core_step": ...}."""
    name, clients, locks, rounds = load
    with tempfile.TemporaryDirectory() as scratch:
        profile = pathlib.Path(scratch) / "profile"
        run = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}", program,
             str(clients), str(locks), str(rounds)], capture_output=True, text=True)
        if run.returncode != 0:
            sys.exit(f"cost: {name}: {run.stderr[-2000:]}")
        commands = int(run.stdout.split()[0])
        return {key: round(value / commands) for key, value in inclusive(profile).items()}


def measure_all(program):
    figures = {}
    for load in LOADS:
        for key, value in measure(program, load).items():
            figures[f"{load[0]} {key}"] = value
    return figures


def read_stored(path):
    lines = [line for line in path.read_text().splitlines() if line and line[0] != "#"]
    compiler = lines[0].partition(": ")[2]
    return compiler, {key: int(value) for key, _, value in
                      (line.rpartition(" ") for line in lines[1:])}


def store(path, compiler, figures):
    lines = ["# Instructions per command; cost.py says what is counted.", f"compiler: {compiler}"]
    lines += [f"{key} {value}" for key, value in figures.items()]
    path.write_text("\n".join(lines) + "\n")


def compare(stored, figures):
    """Print each figure beside the stored one; the number that moved too far."""
    moved = 0
    for key, value in figures.items():
        before = stored.get(key, 0)
        change = value / before - 1 if before else 1.0
        far = abs(change) > TOLERANCE
        moved += far
        print(f"{key:16} {value:8} instructions per command, stored {before:8} "
              f"({change:+.1%}){'  MOVED' if far else ''}")
    return moved


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--load", required=True, help="the program commit_load")
    parser.add_argument("--stored", required=True, type=pathlib.Path)
    parser.add_argument("--compiler", required=True, help="what commit_load was built with")
    parser.add_argument("--store", action="store_true", help="write the figures instead")
    options = parser.parse_args()
    if options.store:
        store(options.stored, options.compiler, measure_all(options.load))
        return 0
    compiler, stored = read_stored(options.stored)
    if compiler != options.compiler:
        print(f"cost: stored with {compiler}, built with {options.compiler}: not compared")
        return 77
    return 1 if compare(stored, measure_all(options.load)) else 0


if __name__ == "__main__":
    sys.exit(main())
