"""Reads an image index or manifest list on standard input; fails unless it has a child for each platform, and no other.

    index_facts.py PLATFORM...
"""

import json
import sys

INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")


def name(platform: dict) -> str:
    """`os/architecture[/variant]`, arm64's only variant left out as containerd does."""
    parts = [platform["os"], platform["architecture"], platform.get("variant", "")]
    if parts[1:] == ["arm64", "v8"]:
        parts[2] = ""
    return "/".join(part for part in parts if part)


index = json.load(sys.stdin)
if index.get("mediaType") not in INDEXES:
    sys.exit(f"not an image index: {index.get('mediaType')}")
found = sorted(name(child["platform"]) for child in index["manifests"])
if found != sorted(sys.argv[1:]):
    sys.exit(f"children for {', '.join(found)} instead of {', '.join(sorted(sys.argv[1:]))}")
