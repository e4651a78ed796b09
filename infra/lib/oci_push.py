"""Pushes an image index from a directory of blobs to a registry over plain http (OCI distribution spec 1.0).

    oci_push.py DIRECTORY HOST:PORT REPOSITORY TAG

DIRECTORY holds blobs/sha256/* and the digest of the index as a file. Blobs the registry has are not sent again.
"""

import http.client
import json
import pathlib
import sys
import urllib.parse


class Registry:
    """One connection to one repository."""

    def __init__(self, host: str, repository: str) -> None:
        self.connection = http.client.HTTPConnection(host, timeout=60)
        self.prefix = f"/v2/{repository}"

    def request(self, method: str, path: str, wanted: tuple[int, ...], body: bytes | None = None, **headers: str):
        """Sends one request; gives the status and the Location it answers with."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request(method, path, body=body, headers=headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status not in wanted:
            sys.exit(f"{method} {path}: {answer.status} {text[:200]!r}")
        return answer.status, answer.getheader("Location")

    def put_blob(self, digest: str, content: bytes) -> None:
        status, _ = self.request("HEAD", f"{self.prefix}/blobs/{digest}", (200, 404))
        if status == 200:
            return
        _, location = self.request("POST", f"{self.prefix}/blobs/uploads/", (202,), Content_Length="0")
        at = urllib.parse.urlsplit(location)
        query = f"{at.query}&" if at.query else ""
        target = f"{at.path}?{query}digest={digest}"
        self.request("PUT", target, (201,), content, Content_Type="application/octet-stream")

    def put_manifest(self, reference: str, content: bytes) -> None:
        media_type = json.loads(content)["mediaType"]
        self.request("PUT", f"{self.prefix}/manifests/{reference}", (201,), content, Content_Type=media_type)


def main() -> None:
    directory, host, repository, tag = sys.argv[1:]
    root = pathlib.Path(directory)

    def blob(digest: str) -> bytes:
        return (root / "blobs" / digest.replace(":", "/")).read_bytes()

    registry = Registry(host, repository)
    index = blob((root / "digest").read_text())
    for child in json.loads(index)["manifests"]:
        manifest = blob(child["digest"])
        parsed = json.loads(manifest)
        for part in [parsed["config"], *parsed["layers"]]:
            registry.put_blob(part["digest"], blob(part["digest"]))
        registry.put_manifest(child["digest"], manifest)
    registry.put_manifest(tag, index)


main()
