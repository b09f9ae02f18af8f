#!/usr/bin/env python3
"""How long does a node take from its start until it has applied its log?

    replay.py [--build build/release] [--commands 10000000] [--runs 3] [--keep FOLDER]

Makes the log once with lockbench against one node (acquires and releases of free locks), stops
the node, and starts it again. The time is from exec to the first status that says that all that
is committed is applied. Beside it stands the processor time of the node, which a busy machine
changes less. The files are read from the disk each time: lockd reads with O_DIRECT.

With FOLDER the log is kept there, and is used by the next call.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

PORT = 24831


def ask(lockctl):
    done = subprocess.run([lockctl, "status", "--json"], capture_output=True, text=True,
                          env=dict(os.environ, LOCKD_CLUSTER=f"127.0.0.1:{PORT}"))
    try:
        node = json.loads(done.stdout)["nodes"][0]
    except (ValueError, KeyError, IndexError):
        return None
    return node if node.get("role") == "leader" else None


def start(build, data):
    return subprocess.Popen([build / "lockd/lockd", "--dev", data, "--listen", f"127.0.0.1:{PORT}"],
                            stderr=subprocess.DEVNULL)


def wait_applied(lockctl, at_least):
    while True:
        node = ask(lockctl)
        if node and node["applied"] >= max(node["commit"], at_least):
            return node
        time.sleep(0.01)


def stop(process):
    process.terminate()
    process.wait()


def make_log(build, data, commands):
    """Commands until there are enough; how many there are, and the last entry."""
    process = start(build, data)
    lockctl = build / "liblock/lockctl"
    wait_applied(lockctl, 1)
    environment = dict(os.environ, LOCKD_CLUSTER=f"127.0.0.1:{PORT}")
    while True:
        subprocess.run([build / "bench/lockbench", "--inflight", "2048", "--connections", "16",
                        "--time", "10s", "--warmup", "0s"], env=environment, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        node = ask(lockctl)
        if node and node["requests"] >= commands:
            break
    stop(process)
    return {"commands": node["requests"], "last": node["last"]}


def replay(build, data, last):
    begun = time.monotonic()
    process = start(build, data)
    wait_applied(build / "liblock/lockctl", last)
    seconds = time.monotonic() - begun
    status = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    stop(process)
    ticks = os.sysconf("SC_CLK_TCK")
    return seconds, (int(status[11]) + int(status[12])) / ticks


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"))
    parser.add_argument("--commands", type=int, default=10000000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--keep", type=pathlib.Path)
    options = parser.parse_args()
    folder = options.keep or pathlib.Path(tempfile.mkdtemp(prefix="replay-", dir="/var/tmp"))
    folder.mkdir(parents=True, exist_ok=True)
    about = folder / "about.json"
    try:
        if not about.exists():
            made = make_log(options.build, folder / "data", options.commands)
            about.write_text(json.dumps(made))
        made = json.loads(about.read_text())
        print(f"{made['commands']} commands in {made['last']} entries; load {os.getloadavg()[0]:.1f}")
        for _ in range(options.runs):
            seconds, processor = replay(options.build, folder / "data", made["last"])
            rate = seconds * 1e7 / made["commands"]
            print(f"applied after {seconds:.2f} s ({processor:.2f} s of processor); "
                  f"for 10,000,000 commands: {rate:.2f} s "
                  f"({processor * 1e7 / made['commands']:.2f} s of processor)", flush=True)
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
