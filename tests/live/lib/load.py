# SPDX-License-Identifier: Apache-2.0
"""What the agent may cost: its memory is known before it starts, its processor time is bounded by
leaving things out, and one that gets no time at all harms nobody."""
import os
import re
import signal
import subprocess
import time

import judge
import network
import records
from processes import attached, status
from scenarios import check, scenario

STEPS = ("everything", "first requests only", *(f"1 connection in {1 << n}" for n in range(1, 7)),
         "detached")


@scenario("load.memory")
def memory(stage):
    """limits.memory is compared with what all parts can take together, before anything is loaded."""
    config = stage.config(limits={"memory": "40MiB"})
    before = attached(stage)
    result = stage.net.server.run(stage.setting.agent, "run", "--config", config, check=False, timeout=20)
    check(result.returncode == 1, f"exit {result.returncode}: {result.stderr}")
    said = result.stderr.strip()
    for word in ("limits.memory", "packet ring", "connections", "queues"):
        check(word in said, f"nothing of {word} in: {said}")
    check(attached(stage) == before, "something is attached")
    stage.server("fork")
    agent = stage.run_agent(stage.config(limits={"memory": "256MiB"}))
    planned = re.search(r"memory: at most ([0-9.]+) MB", "\n".join(agent.log))
    check(planned, f"it does not say what it can take: {agent.said()}")
    stage.connect(200, concurrency=4)
    agent.wait_for_records(200, 9)
    used = status(stage)["memory"]
    agent.stop()
    check(used["rss_bytes"] + used["kernel_map_bytes"] <= float(planned.group(1)) * 1e6,
          f"{used}, planned {planned.group(1)} MB")
    return f"{said.splitlines()[-1][:150]}; then {used['rss_bytes'] / 1e6:.1f} MB resident of {planned.group(1)}"


def captures(agent, after=0):
    """What the log says is still captured, step by step."""
    found = [re.search(r": captures (.*) \(before: ", line) for line in agent.log[after:]]
    return [match.group(1) for match in found if match]


@scenario("load.governor")
def governor(stage):
    """A limit that connections of short-lived processes exceed, even when few are looked at: step by step less is looked at until nothing is attached; when
    the traffic ends, step by step everything is again. The ladder's seconds are shortened."""
    stage.server("fork")
    before = attached(stage)
    agent = stage.run_agent(stage.config(hook="auto", limits={"cpu": "1%"}),
                            {"HANDPRINT_TEST_GOVERNOR_MS": "60"})
    while_all = attached(stage)
    check(while_all != before, "nothing was attached")
    client = stage.net.client.start(*stage.short_client(100000, concurrency=8, rate=1500), "--exec",
                                    stdout=subprocess.DEVNULL)
    try:
        check(agent.wait_for_log("captures detached", 60), f"never detached: {captures(agent)}")
        end = time.monotonic() + 2
        while attached(stage) != before and time.monotonic() < end:
            time.sleep(0.02)
        check(attached(stage) == before, f"{attached(stage)} although detached")
    finally:
        network.stop(client)
    up = captures(agent)
    check(up == list(STEPS[1:]), f"the steps up: {up}")
    said = len(agent.log)
    check(agent.wait_for_log("captures everything", 120, after=said), f"not back: {captures(agent, said)}")
    down = captures(agent, said)
    check(down == list(reversed(STEPS[:-1])), f"the steps down: {down}")
    check(attached(stage) == while_all, f"{attached(stage)} instead of {while_all}")
    said_now = status(stage)
    # What the end of the pause takes up again was not missed when it appeared.
    check(said_now["interfaces"]["attach_late"] == 0, f"{said_now['interfaces']}")
    load = said_now["load"]
    check(load["steps_up"] == 8 and load["steps_down"] == 8 and load["detaches"] == 1, f"{load}")
    # With the limit taken away everything is seen again.
    config = stage.config(hook="auto", limits={"cpu": "0%"})
    check(os.path.exists(config), "no configuration")
    agent.signal(signal.SIGHUP)
    check(agent.wait_for_log("taken over", 10, after=said), f"not reloaded: {agent.said()}")
    stage.connect(50, concurrency=2, label="after")
    end = time.monotonic() + 10
    while time.monotonic() < end and len(labelled(stage, agent)[1]) < 50:
        time.sleep(0.2)
    agent.stop()
    verdict = stage.judge(agent.records(), label="after")
    check(not agent.unbalanced(), f"the books do not balance: {agent.unbalanced()}")
    return f"{len(up)} steps up, {len(down)} down; afterwards {verdict.summary()}"


def labelled(stage, agent, label="after", since=(0, 0)):
    """The connections with the label, and those of them that have a record. `since`: what stood in the
    truth log and in the output, in bytes, before the first of them."""
    truth = judge.connect_truth(judge.read_truth(stage.truth_path, since[0]))
    wanted = {c.key for c in truth if c.label == label}
    found = records.read(agent.output, since[1])
    return wanted, {d.key for d in found if d.part == 1 and d.key in wanted}


