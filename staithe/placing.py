"""The shell texts and archives that put files on a host, never half: beside, then renamed, the old one kept. Pure."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from staithe import journal
from staithe.bundle.contents import Blob, EngineArtifact
from staithe.desired import File
from staithe.host_layout import (
    BIN_DIR,
    BLOB_DIR,
    ENGINE_CURRENT,
    ENGINE_ROOT,
    JOURNAL,
    ORIGINAL_DIR,
    STAMPS,
    STATE_DIR,
)
from staithe.shell import join, quote

PRELUDE = f"set -eu\numask 022\nmkdir -p -m 700 {STATE_DIR}\n"

_RELABEL = """relabel() {
  if command -v selinuxenabled >/dev/null 2>&1 && selinuxenabled; then restorecon -RF "$@"; fi
}
"""


def staged(path: str) -> str:
    """Return the name beside `path` under which its new content arrives."""
    pure = PurePosixPath(path)
    return str(pure.parent / f".{pure.name}.staithe-new")


def archive_of(files: Mapping[str, File]) -> bytes:
    """Return a tar of the files under their staged names, owned by root."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path, file in files.items():
            data = file.text.encode()
            info = tarfile.TarInfo(staged(path).lstrip("/"))
            info.size, info.mode = len(data), int(file.mode, 8)
            info.uname = info.gname = "root"
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def archive_of_contents(contents: Mapping[str, bytes]) -> bytes:
    """Return a tar of small files for a folder of staithe's own, readable for its owner only."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, data in contents.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o600
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def place_script(paths: Iterable[str], *, opening: str = "", foreign: Iterable[str] = (), validate: str = "") -> str:
    """Return the script that takes `archive_of` on stdin and puts the files in place.

    What it replaces is noted first in the journal that `opening` opens (journal.open_text). `foreign`: paths whose
    present content is not staithe's; a copy of it is kept for good. `validate`: shell text that runs between arrival
    and swap; when it fails nothing is swapped.
    """
    wanted = list(paths)
    folders = sorted({str(PurePosixPath(path).parent) for path in wanted})
    new = join(staged(path) for path in wanted)
    # staithe's own notes are made anew, never brought back.
    journaled = [path for path in wanted if opening and not path.startswith(f"{STATE_DIR}/")]
    keeping = journal.keep_text(journaled) if journaled else ""
    back = journal.bring_back_text(journaled) if journaled else ":\n"
    lines = [
        PRELUDE + _RELABEL + "swapping=0",
        # Bringing back passes through the staged names too, so these go last, whatever became of it.
        f"finish() {{\nset +e\nif [ $swapping = 1 ]; then\n{back}fi\nrm -f {new}\n}}",
        "trap finish EXIT",
        f"mkdir -p {join(folders)}",
        "tar -C / -xpmf - --no-same-owner",
        validate,
        # All copies before the first swap: from here on a failure leaves everything as it was.
        *(_keep_original(path) for path in foreign),
        f"{opening}{keeping}",
        # On the disk before it has its name: a power cut must not leave an empty file under a right name.
        f"sync {new} {join(JOURNAL + '/files' + path for path in journaled)} 2>/dev/null || :",
        "swapping=1",
        # -T: a folder, or a link to one, in the file's place is an error and nothing to put the file into.
        *(f"mv -Tf {quote(staged(path))} {quote(path)}" for path in wanted),
        "swapping=0",
        f"relabel {join(wanted)}",
    ]
    return "\n".join(line for line in lines if line) + "\n"


def _keep_original(path: str) -> str:
    copy = quote(ORIGINAL_DIR + path)
    folder = quote(str(PurePosixPath(ORIGINAL_DIR + path).parent))
    return f"if [ -f {quote(path)} ] && [ ! -e {copy} ]; then mkdir -p {folder}; cp -p {quote(path)} {copy}; fi"


def receive_blob_script(blob: Blob, folder: str = BLOB_DIR) -> str:
    """Return the script that takes one blob on stdin, whole or not at all, and gives it its name.

    What is not the blob comes without its end (transfer.read_blob), and SSH lets nothing change on its way.
    """
    final = f"{folder}/{blob.hex}"
    # A relay has a folder of its own, and may have nothing else of staithe's.
    prelude = PRELUDE if folder == BLOB_DIR else "set -eu\n"
    return f"""{prelude}umask 077
mkdir -p {folder}
part={folder}/.{blob.hex}.part
trap 'rm -f "$part"' EXIT
cat > "$part"
size=$(stat -c %s "$part")
if [ "$size" != {blob.size_bytes} ]; then echo "staithe: $size of {blob.size_bytes} bytes arrived" >&2; exit 65; fi
mv -Tf "$part" {final}
"""


def whole_blobs_script(blobs: Iterable[Blob]) -> str:
    """Return the script that names those of the blobs that are on the host, whole; one that is not is taken away."""
    return f"""cd {BLOB_DIR} 2>/dev/null || exit 0
