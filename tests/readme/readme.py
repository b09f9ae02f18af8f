#!/usr/bin/env python3
"""Does what README.md says, word for word.

    readme.py --root DIR --build DIR

Every block of shell commands is run as it stands, one shell for all of them, in a folder that
looks like a checkout with its build done: the files are links to the real ones. The block of C
is put where the commands expect it. What the two big commands and the build would do is tested
elsewhere (they call this): of these, only that they are there is checked.

Exit 77 (skipped) when port 5625, which the README's cluster of one listens on, is taken.
"""

import argparse
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

# Commands that are checked to exist and not run, and how that is checked.
NOT_RUN = {
    r"bench/quickstart\.sh": lambda root, _: os.access(root / "bench/quickstart.sh", os.X_OK),
    r"tests/run\.sh": lambda root, _: os.access(root / "tests/run.sh", os.X_OK),
    r"cmake --preset (\w+)": lambda root, m: f'"name": "{m[1]}"' in
        (root / "CMakePresets.json").read_text(),
    r"cmake --build --preset (\w+)": lambda root, m: f'"name": "{m[1]}"' in
        (root / "CMakePresets.json").read_text(),
}
# What must be seen in the output: that the commands did what the README says they do.
EXPECTED = [
    r"I hold nightly with token \d+",
    r"at most one of these at a time",
    r"token \d+, session \d+, process \d+",
    r"\ndeploy +\d+",
    r"\n +1 +127\.0\.0\.1:5625 +leader",
    r"token \d+\nI may act\n",
]
# The README's own folder for data; elsewhere here, and removed.
DATA = "/var/tmp/lockd-first"


def blocks_of(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def make_checkout(folder, root, build):
    for entry in root.iterdir():
        if entry.name not in ("build", ".git"):
            (folder / entry.name).symlink_to(entry)
    (folder / "build").mkdir()
    (folder / "build/release").symlink_to(build)


def commands_to_run(root, blocks):
    """The script, and complaints about what is not run."""
    lines, complaints = [], []
    for line in "\n".join(blocks).splitlines():
        checks = [(re.fullmatch(p, line.strip()), check) for p, check in NOT_RUN.items()]
        checks = [(match, check) for match, check in checks if match]
        if not checks:
            lines.append(line)
        elif not checks[0][1](root, checks[0][0]):
            complaints.append(f"there is no {line}")
    return "\n".join(lines), complaints


def port_is_free():
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", 5625)) != 0


def run_script(folder, script):
    """Exit code and output; whatever it started in the background is ended."""
    data = pathlib.Path(tempfile.mkdtemp(prefix="lockd-readme-", dir="/var/tmp"))
    script = script.replace(DATA, str(data / "node"))
    environment = dict(os.environ, USER=os.environ.get("USER", "somebody"),
                       XDG_RUNTIME_DIR=str(data))
    shell = subprocess.Popen(
        ["bash", "-e", "-c", script + "\nkill %1\nwait\n"], cwd=folder, env=environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True)
    try:
        output, _ = shell.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        os.killpg(shell.pid, signal.SIGKILL)
        output, _ = shell.communicate()
    finally:
        try:
            os.killpg(shell.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        shutil.rmtree(data, ignore_errors=True)
    return shell.returncode, output


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", required=True, type=pathlib.Path)
    parser.add_argument("--build", required=True, type=pathlib.Path)
    options = parser.parse_args()
    text = (options.root / "README.md").read_text(encoding="utf-8")
    script, complaints = commands_to_run(options.root, blocks_of(text, "sh"))
    if not port_is_free():
        print("port 5625 is taken: skipped")
        return 77
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make_checkout(folder, options.root.resolve(), options.build.resolve())
        sources = blocks_of(text, "c")
        if len(sources) != 1:
            complaints.append("README.md has not one block of C")
        (folder / "first.c").write_text("".join(sources), encoding="utf-8")
        code, output = run_script(folder, script)
    print(output)
    if code != 0:
        complaints.append(f"a command failed with {code}")
    complaints += [f"not seen: {pattern}" for pattern in EXPECTED
                   if not re.search(pattern, output)]
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        if not (options.root / link).exists():
            complaints.append(f"link to {link}, which is not there")
    for complaint in complaints:
        print(f"README.md: {complaint}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
