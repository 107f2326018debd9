# SPDX-License-Identifier: Apache-2.0
"""What comes and goes beside the agent, and what the agent does to itself."""
import concurrent.futures
import json
import os
import signal
import subprocess
import sys
import threading
import time

import judge
import network
import servers
from processes import status
from scenarios import ALL, Scenario, Skip, check, scenario

# Accepts, reads for a moment and closes, so that the agent connects again; one number a connection.
SINK = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
server = socket.create_server((sys.argv[1], int(sys.argv[2])), family=family)
print("ready", flush=True)
while True:
    peer, address = server.accept()
    peer.settimeout(0.2)
    try:
        peer.recv(65536)
    except OSError:
        pass
    peer.close()
    print(address[1], flush=True)
"""
PORT = 5170


def _own(stage, hook, interface):
    """The agent connects to a server that closes each connection: none gives a document, all are
    counted, and another client of the same server is recorded."""
    net = stage.net
    loopback = interface == "lo"
    space, ip = (net.server, "127.0.0.1") if loopback else (net.client, net.client_ip)
    connections = 20 if stage.setting.full else 4
    sink = space.start(sys.executable, "-c", SINK, ip, str(PORT), stdout=subprocess.PIPE, text=True)
    try:
        check(sink.stdout.readline().strip() == "ready", "the server does not listen")
        capture = {"hook": hook}
        if hook != "cgroup":
            capture["interfaces"] = ["lo" if loopback else net.server_interface]
        config = stage.config(hook, capture=capture, output=[
            {"type": "file", "path": stage.output}, {"type": "tcp", "address": f"{ip}:{PORT}"}])
        agent = stage.run_agent(config)
        ports = {int(sink.stdout.readline()) for _ in range(connections)}
        # Somebody else's connection to the same server is no connection of the agent's.
        net.server.run("curl", "-s", "-m", "3", f"http://{ip}:{PORT}/other", check=False)
        agent.wait_for_records(1, 9)
        own = stage.counters(agent)["own"]
        time.sleep(6)  # what had no answer becomes a document after its time
        agent.stop()
    finally:
        network.stop(sink)
    documents = [d for d in agent.records() if d.key and PORT in (d.key[1], d.key[3])]
    mine = [d for d in documents if d.fields.get("url.path") != "/other"]
    check(not mine, f"{len(mine)} documents about the agent itself: {mine[:1] and mine[0].fields}")
    check(len(documents) == 1, f"{len(documents)} documents of the other client")
    # SYN and SYN+ACK of each; on lo and with cgroup where both ends are seen, twice.
    least = len(ports) * (2 if hook == "tc" and not loopback else 4)
    check(own >= least, f"{own} packets counted as own, {len(ports)} connections")
    return f"{len(ports)} connections of the agent's own, {own} packets counted, 0 documents"


for _hook, _interface in (("cgroup", "lo"), ("cgroup", "veth"), ("tc", "lo"), ("tc", "veth"), ("auto", "veth")):
    ALL.append(Scenario(f"own.{_hook}-{_interface}",
                        lambda stage, hook=_hook, interface=_interface: _own(stage, hook, interface)))


# Interfaces that come, serve one connection, and go

class Veths:
    """Makes veth pairs between the server's namespace and the client's, one connection over each."""

    def __init__(self, stage, count, rate):
        self.stage, self.count, self.rate = stage, count, rate
        self.third = network.Namespace("t")
        self.net = stage.net
        self.failed = []

    def one(self, number):
        near, far = f"hpv{number}a", f"hpv{number}b"
        base = f"172.{16 + number // 16384}.{number // 64 % 256}.{number % 64 * 4}"
        ip, peer = (f"{base.rpartition('.')[0]}.{int(base.rpartition('.')[2]) + n}" for n in (1, 2))
        server, client = self.net.server, self.net.client
        # Every tenth comes from another namespace, as when a container engine makes it.
        birth = self.third if number % 10 == 9 else server
        batch = f"link add {near} type veth peer name {far} netns {client.name}\n"
        if birth is self.third:
            birth_batch = batch + f"link set {near} netns {server.name}\n"
            network.run(network.IP, "-n", birth.name, "-batch", "-", input=birth_batch)
            batch = ""
        batch += f"addr add {ip}/30 dev {near}\nlink set {near} up\n"
        network.run(network.IP, "-n", server.name, "-batch", "-", input=batch)
        network.run(network.IP, "-n", client.name, "-batch", "-",
                    input=f"addr add {peer}/30 dev {far}\nlink set {far} up\n")
        client.run(f"{self.stage.setting.programs}/short_client", "--to", f"{ip}:8443", "--log",
                   self.stage.truth_path, "--label", "veth", "--count", 1, timeout=20)
        if number % 10 == 4:  # moved away instead of destroyed
            network.run(network.IP, "-n", server.name, "link", "set", near, "netns", self.third.name)
            network.run(network.IP, "-n", self.third.name, "link", "del", near)
        else:
            network.run(network.IP, "-n", server.name, "link", "del", near)

    def run(self):
        """Returns the seconds that it took. Several at once, as the kernel waits long for each end."""
        began = time.monotonic()

        def guarded(number):
            rest = began + number / self.rate - time.monotonic()
            if rest > 0:
                time.sleep(rest)
            try:
                self.one(number)
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                self.failed.append(f"{number}: {error}")
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            list(pool.map(guarded, range(self.count)))
        return time.monotonic() - began


def _held(agent):
    """Descriptors and resident bytes of each process of the agent."""
    found = {}
    for role in ("loader", "worker", "procinfo"):
        pid = agent.pid if role == "loader" else agent.child(role)
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            found[role] = len(os.listdir(f"/proc/{pid}/fd")), int(file.read().split()[1]) * 4096
    return found


def _veths(stage, hook, overrun=False):
    count = 500 if stage.setting.full else 150
    net = stage.net
    server = servers.TruthServer(stage.setting.programs, net.server, "0.0.0.0", stage.truth_path, 8443, "fork")
    stage.servers.append(server)
    capture = {"hook": hook} if hook == "cgroup" else {"hook": hook, "interfaces": ["kind:veth"]}
    # At 50 a second the veths alone are most of what one host does: the governor has nothing to say.
    agent = stage.run_agent(stage.config(capture=capture, limits={"cpu": "0%"}))
    time.sleep(0.5)
    before = _held(agent)
    links = len(status(stage)["attached"])
    veths = Veths(stage, count, 50)
    stopper = None
    if overrun:  # who follows the interfaces does not run, and more is announced than the socket holds
        net.server.ip("link", "add", "hpnoise", "type", "bridge")
        noise = "".join(f"link set hpnoise mtu {1400 + n % 2}\n" for n in range(2000))

        def stop_and_go():
            while not over.wait(0.1):
                os.kill(agent.pid, signal.SIGSTOP)
                network.run(network.IP, "-n", net.server.name, "-batch", "-", input=noise)
                over.wait(1)
                os.kill(agent.pid, signal.SIGCONT)
        over = threading.Event()
        stopper = threading.Thread(target=stop_and_go, daemon=True)
        stopper.start()
    try:
        took = veths.run()
    finally:
        if stopper:
            over.set()
            stopper.join()
            os.kill(agent.pid, signal.SIGCONT)
    check(not veths.failed, f"{len(veths.failed)} veths failed: {veths.failed[:2]}")
    agent.wait_for_records(count, 4)
    net.server.ip("link", "add", "hplast", "type", "bridge")  # closes the gap that lost announcements left
    time.sleep(6)
    followed = status(stage)["interfaces"]
    after = _held(agent)
    check(len(status(stage)["attached"]) == links, "links are left")
    check(network.run(network.IP, "-n", veths.third.name, "-o", "link").stdout.count("hpv") == 0, "veths are left")
    agent.stop()
    connections = [c for c in judge.connect_truth(judge.read_truth(stage.truth_path)) if c.label == "veth"]
    check(len(connections) == count, f"{len(connections)} connections were made")
    documents = [d for d in agent.records() if d.part == 1]
    whole = {d.key for d in documents if "handprint.incomplete" not in d.fields}
    check(len(documents) == len({d.key for d in documents}), "a connection is recorded twice")
    missed = sum(c.key not in whole for c in connections)
    late = followed["attach_late"]
    if overrun:  # what was moved here may have brought an index that leaves no gap
        check(followed["overruns"] > 0, f"nothing was overrun: {followed}")
        late += count // 10
    if hook == "tc":
        check(missed <= late, f"{missed} connections are missing or incomplete, {followed}")
    else:
        stage.judge(agent.records(), hook, label="veth")
    for role, (descriptors, memory) in before.items():
        check(after[role][0] <= descriptors, f"{role}: {descriptors} descriptors before, {after[role][0]} after")
        check(after[role][1] <= memory + (4 << 20), f"{role}: {memory} bytes before, {after[role][1]} after")
    return (f"{count} veths in {took:.1f} s, {missed} connections missed, {followed}; descriptors and memory "
            f"{before} before, {after} after")


@scenario("churn.veth-cgroup")
def veth_cgroup(stage):
    """Veth pairs that live for one connection, fifty a second: cgroup misses none."""
    return _veths(stage, "cgroup")


@scenario("churn.veth-auto")
def veth_auto(stage):
    """The same with both: no connection is missed, and none is recorded twice."""
    return _veths(stage, "auto")


@scenario("churn.veth-tc")
def veth_tc(stage):
    """The same at the interfaces: what is missed is counted."""
    return _veths(stage, "tc")


@scenario("churn.veth-overrun")
def veth_overrun(stage):
    """The same when the kernel drops announcements: what is missed is counted all the same."""
    return _veths(stage, "tc", overrun=True)


# Other people's programs beside ours

DATAGRAMS = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(int(sys.argv[2])):
    try:
        s.sendto(b"x" * 64, (sys.argv[1], 9))
    except ConnectionRefusedError:
        pass
"""


