"""Faults of disks and of what is on them, and of clocks."""

import os
import shutil
import signal
import struct
import time

from rig.machine import Skipped, now, run
from rig.nemesis import Nemesis, names


class DiskNemesis(Nemesis):
    @classmethod
    def check(cls, rig):
        if not rig.disks[0].can_fail:
            raise Skipped("needs disks that can fail")

    counters = ("failed", "waited", "lost")  # Of the disks: what shows that it was met
    before = 0

    def count(self):
        counts = [node.disk.ask("count") for node in self.rig.cluster.nodes]
        return sum(one[name] for one in counts for name in self.counters)

    def look(self):
        self.before = self.count()

    def met(self):
        return self.count() > self.before


class Power(DiskNemesis):
    """The power of one node fails: what it had not made durable is gone, mostly."""
    kind = "power"
    lasts = (0.1, 2.0)
    victims = ()

    def choose(self):
        return self.nodes(1)

    def start(self):
        self.victims = self.choose()
        trapped = self.dice.random() < 0.7
        before = self.lost()
        for node in self.victims:
            node.wanted = False
            survive = 0 if self.rig.options.plant == "lie" else self.dice.choice([0, 0, 50, 90])
            cut = node.disk.trap if trapped else node.disk.cut
            cut(survive, self.dice.getrandbits(32))
        # A node whose flush failed ends by itself; one that had nothing to flush is cut anyway.
        limit = now() + (0.3 if trapped else 0)
        while now() < limit and any(node.running() for node in self.victims):
            time.sleep(0.01)
        for node in self.victims:
            node.disk.cut(0, 0)
            node.kill()
        lost = self.lost() - before
        self.rig.sectors_lost += lost
        return (f"{names(self.victims)}{' in a flush' if trapped else ''}, "
                f"{lost} sectors lost")

    def lost(self):
        return sum(node.disk.ask("count")["lost"] for node in self.victims)

    def heal(self):
        for node in self.victims:
            node.disk.power_on()
        for node in self.victims:
            node.start()


class PowerLeader(Power):
    kind = "power-leader"

    def choose(self):
        return [self.leader()]


class PowerAll(Power):
    """The power of all fails at one instant: what was granted is still granted afterwards."""
    kind = "power-all"

    def choose(self):
        return list(self.rig.cluster.nodes)


class Full(DiskNemesis):
    """A disk is full: that node, or all, can write no more, and go on when there is room."""
    kind = "full"
    lasts = (2.0, 6.0)
    victims = ()
    began = 0.0

    def start(self):
        everywhere = self.dice.random() < 0.3
        self.victims = list(self.rig.cluster.nodes) if everywhere else [self.leader()]
        leave = self.dice.choice([0, 1 << 20, 6 << 20])
        self.began = now()
        for node in self.victims:
            node.disk.fill(leave)
        return f"{names(self.victims)}, {leave >> 20} MiB left"

    def heal(self):
        """Not before somebody met it, for a file of the log takes some seconds to fill."""
        limit = now() + 6
        while now() < limit and not self.met():
            time.sleep(0.05)
        for node in self.victims:
            node.disk.empty()

    def met(self):
        return any(node.said("no-space", self.began) for node in self.victims)


class Stall(DiskNemesis):
    """Nothing that is asked of a disk comes back for a while."""
    kind = "stall"
    lasts = (0.2, 5.0)
    victim = None

    def start(self):
        self.victim = self.dice.choice([self.leader(), self.nodes(1)[0]])
        self.victim.disk.ask("stall")
        return names([self.victim])

    def heal(self):
        self.victim.disk.ask("on")


