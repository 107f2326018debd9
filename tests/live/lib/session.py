# SPDX-License-Identifier: Apache-2.0
"""Runs the declarative cases: one agent, one network, many rows, each row a test of its own.

A session of a cases/*.toml file:
  name      first part of the tests' names
  topology  pair (two namespaces, a veth pair), loop (one namespace, lo), routed (as a container)
  hooks     each hook runs the session once and is the second part of the names
  agent     "server", "client" or, where routed, "host" (both of its interfaces): whose namespace
            the agent runs in; the cgroup hook needs none
  family    4 (default) or 6
  sysctl; ip: commands of ip (in both namespaces, {interface} and {network} put in)
  segment_offload, pause_ms, oracle (tcpdump beside, whose hellos the documents must equal)
Its rows:
  name      third part
  server    a mode of truth_server, "owner:" and a mode of owner_server, "nginx" or "openssl"
  client    a list of actions of hello_client, or a table {program = …, …}
  repeat    how often the client runs (default 1); full_repeat: in the long form
  fast_open the first write goes out with the SYN
  mapped    the client dials ::ffff:a.b.c.d
  sysctl    set in both namespaces before the row's server starts
  client_options, server_options  of hello_client and truth_server
  banner    what truth_server says first
  before    "server": it listens before the agent starts; "client": it has even connected
  expect    what must come; see judge.py and SHAPES
"""
import itertools
import os
import re
import shutil
import subprocess
import tempfile
import time
import tomllib

import capture
import hello
import judge
import network
import records
import servers
from agent import Agent, AgentFailed

HERE = os.path.dirname(os.path.abspath(__file__))
NAME = "test.example"

# What a complete first document of a connection holds.
SHAPES = {
    "tls": {"kinds": ["tcp", "tcp_server", "tls", "tls_server"], "absent": ["http"]},
    "http": {"kinds": ["tcp", "tcp_server", "http", "http_server"], "absent": ["tls"]},
    "ssh": {"kinds": ["tcp", "tcp_server"], "absent": ["tls", "http"], "protocol": "SSH"},
    "other": {"kinds": ["tcp", "tcp_server"], "absent": ["tls", "http"]},
    "tls-cut": {"kinds": ["tcp", "tcp_server"], "absent": ["http"]},
    "tls-seeded": {"kinds": ["tls", "tls_server"], "absent": ["tcp", "tcp_server"]},
    "http-seeded": {"kinds": ["http", "http_server"], "absent": ["tcp", "tcp_server"]},
    "split-seeded": {"kinds": ["tls_server"], "absent": ["tcp", "tcp_server"]},
}

# What a hook can know of the two ends, by the side at which the agent stands. At tc ingress the
# sending socket of the same host tells the peer; XDP ingress has no socket at all. The first read
# from a connection is told whatever the hook.
ALL = {"client": "right", "worker": "right", "listener": "right"}
KNOWN = {
    ("auto", "server"): ALL,
    ("cgroup", "server"): ALL,
    ("cgroup", "client"): ALL,
    ("tc", "server"): ALL,
    ("tc", "client"): ALL,
    ("tc", "host"): ALL,
    ("tc", "both"): ALL,
    ("xdp", "server"): {**ALL, "client": "not-wrong"},
    ("xdp", "client"): {**ALL, "listener": "not-wrong"},
    ("xdp", "host"): {**ALL, "client": "not-wrong", "listener": "not-wrong"},
}

# Real clients: the words, with {url} and {name}; the program whose executable must be named.
REAL = {
    "curl": ("curl", "curl -sk -o /dev/null {url}"),
    "wget": ("wget", "wget -q --no-check-certificate -O /dev/null {url}"),
    "python3": ("/usr/bin/python3", "/usr/bin/python3 -c \"import ssl,urllib.request as u;"
                "u.urlopen('{url}',context=ssl._create_unverified_context()).read()\""),
    "ssh": ("ssh", "timeout 1 ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o "
            "UserKnownHostsFile=/dev/null -p {port} x@{name} true"),
    "openssl": ("openssl", "openssl s_client -connect {name}:{port} -servername {name}"),
}


class Skip(Exception):
    """The test cannot run here; the text says why."""


