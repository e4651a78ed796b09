"""Reads what acre prints as JSON, on standard input.

    facts.py runs           of `acre task list-runs`: a line for each run that is over, newest first: ID STATUS CAUSE BEGAN ENDED
    facts.py units          of `acre show`: a line for each unit: NAME KIND BEGAN ENDED
    facts.py digest ARCH    of an image index: the digest of the image for this architecture

Times are milliseconds since 1970; `-` where there is none.
"""

import json
import sys

OVER = {"Succeeded", "Failed", "Canceled", "TimedOut", "Error"}


def line(*words) -> None:
    print(*("-" if word is None else word for word in words))


given = json.load(sys.stdin)
match sys.argv[1:]:
    case ["runs"]:
        for run in given:
            if run["status"] in OVER:
                cause = run["origin"]["cause"]
                name = cause if isinstance(cause, str) else next(iter(cause))
                line(run["id"], run["status"], name, run["submitted-at"], run["ended-at"])
    case ["units"]:
        for unit in given["units"]:
            line(unit["name"], unit["kind"], unit["started-at"], unit["ended-at"])
    case ["digest", arch]:
        print(*(child["digest"] for child in given["manifests"] if child["platform"]["architecture"] == arch))
    case _:
        sys.exit(__doc__)