class Error(DiskNemesis):
    """Writes and flushes fail: the node must end by itself and say why, and never go on."""
    kind = "disk-error"
    lasts = (1.0, 3.0)
    victim = None
    began = 0.0

    def start(self):
        self.victim = self.dice.choice([self.leader(), self.nodes(1)[0]])
        self.victim.wanted = False
        self.began = now()
        self.victim.disk.ask("fail")
        return names([self.victim])

    def heal(self):
        status = self.victim.process.wait(10)
        self.felt = status is not None  # Else it had nothing to write.
        if self.felt and (status != 1 or not self.victim.said_error(self.began)):
            self.rig.complain(f"{names([self.victim])}: status {status} on a failing disk, and "
                              f"it said: {self.victim.last_line()}")
        self.victim.kill()
        self.victim.disk.power_on()
        self.victim.start()

    def met(self):
        return self.felt and super().met()


class FailedSync(DiskNemesis):
    """Flushes fail and writes do not: what a restart reads then may be gone after a cut.

    The node must end by itself, and must not serve again while it cannot make durable what it
    reads. Then the power fails, so that nothing of it is left, and comes back.
    """
    kind = "failed-sync"
    lasts = (0.5, 2.0)
    victim = None
    began = 0.0

    def start(self):
        self.victim = self.dice.choice([self.leader(), self.nodes(1)[0]])
        self.victim.wanted = False
        self.began = now()
        self.victim.disk.ask("unsync")
        return names([self.victim])

    def heal(self):
        victim = self.victim
        status = victim.process.wait(10)
        self.felt = status is not None  # Else it had nothing to write.
        if self.felt and (status != 1 or not victim.said_error(self.began)):
            self.rig.complain(f"{names([victim])}: status {status} when flushes fail, and it "
                              f"said: {victim.last_line()}")
        if self.felt:
            again = now()
            victim.start(wanted=False)
            if victim.process.wait(5) is None or victim.said("serving", again):
                self.rig.complain(f"{names([victim])} serves what it could not make durable, "
                                  f"and said: {victim.last_line()}")
        victim.kill()
        victim.disk.cut(0, 0)
        victim.disk.power_on()
        victim.start()

    def met(self):
        return self.felt and super().met()


class LateWrite(DiskNemesis):
    """A node is killed while its disk is at a write, and started again before that is done.

    The write must not land on what the new process writes: it waits until the old one is done.
    It says so, if it does not come to a stand before that, where it asks the disk itself.
    """
    kind = "late-write"
    lasts = (1.0, 4.0)
    victim = None
    began = 0.0

    def start(self):
        self.victim = self.dice.choice([self.leader(), self.nodes(1)[0]])
        before = self.victim.disk.ask("stall")["held"]
        time.sleep(0.3)
        self.felt = self.victim.disk.ask("count")["held"] > before
        self.victim.wanted = False
        self.victim.process.signal(signal.SIGKILL)
        self.began = now()
        self.victim.start(wanted=False)
        return names([self.victim])

    def heal(self):
        if self.victim.said("serving", self.began):
            self.rig.complain(f"{names([self.victim])} serves while its disk does nothing")
        self.victim.disk.ask("on")
        limit = now() + 20
        while now() < limit and not self.victim.said("serving", self.began):
            time.sleep(0.02)
        if not self.victim.said("serving", self.began):
            self.rig.complain(f"{names([self.victim])} does not start when the late write is "
                              f"done: {self.victim.last_line()}")
        self.victim.wanted = True

    def met(self):
        return self.felt or any(self.victim.said(event, self.began) for event in
                                ("waits-for-earlier-process", "waits-for-earlier-write"))


BLOCK = 4096
HEAD = struct.Struct("<4s20xQQ")  # Of records and segments: magic, position, durable


