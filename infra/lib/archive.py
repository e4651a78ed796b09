"""archive.py FOLDER FILE SECONDS: packs a folder into FILE, a .tar.gz or .zip, so that the same content gives the same
bytes: sorted by name, owned by nobody in particular, with one time for all (SECONDS since 1970) and two modes."""

import gzip
import os
import stat
import sys
import tarfile
import time
import zipfile

PROGRAM, PLAIN = 0o755, 0o644


def files(folder):
    """The regular files below a folder, sorted: name in the archive, path here, mode there."""
    top = os.path.dirname(os.path.abspath(folder))
    found = []
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            mode = PROGRAM if os.stat(path).st_mode & stat.S_IXUSR else PLAIN
            found.append((os.path.relpath(os.path.abspath(path), top), path, mode))
    return sorted(found)


def write_tar(folder, target, seconds):
    with open(target, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for name, path, mode in files(folder):
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode, entry.mtime = os.path.getsize(path), mode, seconds
                with open(path, "rb") as content:
                    tar.addfile(entry, content)


def write_zip(folder, target, seconds):
    # The format knows no time before 1980, and counts in steps of two seconds.
    date = max(time.gmtime(seconds)[:6], (1980, 1, 1, 0, 0, 0))
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name, path, mode in files(folder):
            entry = zipfile.ZipInfo(name, date)
            entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, 3
            entry.external_attr = (stat.S_IFREG | mode) << 16
            with open(path, "rb") as content:
                packed.writestr(entry, content.read())


def main(folder, target, seconds):
    write = write_zip if target.endswith(".zip") else write_tar
    write(folder, target, int(seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
