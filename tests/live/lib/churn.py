# SPDX-License-Identifier: Apache-2.0
"""What comes and goes beside the agent, and what the agent does to itself."""
import subprocess
import sys
import time

import network
from scenarios import ALL, Scenario, check

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


for _hook, _interface in (("cgroup", "lo"), ("cgroup", "veth"), ("tc", "lo"), ("tc", "veth")):
    ALL.append(Scenario(f"own.{_hook}-{_interface}",
                        lambda stage, hook=_hook, interface=_interface: _own(stage, hook, interface)))
