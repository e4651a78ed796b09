"""The two sides of a measurement: acre, and the tool a user would otherwise use. Every call is a whole process's life."""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import socket
import subprocess
import time
import urllib.parse

UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
PROCESS_SECONDS = 600


class Failed(Exception):
    """A measured command that did not succeed."""


def run(command: list[str], environment: dict[str, str]) -> str:
    """Runs a command to its end; gives what it printed."""
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        timeout=PROCESS_SECONDS, check=False,
    )  # fmt: skip
    text = done.stdout.decode(errors="replace")
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: exit code {done.returncode}\n{text[-2000:]}")
    return text


@dataclasses.dataclass(frozen=True)
class Tools:
    """Where the programs are, and the names they are given."""

    acre: str
    docker: str
    buildx: str
    registry: str
    base: str
    environment: dict[str, str]
    work: pathlib.Path
    # The engine of the farm's other agent; None: the farm is that of this machine alone.
    second: str | None = None

    def has_two_agents(self) -> bool:
        return self.second is not None

    def run_acre(self, *arguments: str) -> str:
        return run([self.acre, *arguments], self.environment)

    def run_docker(self, *arguments: str) -> str:
        return run([self.docker, *arguments], self.environment)

    def run_docker_classic(self, *arguments: str) -> str:
        """The builder of before BuildKit, which is sent the whole tree each time."""
        return run([self.docker, *arguments], {**self.environment, "DOCKER_BUILDKIT": "0"})

    def run_buildx(self, *arguments: str) -> str:
        return run([self.buildx, *arguments], self.environment)

    def builds_many_platforms(self) -> bool:
        """Whether the engine's image store can hold what a build for several platforms makes."""
        return "io.containerd.snapshotter" in self.run_docker("info", "--format", "{{.DriverStatus}}")

    def run_together(self, command: list[str], count: int) -> None:
        """Starts a command several times at once and waits for all."""
        processes = [
            subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            for _ in range(count)
        ]
        codes = [process.wait(PROCESS_SECONDS) for process in processes]
        if any(codes):
            raise Failed(f"{' '.join(command)}: exit codes {codes}")

    def engines(self) -> list[tuple[str, ...]]:
        """What leads `docker` to each engine of the farm."""
        return [(), *([("--host", self.second)] if self.second else [])]

    def pull(self, image: str) -> None:
        for engine in self.engines():
            self.run_docker(*engine, "pull", "-q", image)

    def forget_builds(self, *images: str) -> None:
        """Makes the next build a cold one."""
        for engine in self.engines():
            for image in images:
                with contextlib.suppress(Failed):
                    self.run_docker(*engine, "image", "rm", "-f", image)
            self.run_docker(*engine, "builder", "prune", "-af")

    def forget_images(self, label: str) -> None:
        """Removes all images that carry a label."""
        for engine in self.engines():
            if ids := self.run_docker(*engine, "image", "ls", "-q", "--filter", f"label={label}").split():
                self.run_docker(*engine, "image", "rm", "-f", *dict.fromkeys(ids))

    def start_events(self) -> "StartEvents":
        return StartEvents(self.environment["DOCKER_HOST"])


class StartEvents:
    """The engine's stream of container starts (Docker Engine API, GET /events), with the engine's own times.

    A container that ends at once is gone before it can be inspected, hence the events.
    """

    def __init__(self, address: str) -> None:
        filters = urllib.parse.quote(json.dumps({"type": ["container"], "event": ["start"]}))
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.settimeout(PROCESS_SECONDS)
        self.connection.connect(address.removeprefix("unix://"))
        self.connection.sendall(f"GET /events?filters={filters} HTTP/1.0\r\nHost: engine\r\n\r\n".encode())
        self.lines = self.connection.makefile("rb")
        while self.lines.readline().strip():
            pass

    def next_start(self) -> float:
        """Seconds since the epoch at which the next container started."""
        for line in self.lines:
            if line.startswith(b"{"):
                return json.loads(line)["timeNano"] / 1e9
        raise Failed("the engine closed its stream of events")

    def close(self) -> None:
        self.lines.close()
        self.connection.close()


def elapsed(action) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def until_start(tools: Tools, action) -> float:
    """Seconds from just before a call until the engine started the first container for it."""
    events = tools.start_events()
    try:
        launched = time.time()
        action()
        return events.next_start() - launched
    finally:
        events.close()


def bytes_sent(output: str) -> float:
    """The size in acre's line `Sending context (1.234 MiB) ...` (task language, section 11)."""
    found = re.search(r"Sending context \(([0-9.]+) (B|KiB|MiB|GiB)\)", output)
    if not found:
        raise Failed(f"no line `Sending context (...)` in:\n{output[-2000:]}")
    return float(found[1]) * UNITS[found[2]]


def quiet_environment(work: pathlib.Path) -> dict[str, str]:
    """An empty home for both sides, so that neither the user's farm nor the user's docker settings take part."""
    home = work / "home"
    home.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "DOCKER_HOST", "LANG", "TMPDIR")}
    runtime = work / "runtime"
    runtime.mkdir(mode=0o700, exist_ok=True)
    return {**kept, "HOME": str(home), "XDG_RUNTIME_DIR": str(runtime)}
