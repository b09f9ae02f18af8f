"""What every fault is: it starts, lasts a while and heals; and somebody has met it, or not.

A fault that nobody met proves nothing: a cut that no packet came to, a full disk that nobody
wrote on. Such a one is not counted as seen.
"""

import time

from rig.machine import now


class Nemesis:
    kind = ""
    lane = "nodes"
    lasts = (1.0, 4.0)  # Seconds, from and to

    def __init__(self, rig, dice):
        self.rig = rig
        self.dice = dice
        self.felt = False  # Set by start or heal of those that have no counters

    @classmethod
    def check(cls, rig):
        """Raise Skipped if this cannot be done here."""

    def look(self):
        """Before the start: what met() compares with."""

    def start(self):
        """Do it; a text that says to whom, or None when it was not possible now."""
        raise NotImplementedError

    def heal(self):
        raise NotImplementedError

    def met(self):
        """After healing: whether it was really there."""
        return self.felt

    # What most need.

    def nodes(self, count):
        chosen = self.dice.sample(self.rig.cluster.nodes, count)
        return sorted(chosen, key=lambda node: node.number)

    def minority(self):
        return (len(self.rig.cluster.nodes) - 1) // 2

    def leader(self):
        """Who leads, if somebody does within a second or two; else anybody."""
        limit = now() + 2
        found = self.rig.cluster.leader()
        while now() < limit and not (found and found.believes_to_lead()):
            time.sleep(0.02)
            found = self.rig.cluster.leader()
        return found or self.nodes(1)[0]


def names(nodes):
    return " ".join(node.name for node in nodes)
