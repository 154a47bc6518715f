"""A Lakegate server and its executors as local processes, for the demo and the benchmarks.

`Fleet` starts them with data folders of their own below one temporary folder, waits until they say
they are ready, and stops them again: executors first, so that the server still sees them drain.
Nothing here reads results; that is for whoever connects.
"""

import base64
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

USER = "admin"
PASSWORD = "lakegate-demo"
DEFAULT_PORT = 8815

READY_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30
POLL_SECONDS = 0.05
PR_SET_PDEATHSIG = 1


class StartError(Exception):
    """A process ended or stayed silent before it was ready."""


def binary():
    """The lakegate binary: `LAKEGATE`, else what the last build left in the target folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lakegate" / "target"
    target = Path(os.environ.get("CARGO_TARGET_DIR") or cache)
    path = Path(os.environ.get("LAKEGATE") or target / "debug" / "lakegate")
    if not path.is_file():
        raise StartError(f"there is no {path}: run `make build`")
    return path


def default_address():
    """The usual client address, or one with a free port when that is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", DEFAULT_PORT))
        except OSError:
            return "127.0.0.1:0"
    return f"127.0.0.1:{DEFAULT_PORT}"


def without_settings():
    """The environment without the settings of the caller's own Lakegate."""
    return {key: value for key, value in os.environ.items() if not key.startswith("LAKEGATE_")}


def _die_with_parent():
    """Has the kernel stop a child whose parent was killed without a chance to stop it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Process:
    """One child process: its standard output line by line, its log in a file."""

    def __init__(self, name, command, environment, folder, stdin=subprocess.DEVNULL):
        self.name = name
        self.log = folder / f"{name}.log"
        self.lines = []
        with open(self.log, "wb") as log:
            self.child = subprocess.Popen(
                [str(word) for word in command],
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                # A session of its own: Ctrl-C reaches the demo alone, which then stops all in order.
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.child.stdout:
            self.lines.append(line.decode("utf-8", "replace").rstrip())

    @property
    def pid(self):
        """The process id."""
        return self.child.pid

    def wait_line(self, start):
        """The rest of the first output line that begins with `start`."""
        deadline = time.monotonic() + READY_SECONDS_MAX
        while time.monotonic() < deadline:
            for line in list(self.lines):
                if line.startswith(start):
                    return line[len(start) :].strip()
            self.check_alive()
            time.sleep(POLL_SECONDS)
        raise StartError(f"{self.name} did not say {start!r} within {READY_SECONDS_MAX} s\n{self.log_tail()}")

    def check_alive(self):
        """Fails with the end of the log when the process has ended."""
        if self.child.poll() is not None:
            raise StartError(f"{self.name} ended with code {self.child.returncode}\n{self.log_tail()}")

    def log_tail(self):
        """The last lines of the log."""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-20:])

    def resident_bytes(self):
        """Memory resident now, in bytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

    def stop(self):
        """Asks the process to drain and end; kills it when it does not within the time limit."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                print(f"{self.name} did not stop within {STOP_SECONDS_MAX} s and is killed", file=sys.stderr)
                self.child.kill()
                self.child.wait()
        return self.child.returncode


class Fleet:
    """A server with `executors` executors; use it in a `with` statement.

    `variables` are added to the environment of the server.
    """

    def __init__(self, executors=0, listen="127.0.0.1:0", cores=None, memory=None, variables=None):
        self.executor_count = executors
        self.listen = listen
        self.cores = cores
        self.memory = memory
        self.variables = variables or {}
        self.server = None
        self.executors = []
        self.address = None
        self.folder = None

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="lakegate-"))
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def url(self):
        """Where clients connect."""
        return f"grpc://{self.address}"

    def _start(self):
        # Settings of the caller's own Lakegate must not reach this one.
        environment = without_settings()
        serve = ["serve", "--data-dir", str(self.folder / "server"), "--listen", self.listen]
        if self.executor_count:
            serve += ["--cluster-listen", "127.0.0.1:0"]
        variables = dict(environment, LAKEGATE_ADMIN_PASSWORD=PASSWORD, **self.variables)
        self.server = Process("server", [binary(), *serve], variables, self.folder)
        self.address = self.server.wait_line("listening on ").removeprefix("grpc://")
        if self.executor_count:
            cluster = self.server.wait_line("cluster port on ")
            token = (self.folder / "server" / "cluster-token").read_text().strip()
            for index in range(1, self.executor_count + 1):
                self._start_executor(index, cluster, dict(environment, LAKEGATE_CLUSTER_TOKEN=token))
        self.server.wait_line("ready")
        self.wait(self._is_ready, "the server to be ready")
        self.wait(self._has_all_executors, f"{self.executor_count} executors to join")

    def _start_executor(self, index, cluster, environment):
        folder = str(self.folder / f"executor-{index}")
        command = [binary(), "executor", "--scheduler", cluster, "--data-dir", folder]
        if self.cores:
            command += ["--cores", self.cores]
        if self.memory:
            command += ["--memory", self.memory]
        self.executors.append(Process(f"executor-{index}", command, environment, self.folder))

    def wait(self, condition, what):
        """Waits until a condition holds; fails when a process ends or the time limit passes."""
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not condition():
            for process in [self.server, *self.executors]:
                process.check_alive()
            if time.monotonic() > deadline:
                logs = "\n".join(process.log_tail() for process in [self.server, *self.executors])
                raise StartError(f"waited {READY_SECONDS_MAX} s for {what}\n{logs}")
            time.sleep(POLL_SECONDS)

    def _is_ready(self):
        try:
            with urllib.request.urlopen(f"http://{self.address}/readyz", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def _has_all_executors(self):
        if not self.executor_count:
            return True
        members = self.api("/api/v1/cluster")["executors"]
        return sum(member["state"] == "active" for member in members) == self.executor_count

    def api(self, path):
        """What the HTTP interface answers to GET, parsed."""
        secret = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        request = urllib.request.Request(f"http://{self.address}{path}", headers={"Authorization": f"Basic {secret}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def stop(self):
        """Stops executors, then the server, and removes their folders."""
        for process in [*self.executors, self.server]:
            if process is not None:
                process.stop()
        self.executors = []
        self.server = None
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None
