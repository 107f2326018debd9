# SPDX-License-Identifier: Apache-2.0
"""Real servers and the truth server, each with its own temporary folder."""
import os
import shutil
import subprocess
import time

from network import run, stop, with_port

NGINX = """
daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log warn;
{user}
events {{ worker_connections 2048; {accept} }}
http {{
  # which process read the request is said by the process itself
  log_format truth escape=json '{{"role":"worker","pid":$pid,"local_ip":"$server_addr",'
    '"local_port":$server_port,"peer_ip":"$remote_addr","peer_port":$remote_port,'
    '"executable":"{executable}","name":"nginx","label":"nginx","sni":"$ssl_server_name"}}';
  access_log {folder}/nginx-truth.log truth;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen {ip}:{http} backlog=1024;
    listen {ip}:{https} ssl http2 backlog=1024;
    server_name test.example;
    ssl_certificate {folder}/certificate.pem;
    ssl_certificate_key {folder}/key.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ecdh_curve {curve};
    location / {{ return 200 "hello\\n"; }}
  }}
}}
"""


def make_certificate(folder, name="test.example"):
    """A self-signed certificate: certificate.pem and key.pem in the folder."""
    if not os.path.exists(f"{folder}/key.pem"):
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes", "-days", "30", "-subj", f"/CN={name}", "-addext",
            f"subjectAltName=DNS:{name},DNS:*.{name}", "-keyout", f"{folder}/key.pem", "-out",
            f"{folder}/certificate.pem")


def wait_for_listener(space, ip, port, limit=10):
    """Returns once a connection could be made, without making one."""
    wanted = f"{ip}:{port}"
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if wanted in space.run("ss", "-Hltn").stdout:
            return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on {wanted}")


class Nginx:
    """nginx with two workers, TLS on 443 and plain HTTP on 80 (or the given ports)."""

    def __init__(self, space, ip, folder, http=80, https=443, accept="", curve="auto"):
        make_certificate(folder)
        self.truth_path = f"{folder}/nginx-truth.log"
        user = "user root;" if os.getuid() == 0 else ""
        with open(f"{folder}/nginx.conf", "w") as file:
            file.write(NGINX.format(folder=folder, ip=ip, http=http, https=https, user=user,
                                    accept=accept, curve=curve,
                                    executable=os.path.realpath(shutil.which("nginx"))))
        self.process = space.start("nginx", "-e", f"{folder}/nginx-error.log", "-c",
                                   f"{folder}/nginx.conf", stdin=subprocess.DEVNULL)
        wait_for_listener(space, ip, https)
        self.pid = self.process.pid
        self.executable = os.path.realpath(shutil.which("nginx"))

    def listeners(self):
        return {self.pid: {"pid": self.pid, "executable": self.executable, "name": "nginx"}}

    def workers(self):
        with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="ascii") as file:
            return {int(pid): {"pid": int(pid), "executable": self.executable, "name": "nginx"}
                    for pid in file.read().split()}

    def stop(self):
        stop(self.process)


class OpensslServer:
    """openssl s_server: one process that listens, accepts and reads."""

    def __init__(self, space, ip, folder, port=4433):
        make_certificate(folder)
        self.process = space.start(
            "openssl", "s_server", "-accept", f"{ip}:{port}", "-cert", f"{folder}/certificate.pem",
            "-key", f"{folder}/key.pem", "-www", "-quiet", stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_listener(space, ip, port)
        self.pid = self.process.pid
        self.executable = os.path.realpath(shutil.which("openssl"))

    def listeners(self):
        return {self.pid: {"pid": self.pid, "executable": self.executable, "name": "openssl"}}

    workers = listeners

    def stop(self):
        stop(self.process)


class OwnerServer:
    """tests/live/truth/owner_server.c in one of its modes. Ends with all that it started."""

    def __init__(self, programs, space, ip, log, port, mode):
        self.process = space.start(f"{programs}/owner_server", "--listen", with_port(ip, port),
                                   "--log", log, "--mode", mode, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if line != "listening\n":
            raise RuntimeError(f"owner_server said {line!r} and ended with {self.process.wait()}")

    def stop(self):
        stop(self.process)


class TruthServer:
    """tests/live/truth/truth_server.c in one of its modes."""

    def __init__(self, programs, space, ip, log, port=8443, mode="single", workers=4, banner=None,
                 before=(), options=()):
        words = [*before, f"{programs}/truth_server", "--listen", with_port(ip, port),
                 "--log", log, "--mode", mode, "--workers", workers]
        words += options
        if banner:
            words += ["--banner", banner]
        self.process = space.start(*words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   text=True)
        line = self.process.stdout.readline()
        if line != "listening\n":
            raise RuntimeError(f"truth_server said {line!r} and ended")
        self.pid = self.process.pid

    def stop(self):
        stop(self.process)
