# SPDX-License-Identifier: Apache-2.0
"""Address translation: one connection that is seen under several addresses is one record, with what
the client dialled as its destination and the back end as `nat`; and one that is seen at many places
is one record, too. A client's namespace is routed through another one to the server's."""
import collections
import itertools
import shutil

import judge
import network
import records
import servers
from agent import Agent
from scenarios import check, scenario
from session import SHAPES, Skip

FAR = "203.0.113.9"  # an address that nobody has
HOOKS = ("cgroup", "tc", "auto", "xdp")
_ports = itertools.count(8500)


class Place:
    """Where a translation is set up: by which rules, what is dialled and where the server listens.
    The agent stands beside the rules; at the sockets it sees everything anyway."""

    def __init__(self, net):
        self.net, self.port = net, next(_ports)
        self.dialled, self.listen = None, None
        self.space, self.interfaces, self.options = net.host, [net.host_interface,
                                                               net.uplink_interface], ()

    def rules(self, space, text):
        space.run("nft", "-f", "-", input=f"table ip t {{\n chain c {{\n {text}\n }}\n}}\n")

    def dnat(self):
        gateway = self.net.gateway
        self.rules(self.net.host, f"""type nat hook prerouting priority -100;
          ip daddr {gateway} tcp dport 443 dnat to {self.net.server_ip}:{self.port}""")
        self.dialled, self.listen = f"{gateway}:443", f"{self.net.server_ip}"

    def redirect(self):
        self.port = 15001
        self.rules(self.net.server, """type nat hook prerouting priority -100;
          tcp dport 443 redirect to :15001""")
        self.dialled, self.listen = f"{self.net.server_ip}:443", "0.0.0.0"
        self.space, self.interfaces = self.net.server, [self.net.server_interface]

    def masquerade(self):
        self.rules(self.net.host, f"""type nat hook postrouting priority 100;
          oifname {self.net.uplink_interface} meta l4proto tcp masquerade to :20000-20999""")
        self.dialled, self.listen = f"{self.net.server_ip}:{self.port}", self.net.server_ip

    def tproxy(self):
        self.port = 15001
        server = self.net.server
        self.rules(server, """type filter hook prerouting priority -150;
          tcp dport 443 meta mark set 1 tproxy to 127.0.0.1:15001""")
        server.ip("rule", "add", "fwmark", "1", "lookup", "100")
        server.ip("route", "add", "local", "default", "dev", "lo", "table", "100")
        self.net.host.ip("route", "add", FAR, "via", self.net.server_ip)
        self.dialled, self.listen, self.options = f"{FAR}:443", "127.0.0.1", ("--transparent",)
        self.space, self.interfaces = server, [self.net.server_interface]

    def output(self):
        self.rules(self.net.client, f"""type nat hook output priority -100;
          ip daddr {FAR} tcp dport 443 dnat to {self.net.server_ip}:{self.port}""")
        self.dialled, self.listen = f"{FAR}:443", self.net.server_ip
        self.space, self.interfaces = self.net.client, [self.net.client_interface]


# Which ends a hook can know for sure from where it stands; elsewhere a name must not be wrong.
def known(kind, hook):
    if hook in ("cgroup", "auto"):
        return "right", "right"
    if kind == "masquerade" or kind == "dnat":
        return "not-wrong", "not-wrong"
    return ("right", "not-wrong") if kind == "output" else ("not-wrong", "right")


def join_truth(path):
    """Connections by the name that was asked for, with what each end takes for the addresses."""
    lines = judge.read_truth(path)
    listeners = {line["pid"]: line for line in lines if line["role"] == "listener"}
    workers = collections.defaultdict(list)
    for line in lines:
        if line["role"] == "worker":
            workers[line["sni"]].append(line)
    result = []
    for line in lines:
        if line["role"] != "client":
            continue
        key = (records.address(line["local_ip"]), line["local_port"],
               records.address(line["peer_ip"]), line["peer_port"])
        connection = judge.Connection(key, line["label"], line["sni"])
        connection.client, connection.listeners = line, listeners
        served = workers.get(line["sni"])
        check(served, f"the server read nothing of {line['sni']}")
        connection.worker = served.pop(0)
        worker = connection.worker
        connection.at_server = (records.address(worker["peer_ip"]), worker["peer_port"],
                                records.address(worker["local_ip"]), worker["local_port"])
        result.append(connection)
    return result


def judge_addresses(connections, documents):
    by_name = {d.get("tls.client.server_name"): d for d in documents if d.part == 1}
    for connection in connections:
        document = by_name.get(connection.sni)
        if document is None:
            continue  # the judge says so
        for side, at in (("source", 0), ("destination", 2)):
            wanted = connection.at_server[at:at + 2]
            if wanted == connection.key[at:at + 2]:
                wanted = None
            seen = (document.get(f"{side}.nat.ip"), document.get(f"{side}.nat.port"))
            seen = None if seen == (None, None) else seen
            check(seen == wanted, f"{connection}: {side}.nat is {seen} instead of {wanted}")
        total = sum(point["packets"] for point in document.get("handprint.observed", []))
        check(not total or total >= 4, f"{connection}: observed {total} packets")


