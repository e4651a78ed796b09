"""Source trees to build and upload, equal for equal arguments."""

import pathlib
import random
import time

# A build of six commands over 300 files of 10 MB in all.
BUILD_FILES = 300
BUILD_BYTES = 10 * 1000 * 1000
UPLOAD_FILES = 10_000
UPLOAD_FILE_BYTES = 4096

# On every image that is built here, so that all of them, and no others, are removed at the end.
LABEL = "acre.bench=1"

BUILD_DOCKERFILE = """\
FROM {base}
LABEL {label}
COPY side /side
COPY src /src
RUN find /src -type f | sort > /files
RUN xargs sha256sum < /files > /sums
RUN cut -d ' ' -f 1 /sums | sort | uniq -c | sort -rn > /counts
RUN tar -cf /src.tar -C /src .
RUN gzip -1 -c /src.tar > /src.tar.gz && rm /src.tar
RUN wc -c < /src.tar.gz > /size
"""


def words(rng: random.Random, size: int) -> bytes:
    """Text that compresses about as well as source code does."""
    vocabulary = [rng.randbytes(rng.randint(1, 5)).hex() for _ in range(200)]
    line = " ".join(rng.choices(vocabulary, k=size // 5 + 1))
    return line.encode()[:size]


def build_tree(root: pathlib.Path, side: str, base: str) -> None:
    """A tree to build; `side` keeps the two sides from sharing a build cache."""
    root.mkdir(parents=True)
    (root / "Dockerfile").write_text(BUILD_DOCKERFILE.format(base=base, label=LABEL))
    (root / "side").write_text(f"{side}\n")
    rng = random.Random(300)
    for number in range(BUILD_FILES):
        path = root / "src" / f"part{number % 20:02}" / f"file{number:03}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(words(rng, BUILD_BYTES // BUILD_FILES))


def upload_tree(root: pathlib.Path, nonce: str) -> None:
    """A tree of many small files, none of which any farm has seen under another nonce."""
    root.mkdir(parents=True)
    (root / "Dockerfile").write_text(f"FROM scratch\nLABEL {LABEL}\nCOPY . /\n")
    rng = random.Random(nonce)
    for number in range(UPLOAD_FILES):
        path = root / f"d{number % 100:02}" / f"f{number:05}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(rng.randbytes(UPLOAD_FILE_BYTES // 2).hex().encode())


def change_one(root: pathlib.Path) -> None:
    """Gives one file in the middle of the tree content that no tree has had, and no builder has cached."""
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.parent != root)
    chosen = files[len(files) // 2]
    chosen.write_bytes(f"changed at {time.time_ns()}\n".encode() + chosen.read_bytes()[-1000:])
