"""Nodes of lockd as processes, and what they say of themselves."""

import datetime
import json
import re
import signal
import subprocess
import threading
import time

from rig.machine import EPOCH, Process, RigError, now

LEADS = re.compile(r"\sleader\s+term=(\d+)")
FOLLOWS = re.compile(r"\s(follower|new-leader)\s+term=")
STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})Z ")


class Node:
    """One lockd, its data folder and its log. `number` counts from 1."""

    def __init__(self, number, rig):
        self.number = number
        self.name = f"n{number}"
        self.rig = rig
        self.disk = rig.disks[number - 1]
        self.process = None
        self.environment = {}
        self.lines = []  # (when, line) of everything it said
        self.ends = []  # (when, exit status)
        self.lives = []  # [begin, end or None] of its processes
        self.wanted = False  # Should run; if it does not, that is worth a look
        self.pauses = []  # [begin, end or None]

    @property
    def data(self):
        return self.disk.data

    def start(self, wanted=True):
        """Begin a process; one that is not wanted may end by itself."""
        network = self.rig.network
        arguments = [self.rig.binaries["lockd"], "--id", self.number, "--cluster",
                     network.member_list(self.name), "--data", self.data,
                     "--segment-size", "4MiB", *self.rig.node_flags]
        if network.listen(self.name):
            arguments += ["--listen", network.listen(self.name)]
        self.process = Process(self.name, arguments, self.rig.scratch / f"{self.name}.log",
                               space=network.space(self.name), environment=self.environment,
                               on_line=self._on_line)
        life = [now(), None]
        self.lives.append(life)
        self.process.on_end = lambda process, when: self._on_end(process, life, when)
        self.wanted = wanted  # Now, for other lanes look at it too.

    def _on_end(self, process, life, when):
        """The one before may end when the next has been started (late-write)."""
        life[1] = when
        try:
            status = process.child.wait(5)
        except subprocess.TimeoutExpired:
            return
        if status < 0 and status != -signal.SIGKILL:
            self.rig.complain(f"{self.name} was ended by {signal.Signals(-status).name}: "
                              f"{self.last_line()}")
        elif self.wanted and process is self.process:
            self.rig.complain(f"{self.name} ended with status {status}: {self.last_line()}")

    def _on_line(self, when, line):
        self.lines.append((when, line))
        leads = LEADS.search(line)
        if leads:
            self.rig.cluster.note_leader(when, self, int(leads.group(1)))

    def said(self, event, since=0.0):
        """The last line with that event since then, or None."""
        for when, line in reversed(self.lines):
            if when < since:
                return None
            if re.search(rf"\s{re.escape(event)}(\s|$)", line):
                return line
        return None

    def believes_to_lead(self):
        """By what it said last of it, in this life."""
        for when, line in reversed(self.lines):
            if not self.lives or when < self.lives[-1][0] or FOLLOWS.search(line):
                return False
            if LEADS.search(line):
                return self.running()
        return False

    def stamps(self, since):
        """[(when, seconds by its own time of day)] of what it said since then."""
        found = []
        for when, line in self.lines:
            stamp = STAMP.match(line)
            if stamp and when >= since:
                own = datetime.datetime.fromisoformat(stamp.group(1) + "+00:00")
                found.append((when, own.timestamp()))
        return found

    def said_error(self, since):
        """Whether it said since then that something is wrong with it."""
        return any(when >= since and re.match(r"\S+ error ", line)
                   for when, line in list(self.lines))

    def last_line(self):
        return self.lines[-1][1] if self.lines else "nothing"

    def running(self):
        return self.process is not None and self.process.running()

    def kill(self):
        self.wanted = False
        if self.process:
            self.process.kill()

    def await_word(self):
        """Until it serves: before, SIGTERM ends it as it ends any program."""
        limit = now() + 10
        while now() < limit and self.running() and not self.said("serving", self.lives[-1][0]):
            time.sleep(0.01)

    def stop(self, limit=30):
        """SIGTERM, as an operator does; its exit status."""
        self.wanted = False
        if not self.running():
            return self.process.wait(1) if self.process else None
        self.process.signal(signal.SIGCONT)
        self.await_word()
        self.process.signal(signal.SIGTERM)
        status = self.process.wait(limit)
        if status is None:
            self.process.kill()
        return status

    def pause(self):
        self.process.signal(signal.SIGSTOP)
        self.pauses.append([now(), None])

    def resume(self):
        self.process.signal(signal.SIGCONT)
        self.pauses[-1][1] = now()

    def unexpected_end(self):
        """Why it is not there though nobody ended it, or None."""
        if not self.wanted or self.process is None or self.process.running():
            return None
        last = self.lines[-1][1] if self.lines else "it said nothing"
        return f"{self.name} ended with status {self.process.wait(1)}: {last}"


