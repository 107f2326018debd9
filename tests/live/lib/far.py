# SPDX-License-Identifier: Apache-2.0
"""Clients a round trip's time away, under a flood of SYNs: between its SYN and its hello pass thousands of
others, and each client's SYN, told from all others by its options, must still be in its record."""
import json
import os
import subprocess
import time

from scenarios import ALL, KERNEL_LOSSES, Scenario, check

# Round trip in ms, the network that its clients come from, and the least share that must be complete.
DISTANCES = ((20, 12, 0.999), (150, 13, 0.999), (300, 14, 0.95))


def _complete(stage, documents, path):
    """How many of the connections that got their ServerHello are recorded once, whole, with their own SYN."""
    with open(path, encoding="utf-8") as file:
        made = [json.loads(line) for line in file]
    by_key, twice, mine = {}, [], {(c["source"], c["port"]) for c in made}
    for document in documents:
        key = document.key[:2]
        if document.part == 1 and key in mine:
            if key in by_key:
                twice.append((by_key[key].fields, document.fields))
            by_key[key] = document
    check(not twice, f"{len(twice)} connections are recorded twice: {twice[:1]}")
    complete, wrong = 0, []
    for connection in made:
        document = by_key.get((connection["source"], connection["port"]))
        if document is None or "handprint.incomplete" in document.fields:
            continue
        text = document.fields.get("handprint.fingerprint.tcp", "")
        if not text or not document.fields.get("tls.client.ja4"):
            continue
        if f"({connection['window']:04x})" in text and f"(0204{connection['mss']:04x})" in text \
                and f"(0303{connection['scale']:02x})" in text:
            complete += 1
        else:
            wrong.append(f"{connection}: {text}")
    check(not wrong, f"{len(wrong)} have somebody else's SYN: {wrong[:1]}")
    return complete, len(made)


def _far(stage, hook, rate):
    seconds = 12 if stage.setting.full else 4
    count = 2000 if stage.setting.full else 500
    net = stage.net
    net.server.ip("route", "add", "default", "via", net.client_ip)
    stage.server("fork")  # a far client holds its server for several round trips
    agent = stage.run_agent(stage.config(hook=hook))
    spent = agent.cpu_seconds()
    began = time.monotonic()
    to = ["--interface", net.client_interface, "--to-mac", net.server.mac(net.server_interface), "--to",
          f"{net.server_ip}:8443"]
    flood = None
    if rate:
        flood = net.client.start(f"{stage.setting.programs}/syn_flood", *to, "--rate", rate, "--seconds", seconds,
                                 "--network", 11, stdout=subprocess.PIPE, text=True)
    time.sleep(0.3)
    clients = []
    for distance, octet, _ in DISTANCES:
        path = f"{stage.folder}/far-{distance}.jsonl"
        clients.append((path, net.client.start(
            f"{stage.setting.programs}/far_client", *to, "--network", octet, "--rtt", distance, "--count", count,
            "--rate", count / (seconds - 2) // 1 + 1, "--log", path, stdout=subprocess.PIPE, text=True)))
    for _, client in clients:
        client.wait(60)
    if flood:
        sent = json.loads(flood.communicate(timeout=60)[0])["sent"]
    lasted = time.monotonic() - began
    agent.wait_for_records(3 * count, 9)
    time.sleep(6)
    spent = agent.cpu_seconds() - spent
    counters = stage.counters(agent)
    agent.stop()
    documents = [d for d in agent.records() if d.key]
    seen = []
    for (distance, _, least), (path, client) in zip(DISTANCES, clients):
        complete, made = _complete(stage, documents, path)
        told = json.loads(client.stdout.read())
        check(made >= 0.98 * count, f"{distance} ms: only {made} of {count} clients got an answer: {told}")
        seen.append(f"{distance} ms: {complete} of {made}")
        # In the short form one that is missing is already more than one in a thousand.
        check(made - complete <= max(1, (1 - least) * made), f"{'; '.join(seen)} complete; {counters}")
    check(counters["selected"] == counters["emitted"] + sum(counters[name] for name in KERNEL_LOSSES)
          + counters["syn_stashed"] + counters["own"] + counters["left_to_cgroup"], f"the books do not balance: {counters}")
    at = f"{sent / seconds / 1000:.0f} k SYN/s" if rate else "no flood"
    return f"{at}; complete with their own SYN: {'; '.join(seen)}; agent {spent / lasted * 100:.1f} % of a core"


# Without a flood and with a smaller one in the long form only: 100,000 a second is the hardest.
for _hook in ("tc", "cgroup", "auto", "xdp"):
    for _rate in (0, 20000, 100000) if os.environ.get("HP_FULL", "0") != "0" else (100000,):
        ALL.append(Scenario(f"far.{_hook}-{_rate // 1000}k",
                            lambda stage, hook=_hook, rate=_rate: _far(stage, hook, rate)))