class Spoil(Nemesis):
    """A stopped node's log is changed where it is surely durable: it must refuse, and say why.

    Then the files that it had are put back, which is allowed because it has not run since.
    """
    lasts = (0.5, 2.0)
    victim = None
    began = 0.0

    def spoil(self, path, blocks):
        """Change a segment in which records begin at these offsets; a text that says how."""
        raise NotImplementedError

    def kept(self):
        return self.victim.data.parent / f"{self.victim.data.name}-kept"

    def segments(self):
        """Where records begin that a later one knows to be durable: [(path, [offset])].

        What was written last has nothing behind it that speaks for it (log-format.md, "What
        cannot be known"): that may be cut off as a torn end.
        """
        paths = sorted(p for p in self.victim.data.iterdir() if p.name.startswith("segment-"))
        heads = [(path, heads_of(path)) for path in paths]
        durable = max((d for _, some in heads for _, _, d in some), default=0)
        sure = [(path, [at for at, position, _ in some if position + BLOCK <= durable])
                for path, some in heads]
        return [(path, blocks) for path, blocks in sure if len(blocks) > 1]

    def start(self):
        self.victim = self.nodes(1)[0]
        self.victim.kill()
        segments = self.segments()
        if not segments:
            self.victim.start()
            return None
        # What was there is kept and not copied: a copy has holes where space was made ahead.
        self.victim.data.rename(self.kept())
        run(["cp", "--recursive", "--sparse=always", self.kept(), self.victim.data])
        segments = [(self.victim.data / path.name, blocks) for path, blocks in segments]
        how = self.spoil(*self.dice.choice(segments))
        self.began = now()
        self.victim.start(wanted=False)
        return f"{names([self.victim])}: {how}"

    def heal(self):
        status = self.victim.process.wait(20)
        self.felt = status == 1 and self.victim.said("log-refused", self.began) is not None
        if not self.felt:
            self.rig.complain(f"{names([self.victim])}: status {status} on a spoilt log, and it "
                              f"said: {self.victim.last_line()}")
            self.victim.kill()
        put_back(self.kept(), self.victim.data)
        self.victim.start()


def put_back(folder, place):
    """As an operator does it who knows that a rename is not durable by itself."""
    shutil.rmtree(place)
    folder.rename(place)
    run(["sync", "--file-system", place])


def heads_of(path):
    """Of each record and header of a segment: (offset, position, durable)."""
    found = []
    with open(path, "rb") as file:
        for at in range(0, os.fstat(file.fileno()).st_size, BLOCK):
            file.seek(at)
            magic, position, durable = HEAD.unpack(file.read(HEAD.size))
            if magic in (b"lrec", b"lseg"):
                found.append((at, position, durable))
    return found


class FlipBits(Spoil):
    """Bits of records that a majority relies on are flipped; padding is left alone."""
    kind = "flip-bits"

    def spoil(self, path, blocks):
        count = self.dice.choice([1, 1, 8])
        with open(path, "r+b") as file:
            for _ in range(count):
                self.flip(file, self.dice.choice(blocks))
        return f"{count} bits of the first {len(blocks)} records of {path.name}"

    def flip(self, file, at):
        file.seek(at)
        block = bytearray(file.read(BLOCK))
        written = [i for i, byte in enumerate(block) if byte]
        if not written:
            return
        block[self.dice.choice(written)] ^= 1 << self.dice.randrange(8)
        file.seek(at)
        file.write(block)


class Truncate(Spoil):
    """A segment is cut short, or is gone."""
    kind = "truncate"

    def spoil(self, path, blocks):
        last = max(p.name for p in self.victim.data.iterdir())
        if path.name != last and self.dice.random() < 0.3:
            path.unlink()
            return f"{path.name} removed"
        left = self.dice.choice(blocks[1:]) - self.dice.choice([0, 1])
        os.truncate(path, left)
        return f"{path.name} cut at {left} of {blocks[-1]} bytes that are surely durable"