@scenario("load.stopped-worker")
def stopped_worker(stage):
    """SIGSTOP to the worker while clients connect: none of them notices, the memory does not grow, what
    is lost is counted, and soon after SIGCONT records are complete again."""
    seconds, rate = (60, 2000) if stage.setting.full else (6, 400)
    stage.server("prefork")
    agent = stage.run_agent(stage.config(limits={"cpu": "0%"}))
    worker = agent.child("worker")
    stage.connect(50, concurrency=2, label="before")
    check(agent.wait_for_records(50, 9), "no records before")
    pids = [agent.pid, worker, agent.child("procinfo")]

    def resident():
        total = 0
        for pid in pids:
            with open(f"/proc/{pid}/statm", encoding="ascii") as file:
                total += int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
        return total
    os.kill(worker, signal.SIGSTOP)
    try:
        began = resident()
        client = stage.net.client.start(
            *stage.short_client(seconds * rate, concurrency=8, rate=rate, label="during"),
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        _, said = client.communicate(timeout=seconds * 10 + 60)
        grown = resident() - began
    finally:
        os.kill(worker, signal.SIGCONT)
    awake = time.monotonic()
    since = os.path.getsize(stage.truth_path), os.path.getsize(agent.output)
    check(client.returncode == 0, f"the clients failed: {said[-300:]}")
    label, complete = "", 0
    for number in range(50):
        label = f"after{number}"
        stage.connect(4, label=label)
        end = time.monotonic() + 1
        while time.monotonic() < end and complete < 4:
            time.sleep(0.05)
            complete = len(labelled(stage, agent, label, since)[1])
        if complete == 4 or time.monotonic() - awake > 15:
            break
    took = time.monotonic() - awake
    counters = stage.counters(agent)
    agent.wait_for_records(records.tail_count(stage.output) + 1, 6)
    agent.stop()
    check(complete == 4 and took <= 5, f"{complete} of 4 records {took:.1f} s after SIGCONT")
    verdict = stage.judge(agent.records(), label=label)
    made = [c for c in judge.connect_truth(judge.read_truth(stage.truth_path)) if c.label == "during"]
    check(len(made) == seconds * rate, f"{len(made)} of {seconds * rate} connections were made")
    check(abs(grown) < 4 << 20, f"the memory grew by {grown} bytes")
    check(not agent.unbalanced(), f"the books do not balance: {agent.unbalanced()}")
    lost = counters["lost_ring"] + counters["lost_ring_process"]
    written = {d.key for d in agent.records() if d.part == 1}
    missing = sum(c.key not in written for c in made)
    check(lost > 0 or missing == 0, f"{missing} records are missing and nothing is counted as lost")
    return (f"{len(made)} connections in the meantime, 0 failed, {missing} without a record, lost in the rings "
            f"{lost}; memory {grown / 1e6:+.1f} MB; complete again after {took:.1f} s; {verdict.summary()}")


@scenario("load.scan")
def scan(stage):
    """Unanswered SYNs beyond limits.syn_records are counted by the network that they come from: one that
    tries again and again stands out from thousands that try once."""
    net = stage.net
    net.server.ip("route", "add", "default", "via", net.client_ip)
    # Nobody answers, as behind a packet filter.
    net.server.ip("route", "add", "prohibit", "12.0.0.0/8")
    agent = stage.run_agent(stage.config(limits={"syn_records": "10/s", "syn_rate": "0/s"}))
    sent = 0
    for _ in range(2):
        flood = net.client.run(
            f"{stage.setting.programs}/syn_flood", "--interface", net.client_interface, "--to-mac",
            net.server.mac(net.server_interface), "--to", f"{net.server_ip}:8443", "--rate", 1000,
            "--seconds", 1, "--network", 12, timeout=30)
        sent += int(re.search(r'"sent": *(\d+)', flood.stdout).group(1))
    net.client.run(f"{stage.setting.programs}/short_client", "--to", f"{net.server_ip}:1", "--log", "/dev/null",
                   "--count", 40, check=False, timeout=30)
    time.sleep(7)  # an unanswered SYN is given up after five seconds
    report = status(stage)
    agent.stop()
    scans, engine = report["scans"], report["engine"]
    counted = sum(s["unanswered"] for s in scans["top"]) + scans["others"]
    check(engine["syn_unrecorded"] > sent / 2, f"{engine['syn_unrecorded']} of {sent} unanswered SYNs")
    network_of = net.client_ip.rsplit(".", 1)[0] + ".0/24"
    check(scans["top"] and scans["top"][0]["source"] == network_of, f"{scans}")
    check(20 <= scans["top"][0]["unanswered"] <= 40, f"{scans['top'][0]}")
    check(scans["others"] > 0 and counted <= engine["syn_unrecorded"],
          f"{counted} counted, {engine['syn_unrecorded']} not recorded")
    check(not agent.unbalanced(), f"the books do not balance: {agent.unbalanced()}")
    return f"{sent} SYNs, {engine['syn_unrecorded']} without a record; {scans['sources']} networks, most {scans['top'][:1]}"