for one in {join(blob.hex for blob in blobs)}; do
  if [ ! -f "$one" ]; then continue; fi
  sum=$(sha256sum < "$one")
  if [ "${{sum%% *}}" = "$one" ]; then echo "$one"; else rm -f -- "$one"; fi
done
"""


def receive_engine_script(engine: EngineArtifact) -> str:
    """Return the script that takes the engine archive on stdin, unpacks and checks it on the way, and stamps it.

    The archive is never written to disk: what is unpacked gets its name only when the sha256 of the whole stream is
    right. A directory that is there already gets its programs replaced by rename, so a running one is not disturbed.
    """
    final = f"{ENGINE_ROOT}/{engine.directory}"
    names = sorted(engine.programs)
    stamps = "\n".join(
        f'printf "%s %s %s\\n" {engine.programs[name].sha256} "$(stat -c "%s %i %Y %Z" {final}/{quote(name)})" '
        f"{final}/{quote(name)}"
        for name in names
    )
    return f"""{PRELUDE}{_RELABEL}
new={ENGINE_ROOT}/.new-{engine.directory}
mkdir -p {ENGINE_ROOT}
rm -rf "$new"
mkdir "$new"
{_unpack_text(names)}sum=$(cat "$fifo.sum")
rm -f "$fifo.sum"
if [ "${{sum%% *}}" != {engine.archive.hex} ]; then
  echo "staithe: sha256 of the archive is ${{sum%% *}}" >&2
  exit 65
fi
if [ -e "$fifo.odd" ]; then echo 'staithe: the archive is no whole gzip file' >&2; exit 65; fi
if [ $unpacked != 0 ]; then exit $unpacked; fi
for name in {join(names)}; do
  # Only plain files: a link could lead chmod, and later the engine, to anything on the host.
  if [ -L "$new/$name" ] || [ ! -f "$new/$name" ] || [ "$(stat -c %h "$new/$name")" != 1 ]; then
    echo "staithe: $name in the archive is no regular file" >&2
    exit 65
  fi
done
chmod 755 "$new" "$new"/*
sync "$new"/* 2>/dev/null || :
if [ -d {final} ]; then
  for name in {join(names)}; do mv -Tf "$new/$name" "{final}/$name"; done
else
  mv "$new" {final}
fi
relabel {ENGINE_ROOT}
touch {STAMPS}
{{ grep -v " {final}/" {STAMPS} || :
{stamps}
}} > {STAMPS}.new
chmod 600 {STAMPS}.new
mv -Tf {STAMPS}.new {STAMPS}
"""


def _unpack_text(names: Iterable[str]) -> str:
    """Return shell text that unpacks programs of the archive on stdin into $new, and hashes it on its way.

    Leaves the sum in $fifo.sum, in $unpacked what tar says of it, and $fifo.odd when it is no whole gzip file.
    """
    members = join(f"docker/{name}" for name in names)
    return f"""fifo={STATE_DIR}/.engine.fifo
rm -f "$fifo" "$fifo.odd"
mkfifo "$fifo"
trap 'rm -rf "$new" "$fifo" "$fifo.sum" "$fifo.odd"' EXIT
if command -v openssl >/dev/null 2>&1; then openssl dgst -sha256 -r; else sha256sum; fi < "$fifo" > "$fifo.sum" &
unpacked=0
# tar -z would read a pipe in a process of its own; and without -b, 10 KiB at a time.
tee "$fifo" | {{
  gzip -dc || : > "$fifo.odd"
  cat > /dev/null
}} | {{
  tar -b 256 -C "$new" -xf - --strip-components=1 --no-same-owner {members} && ok=0 || ok=$?
  cat > /dev/null
  exit "$ok"
}} || unpacked=$?
wait
"""


def switch_engine_script(directory: str, programs: Iterable[str], opening: str, *, taking_over: bool = False) -> str:
    """Return the script that makes /usr/bin/PROGRAM lead to `directory`: links first, then one rename for all.

    `taking_over`: programs that somebody else put there give way; the journal keeps them until the engine is healthy.
    """
    obstacle = (
        'keep "$path"; rm -f "$path"'
        if taking_over
        else """echo "staithe: $path is there and is not staithe's" >&2; exit 66"""
    )
    links = "\n".join(f"link {quote(name)}" for name in programs)
    return f"""{PRELUDE}{_RELABEL}{opening}{journal.keep_current_text()}
link() {{
  path={BIN_DIR}/$1
  case $(readlink "$path" || :) in {ENGINE_CURRENT}/*) return 0 ;; esac
  if [ -e "$path" ] || [ -L "$path" ]; then
    {obstacle}
  fi
  printf '%s\\n' "$1" >> {JOURNAL}/links
  ln -s "{ENGINE_CURRENT}/$1" "$path"
  relabel "$path"
}}
{links}
ln -sfn {quote(directory)} {ENGINE_ROOT}/.current.new
mv -Tf {ENGINE_ROOT}/.current.new {ENGINE_CURRENT}
"""