class Emptied(Nemesis):
    """A node starts with an empty folder: it says so and takes no part. Then it gets it back."""
    kind = "emptied"
    lasts = (1.5, 5.0)
    victim = None
    began = 0.0

    def away(self):
        return self.victim.data.parent / f"{self.victim.data.name}-away"

    def start(self):
        self.victim = self.nodes(1)[0]
        self.victim.kill()
        self.victim.data.rename(self.away())
        self.victim.data.mkdir()
        self.began = now()
        self.victim.start()
        return names([self.victim])

    def heal(self):
        limit = now() + 1
        while now() < limit and not self.victim.said("blank", self.began):
            time.sleep(0.05)
        self.felt = self.victim.said("blank", self.began) is not None
        heard = "said so" if self.victim.said("blank", self.began) else "met nobody"
        self.rig.note(f"{self.kind}: {names([self.victim])} {heard}")
        for when, node, term in self.rig.cluster.leaders:
            if node is self.victim and when > self.began:
                self.rig.complain(f"{node.name} led term {term} with an emptied folder")
        self.victim.kill()
        put_back(self.away(), self.victim.data)
        self.victim.start()


FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


class WallClock(Nemesis):
    """The time of day jumps by hours and back, for one node only: no promise knows it."""
    kind = "wall-clock"
    lasts = (2.0, 6.0)
    victim = None
    began = 0.0

    @classmethod
    def check(cls, rig):
        if not os.path.exists(FAKETIME):
            raise Skipped("libfaketime is not installed")

    def jump(self):
        text = self.dice.choice(["+3600", "-3600", "+0", "+86400", "-86400", "+400d"])
        path = self.rig.scratch / f"time{self.victim.number}"
        path.with_suffix(".new").write_text(text + "\n")
        path.with_suffix(".new").rename(path)
        return text

    def start(self):
        self.victim = self.dice.choice([self.leader(), self.nodes(1)[0]])
        self.victim.kill()
        self.began = now()
        first = self.jump()
        self.victim.environment = {
            "LD_PRELOAD": FAKETIME, "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_TIMESTAMP_FILE": str(self.rig.scratch / f"time{self.victim.number}")}
        self.victim.start()
        self.rig.sleep(1.2)
        second = self.jump()
        self.rig.sleep(1.2)
        third = self.jump()
        return f"{names([self.victim])}: {first}, {second}, {third}"

    def heal(self):
        """Stopped and not killed: so it says something at the end, with its own time."""
        self.victim.environment = {}
        began, says = self.began, self.victim.stamps
        status = self.victim.stop()
        if status != 0:
            self.rig.complain(f"{names([self.victim])}: SIGTERM ended with status {status}")
        self.felt = self.shows(says(began))
        self.victim.start()

    def shows(self, stamps):
        """Whether [(when, its own time of day)] are those of a clock that was bent."""
        ours = time.time() - now()
        return any(abs(own - ours - when) > 600 for when, own in stamps)


class ClockRate(WallClock):
    """All clocks of a node run 0.4 % too fast or too slow: within what is promised to be borne.

    What it shows of itself: between what it said first and last, how far its time of day went.
    """
    kind = "clock-rate"
    lasts = (5.0, 15.0)
    rate = 1.0

    def start(self):
        self.victim = self.dice.choice([self.leader(), self.nodes(1)[0]])
        self.rate = self.dice.choice([0.996, 1.004])
        self.victim.kill()
        self.victim.environment = {"LD_PRELOAD": FAKETIME, "FAKETIME": f"+0 x{self.rate}"}
        self.began = now()
        self.victim.start()
        return f"{names([self.victim])}: {self.rate}"

    def heal(self):
        for node in self.rig.cluster.nodes:
            if node.said("clock-suspect", self.began):
                self.rig.complain(f"{node.name} suspects a clock that is within the bound")
        super().heal()

    def shows(self, stamps):
        if len(stamps) < 2:
            return False
        (first, own_first), (last, own_last) = stamps[0], stamps[-1]
        ahead = (own_last - own_first) - (last - first)
        wanted = (self.rate - 1) * (last - first)
        # What it said is read here a little later than it was said.
        return 0.3 < ahead / wanted < 3


ALL = [Power, PowerLeader, PowerAll, Full, Stall, Error, FailedSync, LateWrite, FlipBits, Truncate, Emptied,
       WallClock, ClockRate]
