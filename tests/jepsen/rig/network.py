"""The network between nodes and clients, and what can be done to it.

Two kinds. `netns`: each node and each client host is a network namespace with one TUN device;
all of them end in one process (wire/switch.cc), through which every packet passes. `proxy`:
everything is on loopback, and each directed pair has a port at wire/proxy.cc; a node's member
list then names those ports, so each node is given a list of its own (only ids must be equal).
"""

import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "bench" / "runs"))

from ports import free_ports  # noqa: E402 (the path comes first)
from rig.machine import Process, RigError, Skipped, is_root, need_tool, run  # noqa: E402

CLIENT_HOSTS = ["c1", "c2"]
PORT = 5625


class Network:
    """Rules of the links by endpoints' names: n1, n2, ... and the client hosts."""

    def __init__(self, binaries, scratch, node_count):
        self.binaries = binaries
        self.scratch = scratch
        self.nodes = [f"n{i}" for i in range(1, node_count + 1)]
        self.endpoints = self.nodes + CLIENT_HOSTS
        self.wire = None
        self.numb = False  # Planted: nothing is done

    def start_wire(self, arguments):
        self.wire = Process("wire", [self.binaries["wire"]] + arguments,
                            self.scratch / "wire.log", stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)
        if self.wire.child.stdout.readline().strip() != "ready":
            self.wire.wait(5)
            raise Skipped("the wire does not start: " +
                          (self.scratch / "wire.log").read_text().strip())

    def ask(self, command):
        self.wire.child.stdin.write(command + "\n")
        self.wire.child.stdin.flush()
        answer = self.wire.child.stdout.readline().strip()
        if not answer.startswith("ok"):
            raise RigError(f"wire: {command}: {answer or 'it ended'}")
        return answer

    def link(self, sender, receiver, *words):
        if self.numb:
            return
        self.ask(" ".join(["link", sender, receiver, *words]))

    def cut(self, pairs):
        for sender, receiver in pairs:
            self.link(sender, receiver, "cut")

    def heal(self):
        self.ask("heal")

    def reset(self, endpoint):
        """Destroy its connections in the midst of what they carry."""
        self.ask(f"reset {endpoint}")

    def counts(self):
        words = self.ask("count").split()[1:]
        return {key: int(value) for key, value in (w.split("=") for w in words)}

    def stop(self):
        if self.wire:
            self.wire.kill()


class Namespaces(Network):
    kind = "netns"

    def __init__(self, binaries, scratch, node_count):
        super().__init__(binaries, scratch, node_count)
        if not is_root():
            raise Skipped("network namespaces need root")
        need_tool("ip")
        if not os.path.exists("/dev/net/tun"):
            raise Skipped("there is no /dev/net/tun")
        need_tool("ss")
        self.holders = {}
        self.resets = 0

    def address(self, endpoint):
        """Addresses are seen in these namespaces only, which nothing connects to others."""
        last = int(endpoint[1:]) + (100 if endpoint.startswith("c") else 0)
        return f"10.213.0.{last}"

    def space(self, endpoint):
        return f"/proc/{self.holders[endpoint].pid}/ns/net"

    def start(self):
        ours = os.readlink("/proc/self/ns/net")
        for endpoint in self.endpoints:
            self.holders[endpoint] = Process(
                f"holder {endpoint}", ["unshare", "--net", "sleep", "infinity"],
                self.scratch / "holders.log")
        for endpoint in self.endpoints:
            self._await_space(endpoint, ours)
        self.start_wire(["switch"] + [f"{e}={self.address(e)}={self.space(e)}"
                                      for e in self.endpoints])
        for endpoint in self.endpoints:
            enter = ["nsenter", f"--net={self.space(endpoint)}", need_tool("ip")]
            run(enter + ["addr", "add", f"{self.address(endpoint)}/24", "dev", "eth0"])
            run(enter + ["link", "set", "eth0", "mtu", "9000", "up"])
            run(enter + ["link", "set", "lo", "up"])

    def _await_space(self, endpoint, ours):
        holder = self.holders[endpoint]
        for _ in range(500):
            try:
                if os.readlink(self.space(endpoint)) != ours:
                    return
            except OSError:
                pass
            if not holder.running():
                break
            time.sleep(0.01)
        raise Skipped("network namespaces: unshare is not allowed")

    def member_list(self, _node):
        return ",".join(f"{n[1:]}={self.address(n)}:{PORT}" for n in self.nodes)

    def reset(self, endpoint):
        said = run(["nsenter", f"--net={self.space(endpoint)}", need_tool("ss"), "--kill",
                    "--tcp", "--no-header", "state", "established"])
        self.resets += len(said.splitlines())

    def counts(self):
        return super().counts() | {"reset": self.resets}

    def listen(self, _node):
        return None

    def client_list(self, _client):
        return self.member_list(None)

    def stop(self):
        super().stop()
        for holder in self.holders.values():
            holder.kill()


class Proxied(Network):
    kind = "proxy"

    def __init__(self, binaries, scratch, node_count):
        super().__init__(binaries, scratch, node_count)
        pairs = [(a, b) for a in self.endpoints for b in self.nodes if a != b]
        ports = free_ports(node_count + len(pairs))
        self.own = dict(zip(self.nodes, ports))
        self.routes = dict(zip(pairs, ports[node_count:]))

    def space(self, _endpoint):
        return None

    def start(self):
        self.start_wire(["proxy"] + [f"{a}={b}={port}={self.own[b]}"
                                     for (a, b), port in self.routes.items()])

    def _list(self, viewer):
        return ",".join(
            f"{n[1:]}=127.0.0.1:{self.own[n] if n == viewer else self.routes[viewer, n]}"
            for n in self.nodes)

    def member_list(self, node):
        return self._list(node)

    def listen(self, node):
        return f"127.0.0.1:{self.own[node]}"

    def client_list(self, client):
        return self._list(client)


def open_network(kind, binaries, scratch, node_count):
    """A started network of that kind; `auto` is netns where it works, else proxy."""
    notes = []
    if kind in ("netns", "auto"):
        try:
            network = Namespaces(binaries, scratch, node_count)
            network.start()
            return network, notes
        except Skipped as why:
            if kind == "netns":
                raise
            notes.append(f"network namespaces ({why}); a proxy on loopback instead")
    network = Proxied(binaries, scratch, node_count)
    network.start()
    return network, notes