def run_case(stage, space, interfaces, hook, rounds, ends):
    """Starts the agent, lets `rounds` make their connections, and compares."""
    words = (["auto", *interfaces] if hook == "auto" else
             [hook] if hook == "cgroup" else [*interfaces, "--hook", hook])
    agent = Agent(stage.setting.agent, stage.folder, None if hook == "cgroup" else space,
                  ["capture", *words, "-f", stage.output, "--control",
                   f"{stage.folder}/control.sock"], None, stage.output)
    stage.agents.append(agent)
    count = rounds()
    agent.wait_for_records(count, 9)
    agent.stop()
    documents = agent.records()
    connections = join_truth(stage.truth_path)
    check(len(connections) == count, f"{len(connections)} connections instead of {count}")
    for connection in connections:
        connection.ja4 = stage.setting.ja4(517)
    addresses = {c.key[0] for c in connections} | {c.at_server[2] for c in connections}
    ours = [d for d in documents if d.key and (d.key[0] in addresses or d.key[2] in addresses)]
    verdict = judge.Judge(connections, ours, {
        "client": ends[0], "worker": ends[1], "listener": ends[1], **SHAPES["tls"]})
    check(not verdict.problems, f"{verdict.problems[:2]} of {len(verdict.problems)} "
          f"[{verdict.summary()}]")
    firsts = [d for d in ours if d.part == 1]
    check(len(firsts) == count, f"{len(firsts)} first documents of {count} connections, as "
          f"{[d.fields for d in firsts if d.key not in {c.key for c in connections}][:1]}")
    judge_addresses(connections, ours)
    if hook != "cgroup" and "kind:loopback" not in interfaces:
        bare = [d for d in firsts if not (d.get("source.mac") and d.get("destination.mac"))]
        check(not bare, f"{len(bare)} documents without Ethernet addresses, as {bare[:1]}")
    check(not agent.unbalanced(), f"the books do not balance: {agent.unbalanced()}")
    return verdict.summary()


def translated(kind, hook):
    @scenario(f"nat.{kind}.{hook}")
    def run(stage):
        if not shutil.which("nft"):
            raise Skip("nft is not installed")
        stage._net = network.Routed()
        stage._net.gateway = stage._net.client.ip("route", "show", "default").stdout.split()[2]
        place = Place(stage._net)
        getattr(place, kind)()
        stage.servers.append(servers.TruthServer(
            stage.setting.programs, stage._net.server, place.listen, stage.truth_path, place.port,
            "fork", options=place.options))
        count = 200 if stage.setting.full else 20

        def connect():
            stage._net.client.run(f"{stage.setting.programs}/short_client", "--to", place.dialled,
                                  "--log", stage.truth_path, "--label", f"{kind}-{hook}",
                                  "--count", count, "--concurrency", 4, timeout=120)
            return count
        return run_case(stage, place.space, place.interfaces, hook, connect, known(kind, hook))
    return run


for _kind in ("dnat", "redirect", "masquerade", "tproxy", "output"):
    for _hook in HOOKS:
        translated(_kind, _hook)


def many(stage, net, listen, dialled, hook, before=()):
    """Many connections past an agent that watches all interfaces there are, lo among them: each is
    one record with the right processes, however often its packets come by."""
    stage._net = net
    host = getattr(net, "host", net.client)
    for rule in before:
        rule()
    port = next(_ports)
    stage.servers.append(servers.TruthServer(
        stage.setting.programs, net.server, listen, stage.truth_path, port, "fork"))
    count = 500 if stage.setting.full else 50

    def connect():
        net.client.run(f"{stage.setting.programs}/short_client", "--to",
                       network.with_port(dialled, port), "--log", stage.truth_path, "--label", hook,
                       "--count", count, "--concurrency", 4, timeout=240)
        return count
    ends = ("not-wrong", "not-wrong") if hook == "tc" and host is not net.client else ("right", "right")
    return run_case(stage, host, ["kind:all", "kind:loopback"], hook, connect, ends)


def bridged(hook):
    @scenario(f"nat.bridge.{hook}")
    def run(stage):
        if not shutil.which("nft"):
            raise Skip("nft is not installed")
        net = network.Bridged()
        masquerade = f"""table ip t {{
          chain c {{
            type nat hook postrouting priority 100;
            oifname {net.uplink_interface} meta l4proto tcp masquerade to :20000-20999
          }}
        }}
        """
        return many(stage, net, net.server_ip, net.server_ip, hook,
                    [lambda: net.host.run("nft", "-f", "-", input=masquerade)])
    return run


def loopback(name, address, hook):
    @scenario(f"nat.loopback-{name}.{hook}")
    def run(stage):
        return many(stage, network.Loop(), address, address, hook)
    return run


for _hook in ("cgroup", "tc", "auto"):
    bridged(_hook)
    loopback("4", "127.0.0.1", _hook)
    loopback("6", "::1", _hook)