class Foreign:
    """foreign_programs on the server's interface and on the root of the cgroup tree."""

    def __init__(self, stage):
        self.process = stage.net.server.start(
            f"{stage.setting.programs}/foreign_programs", stage.net.server_interface, cgroup_root(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        check(self.process.stdout.readline() == "attached\n", "foreign programs cannot be attached")

    def counts(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def during(self, work):
        before = self.counts()
        work()
        return {key: value - before[key] for key, value in self.counts().items()}

    def end(self):
        self.process.stdin.close()
        self.process.wait(10)


def cgroup_root():
    with open("/proc/mounts", encoding="utf-8") as file:
        for line in file:
            words = line.split()
            if words[2] == "cgroup2":
                return words[1]
    raise Skip("no cgroup2 is mounted")


def _neighbours(stage, hook):
    """Foreign programs that stood before ours came, that came later, and that came to the front later:
    all connections are recorded once, the others count what they counted without us, and go on when
    ours are killed."""
    net, count = stage.net, 200 if stage.setting.full else 50
    stage.server("fork")

    def traffic(label):
        stage.connect(count, concurrency=2, label=label)
        net.client.run(sys.executable, "-c", DATAGRAMS, net.server_ip, 1000)
    foreign = Foreign(stage)
    alone = foreign.during(lambda: traffic("alone"))
    for key, wanted in (("pass.syns", count), ("pass.datagrams", 1000), ("send_again.answers", count),
                        ("socket_in.syns", count)):
        check(alone[key] >= wanted, f"the foreign programs alone saw {alone}")
    agent = stage.run_agent(stage.config(hook=hook))
    behind = foreign.during(lambda: traffic("older"))
    check(behind == alone, f"alone {alone}, behind ours {behind}")
    foreign.end()
    foreign = Foreign(stage)
    later = foreign.during(lambda: traffic("younger"))
    check(later == alone, f"alone {alone}, younger than ours {later}")
    agent.wait_for_records(2 * count, 8)
    agent.kill()
    orphaned = foreign.during(lambda: traffic("killed"))
    check(orphaned == alone, f"alone {alone}, after our SIGKILL {orphaned}")
    foreign.end()
    documents = [d for d in agent.records() if d.key and net.server_ip in d.key]
    verdicts = [stage.judge(documents, hook, label=label).summary() for label in ("older", "younger")]
    return f"foreign programs count {alone} each time; {verdicts[0]}; {verdicts[1]}"


for _hook in ("tc", "cgroup", "auto"):
    ALL.append(Scenario(f"neighbours.{_hook}", lambda stage, hook=_hook: _neighbours(stage, hook)))


@scenario("neighbours.put-in-front")
def put_in_front(stage):
    """A program that is put in front of ours and ends the chain: ours goes back to the front."""
    net = stage.net
    stage.server("fork")
    agent = stage.run_agent(stage.config())
    foreign = net.server.start(f"{stage.setting.programs}/foreign_programs", net.server_interface,
                               cgroup_root(), "front", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    check(foreign.stdout.readline() == "attached\n", "foreign programs cannot be attached")
    end = time.monotonic() + 15
    while not status(stage)["interfaces"]["moved_to_front"] and time.monotonic() < end:
        time.sleep(0.2)
    moved = status(stage)["interfaces"]["moved_to_front"]
    stage.connect(20)
    agent.wait_for_records(20, 5)
    agent.stop()
    foreign.stdin.close()
    foreign.wait(10)
    check(moved == 2, f"moved {moved} times")
    return f"moved to the front {moved} times; {stage.judge(agent.records()).summary()}"


def _kernel_objects(space, interface):
    """Filters of the interface; and ids of all links, programs and maps of the machine."""
    filters = [space.run("tc", "filter", "show", "dev", interface, direction).stdout
               for direction in ("ingress", "egress")]
    objects = [sorted(entry["id"] for entry in json.loads(
        network.run("bpftool", "-j", kind, "show").stdout or "[]")) for kind in ("link", "prog", "map")]
    return filters, *objects


@scenario("clsact.killed-three-times")
def killed_three_times(stage):
    """Filters of clsact outlive their agent: three SIGKILLs and starts leave one in each direction,
    nothing is recorded twice, and `detach` leaves the kernel as it was."""
    net = stage.net
    space, interface = net.server, net.server_interface
    space.run("tc", "qdisc", "add", "dev", interface, "clsact")
    space.run("tc", "filter", "add", "dev", interface, "ingress", "pref", "7", "bpf", "bytecode", "1,6 0 0 0")
    stage.server("fork")
    before = _kernel_objects(space, interface)
    for number in range(3):
        agent = stage.run_agent(stage.config(hook="clsact"))
        filters, *_ = _kernel_objects(space, interface)
        ours = [text.count(" handprint ") for text in filters]
        check(ours == [1, 1], f"start {number + 1}: {filters}")
        stage.connect(20, label=f"round{number}")
        agent.wait_for_records(20 * (number + 1), 6)
        agent.kill()
    agent = stage.run_agent(stage.config(hook="clsact"))
    stage.connect(20, label="last")
    agent.wait_for_records(80, 6)
    agent.kill()
    space.run(stage.setting.agent, "detach")
    end = time.monotonic() + 10  # programs are freed after a grace period
    while _kernel_objects(space, interface) != before and time.monotonic() < end:
        time.sleep(0.2)
    after = _kernel_objects(space, interface)
    check(after == before, f"before {before}, after {after}")
    verdict = stage.judge(agent.records(), "tc", label="last")
    keys = [(d.key, d.part) for d in agent.records()]
    check(len(keys) == len(set(keys)), "recorded twice")
    return f"one filter a direction after each of 4 starts; as before after detach; {verdict.summary()}"
