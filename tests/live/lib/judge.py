# SPDX-License-Identifier: Apache-2.0
"""Compares documents with the truth that clients and servers logged themselves.

Right, wrong and unknown are counted apart for every role: a wrong name is worse than none.
"""
import collections
import json
import re

import records

ROLES = ("client", "worker", "listener")


class Connection:
    """One connection as its ends told it. Ends that are not processes of this host have no truth."""

    def __init__(self, key, label="", sni=None):
        self.key, self.label, self.sni = key, label, sni
        self.client = None        # truth of the process that connected
        self.worker = None        # truth of the process that read
        self.any_worker = {}      # instead: pid: truth, where only the set of workers is known
        self.listeners = {}       # pid: truth, of the processes that listen on the server's port
        self.ja4 = None

    def __repr__(self):
        return f"{self.key[0]}:{self.key[1]} > {self.key[2]}:{self.key[3]}"


def read_truth(path, offset=0):
    """What the programs logged from this byte on."""
    with open(path, "rb") as file:
        file.seek(offset)
        return [json.loads(line) for line in file]


def connect_truth(lines):
    """Joins log lines to connections, in the order in which the clients logged them."""
    connections, by_key, listeners = [], collections.defaultdict(list), collections.defaultdict(dict)
    for line in lines:
        local = records.address(line["local_ip"]), line["local_port"]
        if line["role"] == "listener":
            listeners[local][line["pid"]] = line
            continue
        peer = records.address(line["peer_ip"]), line["peer_port"]
        key = peer + local if line["role"] == "worker" else local + peer
        if line["role"] == "worker":
            by_key[key, "worker"].append(line)
            continue
        connection = Connection(key, line["label"], line["sni"] or None)
        if line["role"] == "client":
            connection.client = line
        by_key[key].append(connection)
        connections.append(connection)
    for connection in connections:
        waiting = by_key.get((connection.key, "worker"))
        if waiting:
            connection.worker = waiting.pop(0)
        connection.listeners = listeners.get(connection.key[2:], {})
    return connections


class Counts:
    """What came of one role, over all connections of a row."""

    def __init__(self):
        self.right = self.wrong = self.unknown = 0

    def add(self, verdict):
        setattr(self, verdict, getattr(self, verdict) + 1)

    def __str__(self):
        return f"{self.right} right, {self.wrong} wrong, {self.unknown} unknown"


def same_process(fields, truth):
    """None if the fields name the process of the truth, else what differs. Fields that are missing
    are told by missing_fields."""
    if fields.get("pid") != truth["pid"]:
        return f"pid {fields.get('pid')} instead of {truth['pid']}"
    for field in ("executable", "name"):
        wanted = truth.get(field)
        if wanted and field in fields and fields[field] != wanted:
            return f"{field} {fields[field]} instead of {wanted}"
    return None


