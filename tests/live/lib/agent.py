# SPDX-License-Identifier: Apache-2.0
"""Starts and stops the agent, by its pid, and reads what it writes."""
import json
import os
import signal
import subprocess
import threading
import time

import network
import records

READY = "handprint: capturing"


def children(pid):
    """The processes that a process has started and that still run."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


class AgentFailed(Exception):
    """The agent did not start or did not end as it should; the text holds what it said."""


class Agent:
    """`handprint capture` or `handprint run`, in a namespace (or this one, if space is None)."""

    def __init__(self, program, folder, space, words, environment=None, output=None, limit=30):
        self.output = output or f"{folder}/records.jsonl"
        self.log, self._log_changed = [], threading.Condition()
        self._ended, self._pauser = threading.Event(), None
        words = [program, *words]
        if space:
            words = space.inside(*words)
        self.process = network.start(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                     stderr=subprocess.PIPE, text=True,
                                     env={**os.environ, **(environment or {})})
        self.pid = self.process.pid
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        began = time.monotonic()
        if not self.wait_for_log(READY, limit):
            code = self.process.poll()
            network.stop(self.process)
            raise AgentFailed(f"{' '.join(map(str, words))}: not capturing after "
                              f"{time.monotonic() - began:.1f} s (exit {code}): {self.said()}")
        self.start_seconds = time.monotonic() - began

    @classmethod
    def capture(cls, program, folder, space, interfaces, hook, environment=None, extra=()):
        """`handprint capture`; the cgroup hook needs no interfaces and no namespace."""
        output = f"{folder}/records.jsonl"
        words = [hook] if hook in ("cgroup", "auto") else [*interfaces, "--hook", hook]
        return cls(program, folder, space, ["capture", *words, "-f", output, "--control",
                                            f"{folder}/control.sock", *extra], environment, output)

    def _read_log(self):
        for line in self.process.stderr:
            with self._log_changed:
                self.log.append(line.rstrip("\n"))
                self._log_changed.notify_all()
        with self._log_changed:
            self._log_changed.notify_all()

    def wait_for_log(self, text, limit, after=0):
        """True once a line behind the first `after` ones holds the text."""
        end = time.monotonic() + limit
        with self._log_changed:
            while True:
                if any(text in line for line in self.log[after:]):
                    return True
                rest = end - time.monotonic()
                if rest <= 0 or (self.process.poll() is not None and not self._reader.is_alive()):
                    return False
                self._log_changed.wait(min(rest, 0.2))

    def said(self):
        return " | ".join(self.log[-8:]) or "(nothing)"

    def wait_for_records(self, count, limit):
        """Waits until so many lines stand in the output, or the time is up."""
        end = time.monotonic() + limit
        while time.monotonic() < end and self.process.poll() is None:
            if records.tail_count(self.output) >= count:
                return True
            time.sleep(0.1)
        return False

    def signal(self, number):
        self.process.send_signal(number)

    def child(self, role, limit=5):
        """The pid of the agent's process "worker" or "procinfo"."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            for pid in children(self.pid):
                try:
                    with open(f"/proc/{pid}/comm", encoding="ascii") as file:
                        if file.read().strip() == f"hp-{role}":
                            return pid
                except OSError:
                    continue
            time.sleep(0.01)
        raise AgentFailed(f"no process {role}: {self.said()}")

    def pause_worker(self, seconds):
        """Stops the worker (SIGSTOP) for so long once a second, from the next second on, until the
        agent is stopped."""
        worker = self.child("worker")

        def pause():
            while not self._ended.wait(1 - seconds):
                try:
                    os.kill(worker, signal.SIGSTOP)
                    self._ended.wait(seconds)
                    os.kill(worker, signal.SIGCONT)
                except ProcessLookupError:
                    return
        self._pauser = threading.Thread(target=pause, daemon=True)
        self._pauser.start()

    def _stop_pauses(self):
        self._ended.set()
        if self._pauser:
            self._pauser.join(5)

    def stop(self, limit=15):
        """SIGTERM: the agent writes what it has and ends with 0. Returns the seconds that it took."""
        self._stop_pauses()
        began = time.monotonic()
        if self.process.poll() is not None:
            raise AgentFailed(f"the agent was gone before it was stopped (exit "
                              f"{self.process.returncode}): {self.said()}")
        code = network.stop(self.process, signal.SIGTERM, limit)
        took = time.monotonic() - began
        self._reader.join(5)
        with open(f"{os.path.dirname(self.output)}/agent.log", "w") as file:
            file.write("\n".join(self.log) + "\n")
        if code != 0:
            what = f"did not end within {limit} s" if code is None else f"ended with {code}"
            raise AgentFailed(f"after SIGTERM the agent {what}: {self.said()}")
        return took

    def unbalanced(self):
        """From the counters that the agent logs as it ends: what is not accounted for, and what the
        outputs dropped."""
        for line in reversed(self.log):
            if "handprint: counters {" in line:
                fields = records.flatten(json.loads(line[line.index("{"):]))
                result = {k: v for k, v in fields.items() if k.startswith("balance.") and v}
                for output in fields.get("outputs", []):
                    result.update({f"{output['name']}.{k}": output[k] for k in ("dropped", "errors")
                                   if output[k]})
                return result
        return {"counters": "not logged at the end"}

    def kill(self):
        self._stop_pauses()
        network.stop(self.process, signal.SIGKILL)

    def records(self):
        return records.read(self.output)

    def cpu_seconds(self):
        """User and system time so far, of all threads and of the processes that it started."""
        total, waiting = 0.0, [self.pid]
        while waiting:
            pid = waiting.pop()
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                    fields = file.read().rpartition(")")[2].split()
                with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                    waiting += map(int, file.read().split())
            except FileNotFoundError:
                continue
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return total
