"""Makes an OCI image index of busybox for several platforms (OCI image spec 1.0).

    base_image.py BUSYBOX APPLETS OUT [TREES]

BUSYBOX holds DEBIAN-ARCHITECTURE/bin/busybox, APPLETS one path per line. TREES holds DEBIAN-ARCHITECTURE/*, a further
layer for each; only platforms that have one are made then. Into OUT go blobs/sha256/*, and the digest of the index as
OUT/digest, last. Nothing depends on the time, the place or the compressor (layers are plain tars), so
equal binaries make equal digests everywhere.
"""

import hashlib
import io
import json
import pathlib
import sys
import tarfile

# Debian's name of an architecture -> the platform of an OCI image (values of GOARCH and GOARM).
PLATFORMS = {
    "amd64": {"architecture": "amd64", "os": "linux"},
    "i386": {"architecture": "386", "os": "linux"},
    "arm64": {"architecture": "arm64", "os": "linux"},
    "armhf": {"architecture": "arm", "os": "linux", "variant": "v7"},
}

DIRECTORIES = {
    "bin": 0o755, "dev": 0o755, "etc": 0o755, "home": 0o755, "proc": 0o755, "root": 0o700, "sbin": 0o755,
    "sys": 0o755, "tmp": 0o1777, "usr": 0o755, "usr/bin": 0o755, "usr/sbin": 0o755, "var": 0o755, "var/tmp": 0o1777,
}  # fmt: skip

FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


class Blobs:
    """A directory of blobs by digest."""

    def __init__(self, out: pathlib.Path) -> None:
        self.directory = out / "blobs" / "sha256"
        self.directory.mkdir(parents=True)

    def put(self, media_type: str, content: bytes) -> dict:
        """Keeps the content; gives its descriptor."""
        name = hashlib.sha256(content).hexdigest()
        (self.directory / name).write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{name}", "size": len(content)}

    def put_json(self, media_type: str, value: dict) -> dict:
        return self.put(media_type, json.dumps(value, sort_keys=True, separators=(",", ":")).encode())


def entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.mode = mode
    return info


def layer(busybox: bytes, applets: list[str]) -> bytes:
    """The root file system as a tar: busybox, a link for each applet, the files that C libraries look for."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, mode in sorted(DIRECTORIES.items()):
            tar.addfile(entry(name, tarfile.DIRTYPE, mode))
        files = {name: (text.encode(), 0o644) for name, text in FILES.items()}
        files["bin/busybox"] = (busybox, 0o755)
        for name, (content, mode) in sorted(files.items()):
            info = entry(name, tarfile.REGTYPE, mode)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for name in sorted(set(applets) - set(files)):
            info = entry(name, tarfile.SYMTYPE, 0o777)
            info.linkname = "/bin/busybox"
            tar.addfile(info)
    return out.getvalue()


def tree_layer(root: pathlib.Path) -> bytes:
    """Everything below a folder as a tar, all of it root's."""

    def plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
        info.uid = info.gid = info.mtime = 0
        info.uname = info.gname = ""
        return info

    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(root.rglob("*")):
            tar.add(path, arcname=path.relative_to(root), recursive=False, filter=plain)
    return out.getvalue()


def image(blobs: Blobs, platform: dict, layers: list[bytes]) -> dict:
    """One platform's image; gives the descriptor of its manifest."""
    config = {
        **platform,
        "config": {"Env": ["PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": ["sh"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(content).hexdigest() for content in layers]},
        "history": [{"created_by": "packages of Debian"} for _ in layers],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": blobs.put_json(CONFIG, config),
        "layers": [blobs.put(LAYER, content) for content in layers],
    }
    return {**blobs.put_json(MANIFEST, manifest), "platform": platform}


def main() -> None:
    busybox, applets, out, *trees = map(pathlib.Path, sys.argv[1:])
    names = [line for line in applets.read_text().splitlines() if line]
    blobs = Blobs(out)
    manifests = []
    for debian, platform in PLATFORMS.items():
        added = [root / debian for root in trees]
        if all(tree.is_dir() for tree in added):
            base = layer((busybox / debian / "bin" / "busybox").read_bytes(), names)
            manifests.append(image(blobs, platform, [base, *map(tree_layer, added)]))
    index = blobs.put_json(INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})
    (out / "digest").write_text(index["digest"])


main()
