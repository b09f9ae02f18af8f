"""All faults by name, and the lanes that do one after the other.

There is a lane for nodes and their disks, one for the network, one for clients: faults of
different lanes overlap, those of one lane do not. What a lane does is drawn from the seed.
"""

import collections
import random
import threading

from rig import disk_nemeses, network_nemeses, process_nemeses
from rig.machine import RigError, Skipped, now, say

ALL = process_nemeses.ALL + network_nemeses.ALL + disk_nemeses.ALL


def by_names(text):
    """The classes that `--faults` names; `all`, and a minus in front takes one out."""
    known = {nemesis.kind: nemesis for nemesis in ALL}
    chosen = []
    for word in text.split(","):
        name = word.removeprefix("-")
        if name != "all" and name not in known:
            raise RigError(f"--faults: no such fault: {name}; there are {', '.join(known)}")
        wanted = list(ALL) if name == "all" else [known[name]]
        if word.startswith("-"):
            chosen = [n for n in chosen or ALL if n not in wanted]
        else:
            chosen += [n for n in wanted if n not in chosen]
    return chosen


class Fault:
    """One that was done, for the report."""

    def __init__(self, kind, lane, begin, what):
        self.kind = kind
        self.lane = lane
        self.begin = begin
        self.end = None
        self.what = what
        self.met = False


class Lane(threading.Thread):
    """Faults of one lane, until told to stop; what it does next is drawn from its own dice."""

    def __init__(self, rig, lane, kinds, seed):
        super().__init__(daemon=True)
        self.rig = rig
        self.lane = lane
        self.kinds = kinds
        self.dice = random.Random(f"{seed}-{lane}")
        self.faults = []
        self.error = None
        # All of them are wanted within the time: if it is short, each is shorter.
        round_time = sum(sum(k.lasts) + sum(rig.pauses) for k in kinds) / 2
        self.scale = max(0.3, min(1.0, 0.8 * rig.seconds / round_time))

    def run(self):
        try:
            while not self.rig.over.is_set():
                for kind in self.dice.sample(self.kinds, len(self.kinds)):
                    self.rig.sleep(self.dice.uniform(*self.rig.pauses) * self.scale)
                    if self.rig.over.is_set():
                        return
                    self.inflict(kind)
        except Exception as error:  # Shown and counted by the one who waits for us
            self.error = error
            self.rig.over.set()

    def misses(self, least):
        """Whether a kind of it was not met so often yet."""
        met = collections.Counter(fault.kind for fault in self.faults if fault.met)
        return any(met[kind.kind] < least for kind in self.kinds)

    def inflict(self, kind):
        nemesis = kind(self.rig, self.dice)
        lasts = self.dice.uniform(*kind.lasts) * self.scale
        begin = now()
        nemesis.look()
        what = nemesis.start()
        if what is None:
            return
        fault = Fault(kind.kind, self.lane, begin, what)
        self.faults.append(fault)
        say(f"{fault.kind}: {what}")
        self.rig.sleep(lasts)
        nemesis.heal()
        fault.end = now()
        fault.met = nemesis.met()
        say(f"{fault.kind} healed after {fault.end - fault.begin:.1f} s"
            f"{'' if fault.met else ', and nobody met it'}")
        for node in self.rig.cluster.nodes:
            why = node.unexpected_end()
            if why:
                self.rig.complain(why)


def usable(kinds, rig):
    """Those that this machine allows, and why not the others."""
    good, skipped = [], []
    for kind in kinds:
        try:
            kind.check(rig)
            good.append(kind)
        except Skipped as why:
            skipped.append(f"{kind.kind}: {why}")
    return good, skipped

