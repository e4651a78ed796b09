"""What the measurements were made on."""

import os
import pathlib
import platform
import re
import subprocess


def first_line(*command: str) -> str:
    """The first line that a command prints; empty if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return done.stdout.partition("\n")[0]


def field(path: str, name: str) -> str:
    """The value of a field of a file like /proc/cpuinfo (proc(5)); empty if absent."""
    found = re.search(rf"^{name}\s*: *(.*)$", pathlib.Path(path).read_text(), re.MULTILINE)
    return found[1] if found else ""


def describe(docker: str, buildx: str, repository: pathlib.Path) -> dict:
    """Processor, memory, kernel, engine, tools, and the state of the repository."""
    return {
        "cpu": field("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": os.cpu_count(),
        "memory_mib": int(field("/proc/meminfo", "MemTotal").split()[0]) // 1024,
        "kernel": platform.release(),
        "engine": first_line(docker, "version", "--format", "{{.Server.Version}}"),
        "storage": first_line(docker, "info", "--format", "{{.Driver}}"),
        "docker": first_line(docker, "version", "--format", "{{.Client.Version}}"),
        "buildx": first_line(buildx, "version"),
        "commit": first_line("git", "-C", str(repository), "describe", "--always", "--dirty", "--abbrev=12"),
    }


def short_name(machine: dict) -> str:
    """A few words for a file name: `xeon-platinum-2-cores`."""
    noise = r"\(r\)|\(tm\)|\b(intel|amd|cpu|processor|\d+-core)\b|@.*"
    words = re.findall(r"[a-z0-9]+", re.sub(noise, " ", machine["cpu"].lower()))
    return "-".join([*words[:3], str(machine["cores"]), "cores"])
