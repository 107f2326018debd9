# SPDX-License-Identifier: Apache-2.0
"""Network namespaces with unique names, joined by veth pairs, gone at the end whatever happens.

Every name begins with "hpt" and the pid of the test run, so that runs do not meet, and a run removes
what a killed one left behind.
"""
import atexit
import itertools
import os
import re
import signal
import subprocess
import sys

IP = "/usr/sbin/ip" if os.path.exists("/usr/sbin/ip") else "/sbin/ip"
_numbers = itertools.count()
_namespaces = []
_processes = []


def run(*words, check=True, **options):
    """Runs a command to its end; a failure shows the command and what it said."""
    result = subprocess.run([str(w) for w in words], capture_output=True, text=True, **options)
    if check and result.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, words))}: exit {result.returncode}: "
                           f"{(result.stderr or result.stdout).strip()[-300:]}")
    return result


def start(words, **options):
    """Starts a process that is ended, by its pid, when the run ends."""
    process = subprocess.Popen([str(w) for w in words], **options)
    _processes.append(process)
    return process


def stop(process, number=signal.SIGTERM, limit=10):
    """Ends one process and returns its exit status; kills it if it takes longer than `limit` s."""
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None
    return process.returncode


class Namespace:
    """A network namespace. Addresses are added by Pair and Loop."""

    def __init__(self, name):
        self.name = f"hpt{os.getpid()}-{next(_numbers)}{name}"
        run(IP, "netns", "add", self.name)
        _namespaces.append(self)
        self.ip("link", "set", "lo", "up")
        self.sysctl("net.ipv4.ip_local_port_range", "10000 65000")
        self.sysctl("net.ipv4.tcp_fastopen", "519")  # both sides, without cookies
        self.sysctl("net.ipv6.conf.all.accept_dad", "0")
        self.sysctl("net.ipv6.conf.default.accept_dad", "0")

    @property
    def path(self):
        return f"/var/run/netns/{self.name}"

    def inside(self, *words):
        """The words of a command that runs in the namespace. Not by `ip netns exec`, which mounts
        another /sys and hides the cgroup tree from an agent."""
        return ["nsenter", f"--net={self.path}", "--", *map(str, words)]

    def run(self, *words, **options):
        return run(*self.inside(*words), **options)

    def start(self, *words, **options):
        return start(self.inside(*words), **options)

    def ip(self, *words):
        return run(IP, "-n", self.name, *words)

    def sysctl(self, key, value):
        self.run("sh", "-c", f"echo '{value}' > /proc/sys/{key.replace('.', '/')}")

    def mac(self, interface):
        text = self.ip("link", "show", "dev", interface).stdout
        return re.search(r"link/ether ([0-9a-f:]{17})", text).group(1)

    def remove(self):
        if self in _namespaces:
            _namespaces.remove(self)
            run(IP, "netns", "del", self.name, check=False)


def _subnet():
    """Three octets that no other run on this machine is likely to use."""
    number = (os.getpid() * 7 + next(_numbers)) % 32000
    return f"10.{64 + number // 250}.{number % 250}"


def join(a, b, segment_offload=True, short=""):
    """A veth pair between two namespaces: (address of a, address of b, interface names alike)."""
    tail = f"{os.getpid()}{next(_numbers)}"[-10:]
    one, two = f"va{short}{tail}", f"vb{short}{tail}"
    network = _subnet()
    a.ip("link", "add", one, "type", "veth", "peer", "name", two, "netns", b.name)
    for space, interface, host in ((a, one, 1), (b, two, 2)):
        space.ip("addr", "add", f"{network}.{host}/24", "dev", interface)
        space.ip("-6", "addr", "add", f"{six(f'{network}.{host}')}/64", "dev", interface, "nodad")
        space.ip("link", "set", interface, "up")
        if not segment_offload:
            space.run("ethtool", "-K", interface, "tso", "off", "gso", "off", "gro", "off")
    return f"{network}.1", f"{network}.2", one, two


def six(address):
    """The IPv6 address that stands beside an IPv4 address of join()."""
    _, second, third, host = address.split(".")
    return f"fd77:{second}:{third}::{host}"


def with_port(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class Pair:
    """Client and server in two namespaces, one veth pair between them."""
    kind = "pair"

    def __init__(self, segment_offload=True):
        self.client, self.server = Namespace("c"), Namespace("s")
        self.client_ip, self.server_ip, self.client_interface, self.server_interface = join(
            self.client, self.server, segment_offload)

    def spaces(self):
        return [self.client, self.server]

    def remove(self):
        for space in self.spaces():
            space.remove()


class Loop:
    """Client and server on one host: both in one namespace, over lo."""
    kind = "loop"

    def __init__(self):
        self.client = self.server = Namespace("l")
        self.client_ip = self.server_ip = f"{_subnet()}.1"
        self.client.ip("addr", "add", f"{self.server_ip}/32", "dev", "lo")
        self.client_interface = self.server_interface = "lo"

    def spaces(self):
        return [self.client]

    def remove(self):
        self.client.remove()


class Routed:
    """As for a container: the client's namespace is routed through a host's to the server."""
    kind = "routed"

    def __init__(self):
        self.client, self.host, self.server = Namespace("c"), Namespace("h"), Namespace("s")
        self.client_ip, gateway, self.client_interface, self.host_interface = join(
            self.client, self.host, short="r")
        uplink, self.server_ip, self.uplink_interface, self.server_interface = join(
            self.host, self.server, short="u")
        self.host.sysctl("net.ipv4.ip_forward", "1")
        self.client.ip("route", "add", "default", "via", gateway)
        self.server.ip("route", "add", "default", "via", uplink)

    def spaces(self):
        return [self.client, self.host, self.server]

    def remove(self):
        for space in self.spaces():
            space.remove()


class Bridged(Routed):
    """As for a container beside others: the client's veth ends in a bridge of the host's, which routes."""
    kind = "bridged"

    def __init__(self):
        super().__init__()
        self.bridge = f"br{os.getpid()}{next(_numbers)}"[-14:]
        addresses = re.findall(r"inet (\S+)", self.host.ip("addr", "show", "dev", self.host_interface).stdout)
        self.host.ip("link", "add", self.bridge, "type", "bridge")
        self.host.ip("addr", "flush", "dev", self.host_interface)
        self.host.ip("link", "set", self.host_interface, "master", self.bridge)
        for address in addresses:
            self.host.ip("addr", "add", address, "dev", self.bridge)
        self.host.ip("link", "set", self.bridge, "up")


TOPOLOGIES = {"pair": Pair, "loop": Loop, "routed": Routed}


def clean_up():
    for process in _processes:
        if process.poll() is None:
            process.terminate()
    for process in _processes:
        if process.poll() is None:
            try:
                process.wait(3)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    for space in list(_namespaces):
        space.remove()


def sweep():
    """Removes namespaces of runs that are no more."""
    for line in run(IP, "netns", "list", check=False).stdout.splitlines():
        match = re.match(r"hpt(\d+)-", line)
        if match and not os.path.exists(f"/proc/{match.group(1)}"):
            run(IP, "netns", "del", line.split()[0], check=False)


def install():
    """Clean-up at exit and on the usual signals."""
    atexit.register(clean_up)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda caught, frame: sys.exit(128 + caught))
