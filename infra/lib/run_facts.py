"""Reads a run as `acre show RUN -o json` prints it, on standard input, and prints a line for each fact:

    status STATUS
    pushed STEP DIGEST            for every push that left a digest
    index STEP DIGEST             for every image index
    tests STEP PASSED FAILED      for every unit with test results
"""

import json
import sys

run = json.load(sys.stdin)
print("status", run["status"])
for unit in run["units"]:
    result = unit["result"]
    if result.get("pushed"):
        print("index" if unit["kind"] == "index" else "pushed", unit["step"], result["pushed"])
    if tests := result.get("tests"):
        print("tests", unit["step"], tests["passed"], tests["failed"])
