#!/usr/bin/env python3
"""Which failed tests of a ctest report may be run once more: prints a regular expression.

    ctest -N -L machine | tests/again.py REPORT

A test labelled `machine` watches real processes, clocks, disks and ports. It can fail because
the machine stood still for a second, so it is run once more, alone. Nothing is printed for other
tests. Nothing is printed either for a failure that time does not explain: what an assertion, a
sanitizer or a judge of histories says is final.
"""

import re
import sys
import xml.etree.ElementTree as ElementTree

FINAL = re.compile(r"[Aa]ssertion .* failed|Sanitizer:|runtime error:|"
                   r"[Vv]iolation|VIOLATION|BROKEN|SEGV|SIGSEGV|SIGABRT|[Ss]egmentation fault")


def names_in(listing):
    """The names in what `ctest -N` prints."""
    return set(re.findall(r"^ *Test +#\d+: (\S+)", listing, re.MULTILINE))


def may_run_again(case, machine):
    """Whether time alone may explain this failure."""
    said = "".join(part.text or "" for part in case.iter("system-out"))
    return (case.get("status") == "fail" and case.get("name") in machine
            and not FINAL.search(said))


def main(report, listing):
    machine = names_in(listing)
    cases = ElementTree.parse(report).getroot().iter("testcase")
    names = [re.escape(case.get("name")) for case in cases if may_run_again(case, machine)]
    if names:
        print("^(" + "|".join(names) + ")$")


if __name__ == "__main__":
    main(sys.argv[1], sys.stdin.read())
