"""Faults of processes: nodes and clients that die, stop, or go."""

import signal

from rig.nemesis import Nemesis, names

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


class StopAll(Kill):
    """Everything is stopped in order and started again."""
    kind = "stop-all"
    lasts = (0.1, 1.0)

    def start(self):
        self.victims = list(self.rig.cluster.nodes)
        self.dice.shuffle(self.victims)
        for node in self.victims:
            status = node.stop()
            if status != 0:
                self.rig.complain(f"{node.name}: SIGTERM ended with status {status}")
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
        self.victim.process.signal(signal.SIGSTOP)
        return self.victim.name

    def heal(self):
        self.victim.process.signal(signal.SIGCONT)


ALL = [Kill, KillLeader, KillMost, KillAll, Stop, StopAll, Pause, PauseLeader, PauseMost, PauseClient]
