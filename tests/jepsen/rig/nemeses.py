"""The faults, by name. Each starts, lasts a while and heals; a lane does one after the other.

There is a lane for nodes and their disks, one for the network, one for clients: faults of
different lanes overlap, those of one lane do not. What a lane does is drawn from the seed.
"""

import random
import threading

from rig.machine import EPOCH, RigError, Skipped, now, say
from rig.network import CLIENT_HOSTS


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


# ---- nodes ----

class Kill(Nemesis):
    """kill -9 of one node, whichever it is; restarted when it heals."""
    kind = "kill"
    victims = ()

    def choose(self):
        return self.nodes(1)

    def start(self):
        self.victims = self.choose()
        for node in self.victims:
            node.kill()
        return names(self.victims)

    def heal(self):
        for node in self.victims:
            node.start()


class KillLeader(Kill):
    kind = "kill-leader"

    def choose(self):
        return [self.leader()]


class KillMost(Kill):
    """A majority at once: nothing may be granted, and nothing lost."""
    kind = "kill-most"
    lasts = (1.0, 3.0)

    def choose(self):
        return self.nodes(self.minority() + 1)


class KillAll(Kill):
    """All at once, as when the power of a room fails (what was written stays)."""
    kind = "kill-all"
    lasts = (0.2, 2.0)

    def choose(self):
        return list(self.rig.cluster.nodes)


class Stop(Kill):
    """SIGTERM, as an upgrade does it: a leader hands over and the exit status is 0."""
    kind = "stop"

    def start(self):
        self.victims = [self.dice.choice([self.leader(), self.nodes(1)[0]])]
        status = self.victims[0].stop()
        if status != 0:
            self.rig.complain(f"{names(self.victims)}: SIGTERM ended with status {status}")
        return names(self.victims)


class Pause(Nemesis):
    """SIGSTOP: a process that is not dead and not there, and then goes on."""
    kind = "pause"
    lasts = (0.3, 6.0)
    victims = ()

    def choose(self):
        return self.nodes(1)

    def start(self):
        self.victims = [node for node in self.choose() if node.running()]
        for node in self.victims:
            node.pause()
        return names(self.victims)

    def heal(self):
        for node in self.victims:
            node.resume()


class PauseLeader(Pause):
    kind = "pause-leader"

    def choose(self):
        return [self.leader()]


class PauseMost(Pause):
    kind = "pause-most"
    lasts = (0.3, 3.0)

    def choose(self):
        return self.nodes(self.minority() + 1)


# ---- network ----

class NetworkNemesis(Nemesis):
    lane = "network"

    def heal(self):
        self.rig.network.heal()

    def cut_both(self, some, others):
        self.rig.network.cut([(a, b) for a in some for b in others] +
                             [(b, a) for a in some for b in others])

    def split_clients(self):
        """Which client hosts are on the first side of a partition."""
        return [host for host in CLIENT_HOSTS if self.dice.random() < 0.5]


class Isolate(NetworkNemesis):
    """One node alone, or with a client host that believes in it."""
    kind = "isolate"

    def victim(self):
        return self.nodes(1)[0]

    def start(self):
        side = [self.victim().name] + self.split_clients()
        rest = [e for e in self.rig.network.endpoints if e not in side]
        self.cut_both(side, rest)
        return f"{' '.join(side)} | {' '.join(rest)}"


class IsolateLeader(Isolate):
    kind = "isolate-leader"

    def victim(self):
        return self.leader()


class Halves(NetworkNemesis):
    """A majority and a minority that see nothing of each other."""
    kind = "halves"

    def start(self):
        side = [node.name for node in self.nodes(self.minority())] + self.split_clients()
        rest = [e for e in self.rig.network.endpoints if e not in side]
        self.cut_both(side, rest)
        return f"{' '.join(side)} | {' '.join(rest)}"


class OneWay(NetworkNemesis):
    """What a node sends arrives nowhere, or nothing arrives at it; half of the time the leader."""
    kind = "one-way"

    def start(self):
        victim = self.dice.choice([self.leader(), self.nodes(1)[0]]).name
        rest = [n for n in self.rig.network.nodes if n != victim]
        deaf = self.dice.random() < 0.5
        self.rig.network.cut([(n, victim) if deaf else (victim, n) for n in rest])
        return f"{victim} {'hears' if deaf else 'reaches'} no node"


