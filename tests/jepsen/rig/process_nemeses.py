"""Faults of processes: nodes and clients that die, stop, or go."""

import signal
import time

from rig.machine import now
from rig.nemesis import Nemesis, names

class Kill(Nemesis):
    """kill -9 of one node, whichever it is; restarted when it heals."""
    kind = "kill"
    victims = ()

    def choose(self):
        return self.nodes(1)

    def start(self):
        self.victims = self.choose()
        self.felt = all(self.is_worth_it(node) for node in self.victims)
        for node in self.victims:
            node.kill()
        self.felt = self.felt and all(
            node.process.wait(0) == -signal.SIGKILL for node in self.victims)
        return names(self.victims)

    def is_worth_it(self, node):
        return node.running()

    def heal(self):
        for node in self.victims:
            node.start()


class KillLeader(Kill):
    kind = "kill-leader"

    def choose(self):
        return [self.leader()]

    def is_worth_it(self, node):
        return node.running() and node.believes_to_lead()


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
        self.felt = self.victims[0].running()
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
        self.felt = all(node.running() for node in self.victims)
        for node in self.victims:
            status = node.stop()
            if status != 0:
                self.rig.complain(f"{node.name}: SIGTERM ended with status {status}")
        return names(self.victims)


def stand_still(processes):
    """Whether all of them come to a stop, as SIGSTOP has it."""
    limit = now() + 1
    while now() < limit and not all(process.state() == "T" for process in processes):
        time.sleep(0.005)
    return all(process.state() == "T" for process in processes)


class Pause(Nemesis):
    """SIGSTOP: a process that is not dead and not there, and then goes on."""
    kind = "pause"
    lasts = (0.3, 6.0)
    leads = False  # Only a leader is worth it
    victims = ()

    def choose(self):
        return self.nodes(1)

    def start(self):
        self.victims = [node for node in self.choose() if node.running()]
        led = not self.leads or all(node.believes_to_lead() for node in self.victims)
        for node in self.victims:
            node.pause()
        self.felt = led and bool(self.victims) and stand_still(
            [node.process for node in self.victims])
        return names(self.victims)

    def heal(self):
        for node in self.victims:
            node.resume()


class PauseLeader(Pause):
    kind = "pause-leader"
    leads = True

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
        self.felt = stand_still([self.victim.process])
        return self.victim.name

    def heal(self):
        self.victim.process.signal(signal.SIGCONT)


ALL = [Kill, KillLeader, KillMost, KillAll, Stop, StopAll, Pause, PauseLeader, PauseMost, PauseClient]
