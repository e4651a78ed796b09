"""Reads agents as `acre agents -o json` prints them, on standard input; succeeds if the one named is ready for work.

    agent_ready.py NAME
"""

import json
import sys

agents = {agent["id"]: agent for agent in json.load(sys.stdin)["agents"]}
sys.exit(0 if agents.get(sys.argv[1], {}).get("readiness") == "ready" else 1)
