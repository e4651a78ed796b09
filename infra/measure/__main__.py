"""Measures acre against the docker command line on the same engine.

    python3 infra/measure --acre PATH --buildx PATH --registry HOST:PORT --base IMAGE --work DIRECTORY
                          --results DIRECTORY [--farm ADDRESS --second ADDRESS] [--rounds N] [--only ROW]... [--check]

Started by infra/bench, which provides all of it. Exit codes: 0; 1 with --check if a bound is missed; 2 if a measured
command failed.
"""

import argparse
import datetime
import json
import pathlib
import sys

from machine import describe, short_name
from rows import ROWS, Row
from samples import LABEL
from sides import Failed, Tools, quiet_environment
from stats import Result, table


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="infra/bench", description="Measures acre against the docker command line.")
    for name in ("--acre", "--buildx", "--registry", "--base"):
        parser.add_argument(name, required=True, help=argparse.SUPPRESS)
    for name in ("--work", "--results"):
        parser.add_argument(name, required=True, type=pathlib.Path, help=argparse.SUPPRESS)
    # A farm that is up already, and the engine of its second agent.
    for name in ("--farm", "--second"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=9, help="rounds that count, after one to warm up (default: 9)")
    parser.add_argument("--only", action="append", choices=[row.name for row in ROWS], help="measure only this row")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a bound is missed")
    parsed = parser.parse_args()
    if parsed.rounds < 1:
        parser.error("--rounds: at least 1")
    return parsed


def measure(row: Row, tools: Tools, rounds: int) -> Result:
    """Runs a row's rounds; the first, in which caches fill, is dropped."""
    print(f"==> {row.name} against {row.other} ", end="", file=sys.stderr, flush=True)
    one_round = row.start(tools)
    values = []
    for number in range(rounds + 1):
        values.append(one_round(number))
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    acre, other = zip(*values[1:])
    return Result(row.name, row.other, row.bound, list(acre), list(other))


def write(directory: pathlib.Path, machine: dict, rounds: int, results: list[Result]) -> pathlib.Path:
    now = datetime.datetime.now(datetime.timezone.utc)
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{now:%Y-%m-%dT%H%M%SZ}-{short_name(machine)}.json"
    content = {"at": f"{now:%Y-%m-%dT%H:%M:%SZ}", "machine": machine, "rounds": rounds}
    path.write_text(json.dumps({**content, "rows": [result.as_json() for result in results]}, indent=1) + "\n")
    return path


def main() -> int:
    given = arguments()
    environment = quiet_environment(given.work)
    if given.farm:
        environment["ACRE_FARM"] = given.farm
    tools = Tools(given.acre, "docker", given.buildx, given.registry, given.base, environment, given.work, given.second)
    machine = describe(tools.docker, tools.buildx, pathlib.Path(__file__).parent)
    results, failures = [], []
    if not given.farm:
        tools.run_acre("up")
    try:
        tools.pull(tools.base)
        for row in ROWS:
            if given.only and row.name not in given.only:
                continue
            if not row.fits(tools):
                print(f"==> {row.name}: not here", file=sys.stderr)
                continue
            try:
                results.append(measure(row, tools, given.rounds))
            except Failed as failed:
                failures.append(row.name)
                print(f"\n==> error: {row.name}: {failed}", file=sys.stderr)
    finally:
        if not given.farm:
            tools.run_acre("down")
        tools.forget_images(LABEL)
    if results:
        print(table(results))
        print(f"==> written to {write(given.results, machine, given.rounds, results)}", file=sys.stderr)
    if failures:
        return 2
    return 1 if given.check and not all(result.kept for result in results) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failed:
        sys.exit(f"==> error: {failed}")
