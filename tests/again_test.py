#!/usr/bin/env python3
"""tests/again.py on small reports: what may be run once more, and what may not."""

import pathlib
import subprocess
import sys
import tempfile

AGAIN = pathlib.Path(__file__).resolve().parent / "again.py"


LISTING = "Test project x\n  Test  #1: A.b\n  Test #22: c\nTotal Tests: 2\n"


def case(name, status="fail", said=""):
    return (f'<testcase name="{name}" status="{status}">'
            f"<system-out>{said}</system-out></testcase>")


def names_of(*cases):
    with tempfile.NamedTemporaryFile("w", suffix=".xml") as report:
        report.write("<testsuite>" + "".join(cases) + "</testsuite>")
        report.flush()
        return subprocess.run([sys.executable, AGAIN, report.name], check=True, input=LISTING,
                              capture_output=True, text=True).stdout.strip()


EXPECTED = [
    ([case("A.b", said="took 3 s")], r"^(A\.b)$"),
    ([case("A.b"), case("c"), case("d")], r"^(A\.b|c)$"),
    ([case("A.b", status="run")], ""),
    ([case("A.bc")], ""),
    ([case("A.b", said="lockd: Assertion `x' failed.")], ""),
    ([case("A.b", said="==1==ERROR: AddressSanitizer: heap-use-after-free")], ""),
    ([case("A.b", said="history: violation of 1 lock")], ""),
    ([], ""),
]

for cases, expected in EXPECTED:
    found = names_of(*cases)
    assert found == expected, (cases, found, expected)
print(f"{len(EXPECTED)} reports")
