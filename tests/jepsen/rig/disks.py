"""Disks of the nodes: a plain folder, or an ext4 of its own that can fail.

The failing kind is a FUSE file (disk/cutdisk.cc) under a loop device under ext4, all in the
run's own mount namespace. The loop device keeps `write back`, else the kernel would not pass
flushes on and every cut would lose what was durable.
"""

import errno
import os
import pathlib
import subprocess
import time

from rig.machine import Process, RigError, Skipped, is_root, need_tool, now, run

IMAGE_BYTES = 4 << 30  # Sparse
FILLER = "filler"


class Folder:
    """Not a disk of its own: nothing of it can fail."""
    can_fail = False

    def __init__(self, rig, number):
        self.data = rig.scratch / f"data{number}"

    def stop(self):
        pass


class CutDisk:
    can_fail = True

    def __init__(self, rig, number):
        self.image = rig.scratch / f"disk{number}.img"
        self.below = rig.scratch / f"below{number}"
        self.mount_point = rig.scratch / f"disk{number}"
        self.data = self.mount_point / "data"
        self.loop = None
        for folder in (self.below, self.mount_point):
            folder.mkdir()
        with open(self.image, "wb") as image:
            image.truncate(IMAGE_BYTES)
        run([need_tool("mkfs.ext4"), "-q", "-F", "-E", "nodiscard,lazy_itable_init=1",
             "-O", "^metadata_csum", "-m", "0", self.image])
        self.daemon = Process(f"cutdisk{number}",
                              [rig.binaries["cutdisk"], self.image, self.below],
                              rig.scratch / f"cutdisk{number}.log",
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.daemon.child.stdout.readline().strip() != "ready":
            self.daemon.wait(5)
            raise Skipped("FUSE: " +
                          (rig.scratch / f"cutdisk{number}.log").read_text().strip())
        self.mount()

    def ask(self, command):
        self.daemon.child.stdin.write(command + "\n")
        self.daemon.child.stdin.flush()
        answer = self.daemon.child.stdout.readline().strip()
        if not answer.startswith("ok"):
            raise RigError(f"cutdisk: {command}: {answer or 'it ended'}")
        return {key: int(value) for key, value in
                (word.split("=") for word in answer.split()[1:])}

    def mount(self):
        loop = run([need_tool("losetup"), "--find", "--show", self.below / "disk"]).strip()
        try:
            cache = pathlib.Path(f"/sys/block/{os.path.basename(loop)}/queue/write_cache")
            cache.write_text("write back")
            if cache.read_text().strip() != "write back":
                raise Skipped("the loop device does not pass flushes on")
            run([need_tool("mount"), "-t", "ext4", "-o", "noatime", loop, self.mount_point])
            self.loop = loop
        finally:
            # Of a device in use this only means: go when nobody has it mounted any more.
            run([need_tool("losetup"), "--detach", loop])
        self.data.mkdir(exist_ok=True)

    def unmount(self):
        if self.loop is None:
            return
        # A process that was killed a moment ago may still be letting go of its files.
        limit = now() + 30
        while True:
            try:
                run([need_tool("umount"), self.mount_point])
                break
            except RigError:
                if now() > limit:
                    raise
                time.sleep(0.02)
        self.loop = None

    def cut(self, percent, seed):
        """The power fails: what is not durable is gone, but for some sectors."""
        return self.ask(f"cut {percent} {seed}")

    def trap(self, percent, seed):
        """The same when the next flush is asked for and not yet done."""
        return self.ask(f"trap {percent} {seed}")

    def power_on(self):
        """After a cut or failure, with no process on it: a disk as after a boot."""
        self.unmount()
        self.ask("on")
        self.mount()

    def fill(self, leave):
        """Leave this many bytes free."""
        with open(self.mount_point / FILLER, "wb") as filler:
            # What is free is an estimate, and the node takes of it meanwhile.
            for piece in (256 << 20, 16 << 20, 1 << 20, 64 << 10, 4 << 10):
                while self.free() > leave + piece and allocate(filler.fileno(), piece):
                    pass

    def free(self):
        about = os.statvfs(self.mount_point)
        return about.f_bavail * about.f_frsize

    def empty(self):
        """Room again, for good: what is only unlinked is back after the next cut."""
        (self.mount_point / FILLER).unlink(missing_ok=True)
        run(["sync", "--file-system", self.mount_point])

    def stop(self):
        self.daemon.signal(18)
        try:
            self.ask("on")
            self.unmount()
        except (RigError, OSError):
            pass
        self.daemon.kill()
        try:  # What is left of it would keep its folder.
            run([need_tool("umount"), "--lazy", self.below])
        except RigError:
            pass


def allocate(descriptor, count):
    """Make a file longer by so much; False if there is no room."""
    try:
        os.posix_fallocate(descriptor, os.fstat(descriptor).st_size, count)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False
    return True


def try_disk(rig):
    """Why there are no failing disks here, or None."""
    if not is_root():
        return "disks that fail need root"
    if not rig.own_mounts:
        return "disks that fail need a mount namespace"
    if "cutdisk" not in rig.binaries:
        return "disks that fail need libfuse3-dev at build time"
    for device in ("/dev/fuse", "/dev/loop-control"):
        if not os.path.exists(device):
            return f"disks that fail need {device}"
    return None


def open_disks(kind, rig, count):
    """Disks for all nodes: ([disk], why not the failing kind or None)."""
    why = None
    made = []
    if kind in ("cut", "auto"):
        why = try_disk(rig)
        try:
            if why is None:
                for number in range(1, count + 1):
                    made.append(CutDisk(rig, number))
                return made, None
        except (Skipped, RigError, OSError) as error:
            why = f"disks that fail: {error}"
            for disk in made:
                disk.stop()
        if kind == "cut":
            raise Skipped(why)
    return [Folder(rig, number) for number in range(1, count + 1)], why

