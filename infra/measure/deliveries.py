"""Measures how soon a scheduler acknowledges what it is told of pushes.

    python3 infra/measure/deliveries.py --binaries DIRECTORY --work DIRECTORY [--count N] [--at-once N]

Started by infra/deliveries, which provides the directories. A scheduler of its own, with its records in a file, without an
agent and an engine: each delivery is stored before it is answered, and its run waits. A delivery is a connection of its
own, timed from before it is made to after the answer. Prints one line of JSON. Exit codes: 0; 1 if 99 of 100 took longer
than they may; 2 if something failed.
"""

import argparse
import concurrent.futures
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

from machine import field
from sides import Failed, run

REPOSITORY = "https://git.invalid/team/app.git"
SECONDS = 30
# What 99 of 100 may take.
LIMIT_MS = 300


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="infra/deliveries", description="Measures how soon deliveries are acknowledged.")
    for name in ("--binaries", "--work"):
        parser.add_argument(name, required=True, type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, default=1000, help="deliveries, each of another commit (default: 1000)")
    parser.add_argument("--at-once", type=int, default=16, help="how many are under way at one time (default: 16)")
    parsed = parser.parse_args()
    if min(parsed.count, parsed.at_once) < 1:
        parser.error("--count, --at-once: at least 1")
    return parsed


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


@contextlib.contextmanager
def scheduler(binaries: pathlib.Path, work: pathlib.Path) -> Iterator[tuple[str, int]]:
    """A scheduler at work: its address, and the port of its door for webhooks."""
    address, port = f"unix:{work}/farm.sock", free_port()
    command = [str(binaries / "acre-scheduler"), "--data", str(work / "data"), "--listen", address]
    with (work / "log").open("wb") as log:
        process = subprocess.Popen([*command, "--hooks", f"127.0.0.1:{port}"], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + SECONDS
        while not listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"the scheduler does not listen:\n{(work / 'log').read_text()[-2000:]}")
            time.sleep(0.02)
        yield address, port
    finally:
        process.terminate()
        process.wait(SECONDS)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def task_secret(acre: str, address: str, work: pathlib.Path) -> str:
    """Makes the task; what its host signs with."""
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(work), "ACRE_FARM": address}
    run([acre, "task", "create", "-n", "app", "-c", f"{REPOSITORY}#main", "-f", "acb.yaml"], environment)
    said = run([acre, "task", "webhook", "-n", "app"], environment)
    found = re.search(r"^Secret\s+(\S+)$", said, re.MULTILINE)
    if not found:
        raise Failed(f"no secret is printed:\n{said}")
    return found[1]


def tell(port: int, secret: str, number: int) -> float:
    """Tells of one push; the seconds until it was acknowledged."""
    # No commit is 0: that stands for a branch that is gone.
    commit = f"{number + 1:040x}"
    told = {"ref": "refs/heads/main", "after": commit, "repository": {"clone_url": REPOSITORY}, "commits": []}
    body = json.dumps(told).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json", "X-GitHub-Event": "push", "X-Hub-Signature-256": f"sha256={signature}",
    }  # fmt: skip
    begin = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    connection.request("POST", "/hooks/default/app/github", body, headers)
    answer = connection.getresponse()
    text = answer.read()
    took = time.perf_counter() - begin
    connection.close()
    if answer.status != 202:
        raise Failed(f"delivery {number}: {answer.status} {text.decode(errors='replace')}")
    return took


def of_100(took: list[float], percent: int) -> float:
    """What so many of 100 took at most, in milliseconds; `took` is ascending and in seconds."""
    return round(took[(len(took) - 1) * percent // 100] * 1000, 1)


def main() -> int:
    given = arguments()
    with scheduler(given.binaries, given.work) as (address, port):
        secret = task_secret(str(given.binaries / "acre"), address, given.work)
        begin = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(given.at_once) as hosts:
            took = sorted(hosts.map(lambda number: tell(port, secret, number), range(given.count)))
        seconds = time.perf_counter() - begin
    is_kept = of_100(took, 99) <= LIMIT_MS
    figures = {
        "bench": "deliveries",
        "cpu": field("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "deliveries": given.count,
        "at_once": given.at_once,
        "per_s": round(given.count / seconds),
        "acknowledged_ms": {"p50": of_100(took, 50), "p99": of_100(took, 99), "longest": of_100(took, 100)},
        "bounds_kept": is_kept,
    }
    print(json.dumps(figures))
    return 0 if is_kept else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failed, OSError, http.client.HTTPException) as failed:
        print(f"==> error: {failed}", file=sys.stderr)
        sys.exit(2)
