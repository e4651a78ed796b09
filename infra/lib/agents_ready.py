"""Reads agents as `acre agents -o json` prints them, on standard input; succeeds if all that are named are ready for work.

    agents_ready.py NAME...
"""

import json
import sys

readiness = {agent["id"]: agent["readiness"] for agent in json.load(sys.stdin)}
sys.exit(0 if all(readiness.get(name) == "ready" for name in sys.argv[1:]) else 1)
