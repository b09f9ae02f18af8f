"""Faults of the network."""

from rig.nemesis import Nemesis
from rig.network import CLIENT_HOSTS

class NetworkNemesis(Nemesis):
    lane = "network"
    counter = "cut"  # Of the wire: what shows that it was met
    before = 0

    def look(self):
        self.before = self.rig.network.counts()[self.counter]

    def met(self):
        return self.rig.network.counts()[self.counter] > self.before

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


class IsolateClients(NetworkNemesis):
    """A client host sees no node, often for longer than its leases; or does not hear them."""
    kind = "isolate-clients"
    lasts = (1.0, 6.0)

    def start(self):
        host = self.dice.choice(CLIENT_HOSTS)
        deaf = self.dice.random() < 0.3
        if deaf:
            self.rig.network.link("*", host, "cut")
        else:
            self.cut_both([host], self.rig.network.nodes)
        return f"{host} {'hears' if deaf else 'sees'} no node"


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
    counter = "delayed"

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
    counter = "dropped"

    def start(self):
        percent = self.dice.choice([1, 5, 20])
        self.rig.network.link("*", "*", f"loss={percent * 10000}", f"twice={percent * 5000}",
                              "jitter=3000", "shuffle")
        return f"{percent} % lost, {percent / 2} % doubled"


class Reset(NetworkNemesis):
    """Connections of a node, or of all, are destroyed in the midst of what they carry."""
    kind = "reset"
    lasts = (0.1, 0.5)

    counter = "reset"

    def start(self):
        everybody = self.dice.random() < 0.5
        victims = self.rig.network.endpoints if everybody else [self.leader().name]
        times = self.dice.choice([1, 1, 5])
        for _ in range(times):
            for victim in victims:
                self.rig.network.reset(victim)
            self.rig.sleep(0.2)
        return f"{'everybody' if everybody else victims[0]}, {times} times"

    def heal(self):
        pass


ALL = [Isolate, IsolateLeader, IsolateClients, Halves, OneWay, Partial, Bridge, Flap, Slow, Lossy,
       Reset]
