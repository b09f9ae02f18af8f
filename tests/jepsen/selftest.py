#!/usr/bin/env python3
"""The rig must be able to fail: runs with something wrong planted, and what each must end with.

    selftest.py --build DIR

All at once, for each is a cluster of its own. What this machine does not allow is skipped and
said; exit status 77 if that is everything.
"""

import argparse
import concurrent.futures
import pathlib
import subprocess
import sys
import tempfile

RUN = pathlib.Path(__file__).resolve().parent / "run"
NOT_HERE = 77
SHORT = ["--time", "4", "--calm", "2", "--min-grants", "20", "--min-hand-overs", "2",
         "--min-leader-changes", "0"]

# What is planted: flags, the exit status that it must lead to, words of the report.
PLANTED = {
    "nothing": (["--faults", "pause"], 0, "verdict           passed"),
    "a token given twice": (
        ["--faults", "pause", "--plant", "history"], 1, "lockcheck\n"),
    "a cut that does not heal": (
        ["--faults", "pause", "--plant", "cut", "--bound", "4"], 1, "no progress"),
    "too few grants": (
        ["--faults", "pause", "--min-grants", "100000000"], 4, "100000000 wanted"),
    "too few faults": (
        ["--faults", "pause", "--min-each", "1000"], 4, "1000 wanted"),
    "faults that do nothing": (
        ["--faults", "partial,slow", "--plant", "numb"], 4, "0 times slow that was met"),
    "a node that crashes": (
        ["--faults", "slow", "--plant", "crash", "--bound", "4"], 1, "ended by SIGSEGV"),
    "disks that lie": (
        ["--faults", "power-all", "--plant", "lie", "--disks", "cut", "--net", "netns"], 1,
        "power-all"),
}


def attempt(build, folder, name):
    flags, wanted, words = PLANTED[name]
    out = pathlib.Path(folder) / name.replace(" ", "-")
    command = [sys.executable, str(RUN), "--build", build, "--out", str(out)] + SHORT + flags
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode == NOT_HERE:
        return name, None, done.stdout
    good = done.returncode == wanted and words in done.stdout
    return name, good, f"status {done.returncode}, {wanted} wanted\n{done.stdout}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    build = parser.parse_args().build
    results = []
    with tempfile.TemporaryDirectory(prefix="lockd-jepsen-", dir="/var/tmp") as folder:
        with concurrent.futures.ThreadPoolExecutor(len(PLANTED)) as pool:
            for name, good, said in pool.map(lambda n: attempt(build, folder, n), PLANTED):
                word = {True: "found", False: "NOT FOUND", None: "skipped"}[good]
                print(f"{word}: {name}")
                if not good:
                    print("    " + said.replace("\n", "\n    "))
                results.append(good)
    if all(good is None for good in results):
        return NOT_HERE
    return 1 if False in results else 0


if __name__ == "__main__":
    sys.exit(main())