class Setting:
    """Where things are, and whether the long forms run."""

    def __init__(self, build, full):
        self.build, self.full = os.path.abspath(build), full
        self.programs = f"{self.build}/tests/live"
        self.agent = f"{self.build}/agent/handprint"
        self._ja4 = {}

    def ja4(self, size):
        """JA4 of the truth programs' ClientHello of this size, computed apart from the product."""
        if size not in self._ja4:
            text = network.run(f"{self.programs}/hello_client", "--print-hello", size).stdout
            kind, body = hello.handshake(bytes.fromhex(text.strip()))
            assert kind == 1
            self._ja4[size] = hello.ClientHello(body).ja4()
        return self._ja4[size]


def load(folder):
    """All sessions of the case files, one entry for each hook: [(name, hook, session)]."""
    result = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".toml"):
            with open(os.path.join(folder, name), "rb") as file:
                try:
                    content = tomllib.load(file)
                except tomllib.TOMLDecodeError as error:
                    raise SystemExit(f"{name}: {error}") from None
            for session in content["session"]:
                for hook in session["hooks"]:
                    result.append((f"{session['name']}.{hook}", hook, session))
    return result


def row_names(name, session):
    return [f"{name}.{row['name']}" for row in session["row"]] + [f"{name}.nothing-else"]


