"""Makes an OCI image index of the base image's platforms and of a base for windows/amd64 (OCI image spec 1.0).

    windows_base.py BASE OS_VERSION OUT

BASE is a directory as base_image.py makes it, OS_VERSION that of the Windows that the base pretends to be made of, for
example 10.0.20348.2227. No Windows is in it: its one layer has a text file that says so, in the folders that layers of
Windows have (`Files/` with the disk's content, `Hives/` with the registry's). Into OUT go blobs/sha256/*, and the digest
of the index as OUT/digest, last; equal arguments make equal digests.
"""

import hashlib
import io
import json
import pathlib
import shutil
import sys
import tarfile

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"

TEXT = "A base image of acre's tests. There is no Windows in it: nothing can be run from it.\r\n"
FOLDERS = ["Files", "Files/Windows", "Hives"]
# That a path of Windows is meant, and where programs are looked for (as in Microsoft's base images).
ENVIRONMENT = ["PATH=c:\\Windows\\System32;c:\\Windows"]


def encoded(value: dict) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


class Blobs:
    """A directory of blobs by digest."""

    def __init__(self, out: pathlib.Path) -> None:
        self.directory = out / "blobs" / "sha256"

    def put(self, media_type: str, content: bytes) -> dict:
        """Keeps the content; gives its descriptor."""
        name = hashlib.sha256(content).hexdigest()
        (self.directory / name).write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{name}", "size": len(content)}

    def get(self, digest: str) -> bytes:
        return (self.directory / digest.removeprefix("sha256:")).read_bytes()


def layer() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in FOLDERS:
            info = tarfile.TarInfo(name)
            info.type = tarfile.DIRTYPE
            info.mode = 0o755
            tar.addfile(info)
        info = tarfile.TarInfo("Files/Windows/no-windows.txt")
        info.size = len(TEXT)
        tar.addfile(info, io.BytesIO(TEXT.encode()))
    return out.getvalue()


def windows(blobs: Blobs, version: str) -> dict:
    """The image for windows/amd64; gives the descriptor of its manifest."""
    platform = {"architecture": "amd64", "os": "windows", "os.version": version}
    content = layer()
    config = {
        **platform,
        "config": {"Env": ENVIRONMENT, "Cmd": ["c:\\windows\\system32\\cmd.exe"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(content).hexdigest()]},
        "history": [{"created_by": "made by acre's tests: no Windows"}],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": blobs.put(CONFIG, encoded(config)),
        "layers": [blobs.put(LAYER, content)],
    }
    return {**blobs.put(MANIFEST, encoded(manifest)), "platform": platform}


def main() -> None:
    base, version, out = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
    shutil.copytree(base / "blobs", out / "blobs")
    blobs = Blobs(out)
    children = json.loads(blobs.get((base / "digest").read_text()))["manifests"]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*children, windows(blobs, version)]}
    (out / "digest").write_text(blobs.put(INDEX, encoded(index))["digest"])


main()