class Judge:
    """expect: {"kinds": […], "absent": […], "incomplete": pattern or None, "client": "right" |
    "not-wrong" | "absent", likewise "worker" and "listener", "requests": n or None,
    "packets": most or None, "command_line": pattern or None, "strings": {kind: pattern}}"""

    def __init__(self, connections, documents, expect):
        self.connections, self.expect = connections, expect
        self.problems = []
        self.roles = {role: Counts() for role in ROLES}
        self.single = self.complete = self.missing = self.duplicate = self.late = 0
        by_key = collections.defaultdict(list)
        for document in documents:
            by_key[document.key].append(document)
        for connection in connections:
            self._judge(connection, self._of(connection, by_key))

    def _of(self, connection, by_key):
        found = by_key.get(connection.key, [])
        ids = {d.id for d in found if d.part == 1}
        if len(ids) > 1 and connection.sni:  # the port was used again: the name tells which
            named = {d.id for d in found if d.get("tls.client.server_name") == connection.sni}
            if named:
                found = [d for d in found if d.id in named]
        return found

    def _problem(self, connection, text):
        self.problems.append(f"{connection}: {text}")

    def _judge(self, connection, found):
        firsts = [d for d in found if d.part == 1]
        if not firsts:
            self.missing += 1
            for role in ROLES:
                self._absent_role(connection, role, count=True)
            self._problem(connection, "no first document" +
                          (f" but {len(found)} later ones" if found else ""))
            return
        if len(firsts) > 1:
            self.duplicate += 1
            self._problem(connection, f"{len(firsts)} first documents, event.id "
                          f"{[d.id for d in firsts]}")
        else:
            self.single += 1
        first = firsts[0]
        parts = sorted((d for d in found if d.id == first.id), key=lambda d: d.part)
        if [d.part for d in parts] != list(range(1, len(parts) + 1)):
            self._problem(connection, f"parts {[d.part for d in parts]}")
        wrong = list(self._content(connection, first, parts))
        for text in wrong:
            self._problem(connection, text)
        self.complete += not wrong
        self._process(connection, first, parts)

    def _content(self, connection, first, parts):
        expect = self.expect
        for kind in expect["kinds"]:
            if not first.fingerprint(kind):
                yield f"no {kind} string"
        for kind, pattern in expect.get("strings", {}).items():
            for text in first.fingerprint(kind) or [""]:
                if not re.search(pattern, text):
                    yield f"{kind} string {text!r} is not like {pattern}"
        for kind in expect.get("absent", ()):
            if any(d.fingerprint(kind) for d in parts):
                yield f"a {kind} string where none can be"
        told = first.under("handprint.incomplete") or records.many(first.get("handprint.incomplete"))
        told = json.dumps(told) if told else ""
        if expect.get("incomplete"):
            if not re.search(expect["incomplete"], told):
                yield f"incomplete is {told or 'empty'}, expected {expect['incomplete']}"
        elif told:
            yield f"incomplete: {told}"
        if "tls" in expect["kinds"]:
            for field, wanted in (("tls.client.server_name", connection.sni),
                                  ("tls.client.ja4", connection.ja4)):
                if wanted and first.get(field) != wanted:
                    yield f"{field} {first.get(field)} instead of {wanted}"
        if expect.get("requests") is not None:
            seen = sum(len(d.fingerprint("http")) for d in parts)
            if seen != expect["requests"]:
                yield f"{seen} HTTP requests instead of {expect['requests']} ({len(parts)} parts)"
        if expect.get("packets") is not None:
            seen = max(d.get("handprint.packets", 0) for d in parts)
            if seen > expect["packets"]:
                yield f"{seen} packets were selected, at most {expect['packets']} expected"
        if first.get("network.transport") != "tcp":
            yield f"network.transport {first.get('network.transport')}"
        spoken = records.many(first.get("handprint.protocols"))
        for kind, name in (("tls", "TLS"), ("http", "HTTP/1"), (None, expect.get("protocol"))):
            if name and (kind is None or kind in expect["kinds"]) and name not in spoken:
                yield f"handprint.protocols {spoken} is without {name}"

    def _absent_role(self, connection, role, count=False):
        truth = connection.client if role == "client" else connection.worker
        if truth and count:
            self.roles[role].add("unknown")

    def _say(self, connection, role, verdict, text):
        """Counts a verdict; it is a problem where the row expects better."""
        self.roles[role].add(verdict)
        wanted = self.expect[role]
        if verdict == "wrong" or (verdict == "unknown" and wanted == "right"):
            self._problem(connection, f"{role}: {text}")

    def _process(self, connection, first, parts):
        client = first.under("handprint.client.process")
        if self.expect["client"] == "absent":
            if client:
                self._say(connection, "client", "wrong", f"named pid {client.get('pid')}, but no "
                          "process of this host made the connection")
            else:
                self.roles["client"].add("unknown")
        elif connection.client:
            right = self.roles["client"].right
            self._one(connection, "client", client, connection.client,
                      first.get("handprint.attribution.client.role"), ("client", "holder", "creator"))
            main = first.under("process")
            if client and main.get("pid") != client.get("pid"):
                self._problem(connection, f"process.pid {main.get('pid')} is not the client's")
            pattern = self.expect.get("command_line")
            if pattern and self.roles["client"].right > right:
                line = client.get("command_line") or main.get("command_line") or ""
                number = (connection.sni or "").partition("-")[0][1:]
                if not re.search(pattern.replace("{number}", number), line):
                    self._problem(connection, f"command line {line!r}")
        if connection.any_worker:
            pid = first.get("handprint.server.process.pid")
            connection.worker = connection.any_worker.get(
                pid, next(iter(connection.any_worker.values())))
        if connection.worker:
            self._server(connection, first, parts)

    def _one(self, connection, role, fields, truth, told, allowed):
        if not fields.get("pid"):
            return self._say(connection, role, "unknown", "unknown")
        differs = same_process(fields, truth)
        if differs:
            return self._say(connection, role, "wrong", differs)
        gaps = [f for f in ("executable", "name", "entity_id", "start") if not fields.get(f)]
        if gaps:
            return self._say(connection, role, "unknown", f"without {', '.join(gaps)}")
        if told not in allowed:
            return self._say(connection, role, "wrong", f"role is {told}")
        self.roles[role].add("right")

    def _server(self, connection, first, parts):
        truth = connection.worker
        server, told = first.under("handprint.server.process"), first.get(
            "handprint.attribution.server.role")
        if told != "worker" and truth["pid"] not in connection.listeners:
            later = [d for d in parts[1:] if d.get("handprint.attribution.server.role") == "worker"]
            if later and later[0].get("handprint.server.process.pid") == truth["pid"]:
                self.late += 1
        if told in ("listener", "holder", "creator") and server.get("pid") != truth["pid"]:
            if server.get("pid") in connection.listeners:
                self._say(connection, "worker", "unknown", f"only the {told} is named")
            else:
                self._say(connection, "worker", "wrong", f"{told} {server.get('pid')} is none of "
                          f"{sorted(connection.listeners)}")
        else:
            listens = ("listener",) if truth["pid"] in connection.listeners else ()
            self._one(connection, "worker", server, truth, told,
                      ("worker", "holder", "creator") + listens)
        if not connection.listeners:
            return
        listener = first.under("handprint.listener.process") or server
        if not listener.get("pid"):
            self._say(connection, "listener", "unknown", "unknown")
        elif listener["pid"] in connection.listeners:
            self._one(connection, "listener", listener, connection.listeners[listener["pid"]], told,
                      ("worker", "listener", "holder", "creator"))
        elif first.under("handprint.listener.process"):
            self._say(connection, "listener", "wrong", f"pid {listener['pid']} is none of "
                      f"{sorted(connection.listeners)}")
        else:
            self._say(connection, "listener", "unknown", "unknown")

    def summary(self):
        total = len(self.connections)
        text = f"{self.single} of {total} once, {self.complete} complete"
        for name in ("missing", "duplicate", "late"):
            if getattr(self, name):
                text += f", {getattr(self, name)} {name}"
        for role, counts in self.roles.items():
            if counts.right or counts.wrong or counts.unknown:
                text += f"; {role} {counts}"
        return text


def phantoms(connections, documents, addresses):
    """Documents between the fixture's addresses that belong to no connection."""
    known = {c.key for c in connections}
    return [d for d in documents if d.key and d.key[0] in addresses and d.key[2] in addresses
            and d.key not in known]
