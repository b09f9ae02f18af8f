"""What a history shows, beyond its verdict: enough to believe the verdict, or not."""

import collections
import json

from rig.workload import PROCS_PER_BENCH


class Evidence:
    """Counts of a merged history."""

    def __init__(self, path):
        self.operations = 0
        self.grants = 0
        self.results = collections.Counter()  # (op, res) -> how many
        self.grant_times = []  # ns, sorted
        self.troubles = []  # (ns of the call, result) of what was not simply done
        self.last_grants = {}  # Of each lockbench, ns
        by_lock = collections.defaultdict(list)
        with open(path, encoding="utf-8") as lines:
            next(lines, None)
            for line in lines:
                self._take(json.loads(line), by_lock)
        self.grant_times.sort()
        self.hand_overs = sum(self._hand_overs(grants) for grants in by_lock.values())
        self.longest_gap = max((b - a for a, b in zip(self.grant_times,
                                                      self.grant_times[1:])), default=0)

    def _take(self, op, by_lock):
        self.operations += 1
        self.results[op["op"], op["res"]] += 1
        if op["res"] in ("info", "expired", "fail"):
            self.troubles.append((op["call"], op["res"]))
        if op["op"] in ("acquire", "try") and op["res"] == "ok":
            self.grants += 1
            self.grant_times.append(op["ret"])
            bench = op["proc"] // PROCS_PER_BENCH
            self.last_grants[bench] = max(self.last_grants.get(bench, 0), op["ret"])
            by_lock[op["lock"]].append((op["token"], op["session"]))

    @staticmethod
    def _hand_overs(grants):
        """How often a lock went from one session to another."""
        grants.sort()
        return sum(a[1] != b[1] for a, b in zip(grants, grants[1:]))

    def unknown(self):
        return sum(n for (_, res), n in self.results.items() if res == "info")

    def expired(self):
        """Sessions that were lost."""
        return self.results["keepalive", "expired"]


def shortfalls(evidence, rig, wanted):
    """What is missing for a pass, each as a sentence."""
    missing = []
    figures = {"grants": evidence.grants, "hand-overs": evidence.hand_overs,
               "leader changes": max(0, len(rig.cluster.leaders) - 1)}
    for name, least in wanted.items():
        if name in figures and figures[name] < least:
            missing.append(f"{figures[name]} {name}, {least} wanted")
    met = collections.Counter(f.kind for f in rig.faults() if f.met)
    for kind in rig.kinds:
        if met[kind.kind] < wanted["each fault"]:
            missing.append(f"{met[kind.kind]} times {kind.kind} that was met, "
                           f"{wanted['each fault']} wanted")
    return missing
