# SPDX-License-Identifier: Apache-2.0
"""The three processes of an agent: what each may do, and what becomes of the records when one of them
crashes, hangs or is to be kept out; and executables that nobody can read."""
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import judge
import network
import records
from agent import children
from scenarios import HERE, KNOWN, SHAPES, Skip, check, scenario

BPF, PERFMON, NET_ADMIN, SYS_PTRACE, DAC_READ_SEARCH = (1 << n for n in (39, 38, 12, 19, 2))


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def descriptors(pid):
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        except OSError:
            continue
    return found


def gone(pids, limit):
    """True once none of the processes runs any more."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if not any(os.path.exists(f"/proc/{pid}") for pid in pids):
            return True
        time.sleep(0.02)
    return False


def attached(stage):
    return json.loads(stage.net.server.run(sys.executable, f"{HERE}/attached.py",
                                           stage.net.server_interface).stdout)


def new_child(agent, role, old, limit=5):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        pid = agent.child(role)
        if pid != old:
            return pid
        time.sleep(0.01)
    raise AssertionError(f"no new {role} within {limit} s: {agent.said()}")


def status(stage):
    result = network.run(stage.setting.agent, "status", "--json", "--control",
                         f"{stage.folder}/control.sock", timeout=20)
    return json.loads(result.stdout)


@scenario("processes.powers")
def powers(stage):
    """Who reads packets holds nothing; who looks up processes holds two capabilities."""
    agent = stage.run_agent(stage.config())
    worker, procinfo = agent.child("worker"), agent.child("procinfo")
    check(sorted(children(agent.pid)) == sorted([worker, procinfo]), "other children")
    seen = status_of(worker)
    for name, wanted in (("CapEff", 0), ("CapPrm", 0), ("CapInh", 0), ("CapAmb", 0), ("CapBnd", 0)):
        check(int(seen[name], 16) == wanted, f"worker: {name} {seen[name]}")
    check((seen["NoNewPrivs"], seen["Seccomp"]) == ("1", "2"), f"worker: {seen}")
    check("0" not in seen["Uid"].split(), f"worker: uid {seen['Uid']}")
    held = descriptors(worker)
    check(sum("bpf-map" in d for d in held) == 2 and not any("bpf-prog" in d or "bpf_link" in d for d in held),
          f"worker: {held}")
    told = status_of(procinfo)
    for name in ("CapEff", "CapPrm", "CapBnd"):
        check(int(told[name], 16) == SYS_PTRACE | DAC_READ_SEARCH, f"procinfo: {name} {told[name]}")
    check((told["NoNewPrivs"], told["Seccomp"]) == ("1", "2"), f"procinfo: {told}")
    check(not any("bpf" in d for d in descriptors(procinfo)), "procinfo holds BPF descriptors")
    loader = int(status_of(agent.pid)["CapEff"], 16)
    check(loader & (BPF | PERFMON | NET_ADMIN) == BPF | PERFMON | NET_ADMIN, f"loader: {loader:x}")
    check(loader & (SYS_PTRACE | DAC_READ_SEARCH) == 0, f"loader: {loader:x}")
    for pid in (worker, procinfo):  # not even by another process of the same user
        check(os.stat(f"/proc/{pid}/mem").st_uid == 0, "it could be traced")
    agent.stop()
    return f"worker CapEff {seen['CapEff']} NoNewPrivs 1 Seccomp 2, procinfo {told['CapEff']}, loader {loader:x}"


@scenario("processes.worker-crashes")
def worker_crashes(stage):
    """SIGSEGV to the worker under 200 connections a second: recording again within two seconds, right
    processes, what was lost is counted, the books balance, no line is cut."""
    stage.server("fork")
    agent = stage.run_agent(stage.config())
    worker = agent.child("worker")
    client = stage.net.client.start(*stage.short_client(800, concurrency=4, rate=200, label="during"),
                                    stdout=subprocess.DEVNULL)
    check(agent.wait_for_records(200, 10), "no records before the crash")
    os.kill(worker, signal.SIGSEGV)
    began = time.monotonic()
    check(gone([worker], 2), "the worker survived")
    written = records.tail_count(stage.output)
    while records.tail_count(stage.output) == written and time.monotonic() - began < 10:
        time.sleep(0.005)
    took = time.monotonic() - began
    new_child(agent, "worker", worker)
    client.wait(60)
    stage.connect(100, concurrency=4, label="after")
    agent.wait_for_records(880, 8)
    time.sleep(6)  # what the crash left half is written after its time
    lives = status(stage)["supervisor"]
    agent.stop()
    check(any("worker" in line and "signal 11" in line for line in agent.log), f"not said: {agent.said()}")
    check(took <= 2, f"recording again after {took:.2f} s")
    documents = agent.records()
    verdict = stage.judge(documents, label="after")
    connections = [c for c in judge.connect_truth(judge.read_truth(stage.truth_path)) if c.label == "during"]
    check(len(connections) == 800, f"{len(connections)} connections were made")
    loose = judge.Judge(connections, documents, {**KNOWN["tc", "server"], **SHAPES["tls"]})
    check(all(role.wrong == 0 for role in loose.roles.values()), f"a wrong process: {loose.summary()}")
    written = {d.key for d in documents if d.part == 1}
    lost = sum(c.key not in written for c in connections)
    counted = lives["worker_lost_flows"]
    check(lives["worker_restarts"] == 1, f"{lives}")
    check(lost <= counted, f"{lost} connections are missing, {counted} are counted")
    check(not agent.unbalanced(), f"the books do not balance: {agent.unbalanced()}")
    return (f"recording again after {took:.2f} s, {lost} of 800 connections lost, counted {lives}; "
            f"afterwards {verdict.summary()}")


@scenario("processes.procinfo-crashes")
def procinfo_crashes(stage):
    """SIGKILL to procinfo: records go on, and behind it processes are looked up again."""
    stage.server("fork")
    agent = stage.run_agent(stage.config())
    old = agent.child("procinfo")
    client = stage.net.client.start(*stage.short_client(300, concurrency=4, rate=200, label="during"),
                                    stdout=subprocess.DEVNULL)
    check(agent.wait_for_records(80, 10), "no records before the crash")
    os.kill(old, signal.SIGKILL)
    began = time.monotonic()
    new_child(agent, "procinfo", old)
    took = time.monotonic() - began
    client.wait(60)
    stage.connect(100, concurrency=4, label="after")
    check(agent.wait_for_records(400, 8), f"{records.tail_count(stage.output)} of 400 records")
    check(took <= 2, f"again after {took:.2f} s")
    info = status(stage)
    check(info["supervisor"]["procinfo_restarts"] == 1, f"{info['supervisor']}")
    agent.stop()
    documents = agent.records()
    stage.judge(documents, label="during")
    verdict = stage.judge(documents, label="after")
    named = [d for d in documents[-100:] if d.get("user.name")]
    check(named, "no user is named any more")
    return f"again after {took:.2f} s; {verdict.summary()}"


@scenario("processes.three-crashes")
def three_crashes(stage):
    """The third crash within ten minutes: nothing stays attached, it says so, and ends with 70."""
    before = attached(stage)
    agent = stage.run_agent(stage.config())
    procinfo = agent.child("procinfo")
    check(attached(stage) != before, "nothing was attached")
    worker = None
    for number in range(3):
        worker = agent.child("worker") if worker is None else new_child(agent, "worker", worker)
        if number:
            check(agent.wait_for_log(f"pid {worker}", 5), f"not said: {agent.said()}")
        os.kill(worker, signal.SIGKILL)
    try:
        code = agent.process.wait(10)
    except subprocess.TimeoutExpired:
        code = None
    check(code == 70, f"exit {code}: {agent.said()}")
    check(attached(stage) == before, f"{attached(stage)} stays, {before} before")
    check(gone([worker, procinfo], 2), "a process stays")
    check(agent.wait_for_log("needs a person", 1), f"it says: {agent.said()}")
    return agent.log[-1]


@scenario("processes.loader-killed")
def loader_killed(stage):
    """SIGKILL to the loader: its children end, its links are gone."""
    before = attached(stage)
    agent = stage.run_agent(stage.config())
    pids = [agent.pid, agent.child("worker"), agent.child("procinfo")]
    os.kill(pids[1], signal.SIGSTOP)  # even one that cannot notice anything
    agent.kill()
    check(gone(pids[1:], 2), "a child outlives the loader")
    end = time.monotonic() + 2
    while attached(stage) != before and time.monotonic() < end:
        time.sleep(0.05)
    check(attached(stage) == before, f"{attached(stage)} stays")
    return "no process, no link"


@scenario("processes.kill-switch")
def kill_switch(stage):
    """`disabled` beside the configuration: a running agent detaches at once and attaches again when it
    is gone; another is not started."""
    stage.server("fork")
    before = attached(stage)
    config, switch = stage.config(), f"{stage.folder}/disabled"
    agent = stage.run_agent(config)
    stage.connect(20, label="first")
    check(agent.wait_for_records(20, 5), "no records")
    open(switch, "w").close()
    began = time.monotonic()
    check(agent.wait_for_log("disabled: detached", 6), f"not said: {agent.said()}")
    took = time.monotonic() - began
    check(attached(stage) == before, f"{attached(stage)} stays")
    check(not children(agent.pid), "children stay")
    check(status(stage)["state"] == "disabled", "status does not tell")
    stage.connect(20, label="unseen")
    refused = stage.net.server.run(stage.setting.agent, "run", "--config", config, "--control",
                                   f"{stage.folder}/other.sock", check=False, timeout=20)
    check(refused.returncode == 0 and switch in refused.stderr, f"{refused.returncode}: {refused.stderr}")
    lines = len(agent.log)
    os.unlink(switch)
    check(agent.wait_for_log("capturing with", 10, lines), f"not said: {agent.said()}")
    stage.connect(20, label="second")
    check(agent.wait_for_records(40, 5), "no records behind it")
    agent.stop()
    documents = agent.records()
    for label in ("first", "second"):
        stage.judge(documents, label=label)
    check(len(documents) == 40, f"{len(documents)} documents")
    return f"detached after {took:.2f} s, attached again when it was gone"


@scenario("processes.stopped-procinfo")
def stopped_procinfo(stage):
    """SIGSTOP to procinfo: records keep their time limit without it, and a stop takes at most 5 s. It
    is taken for hung, and started anew, after ten seconds."""
    stage.server("fork")
    agent = stage.run_agent(stage.config())
    old = agent.child("procinfo")
    os.kill(old, signal.SIGSTOP)
    began = time.monotonic()
    stage.connect(50, concurrency=4)
    made = time.monotonic() - began
    check(agent.wait_for_records(50, 3), f"{records.tail_count(stage.output)} of 50 within 3 s")
    took = time.monotonic() - began - made
    if stage.setting.full:
        new_child(agent, "procinfo", old, 16)
        check(agent.wait_for_log("did not answer", 1), f"not said: {agent.said()}")
        os.kill(agent.child("procinfo"), signal.SIGSTOP)
    stopped = agent.stop()
    check(stopped <= 5, f"the stop took {stopped:.1f} s")
    return f"{stage.judge(agent.records()).summary()}; written after {took:.2f} s, stopped in {stopped:.2f} s"


@scenario("processes.dead-output")
def dead_output(stage):
    """One output whose reader takes nothing: the other gets everything, and a stop takes at most 5 s."""
    stage.server("fork")
    pipe = f"{stage.folder}/pipe"
    os.mkfifo(pipe, 0o666)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        config = stage.config(output=[{"type": "file", "path": stage.output}, {"type": "file", "path": pipe}])
        agent = stage.run_agent(config)
        stage.connect(300, concurrency=8)
        check(agent.wait_for_records(300, 8), f"{records.tail_count(stage.output)} of 300 records")
        began = time.monotonic()
        agent.signal(signal.SIGTERM)
        try:
            code = agent.process.wait(10)
        except subprocess.TimeoutExpired:
            code = None
        took = time.monotonic() - began
    finally:
        os.close(reader)
    check(took <= 5, f"the stop took {took:.1f} s")
    check(code == 1, f"exit {code}, though documents were lost: {agent.said()}")
    check(any(pipe in line and "in time" in line for line in agent.log), f"not said: {agent.said()}")
    return f"{stage.judge(agent.records()).summary()}; stopped in {took:.2f} s"


# Executables that cannot be read

def _from_executable(stage, program, before=(), during=None):
    """Short-lived processes of `program` while `during()` happens after some of them."""
    stage.server("fork")
    agent = stage.run_agent(stage.config())
    words = [*before, program, *stage.short_client(60, concurrency=2, rate=40)[1:]]
    # On the server's side, whose agent sees the sockets of both ends at its own interface.
    client = stage.net.client.start(*words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    check(agent.wait_for_records(10, 10), f"no records: {agent.said()}")
    if during:
        during()
    client.wait(30)
    ended = time.monotonic()
    check(client.returncode == 0, f"the client: {client.stderr.read()[-200:]}")
    check(agent.wait_for_records(60, 6), f"{records.tail_count(stage.output)} of 60 records")
    took = time.monotonic() - ended
    procinfo = agent.child("procinfo")
    stopped = agent.stop()
    check(took <= 1.5, f"the last record came after {took:.1f} s")
    check(stopped <= 5, f"the stop took {stopped:.1f} s")
    check(gone([procinfo], 2), "procinfo hangs")
    # The record names the file that it was; the kernel's note that it is gone is no part of the name.
    with open(stage.truth_path, encoding="utf-8") as file:
        told = file.read().replace(f"{program} (deleted)", program)
    with open(stage.truth_path, "w", encoding="utf-8") as file:
        file.write(told)
    verdict = stage.judge(agent.records())
    return f"{verdict.summary()}; last record {took:.2f} s after the last connection, stopped in {stopped:.2f} s"


@scenario("executables.silent-fuse")
def silent_fuse(stage):
    """On a FUSE file system that stops answering: nobody asks it, for a living process or one that ended.
    Who asks it once can not even be killed."""
    folder = f"{stage.folder}/silent"
    os.mkdir(folder)
    stage.server("fork")
    server = network.start([f"{stage.setting.programs}/silent_fs", folder,
                            f"{stage.setting.programs}/hello_client"], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True)
    try:
        if server.stdout.readline() != "ready\n":
            raise Skip(f"no FUSE here: {server.stderr.read().strip()}")
        program = f"{folder}/program"
        with open(program, "rb") as file:  # the clients themselves must not need the server
            file.read()
        clients = [stage.net.client.start(
            program, "--to", f"{stage.net.server_ip}:8443", "--log", stage.truth_path, "--label", "alive",
            "--sni", f"n{number}-alive.test", "wait", "hello=517", "read", "sleep=3000",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for number in range(5)]
        for client in clients:
            check(client.stdout.readline() == "waiting\n", "a client did not connect")
        os.kill(server.pid, signal.SIGUSR1)
        agent = stage.run_agent(stage.config())
        procinfo = agent.child("procinfo")
        for client in clients:
            client.stdin.write("go\n")
            client.stdin.close()
        began = time.monotonic()
        check(agent.wait_for_records(5, 8), f"{records.tail_count(stage.output)} of 5 records: {agent.said()}")
        took = time.monotonic() - began
        stopped = agent.stop()
        check(gone([procinfo], 2), "procinfo hangs")
    finally:
        network.stop(server)
        network.run("umount", "-l", folder, check=False)
    check(took <= 6 and stopped <= 5, f"the records took {took:.1f} s, the stop {stopped:.1f} s")
    pids = {client.pid for client in clients}
    documents = [d for d in agent.records() if d.key]
    seen = [(d.get("handprint.client.process.pid"), d.get("handprint.client.process.executable"))
            for d in documents]
    check(all(pid is None or (pid in pids and name == program) for pid, name in seen), f"{seen}")
    named = sum(pid is not None for pid, _ in seen)
    check(named == 5, f"{named} of 5 clients are named: {seen}")
    return f"{len(documents)} records after {took:.2f} s, {named} clients right, stopped in {stopped:.2f} s"


@scenario("executables.deleted")
def deleted(stage):
    """Removed while its processes run."""
    program = f"{stage.folder}/program"
    shutil.copy(f"{stage.setting.programs}/short_client", program)
    return _from_executable(stage, program, during=lambda: os.unlink(program))


@scenario("executables.own-mounts")
def own_mounts(stage):
    """In a mount namespace of its own, under a path that means another file outside."""
    folder = f"{stage.folder}/image"
    os.mkdir(folder)
    open(f"{folder}/program", "w").close()
    before = ["unshare", "-m", "sh", "-c", f'mount -t tmpfs none {folder} && '
              f'cp {stage.setting.programs}/short_client {folder}/program && exec "$@"', "sh"]
    return _from_executable(stage, f"{folder}/program", before)
