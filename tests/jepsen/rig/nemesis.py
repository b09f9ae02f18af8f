"""What every fault is: it starts, lasts a while and heals."""


class Nemesis:
    kind = ""
    lane = "nodes"
    lasts = (1.0, 4.0)  # Seconds, from and to

    def __init__(self, rig, dice):
        self.rig = rig
        self.dice = dice
        self.hit = []  # Names of what was hit, for the report

    @classmethod
    def check(cls, rig):
        """Raise Skipped if this cannot be done here."""

    def start(self):
        """Do it; a text that says to whom, or None when it was not possible now."""
        raise NotImplementedError

    def heal(self):
        raise NotImplementedError

    # What most need.

    def nodes(self, count):
        chosen = self.dice.sample(self.rig.cluster.nodes, count)
        return sorted(chosen, key=lambda node: node.number)

    def minority(self):
        return (len(self.rig.cluster.nodes) - 1) // 2

    def leader(self):
        return self.rig.cluster.leader() or self.nodes(1)[0]


def names(nodes):
    return " ".join(node.name for node in nodes)