class Partial(NetworkNemesis):
    """Two nodes do not see each other; all others see both."""
    kind = "partial"

    def start(self):
        leader = self.leader().name
        other = self.dice.choice([n for n in self.rig.network.nodes if n != leader])
        self.cut_both([leader], [other])
        return f"{leader} | {other}"


class Bridge(NetworkNemesis):
    """Two sides that only one node in between sees both of."""
    kind = "bridge"

    def start(self):
        nodes = self.rig.network.nodes[:]
        self.dice.shuffle(nodes)
        middle, rest = nodes[0], nodes[1:]
        left, right = rest[:len(rest) // 2], rest[len(rest) // 2:]
        self.cut_both(left, right)
        return f"{' '.join(left)} | {' '.join(right)}, {middle} sees both"


class Flap(NetworkNemesis):
    """Links that are cut one by one in random order, and healed at once."""
    kind = "flap"

    def start(self):
        nodes = self.rig.network.nodes
        pairs = [(a, b) for a in nodes for b in nodes if a != b]
        self.dice.shuffle(pairs)
        pairs = pairs[:self.dice.randint(1, len(pairs))]
        for pair in pairs:
            self.rig.network.cut([pair])
            self.rig.sleep(0.1)
        return f"{len(pairs)} links"


class Slow(NetworkNemesis):
    """All links, or those of one node, are slow and uneven."""
    kind = "slow"

    def start(self):
        delay = self.dice.choice([5, 20, 60, 150])
        who = self.dice.choice(["*", self.leader().name])
        words = [f"delay={delay * 1000}", f"jitter={delay * 1000}"]
        self.rig.network.link(who, "*", *words)
        self.rig.network.link("*", who, *words)
        return f"{'all links' if who == '*' else who}: {delay} to {2 * delay} ms"


class Lossy(NetworkNemesis):
    """Packets are lost, doubled and come in the wrong order."""
    kind = "lossy"

    def start(self):
        percent = self.dice.choice([1, 5, 20])
        self.rig.network.link("*", "*", f"loss={percent * 10000}", f"twice={percent * 5000}",
                              "jitter=3000", "shuffle")
        return f"{percent} % lost, {percent / 2} % doubled"


# ---- clients ----

class PauseClient(Nemesis):
    """A client stops in the midst of what it holds, often for longer than its lease."""
    kind = "pause-client"
    lane = "clients"
    lasts = (0.5, 7.0)
    victim = None

    def start(self):
        going = [bench for bench in self.rig.workload.benches if bench.process.running()]
        if not going:
            return None
        self.victim = self.dice.choice(going)
        self.victim.process.signal(19)
        return self.victim.name

    def heal(self):
        self.victim.process.signal(18)


ALL = [Kill, KillLeader, KillMost, KillAll, Stop, Pause, PauseLeader, PauseMost, Isolate,
       IsolateLeader, Halves, OneWay, Partial, Bridge, Flap, Slow, Lossy, PauseClient]


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

    def run(self):
        try:
            while not self.rig.over.is_set():
                for kind in self.dice.sample(self.kinds, len(self.kinds)):
                    self.rig.sleep(self.dice.uniform(*self.rig.pauses))
                    if self.rig.over.is_set():
                        return
                    self.inflict(kind)
        except Exception as error:  # Shown and counted by the one who waits for us
            self.error = error
            self.rig.over.set()

    def inflict(self, kind):
        nemesis = kind(self.rig, self.dice)
        lasts = self.dice.uniform(*kind.lasts)
        begin = now()
        what = nemesis.start()
        if what is None:
            return
        fault = Fault(kind.kind, self.lane, begin, what)
        self.faults.append(fault)
        say(f"{fault.kind}: {what}")
        self.rig.sleep(lasts)
        nemesis.heal()
        fault.end = now()
        say(f"{fault.kind} healed after {fault.end - fault.begin:.1f} s")
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


__all__ = ["ALL", "EPOCH", "Fault", "Lane", "by_names", "usable"]
