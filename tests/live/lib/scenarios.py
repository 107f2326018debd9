# SPDX-License-Identifier: Apache-2.0
"""Live tests that are more than one row of a table."""
import copy
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import judge
import network
import records
import servers
from agent import Agent, AgentFailed
from session import KNOWN, SHAPES, Skip

ALL = []
HERE = os.path.dirname(os.path.abspath(__file__))


class Scenario:
    """A function that gets a Stage and returns a text about what it saw, or raises Failed."""

    def __init__(self, name, function):
        self.name, self.function = name, function

    def run(self, setting):
        stage = Stage(setting)
        try:
            return None, self.function(stage) or ""
        except (Failed, AgentFailed, ValueError) as error:
            return str(error) or repr(error), ""
        finally:
            stage.end()


class Failed(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failed(text)


def scenario(name):
    def register(function):
        ALL.append(Scenario(name, function))
        return function
    return register


class Stage:
    """A pair of namespaces, made when first asked for, and what ends with the test."""

    def __init__(self, setting):
        self.setting = setting
        self.folder = tempfile.mkdtemp(prefix="hpt-live-")
        os.chmod(self.folder, 0o777)
        self.truth_path = f"{self.folder}/truth.jsonl"
        open(self.truth_path, "w").close()
        self.output = f"{self.folder}/records.jsonl"
        self.agents, self.servers, self._net = [], [], None

    @property
    def net(self):
        if self._net is None:
            self._net = network.Pair()
        return self._net

    def end(self):
        for agent in self.agents:
            if agent.process.poll() is None:
                agent.kill()
        for server in self.servers:
            server.stop()
        if self._net:
            self._net.remove()
        if os.environ.get("HP_KEEP"):
            print(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def server(self, mode="fork", port=8443):
        server = servers.TruthServer(self.setting.programs, self.net.server, self.net.server_ip,
                                     self.truth_path, port, mode)
        self.servers.append(server)
        return server

    def config(self, hook="tc", **sections):
        """Writes a configuration file: {"limits": {"syn_rate": 5}} adds to what is needed."""
        content = {"capture": {"hook": hook, "interfaces": [self.net.server_interface]}
                   if hook != "cgroup" else {"hook": hook}, "output": [{"type": "file", "path": self.output}], **sections}
        path = f"{self.folder}/handprint.yaml"
        with open(path, "w") as file:
            json.dump(content, file)  # JSON is YAML
            file.write("\n")
        return path

    def run_agent(self, config, environment=None):
        agent = Agent(self.setting.agent, self.folder, self.net.server,
                      ["run", "--config", config, "--control",
                       f"{self.folder}/control.sock"], environment, self.output)
        self.agents.append(agent)
        return agent

    def capture(self, hook="tc", extra=()):
        agent = Agent.capture(self.setting.agent, self.folder,
                              None if hook == "cgroup" else self.net.server,
                              [self.net.server_interface], hook, extra=extra)
        self.agents.append(agent)
        return agent

    def counters(self, agent):
        """The kernel's counters by name, asked of the running agent."""
        result = network.run(self.setting.agent, "status", "--json", "--control",
                             f"{self.folder}/control.sock", timeout=20)
        fields = records.flatten(json.loads(result.stdout))
        kernel = {k.rpartition("kernel.")[2]: v for k, v in fields.items() if "kernel." in k}
        check(kernel, f"status has no counters of the kernel: {result.stdout.strip()[:300]}")
        return kernel

    def short_client(self, count, port=8443, label="short", **options):
        words = [f"{self.setting.programs}/short_client", "--to", f"{self.net.server_ip}:{port}",
                 "--log", self.truth_path, "--label", label, "--count", count]
        for key, value in options.items():
            words += [f"--{key}", value]
        return words

    def connect(self, count, **options):
        return self.net.client.run(*self.short_client(count, **options), timeout=300)

    def judge(self, documents, hook="tc", shape="tls", side="server", label=None, **expect):
        connections = judge.connect_truth(judge.read_truth(self.truth_path))
        if label:
            connections = [c for c in connections if c.label == label]
        for connection in connections:
            connection.ja4 = self.setting.ja4(517)
        verdict = judge.Judge(connections, documents, {**KNOWN[hook, side], **SHAPES[shape], **expect})
        check(not verdict.problems, f"{verdict.problems[:1]} of {len(verdict.problems)} "
              f"[{verdict.summary()}]")
        return verdict


# The judge itself

def _example(number=1):
    process = {"pid": 100 + number, "executable": "/bin/a", "name": "a", "entity_id": "x",
               "start": "2026-01-01T00:00:00Z"}
    worker = {**process, "pid": 300, "executable": "/bin/s", "name": "s"}
    return {"source": {"ip": "10.0.0.1", "port": 1000 + number}, "destination.ip": "10.0.0.2",
            "destination.port": 443, "event.id": f"id{number}", "network.transport": "tcp",
            "tls": {"client": {"server_name": f"n{number}-x", "ja4": "j"}}, "process": process,
            "handprint": {
                "part": 1, "protocols": ["TLS"], "client.process": process,
                "server": {"process": worker},
                "listener": {"process": {**worker, "pid": 200}},
                "attribution": {"client": {"role": "client"}, "server": {"role": "worker"}},
                "fingerprint": {k: "f" for k in ("tcp", "tcp_server", "tls", "tls_server")}}}


def _example_truth(number):
    connection = judge.Connection(("10.0.0.1", 1000 + number, "10.0.0.2", 443), "x", f"n{number}-x")
    connection.ja4 = "j"
    connection.client = {"pid": 100 + number, "executable": "/bin/a", "name": "a"}
    connection.worker = {"pid": 300, "executable": "/bin/s", "name": "s"}
    connection.listeners = {200: {"pid": 200, "executable": "/bin/s", "name": "s"}}
    return connection


@scenario("harness.judge")
def judge_finds_faults(stage):
    """Each fault that is put into good documents is found, and nothing else is."""
    def put(path, value):
        def change(documents):
            at = documents[0]
            for key in path[:-1]:
                at = at[key]
            if value is None:
                del at[path[-1]]
            else:
                at[path[-1]] = value
        return change
    process = {"pid": 7, "executable": "/bin/a", "name": "a", "entity_id": "x", "start": "y"}
    faults = {
        "wrong client": put(["handprint", "client.process", "pid"], 999),
        "wrong executable": put(["handprint", "client.process", "executable"], "/bin/other"),
        "no executable": put(["handprint", "client.process", "executable"], None),
        "unknown client": put(["handprint", "client.process"], None),
        "wrong worker": put(["handprint", "server", "process", "pid"], 200),
        "listener as worker": put(["handprint", "attribution", "server", "role"], "listener"),
        "wrong listener": put(["handprint", "listener", "process"], process),
        "no listener": put(["handprint", "listener"], None),
        "role of the client": put(["handprint", "attribution", "client", "role"], "worker"),
        "another name": put(["tls", "client", "server_name"], "n2-x"),
        "another JA4": put(["tls", "client", "ja4"], "k"),
        "no SYN": put(["handprint", "fingerprint", "tcp"], None),
        "incomplete": put(["handprint", "incomplete"], ["tls.client: cut"]),
        "missing": lambda documents: documents.pop(0),
        "duplicate": lambda documents: documents.append({**documents[0], "event.id": "again"}),
        "later part first": put(["handprint", "part"], 2),
        "process is the server": put(["process"], process),
    }
    expect = {**KNOWN["cgroup", "server"], **SHAPES["tls"]}
    truth = [_example_truth(number) for number in (1, 2, 3)]
    good = [_example(number) for number in (1, 2, 3)]
    verdict = judge.Judge(truth, [records.Record(d) for d in good], expect)
    check(not verdict.problems, f"good documents: {verdict.problems}")
    check(verdict.roles["listener"].right == 3, verdict.summary())
    for name, change in faults.items():
        documents = copy.deepcopy(good)
        change(documents)
        verdict = judge.Judge(truth, [records.Record(d) for d in documents], expect)
        check(verdict.problems, f"{name} was not found")
        check(all(":1001 " in p for p in verdict.problems), f"{name}: {verdict.problems}")
    return f"{len(faults)} faults found"


# Live and from a file

# What a capture file cannot tell, and what names the run.
NOT_EQUAL = re.compile(
    r"^(process|user|container|service|orchestrator|agent|host|observer|event\.(id|created|start|end)|"
    r"@timestamp|handprint\.(sensor|stream|observed|client\.process|server\.process|"
    r"client\.user|server\.user|client\.(container|service|orchestrator)|"
    r"server\.(container|service|orchestrator)|listener|attribution)|network\.direction)(\.|$)")


def _normal(document):
    return {k: v for k, v in document.fields.items() if not NOT_EQUAL.match(k)}


@scenario("equal.live-and-file")
def live_equals_file(stage):
    """tcpdump and the agent see the same run; what `read` makes of the capture must be equal."""
    stage.server("fork")
    path = f"{stage.folder}/run.pcap"
    dump = stage.net.server.start("tcpdump", "--immediate-mode", "-U", "-s0", "-B", "65536", "-w", path,
                                  "-i", stage.net.server_interface, "tcp", stderr=subprocess.PIPE,
                                  text=True)
    dump.stderr.readline()
    time.sleep(0.5)
    agent = stage.capture("tc")
    stage.connect(200, concurrency=4)
    hello = [f"{stage.setting.programs}/hello_client", "--to", f"{stage.net.server_ip}:8443", "--log",
             stage.truth_path]
    rows = (["hello=1900/1", "read"], ["hello=1900/3,203", "read"], ["get", "read"] * 3,
            ["get/30", "read"], ["post=100000", "read"], ["bulk=50000", "drain"], ["hello=16389", "read"])
    for row in rows:
        stage.net.client.run(*hello, *row, timeout=30)
    stage.net.client.run("curl", "-s", f"http://{stage.net.server_ip}:8444/", check=False)  # refused
    agent.wait_for_records(200 + len(rows) + 3, 9)
    time.sleep(0.5)
    network.stop(dump)
    agent.stop()
    output = f"{stage.folder}/file.jsonl"
    network.run(stage.setting.agent, "read", "--policy", "hello", path, "-f", output)
    def by_part(documents):
        result = {}
        for document in documents:
            if document.key and stage.net.client_ip in document.key:
                result.setdefault((document.key, document.part), []).append(document)
        return result
    live, file = by_part(agent.records()), by_part(records.read(output))
    for key in sorted(live.keys() | file.keys()):
        check(len(live.get(key, [])) == len(file.get(key, [])) == 1,
              f"{key}: {len(live.get(key, []))} documents live, {len(file.get(key, []))} from the file")
        one, two = _normal(live[key][0]), _normal(file[key][0])
        for field in sorted(one.keys() | two.keys()):
            check(one.get(field) == two.get(field),
                  f"{key}: {field} is {one.get(field)!r} live, {two.get(field)!r} from the file")
    check(len(live) >= 200 + len(rows), f"only {len(live)} documents")
    return f"{len(live)} documents equal"


# Start, stop, reload

@scenario("stop.term-loses-nothing")
def stop_flushes(stage):
    """SIGTERM right behind the last connection: every document stands in the file, whole."""
    stage.server("fork")
    agent = stage.run_agent(stage.config())
    stage.connect(500, concurrency=8)
    took = agent.stop(12)
    verdict = stage.judge(agent.records())
    return f"{verdict.summary()}; stopped in {took:.2f} s"


@scenario("stop.term-in-the-middle")
def stop_under_load(stage):
    """SIGTERM while connections are made: it ends in time with 0, no line is cut, none is double."""
    stage.server("fork")
    agent = stage.run_agent(stage.config())
    client = stage.net.client.start(*stage.short_client(3000, concurrency=4),
                                    stdout=subprocess.DEVNULL)
    time.sleep(0.4)
    took = agent.stop(12)
    network.stop(client)
    documents = agent.records()
    check(documents, "no document was written")
    seen = [(d.id, d.part) for d in documents]
    check(len(seen) == len(set(seen)), "documents stand twice in the file")
    return f"{len(documents)} documents, stopped in {took:.2f} s"


@scenario("stop.nothing-stays-attached")
def nothing_stays(stage):
    """After SIGTERM, and after SIGKILL and `detach`, no program is left on the interface, and a
    filter that was there before still is."""
    interface, space = stage.net.server_interface, stage.net.server
    space.run("tc", "qdisc", "add", "dev", interface, "clsact")
    space.run("tc", "filter", "add", "dev", interface, "ingress", "pref", "7", "bpf", "bytecode",
              "1,6 0 0 0")
    before = space.run("tc", "filter", "show", "dev", interface, "ingress").stdout

    def attached():
        return json.loads(space.run(sys.executable, f"{HERE}/attached.py", interface).stdout)
    nothing = attached()
    stage.server("fork")
    seen = []
    for hook, expected in (("tc", ("tcx", "clsact")), ("clsact", ("clsact",)), ("xdp", ("xdp",))):
        for how in ("term", "kill"):
            agent = stage.run_agent(stage.config(hook=hook))
            now = attached()
            check(any(now[kind] > nothing[kind] for kind in expected), f"{hook}: {now} while the agent runs")
            stage.connect(5)
            if how == "term":
                agent.stop()
            else:
                agent.kill()
                space.run(stage.setting.agent, "detach")
            check(attached() == nothing, f"{hook}, {how}: {attached()} stays")
            left = space.run("tc", "filter", "show", "dev", interface, "ingress").stdout
            check(left == before, f"{hook}, {how}: filters of others were {before!r}, now {left!r}")
            seen.append(f"{hook}-{how}")
    return ", ".join(seen)


@scenario("interfaces.come-and-go")
def come_and_go(stage):
    """An interface that appears later is captured on; fifty that come and go leave no descriptor."""
    net = stage.net
    agent = stage.run_agent(stage.config(capture={"hook": "tc", "interfaces": ["vb*", "hpl*"]}))

    def descriptors():
        return len(os.listdir(f"/proc/{agent.pid}/fd"))
    before = descriptors()
    for number in range(50):
        net.server.ip("link", "add", f"hpl{number}a", "type", "veth", "peer", "name",
                      f"hpl{number}b")
        net.server.ip("link", "set", f"hpl{number}a", "up")
    time.sleep(1)
    most = descriptors()
    for number in range(50):
        net.server.ip("link", "del", f"hpl{number}a")
    end = time.monotonic() + 5
    while descriptors() > before and time.monotonic() < end:
        time.sleep(0.1)
    after = descriptors()
    check(after <= before, f"{before} descriptors, {most} with 100 interfaces more, {after} after")
    _, server_ip, _, interface = network.join(net.client, net.server, short="z")
    net.server_ip = server_ip
    end = time.monotonic() + 5
    while not json.loads(net.server.run(sys.executable, f"{HERE}/attached.py", interface).stdout)[
            "tcx"] and time.monotonic() < end:
        time.sleep(0.05)
    stage.server("fork")
    stage.connect(20)
    agent.wait_for_records(20, 5)
    agent.stop()
    return f"{stage.judge(agent.records()).summary()}; descriptors {before}, {most}, {after}"


@scenario("interfaces.auto-copies-once")
def copied_once(stage):
    """`auto` with an interface named: sockets by cgroup, the interface by tc; each connection is one
    document all the same."""
    net = stage.net
    stage.server("fork")
    agent = stage.run_agent(stage.config(hook="auto"))
    stage.connect(100, concurrency=4)
    agent.wait_for_records(100, 5)
    agent.stop()
    verdict = stage.judge([d for d in agent.records() if d.key and net.server_ip in d.key], "auto")
    return f"{verdict.summary()}; {' | '.join(l for l in agent.log if 'capturing' in l)}"


@scenario("reload.good-and-bad")
def reload(stage):
    """SIGHUP takes a good configuration, keeps the old one when the new is bad, and says so with
    file and line; no connection is lost over it."""
    stage.server("fork")
    config = stage.config(log={"level": "info"})
    agent = stage.run_agent(config)
    stage.connect(50, concurrency=4)
    agent.wait_for_records(50, 5)
    lines = len(agent.log)
    stage.config(log={"level": "debug"}, limits={"syn_rate": 5000})
    agent.signal(signal.SIGHUP)
    check(agent.wait_for_log("reload", 5, lines), f"no word of the reload: {agent.said()}")
    stage.connect(50, concurrency=4)
    lines = len(agent.log)
    with open(config, "a") as file:
        file.write("no_such_key: 1\n")
    agent.signal(signal.SIGHUP)
    check(agent.wait_for_log("handprint.yaml:", 5, lines), f"the fault is not told: {agent.said()}")
    stage.connect(50, concurrency=4)
    agent.wait_for_records(150, 5)
    agent.stop()
    return stage.judge(agent.records()).summary()


@scenario("start.bad-configuration")
def bad_configuration(stage):
    """A configuration with an unknown key ends the start with 78 and file:line:column."""
    config = f"{stage.folder}/bad.yaml"
    with open(config, "w") as file:
        file.write("capture:\n  hok: tc\n")
    result = network.run(stage.setting.agent, "run", "--config", config, check=False, timeout=20)
    check(result.returncode == 78, f"exit {result.returncode}: {result.stderr.strip()}")
    check(f"{config}:2:" in result.stderr, result.stderr.strip())
    check("hook" in result.stderr, f"no suggestion: {result.stderr.strip()}")
    return result.stderr.strip().splitlines()[0]


@scenario("start.not-permitted")
def not_permitted(stage):
    """Without capabilities the start fails with a message that says what is missing."""
    result = network.run("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                         "--bounding-set=-all", "--inh-caps=-all", stage.setting.agent, "capture",
                         "lo", "--hook", "tc", "-f", "/dev/null", check=False, timeout=20)
    check(result.returncode not in (0, None) and result.returncode < 128, f"exit {result.returncode}")
    check(re.search(r"permission|permitted|capabilit|root|CAP_", result.stderr, re.I),
          f"it says: {result.stderr.strip()!r}")
    return result.stderr.strip().splitlines()[-1]


@scenario("start.no-such-interface")
def no_interface(stage):
    result = stage.net.server.run(stage.setting.agent, "capture", "nosuch0", "--hook", "tc", "-f",
                                  "/dev/null", check=False, timeout=20)
    check(result.returncode in (1, 2), f"exit {result.returncode}")
    check("nosuch0" in result.stderr, f"it says: {result.stderr.strip()!r}")
    return result.stderr.strip().splitlines()[-1]


# Flood

KERNEL_LOSSES = ("lost_ring", "lost_rate", "lost_load")


def _flood(stage, hook):
    """100,000 SYNs a second from random addresses while real clients connect: every client's
    connection is complete with its SYN, and each selected packet became a record or is counted."""
    seconds, count = (10, 2000) if stage.setting.full else (3, 500)
    net = stage.net
    # The answers to the flood leave by the same interface, as on a real server.
    net.server.ip("route", "add", "default", "via", net.client_ip)
    stage.server("prefork")
    agent = stage.run_agent(stage.config(hook=hook))
    spent = agent.cpu_seconds()
    began = time.monotonic()
    flood = net.client.start(
        f"{stage.setting.programs}/syn_flood", "--interface", net.client_interface, "--to-mac",
        net.server.mac(net.server_interface), "--to", f"{net.server_ip}:8443", "--rate", 100000,
        "--seconds", seconds, "--network", 11, stdout=subprocess.PIPE, text=True)
    time.sleep(0.2)
    stage.connect(count, concurrency=2, rate=count / (seconds - 0.7))
    ended = time.monotonic()
    sent = json.loads(flood.communicate(timeout=30)[0])
    lasted = time.monotonic() - began
    check(ended - began < lasted, "the clients were not done before the flood was")
    agent.wait_for_records(count, 9)
    time.sleep(6)  # unanswered SYNs become documents after their time
    spent = agent.cpu_seconds() - spent
    counters = stage.counters(agent)
    agent.stop()
    documents = [d for d in agent.records() if d.key]
    mine = [d for d in documents if net.client_ip in d.key]
    # A SYN+ACK that is a SYN cookie has no socket: XDP cannot tell the listener then.
    verdict = stage.judge(mine, hook, **({} if hook == "tc" else {"listener": "not-wrong"}))
    others = [d for d in documents if d.key[0].startswith("11.")]
    packets = counters["packets"]
    check(packets >= sent["sent"], f"{sent['sent']} SYNs were sent, {packets} packets were seen")
    stashed = counters["syn_stashed"] - counters.get("syn_late", 0)
    named = {name: counters[name] for name in KERNEL_LOSSES}
    check(counters["selected"] == counters["emitted"] + sum(named.values()) + counters["syn_stashed"]
          + counters["own"], f"the books do not balance: {counters}")
    return (f"{verdict.summary()}; {sent['sent']} SYNs sent at {sent['sent'] / seconds / 1000:.0f} k/s, "
            f"{counters['emitted']} records, {stashed} SYNs held back, losses {named}, "
            f"{len(others)} documents of SYNs, agent {spent / lasted * 100:.1f} % of a core")


for _hook in ("tc", "xdp"):
    ALL.append(Scenario(f"flood.{_hook}", lambda stage, hook=_hook: _flood(stage, hook)))


# Certificates, where they are asked for

def _certificates(stage, hook):
    """curl over TLS 1.2 and 1.3, the first also cut into many segments: the certificate of the older one
    stands in its one record with the right process, the newer one's is encrypted."""
    server = servers.OpensslServer(stage.net.server, stage.net.server_ip, stage.folder, 4433)
    stage.servers.append(server)
    der = subprocess.run(["openssl", "x509", "-in", f"{stage.folder}/certificate.pem", "-outform", "DER"],
                         check=True, capture_output=True).stdout
    capture = {"hook": hook, "certificates": True}
    if hook != "cgroup":
        capture["interfaces"] = [stage.net.server_interface]
    agent = stage.run_agent(stage.config(hook, capture=capture))
    curls = []
    for version in ("1.2", "1.3", "1.2"):
        if len(curls) == 2:
            for space, interface in ((stage.net.client, stage.net.client_interface),
                                     (stage.net.server, stage.net.server_interface)):
                space.run("ethtool", "-K", interface, "tso", "off", "gso", "off", "gro", "off")
                space.ip("link", "set", interface, "mtu", "300")
        curl = stage.net.client.start("curl", "-sk", "--tls-max", version, "-o", "/dev/null",
                                      f"https://{stage.net.server_ip}:4433/")
        check(curl.wait(20) == 0, f"curl number {len(curls) + 1} failed: {curl.returncode}")
        curls.append(curl.pid)
    check(agent.wait_for_records(3, 9), "too few records")
    agent.stop()
    first = [r for r in agent.records() if r.get("handprint.part") == 1 and r.get("tls.version")]
    check([r.get("tls.version") for r in first] == ["1.2", "1.3", "1.2"], f"{[r.get('tls.version') for r in first]}")
    digest = hashlib.sha256(der).hexdigest()
    found = [r.get("tls.server.hash.sha256") for r in first]
    check(found == [digest, None, digest], f"certificates are {found}, not {digest}")
    check(not any(r.get("handprint.incomplete") for r in first), f"{[r.get('handprint.incomplete') for r in first]}")
    if hook == "cgroup":
        pids = [r.get("handprint.client.process.pid") for r in first]
        check(pids == curls, f"clients are {pids}, not {curls}")
    return f"subject {first[0].get('tls.server.x509.subject.distinguished_name')}"


@scenario("certificates.tc")
def certificates_tc(stage):
    """At tc."""
    return _certificates(stage, "tc")


@scenario("certificates.cgroup")
def certificates_cgroup(stage):
    """At the sockets."""
    return _certificates(stage, "cgroup")


# Records that are written to while they are made

@scenario("torn.cgroup")
def torn(stage):
    """Egress in process context against ingress in softirq, on one CPU: each payload copy carries
    a checksum of the kernel's, and all of them match. What the server sends from CPU 1 is steered
    to CPU 0 (RPS), where it interrupts the clients that send there."""
    check(os.cpu_count() > 1, "needs two CPUs")
    seconds = 10 if stage.setting.full else 5
    net = stage.net
    for space, interface in ((net.client, net.client_interface), (net.server, net.server_interface)):
        network.run(network.IP, "netns", "exec", space.name, "sh", "-c",
                    f"echo 1 > /sys/class/net/{interface}/queues/rx-0/rps_cpus")
    server = servers.TruthServer(stage.setting.programs, net.server, net.server_ip, stage.truth_path,
                                 mode="prefork", before=["taskset", "-c", "1"])
    stage.servers.append(server)
    reader = network.start([f"{stage.setting.programs}/torn_records", "cgroup"],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = reader.stderr.readline()
    check("capturing" in line, f"torn_records: {line.strip()}")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        net.client.run("taskset", "-c", "0", *stage.short_client(1000, hello=8000, concurrency=8),
                       timeout=120)
    reader.terminate()
    seen = json.loads(reader.communicate(timeout=20)[0])
    check(seen["records"] > 5000 and seen["ingress"] > 2000 and seen["egress"] > 2000,
          f"too few records to tell: {seen}")
    check(seen["torn"] == seen["bad"] == seen["missing"] == 0, f"{seen}")
    return f"{seen}"


import churn  # noqa: E402,F401  pylint: disable=wrong-import-position,unused-import
import far  # noqa: E402,F401  pylint: disable=wrong-import-position,unused-import
import load  # noqa: E402,F401  pylint: disable=wrong-import-position,unused-import
import nat  # noqa: E402,F401  pylint: disable=wrong-import-position,unused-import
import prefix  # noqa: E402,F401  pylint: disable=wrong-import-position,unused-import
import processes  # noqa: E402,F401  pylint: disable=wrong-import-position,unused-import
