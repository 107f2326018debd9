# SPDX-License-Identifier: Apache-2.0
"""TLS that does not start the stream, with real software: databases, mail, LDAP, proxies. Every
client runs twice, the second time over a link so narrow that its hello takes several segments."""
import os
import shutil
import subprocess
import time

import network
import records
import servers
from scenarios import check, scenario

POSTGRESQL = "/usr/lib/postgresql/15/bin"

HAPROXY = """
global
  log stderr local0 err
defaults
  mode tcp
  timeout connect 5s
  timeout client 10s
  timeout server 10s
listen one
  bind {ip}:6001
  server a {ip}:6011 send-proxy
listen two
  bind {ip}:6002
  server a {ip}:6012 send-proxy-v2
"""

NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log warn;
worker_processes 1;
user root;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  ssl_certificate {folder}/certificate.pem;
  ssl_certificate_key {folder}/key.pem;
  server {{
    listen {ip}:6010 ssl;
    listen {ip}:6011 ssl proxy_protocol;
    listen {ip}:6012 ssl proxy_protocol;
    location / {{ return 200 "hello\\n"; }}
  }}
}}
"""

DOVECOT = """
base_dir = {folder}/dovecot
state_dir = {folder}/dovecot-state
log_path = {folder}/dovecot.log
protocols = imap pop3
ssl = yes
ssl_cert = <{folder}/certificate.pem
ssl_key = <{folder}/key.pem
listen = {ip}
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}
}}
service imap-login {{
  inet_listener imap {{
    port = 6143
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = 6110
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
"""

POSTFIX = """
compatibility_level = 3.6
queue_directory = {folder}/postfix-queue
data_directory = {folder}/postfix-data
myhostname = mail.example
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
inet_interfaces = {ip}
smtpd_tls_security_level = may
smtpd_tls_cert_file = {folder}/certificate.pem
smtpd_tls_key_file = {folder}/key.pem
smtpd_peername_lookup = no
maillog_file = /dev/stdout
"""

# A server that is greeted and left: what smtpd asks for, no delivery.
POSTFIX_SERVICES = """
{ip}:6025 inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
tlsmgr unix - - n 1000? 1 tlsmgr
anvil unix - - n - 1 anvil
rewrite unix - - n - - trivial-rewrite
cleanup unix n - n - 0 cleanup
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
"""

SLAPD = """
include /etc/ldap/schema/core.schema
pidfile {folder}/slapd.pid
argsfile {folder}/slapd.args
TLSCertificateFile {folder}/certificate.pem
TLSCertificateKeyFile {folder}/key.pem
TLSVerifyClient never
"""


class Software:
    """The servers of the scenario, all in the server's namespace."""

    def __init__(self, stage):
        self.stage, self.space, self.ip = stage, stage.net.server, stage.net.server_ip
        self.folder = stage.folder
        servers.make_certificate(self.folder)
        self.started = []

    def write(self, name, text):
        path = f"{self.folder}/{name}"
        with open(path, "w") as file:
            file.write(text.format(folder=self.folder, ip=self.ip))
        return path

    def start(self, *words):
        name = os.path.basename(str(words[0]))
        with open(f"{self.folder}/{name}.out", "w") as log:
            process = self.space.start(*words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.started.append((name, process))

    def databases(self):
        """PostgreSQL and MariaDB make their data directories side by side."""
        data = f"{self.folder}/postgresql"
        os.mkdir(data)
        shutil.chown(data, "postgres")
        for name in ("certificate.pem", "key.pem"):
            shutil.copy(f"{self.folder}/{name}", f"{self.folder}/pg-{name}")
            shutil.chown(f"{self.folder}/pg-{name}", "postgres")
            os.chmod(f"{self.folder}/pg-{name}", 0o600)
        initialise = network.start(
            ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups",
             f"{POSTGRESQL}/initdb", "-D", data, "-A", "trust", "-N", "--no-instructions"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=self.folder)
        maria = f"{self.folder}/mariadb"
        os.mkdir(maria)
        shutil.chown(maria, "mysql")
        network.run("mariadb-install-db", "--no-defaults", f"--datadir={maria}", "--user=mysql",
                    "--skip-test-db", "--auth-root-authentication-method=normal", timeout=60)
        self.start("/usr/sbin/mariadbd", "--no-defaults", "--user=mysql", f"--datadir={maria}",
                   f"--bind-address={self.ip}", "--port=6306", f"--socket={maria}/socket",
                   f"--pid-file={maria}/pid", "--skip-grant-tables", "--skip-name-resolve",
                   "--ssl", f"--ssl-cert={self.folder}/certificate.pem",
                   f"--ssl-key={self.folder}/key.pem", "--innodb-buffer-pool-size=8M")
        said = initialise.communicate(timeout=60)[1]
        check(initialise.returncode == 0, f"initdb: {said.strip()[-200:]}")
        with open(f"{data}/pg_hba.conf", "a") as file:
            file.write("host all all 0.0.0.0/0 trust\n")
        self.start("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups",
                   f"{POSTGRESQL}/postgres", "-D", data, "-p", 6432, "-c",
                   f"listen_addresses={self.ip}", "-c", f"unix_socket_directories={data}", "-c",
                   "ssl=on", "-c", f"ssl_cert_file={self.folder}/pg-certificate.pem", "-c",
                   f"ssl_key_file={self.folder}/pg-key.pem", "-c", "fsync=off")

    def mail(self):
        """Postfix's master in the foreground. It ends its children by their process group, so it
        leads one."""
        configuration = f"{self.folder}/postfix"
        for name in ("postfix", "postfix-queue", "postfix-data"):
            os.mkdir(f"{self.folder}/{name}")
        shutil.chown(f"{self.folder}/postfix-data", "postfix")
        self.write("postfix/main.cf", POSTFIX)
        self.write("postfix/master.cf", POSTFIX_SERVICES)
        self.space.run("postfix", "-c", configuration, "check", timeout=30)
        self.start("setsid", "/usr/lib/postfix/sbin/master", "-c", configuration, "-d")

    def all(self):
        os.chmod(f"{self.folder}/key.pem", 0o644)
        self.start("haproxy", "-db", "-f", self.write("haproxy.cfg", HAPROXY))
        self.start("nginx", "-e", f"{self.folder}/nginx-error.log", "-c",
                   self.write("prefix-nginx.conf", NGINX))
        os.makedirs(f"{self.folder}/dovecot")
        self.start("dovecot", "-F", "-c", self.write("dovecot.conf", DOVECOT))
        self.start("slapd", "-d", "0", "-h", f"ldap://{self.ip}:6389", "-f",
                   self.write("slapd.conf", SLAPD))
        self.start("tinyproxy", "-d", "-c", self.write(
            "tinyproxy.conf", "Port 6888\nListen {ip}\nTimeout 10\n"))
        self.start("microsocks", "-i", self.ip, "-p", 6080)
        self.mail()
        self.databases()
        for port in (6001, 6002, 6010, 6011, 6012, 6025, 6143, 6110, 6389, 6888, 6080, 6306, 6432):
            try:
                servers.wait_for_listener(self.space, self.ip, port, 40)
            except RuntimeError as error:
                said = [f"{name}: {open(f'{self.folder}/{name}.out').read()[-200:].strip()}"
                        for name, process in self.started if process.poll() is not None]
                raise ValueError(f"{error}; ended: {said}") from None

    def stop(self):
        for _, process in reversed(self.started):
            network.stop(process)


# Name, port, prefix, program of the client, of the server, words. What openssl's client is asked for
# with -starttls is what the real server of that port speaks.
CLIENTS = [
    ("psql", 6432, ["postgresql"], "psql", "postgres",
     "psql 'host={ip} port=6432 user=postgres dbname=postgres sslmode=require' -c 'select 1'"),
    ("openssl-postgres", 6432, ["postgresql"], "openssl", "postgres",
     "openssl s_client -starttls postgres -connect {ip}:6432"),
    ("mysql", 6306, ["mysql"], "mariadb", "mariadbd",
     "mariadb --no-defaults -h {ip} -P 6306 --ssl -e 'select 1'"),
    ("openssl-mysql", 6306, ["mysql"], "openssl", "mariadbd",
     "openssl s_client -starttls mysql -connect {ip}:6306"),
    ("openssl-smtp", 6025, ["starttls-smtp"], "openssl", "smtpd",
     "openssl s_client -starttls smtp -connect {ip}:6025"),
    ("openssl-imap", 6143, ["starttls-imap"], "openssl", "imap-login",
     "openssl s_client -starttls imap -connect {ip}:6143"),
    ("openssl-pop3", 6110, ["starttls-pop3"], "openssl", "pop3-login",
     "openssl s_client -starttls pop3 -connect {ip}:6110"),
    ("openssl-ldap", 6389, ["starttls-ldap"], "openssl", "slapd",
     "openssl s_client -starttls ldap -connect {ip}:6389"),
    ("ldapsearch", 6389, ["starttls-ldap"], "ldapsearch", "slapd",
     "env LDAPTLS_REQCERT=never ldapsearch -ZZ -x -H ldap://{ip}:6389 -b '' -s base"),
    ("curl-connect", 6888, ["connect"], "curl", "tinyproxy",
     "curl -sk -o /dev/null -x http://{ip}:6888 https://{ip}:6010/"),
    ("curl-socks5", 6080, ["socks5"], "curl", "microsocks",
     "curl -sk -o /dev/null --socks5 {ip}:6080 https://{ip}:6010/"),
    ("haproxy-proxy1", 6011, ["proxy1"], "haproxy", "nginx", "curl -sk -o /dev/null https://{ip}:6001/"),
    ("haproxy-proxy2", 6012, ["proxy2"], "haproxy", "nginx", "curl -sk -o /dev/null https://{ip}:6002/"),
]


def executable(record, side):
    return os.path.basename(record.get(f"handprint.{side}.process.executable") or
                            record.get("process.executable") or "")


def judge_row(row, pid, found):
    """What is wrong with the documents of one run of a client; None if nothing is."""
    name, port, prefix, client, server, _ = row
    announced = prefix[0].startswith("proxy")
    if len(found) != 1:
        return f"{name}: {len(found)} first documents"
    record = found[0]
    if records.many(record.get("handprint.stream_prefix")) != prefix:
        return f"{name}: stream_prefix is {record.get('handprint.stream_prefix')}"
    for kind in ("tls", "tls_server", "tcp", "tcp_server"):
        if not record.get(f"handprint.fingerprint.{kind}"):
            return f"{name}: no {kind}"
    if record.get("handprint.incomplete"):
        return f"{name}: incomplete: {record.get('handprint.incomplete')}"
    if not announced and record.get("handprint.client.process.pid") != pid:
        return f"{name}: client's pid is {record.get('handprint.client.process.pid')}, not {pid}"
    if record.get("handprint.client.process.name") != client[:15]:
        return f"{name}: client is {record.get('handprint.client.process.name')}"
    if record.get("handprint.server.process.name") != server[:15]:
        return f"{name}: server is {record.get('handprint.server.process.name')}"
    if announced and record.get("destination.nat.port") != port:
        return f"{name}: nat is {record.get('destination.nat.port')}"
    if prefix[0] in ("connect", "socks5") and record.get("handprint.proxy.destination.port") != 6010:
        return f"{name}: asked for {record.get('handprint.proxy.destination.port')}"
    return None


def run_clients(stage, ip, how):
    """Runs every client once; (row, pid) of each, and what failed."""
    runs, failed = [], []
    for row in CLIENTS:
        process = stage.net.client.start("sh", "-c", "exec " + row[5].format(ip=ip),
                                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.PIPE, text=True)
        try:
            said = process.communicate(timeout=20)[1]
        except subprocess.TimeoutExpired:
            process.kill()
            said = f"takes too long {process.communicate()[1]}"
        # s_client ends with its input, some with an error of the protocol that nobody speaks.
        if process.returncode != 0 and row[3] != "openssl":
            failed.append(f"{row[0]}{how}: exit {process.returncode}: {said.strip()[-150:]}")
        runs.append((row, process.pid))
    return runs, failed


def prefixes(stage, hook):
    software = Software(stage)
    try:
        software.all()
        net = stage.net
        interfaces = [net.server_interface, "lo"]
        from agent import Agent
        agent = Agent.capture(stage.setting.agent, stage.folder,
                              None if hook == "cgroup" else net.server, interfaces, hook)
        stage.agents.append(agent)
        runs, failed = run_clients(stage, software.ip, "")
        for space, interface in ((net.client, net.client_interface),
                                 (net.server, net.server_interface)):
            space.run("ethtool", "-K", interface, "tso", "off", "gso", "off", "gro", "off")
            space.ip("link", "set", interface, "mtu", "300")
            space.run("ethtool", "-K", "lo", "tso", "off", "gso", "off", "gro", "off", check=False)
            space.ip("link", "set", "lo", "mtu", "300")
        cut, more = run_clients(stage, software.ip, " cut")
        check(not failed + more, f"{failed + more}")
        # No condition tells that the last document has come: they come within their 5 s.
        time.sleep(6)
        agent.stop()
        documents = [r for r in agent.records() if r.get("handprint.part") == 1]
        wrong = []
        for number, (row, pid) in enumerate(runs + cut):
            ports = {row[1]}
            mine = [r for r in documents if software.ip in (r.get("destination.ip"),
                                                            r.get("destination.nat.ip"))]
            if row[2][0].startswith("proxy"):
                mine = [r for r in mine if r.get("destination.nat.port") in ports]
                mine = mine[0 if number < len(CLIENTS) else 1:][:1]
            else:
                mine = [r for r in mine if r.get("destination.port") in ports and
                        r.get("handprint.client.process.pid") == pid]
            problem = judge_row(row, pid, mine)
            if problem:
                wrong.append(problem + ("" if number < len(CLIENTS) else " (cut)"))
        check(not wrong, f"{wrong}")
        return f"{len(runs)} clients, each also with a cut hello: complete, both processes right"
    finally:
        software.stop()


@scenario("prefix.cgroup")
def prefix_cgroup(stage):
    """At the cgroup hook."""
    return prefixes(stage, "cgroup")


@scenario("prefix.tc")
def prefix_tc(stage):
    """At tc, on the server's interface and lo."""
    return prefixes(stage, "tc")