class Session:
    def __init__(self, setting, name, hook, session):
        self.setting, self.name, self.hook, self.session = setting, name, hook, session
        self.folder = tempfile.mkdtemp(prefix="hpt-live-")
        os.chmod(self.folder, 0o755)
        self.truth_path = f"{self.folder}/truth.jsonl"
        open(self.truth_path, "w").close()
        self.ports = itertools.count(8001)
        self.running, self.notes = [], {}
        self.agent = self.oracle = None

    def run(self, wanted):
        """Yields (test name, error or None, detail) for the rows whose names are wanted."""
        rows = [dict(row) for row in self.session["row"] if f"{self.name}.{row['name']}" in wanted]
        try:
            self.net = network.TOPOLOGIES[self.session.get("topology", "pair")](
                **({"segment_offload": False} if not self.session.get("segment_offload", True)
                   else {}))
            if self.session.get("family") == 6:
                self.net.client_ip = network.six(self.net.client_ip)
                self.net.server_ip = network.six(self.net.server_ip)
            self._prepare()
            try:
                self._play(rows)
                documents = self.agent.records()
            except (AgentFailed, ValueError) as error:
                for row in rows:  # said once in full
                    yield f"{self.name}.{row['name']}", str(error)[:1500], ""
                    error = "the session did not get that far"
                return
            yield from self._verdicts(rows, documents, wanted)
        finally:
            self._end()

    def _end(self):
        if self.agent and self.agent.process.poll() is None:
            self.agent.kill()
        for server in self.running:
            server.stop()
        if self.oracle:
            network.stop(self.oracle)
        self.net.remove()
        if os.environ.get("HP_KEEP"):
            print(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _prepare(self):
        for key, value in self.session.get("sysctl", {}).items():
            for space in self.net.spaces():
                space.sysctl(key, value)
        for side in ("client", "server"):
            interface = getattr(self.net, f"{side}_interface")
            address = getattr(self.net, f"{side}_ip")
            for command in self.session.get("ip", ()):
                getattr(self.net, side).ip(*command.format(
                    interface=interface, network=address.rsplit(".", 1)[0] + ".0/24").split())

    def _side(self):
        return "both" if self.net.kind == "loop" and self.hook != "cgroup" else self.session.get(
            "agent", "server")

    def _start_agent(self):
        side = self.session.get("agent", "server")
        space = getattr(self.net, side)
        interfaces = ([self.net.host_interface, self.net.uplink_interface] if side == "host"
                      else [getattr(self.net, f"{side}_interface")])
        self.agent = Agent.capture(self.setting.agent, self.folder,
                                   None if self.hook == "cgroup" else space, interfaces, self.hook)
        if self.session.get("pause_ms"):
            self.agent.pause_worker(self.session["pause_ms"] / 1000)

    def _play(self, rows):
        early = [row for row in rows if row.get("before") in ("server", "client")]
        for row in early:
            row["_server"] = self._start_server(row)
        waiting = [(row, self._start_waiting(row, number)) for row in early
                   if row["before"] == "client" for number in range(self._repeat(row))]
        if self.session.get("oracle"):
            self._start_oracle()
        self._start_agent()
        for row, process in waiting:
            output, _ = process.communicate("go\n", timeout=30)
            if process.returncode != 0:
                self.notes[row["name"]] = f"the client ended with {process.returncode}"
        for row in rows:
            if row.get("before") == "client":
                continue
            server = row.get("_server") or self._start_server(row)
            self._run_client(row, server)
            if row.get("before") is None and "keep_server" not in row:
                server.stop()
                self.running.remove(server)
        total = sum(self._count(row) for row in rows)
        # Documents that wait for something that does not come are written after their 5 s.
        self.agent.wait_for_records(total, 9)
        time.sleep(0.3)
        if self.oracle:
            network.stop(self.oracle)
        self.notes["_stop"] = self.agent.stop()

    def _count(self, row):
        client = row["client"]
        count = client.get("count", 1) if isinstance(client, dict) else 1
        if isinstance(client, dict) and self.setting.full:
            count = client.get("full_count", count)
        return count * self._repeat(row)

    def _repeat(self, row):
        repeat = row.get("repeat", 1)
        return row.get("full_repeat", repeat) if self.setting.full else repeat

    # Servers

    def _start_server(self, row):
        mode, port = row.get("server", "fork"), next(self.ports)
        for key, value in row.get("sysctl", {}).items():
            for space in self.net.spaces():
                space.sysctl(key, value)
        row["_port"] = port
        ip = self.net.server_ip
        if mode == "nginx":
            folder = tempfile.mkdtemp(prefix="nginx-", dir=self.folder)
            server = servers.Nginx(self.net.server, ip, folder, http=next(self.ports), https=port)
            row["_http_port"] = port + 1
        elif mode == "openssl":
            server = servers.OpensslServer(self.net.server, ip, self.folder, port)
        elif mode.startswith("owner:"):
            server = servers.OwnerServer(self.setting.programs, self.net.server, ip,
                                         self.truth_path, port, mode.partition(":")[2])
        else:
            server = servers.TruthServer(self.setting.programs, self.net.server, ip,
                                         self.truth_path, port, mode, row.get("workers", 4),
                                         row.get("banner"), options=row.get("server_options", ()))
        self.running.append(server)
        row["_server_object"] = server
        if mode in ("nginx", "openssl"):
            row["_listeners"], row["_workers"] = server.listeners(), server.workers()
        return server

    # Clients

    def _label(self, row):
        return f"{self.hook}-{row['name']}".replace(".", "-")

    def _target(self, row):
        ip = self.net.server_ip
        return network.with_port(f"::ffff:{ip}" if row.get("mapped") else ip, row["_port"])

    def _hello_words(self, row, actions, number=0):
        return [f"{self.setting.programs}/hello_client", "--to",
                self._target(row), "--log", self.truth_path, "--label", row["name"], "--sni",
                f"n{number}-{self._label(row)}.{NAME}", "--delay", row.get("delay", 20),
                *(["--fast-open"] if row.get("fast_open") else []),
                *row.get("client_options", ()), *actions]

    def _start_waiting(self, row, number):
        process = self.net.client.start(*self._hello_words(row, ["wait", *row["client"]], number),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if process.stdout.readline() != "waiting\n":
            raise AgentFailed("the early client did not connect")
        return process

    def _run_client(self, row, server):
        client = row["client"]
        if isinstance(client, list):
            client = {"program": "hello_client", "actions": client}
        run = getattr(self, f"_client_{client['program']}", None)
        if run is None:
            run = self._client_real
        result = run(row, client, server)
        if result is not None and result.returncode != 0:
            self.notes[row["name"]] = (f"the client ended with {result.returncode}: "
                                       f"{(result.stderr or result.stdout or '').strip()[-200:]}")

    def _client_hello_client(self, row, client, server):
        result = None
        for number in range(self._repeat(row)):
            result = self.net.client.run(*self._hello_words(row, client["actions"], number),
                                         check=False, stdin=subprocess.DEVNULL, timeout=60)
            if result.returncode != 0:
                break
        return result

    def _client_short_client(self, row, client, server):
        words = [f"{self.setting.programs}/short_client", "--to",
                 self._target(row), "--log", self.truth_path, "--label", row["name"], "--count",
                 self._count(row), "--hello", client.get("hello", 517)]
        for option in ("concurrency", "rate"):
            if option in client:
                words += [f"--{option}", client[option]]
        if "thread_name" in client:
            words += ["--thread-name", client["thread_name"]]
        if client.get("exec"):
            words.append("--exec")
        if "from_port" in client:  # the same port again and again
            words += ["--reset", "--from", network.with_port(self.net.client_ip,
                                                             client["from_port"])]
        return self.net.client.run(*client.get("inside", []), *words, check=False, timeout=300)

    def _client_owner_client(self, row, client, server):
        other = f"{self.folder}/another_program"
        if not os.path.exists(other):
            shutil.copy(f"{self.setting.programs}/owner_client", other)
        result = self.net.client.run(
            f"{self.setting.programs}/owner_client", "--to", self._target(row), "--log",
            self.truth_path, "--label", row["name"], "--count", self._count(row), "--mode",
            client["mode"], "--other", other, check=False, timeout=120)
        if result.returncode == 77:
            row["_skip"] = f"this kernel has no io_uring: {result.stderr.strip()}"
            return None
        return result

    def _client_raw_client(self, row, client, server):
        """A client that no socket owns, from an address that the kernel does not have."""
        source = self.net.client_ip.rsplit(".", 1)[0] + ".99"
        self.net.server.ip("neigh", "replace", source, "lladdr",
                           self.net.client.mac(self.net.client_interface), "dev",
                           self.net.server_interface)
        return self.net.client.run(
            f"{self.setting.programs}/raw_client", "--interface", self.net.client_interface,
            "--to-mac", self.net.server.mac(self.net.server_interface), "--from",
            f"{source}:{5000 + row['_port'] % 1000}", "--to", self._target(row), "--log",
            self.truth_path, "--label", row["name"], "--sni",
            f"n0-{self._label(row)}.{NAME}", "--hello", client.get("hello", 1900), "--segments",
            client["segments"], check=False, timeout=30)

    def _client_pid_reuse(self, row, client, server):
        programs = []
        for name in ("alpha", "beta"):
            programs.append(f"{self.folder}/{name}")
            shutil.copy(f"{self.setting.programs}/short_client", programs[-1])
        result = self.net.client.run(
            f"{self.setting.programs}/pid_reuse", "--first", programs[0], "--second", programs[1],
            "--pairs", client["count"] // 2, "--", "--to", self._target(row), "--log",
            self.truth_path, "--label", row["name"], "--only", "%", check=False, timeout=60)
        if result.returncode == 77:
            row["_skip"] = f"this kernel lets no pid be chosen: {result.stderr.strip()}"
            return None
        if result.returncode == 0 and '"reused":0' in result.stdout:
            self.notes[row["name"]] = "no pid was reused"
        return result

    def _client_real(self, row, client, server):
        """A program of the distribution; each run asks for a name of its own, by which a document
        is joined to the process that asked. The names stand in a hosts file seen by it alone."""
        program, words = REAL[client["program"]]
        if not shutil.which(program):
            row["_skip"] = f"{program} is not installed"
            return None
        scheme = client.get("scheme", "https")
        port = row["_http_port"] if scheme == "http" else row["_port"]
        truth = row.setdefault("_truth", [])
        hosts = f"{self.folder}/hosts"
        for number in range(row.get("repeat", 1)):
            name = f"n{number}-{self._label(row)}.{NAME}"
            with open(hosts, "w") as file:
                file.write(f"127.0.0.1 localhost\n{self.net.server_ip} {name}\n")
            command = words.format(url=f"{scheme}://{name}:{port}/", name=name, port=port)
            with open(f"{self.folder}/client.err", "w") as errors:
                process = self.net.client.start(
                    "unshare", "-m", "sh", "-c", f"mount --bind {hosts} /etc/hosts && exec {command}",
                    stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors, text=True)
            truth.append({"role": "client", "pid": process.pid, "sni": name,
                          "executable": os.path.realpath(shutil.which(program)),
                          "name": os.path.basename(os.path.realpath(shutil.which(program)))[:15]
                          if client["program"] != "python3" else "python3"})
            # s_client ends at the end of its input; the answer must have come by then.
            if client["program"] == "openssl":
                process.stdin.write("GET / HTTP/1.0\r\n\r\n")
                process.stdin.flush()
                time.sleep(0.3)
            process.stdin.close()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.returncode != 0:
                with open(f"{self.folder}/client.err") as errors:
                    self.notes[row["name"]] = (f"{client['program']} ended with "
                                               f"{process.returncode}: {errors.read()[-200:]}")
        return None

    # What was on the wire

    def _start_oracle(self):
        self.oracle_path = f"{self.folder}/oracle.pcap"
        os.chmod(self.folder, 0o777)
        self.oracle = self.net.server.start(
            "tcpdump", "--immediate-mode", "-U", "-s0", "-B", "65536", "-w", self.oracle_path, "-i",
            self.net.server_interface, "tcp", stderr=subprocess.PIPE, text=True)
        self.oracle.stderr.readline()
        time.sleep(0.5)

    def _connections(self, rows, documents):
        """The truth of every row, from the programs' logs; for real clients joined by the name."""
        lines = judge.read_truth(self.truth_path)
        connections = judge.connect_truth(lines)
        by_label = {row["name"]: [] for row in rows}
        for connection in connections:
            by_label.setdefault(connection.label, []).append(connection)
        wire = {}
        if self.oracle:
            for flow in capture.flows(self.oracle_path):
                wire[flow.client + flow.server] = flow
        for row in rows:
            if "_truth" in row:
                by_label[row["name"]] = self._real_connections(row, wire)
            for connection in by_label[row["name"]]:
                if "_listeners" in row and connection.worker is None:
                    connection.listeners, connection.any_worker = row["_listeners"], row["_workers"]
                flow = wire.get(connection.key)
                message = flow and hello.handshake(flow.streams[flow.client].data())
                if message and message[0] == 1:
                    seen = hello.ClientHello(message[1])
                    connection.ja4, connection.sni = seen.ja4(), seen.server_name
                else:
                    size = self._hello_size(row)
                    connection.ja4 = self.setting.ja4(size) if size else None
        return by_label

    def _hello_size(self, row):
        client = row["client"]
        if isinstance(client, dict):
            if client["program"] in ("short_client", "pid_reuse", "owner_client"):
                return client.get("hello", 517)
            return client.get("hello", 1900) if client["program"] == "raw_client" else None
        sizes = [int(m.group(1)) for a in client if (m := re.match(r"hello=(\d+)", a))]
        return sizes[0] if sizes else None

    def _real_connections(self, row, wire):
        """From the capture: which port asked for which name. From nginx: which worker answered."""
        server = row["_server_object"]
        by_name = {}
        for key, flow in wire.items():
            data = flow.streams[flow.client].data()
            message = hello.handshake(data)
            if message and message[0] == 1:
                by_name[hello.ClientHello(message[1]).server_name] = key
            elif match := re.search(rb"\r\nHost: ([^\r:]+)", data):
                by_name[match.group(1).decode()] = key
        workers = {}
        if isinstance(server, servers.Nginx):
            for line in judge.read_truth(server.truth_path):
                workers[(line["peer_ip"], line["peer_port"], line["local_ip"],
                         line["local_port"])] = line
        result = []
        for truth in row["_truth"]:
            key = by_name.get(truth["sni"])
            if key is None:
                self.notes[row["name"]] = f"no connection for {truth['sni']} was on the wire"
                continue
            connection = judge.Connection(key, row["name"], truth["sni"])
            connection.client = truth
            connection.listeners = row["_listeners"]
            connection.worker = workers.get(key)
            if connection.worker is None:
                connection.any_worker = row["_workers"]
            result.append(connection)
        return result

    # Verdicts

    def _expect(self, row):
        wanted = row.get("expect", {})
        result = {**KNOWN[self.hook, self._side()], **SHAPES[wanted.get("shape", "tls")]}
        if isinstance(row["client"], dict) and row["client"]["program"] == "raw_client":
            result["client"] = "absent"
        return {**result, **wanted, **wanted.get(self.hook, {})}

    def _verdicts(self, rows, documents, wanted):
        by_label = self._connections(rows, documents)
        everyone = [c for connections in by_label.values() for c in connections]
        for row in rows:
            name = f"{self.name}.{row['name']}"
            if "_skip" in row:
                yield name, Skip(row["_skip"]), ""
                continue
            connections, error = by_label[row["name"]], self.notes.get(row["name"])
            result = judge.Judge(connections, documents, self._expect(row))
            problems = result.problems
            if error is None and len(connections) != self._count(row):
                error = f"{len(connections)} connections were made instead of {self._count(row)}"
            if error is None and problems:
                error = f"{problems[0]}" + (f" (and {len(problems) - 1} more)"
                                            if len(problems) > 1 else "")
            yield name, error, result.summary()
        if f"{self.name}.nothing-else" in wanted:
            addresses = {self.net.client_ip, self.net.server_ip}
            strange = judge.phantoms(everyone, documents, addresses)
            error = None
            if strange:
                error = f"{len(strange)} documents of no connection, as {strange[0].fields}"
            elif self.notes["_stop"] > 10:
                error = "the stop took longer than 10 s"
            elif unbalanced := self.agent.unbalanced():
                error = f"the books do not balance: {unbalanced}"
            yield (f"{self.name}.nothing-else", error,
                   f"{len(documents)} documents, stopped in {self.notes['_stop']:.1f} s")
