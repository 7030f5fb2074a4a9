"""Runs the agent beside a node for the scripts here: writes its configuration, starts and ends it, asks it."""

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

READY_SECONDS_MAX = 60
STOP_SECONDS_MAX = 15


class Agent:
    """One agent. Its folder holds the configuration, the state and agent.log."""

    def __init__(self, binary, folder, cassandra_yaml, topic_prefix, brokers, http, lines=()):
        self.binary, self.folder, self.http = Path(binary), Path(folder), http
        self.process = None
        (self.folder / "state").mkdir(parents=True, exist_ok=True)
        settings = {
            "cassandra_yaml": str(cassandra_yaml),
            "topic_prefix": topic_prefix,
            "kafka.brokers": brokers,
            "state_directory": str(self.folder / "state"),
            "http.listen": http,
        }
        text = [f"{name} = {json.dumps(value)}" for name, value in settings.items()] + list(lines)
        (self.folder / "ringtap.toml").write_text("\n".join(text) + "\n")

    def start(self, wait=True):
        with open(self.folder / "agent.log", "a") as log:
            command = [self.binary, "run", "--config", self.folder / "ringtap.toml"]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if wait:
            self.wait_until_ready()

    def wait_until_ready(self):
        deadline = time.monotonic() + READY_SECONDS_MAX
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the agent ended with {self.process.returncode}:\n{self.log_tail()}")
            if self.get("/health/ready")[0] == 200:
                return
            time.sleep(0.05)
        raise RuntimeError(f"the agent is not ready after {READY_SECONDS_MAX} s:\n{self.log_tail()}")

    def get(self, path):
        """Returns (status, body); (0, "") if nobody answers."""
        try:
            with urllib.request.urlopen(f"http://{self.http}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def status(self):
        return json.loads(self.get("/status")[1])

    def stop(self, with_signal=signal.SIGTERM):
        """Ends it; returns its exit code."""
        if self.process is None:
            return None
        self.process.send_signal(with_signal)
        try:
            code = self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"the agent still ran {STOP_SECONDS_MAX} s after the signal:\n{self.log_tail()}") from None
        finally:
            self.process = None
        return code

    def usage(self):
        """Returns (seconds of processor time, resident bytes, resident bytes at most) so far."""
        return usage(self.process.pid)

    def log_tail(self):
        return (self.folder / "agent.log").read_text(errors="replace")[-3000:]


def usage(pid):
    """Returns what a process used: seconds of processor time, resident bytes, resident bytes at most."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.startswith(("VmRSS", "VmHWM"))}
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), sizes["VmRSS"], sizes["VmHWM"]
