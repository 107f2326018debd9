# SPDX-License-Identifier: Apache-2.0
"""What the agent costs its host: beside keep-alive requests, beside bulk traffic, and at a start on a host
with very many open descriptors. Two namespaces and a veth pair, nginx, wrk and iperf3; by hook."""
import json
import os
import re
import shutil
import signal
import subprocess
import time

HOOKS = ("cgroup", "tc", "auto")
ADDRESS, PEER = "10.99.1.2", "10.99.1.1"
STATS = "/proc/sys/kernel/bpf_stats_enabled"
DESCRIPTORS, HOLDERS = 200_000, 20

NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log; user root;
events {{ worker_connections 512; }}
http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/b;
  proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen {address}:80; location / {{ return 200 "hello"; }} }} }}
"""

HOLDER = """
import os, resource, socket, sys
count = int(sys.argv[1])
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(count + 100, hard), hard))
sockets = [socket.socket() for _ in range(count // 20)]
null = os.open("/dev/null", os.O_RDONLY)
for _ in range(count - count // 20):
    os.dup(null)
print("open", flush=True)
sys.stdin.read()
"""


class Host:
    def __init__(self, folder, handprint):
        self.folder, self.handprint = folder, handprint
        self.near, self.far = f"hpbs{os.getpid()}", f"hpbc{os.getpid()}"
        self.control = f"{folder}/host.sock"
        self.processes = []

    def __enter__(self):
        for name in (self.near, self.far):
            self.ip("netns", "add", name)
            self.ip("-n", name, "link", "set", "lo", "up")
        self.ip("-n", self.near, "link", "add", "hb1", "type", "veth", "peer", "name", "hb0", "netns", self.far)
        for name, device, address in ((self.near, "hb1", ADDRESS), (self.far, "hb0", PEER)):
            self.ip("-n", name, "addr", "add", f"{address}/24", "dev", device)
            self.ip("-n", name, "link", "set", device, "up")
        return self

    def __exit__(self, *_):
        for process in self.processes:
            self.end(process)
        for name in (self.near, self.far):
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)

    @staticmethod
    def ip(*words):
        subprocess.run(["ip", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def inside(self, name, *words):
        # Not `ip netns exec`, which hides the cgroup tree from the agent.
        return ["nsenter", f"--net=/var/run/netns/{name}", "--", *words]

    def start(self, name, *words, **options):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **options}
        process = subprocess.Popen(self.inside(name, *words) if name else list(words), **options)
        self.processes.append(process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def agent(self, hook):
        """Without the governor, which would look at less instead of costing more."""
        capture = {"hook": hook} if hook == "cgroup" else {"hook": hook, "interfaces": ["hb1"]}
        config = f"{self.folder}/host.yaml"
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"capture": capture, "limits": {"cpu": "0%"},
                       "output": [{"type": "file", "path": f"{self.folder}/host.jsonl"}]}, file)
        log = f"{self.folder}/host-agent.log"
        with open(log, "w", encoding="utf-8") as file:
            began = time.perf_counter()
            agent = self.start(self.near, self.handprint, "run", "--config", config, "--control", self.control,
                               stderr=file)
        while "capturing" not in open(log, encoding="utf-8").read():
            if agent.poll() is not None or time.perf_counter() - began > 60:
                raise RuntimeError("the agent does not capture: " + open(log, encoding="utf-8").read()[-300:])
            time.sleep(0.005)
        return agent, time.perf_counter() - began


def programs():
    """Run time in ns and runs of each capture program of an agent, by name."""
    out = subprocess.run(["bpftool", "-j", "prog", "show"], check=True, stdout=subprocess.PIPE, text=True).stdout
    names = ("tc_ingress", "tc_egress", "cgroup_ingress", "cgroup_egress", "sock_read", "sock_state")
    return {p["name"]: (p.get("run_time_ns", 0), p.get("run_cnt", 0)) for p in json.loads(out)
            if p.get("name") in names}


def overhead(bench):
    """What the kernel's statistics add to each run, ns: the run time that they show for a program that does
    nothing. Zero where it cannot be measured."""
    mount, packet = f"{bench.folder}/bpffs", f"{bench.folder}/packet"
    pin = f"{mount}/nop"
    os.mkdir(mount)
    with open(packet, "wb") as file:
        file.write(bytes(64))
    try:
        subprocess.run(["mount", "-t", "bpf", "bpf", mount], check=True, stderr=subprocess.PIPE)
        subprocess.run(["bpftool", "prog", "load", f"{bench.build}/bench/bpf_nop.bpf.o", pin], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        subprocess.run(["bpftool", "prog", "run", "pinned", pin, "data_in", packet, "repeat", "1000000"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        shown = json.loads(subprocess.run(["bpftool", "-j", "prog", "show", "pinned", pin], check=True,
                                          stdout=subprocess.PIPE).stdout)
        return shown["run_time_ns"] / shown["run_cnt"]
    except (subprocess.CalledProcessError, KeyError, ValueError, ZeroDivisionError):
        return 0.0
    finally:
        subprocess.run(["umount", mount], check=False, stderr=subprocess.DEVNULL)


def gained(before, after):
    return {name: (after[name][0] - before.get(name, (0, 0))[0], after[name][1] - before.get(name, (0, 0))[1])
            for name in after}


def measure(bench, process_seconds):
    facts = {}
    with open(STATS, encoding="ascii") as file:
        stats_before = file.read()
    with open(STATS, "w", encoding="ascii") as file:
        file.write("1")
    try:
        with Host(bench.folder, bench.program("agent", "handprint")) as host:
            with open(f"{bench.folder}/nginx.conf", "w", encoding="utf-8") as file:
                file.write(NGINX.format(folder=bench.folder, address=ADDRESS))
            host.start(host.near, shutil.which("nginx") or "/usr/sbin/nginx", "-c", f"{bench.folder}/nginx.conf")
            host.start(host.near, "iperf3", "-s")
            time.sleep(1)
            nothing = facts["overhead_ns"] = overhead(bench)
            bench.row("host: a program that does nothing, by the kernel's statistics", f"{nothing:.0f} ns a run",
                      "taken off below")
            alone = requests(host), bulk(host)
            bench.row("host: without an agent", f"{alone[0]:,.0f} requests/s", f"iperf3 {alone[1] / 1e9:.1f} Gbit/s")
            for hook in HOOKS:
                facts[hook] = one(bench, host, hook, process_seconds, alone, nothing)
            facts["descriptors"] = descriptors(bench, host)
    except (RuntimeError, subprocess.CalledProcessError, OSError, ValueError) as error:
        facts["error"] = str(error)
        bench.row("host", "failed", str(error)[:160])
    finally:
        with open(STATS, "w", encoding="ascii") as file:
            file.write(stats_before)
    return facts


def requests(host, seconds=6):
    out = subprocess.run(host.inside(host.far, "wrk", "-t1", "-c16", f"-d{seconds}s", f"http://{ADDRESS}/"), check=True,
                         stdout=subprocess.PIPE, text=True, timeout=60).stdout
    return float(re.search(r"Requests/sec: *([0-9.]+)", out).group(1))


def bulk(host, seconds=5):
    out = subprocess.run(host.inside(host.far, "iperf3", "-c", ADDRESS, "-t", str(seconds), "-J"), check=True,
                         stdout=subprocess.PIPE, text=True, timeout=60).stdout
    return json.loads(out)["end"]["sum_received"]["bits_per_second"]


def one(bench, host, hook, process_seconds, alone, nothing):
    agent, start = host.agent(hook)
    time.sleep(1)
    cpu, began, before = process_seconds(agent.pid), time.perf_counter(), programs()
    rate = requests(host)
    took = time.perf_counter() - began
    share = (process_seconds(agent.pid) - cpu) / took
    kept = gained(before, programs())
    kernel_share = sum(ns - nothing * runs for ns, runs in kept.values()) / took / 1e9
    bench.row(f"host: {hook}, keep-alive requests", f"{rate:,.0f}/s ({rate / alone[0]:.2f} of none)",
              f"agent {share * 100:.1f} %, programs {kernel_share * 100:.1f} % of a core; at 20,000/s "
              f"{share * 2e6 / rate:.1f} and {kernel_share * 2e6 / rate:.1f} %")
    before, began = programs(), time.perf_counter()
    speed = bulk(host)
    took = time.perf_counter() - began
    cost = gained(before, programs())
    capture = {name: entry for name, entry in cost.items() if not name.startswith("sock")}
    runs, spent = sum(n for _, n in capture.values()), sum(ns for ns, _ in capture.values())
    each = spent / max(runs, 1) - nothing
    bench.row(f"host: {hook}, bulk traffic", f"{each:.0f} ns a run, {each * 7e5 / 1e7:.1f} % of a core at 700,000/s",
              f"{runs / took:,.0f} runs/s, iperf3 {speed / 1e9:.1f} Gbit/s ({speed / alone[1]:.2f} of none)")
    host.end(agent)
    return {"start_s": start, "requests_per_s": rate, "agent_share": share, "kernel_share": kernel_share,
            "keep_alive": kept, "bulk": cost, "bits_per_s": speed}


def descriptors(bench, host):
    agent, few = host.agent("cgroup")
    host.end(agent)
    holders = [host.start("", "python3", "-c", HOLDER, str(DESCRIPTORS // HOLDERS), stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) for _ in range(HOLDERS)]
    for holder in holders:
        if holder.stdout.readline() != b"open\n":
            raise RuntimeError("cannot open so many descriptors")
    agent, many = host.agent("cgroup")
    host.end(agent)
    for holder in holders:
        holder.stdin.close()
        holder.wait(10)
    bench.row(f"host: start with {DESCRIPTORS:,} open descriptors", f"{many * 1000:.0f} ms",
              f"with few {few * 1000:.0f} ms; one in 20 is a socket")
    return {"few_s": few, "many_s": many}