class Cluster:
    def __init__(self, rig, node_count):
        self.rig = rig
        self.nodes = [Node(i, rig) for i in range(1, node_count + 1)]
        self.leaders = []  # (when, node, term)
        self._lock = threading.Lock()

    def note_leader(self, when, node, term):
        with self._lock:
            self.leaders.append((when, node, term))

    def two_leaders(self):
        """Terms that two nodes said they led: Raft's first promise."""
        seen, wrong = {}, []
        for when, node, term in self.leaders:
            other = seen.setdefault(term, node)
            if other is not node:
                wrong.append(f"{other.name} and {node.name} both led term {term} "
                             f"(at {when - EPOCH:.3f})")
        return wrong

    def leader(self):
        """The node that said last that it leads, and runs; or None."""
        with self._lock:
            for _, node, _ in sorted(self.leaders, key=lambda l: -l[2]):
                if node.running():
                    return node
        return None

    def start_all(self):
        for node in self.nodes:
            node.start()

    def lockctl(self, client, arguments, limit=10.0):
        """Run lockctl on a client host; (status, output)."""
        network = self.rig.network
        prefix = []
        if network.space(client):
            prefix = ["nsenter", f"--net={network.space(client)}"]
        command = prefix + [str(self.rig.binaries["lockctl"]), *arguments, ]
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  stdin=subprocess.DEVNULL, text=True, timeout=limit,
                                  check=False,
                                  env={"LOCKD_CLUSTER": network.client_list(client)})
        except subprocess.TimeoutExpired:
            return None, f"no end within {limit} s"
        return done.returncode, done.stdout

    def await_grant(self, limit, name="progress"):
        """A fresh client gets a lock within the limit; the seconds it took."""
        began = now()
        last = "not tried"
        while now() - began < limit:
            status, last = self.lockctl(
                "c1", ["run", "--wait", "5s", f"{name}-{self.rig.number()}", "--", "true"])
            if status == 0:
                return now() - began
        raise RigError(f"no grant within {limit:.0f} s: {last.strip()}")

    def disagreement(self):
        """Why not all nodes are well and have the same state; None if they are and have."""
        status, said = self.lockctl("c1", ["status", "--json"])
        try:
            nodes = json.loads(said)["nodes"]
        except (ValueError, KeyError):
            return f"lockctl status: {status}: {said.strip()}"
        ill = [f"{n['address']}: {n.get('reason') or 'not reached'}" for n in nodes
               if not n.get("healthy")]
        if ill:
            return "; ".join(ill)
        states = {n["node"]: (n["applied"], n["digest"]) for n in nodes}
        if len(set(states.values())) == 1:
            return None
        kind = "behind" if len({index for index, _ in states.values()}) > 1 else "DIVERGED"
        return f"{kind}: " + ", ".join(f"n{node} {index} {digest}" for node, (index, digest)
                                       in sorted(states.items()))

    def await_agreement(self, limit):
        """Complain if the nodes do not come to the same state in time, or to different ones."""
        end = now() + limit
        why = self.disagreement()
        while why and "DIVERGED" not in why and now() < end:
            time.sleep(0.1)
            why = self.disagreement()
        if why:
            self.rig.complain(f"not all nodes are well at the end: {why}")

    def kill(self):
        for node in self.nodes:
            node.kill()
