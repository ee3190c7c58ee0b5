"""The record of the generation; programs and blobs of generations that nobody goes back to are taken away."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import FunctionCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from staithe.generations import entry_of, remember_text
from staithe.host.attachment import session
from staithe.host.guard import carry_out
from staithe.host.session import Session
from staithe.host_layout import BLOB_DIR, DAEMON_JSON, ENGINE_ROOT, GENERATIONS, PACKAGE_DIR, RECORD
from staithe.record import Record, contents_of, next_record, read_record
from staithe.rpm.nevra import rpm_name
from staithe.shell import join


@operation()
def write() -> Generator[FunctionCommand, None, None]:
    """Write down what staithe put on the host; keep what belongs to this and the former generation only."""
    here = session(host)
    changes = here.changes("record")
    if not changes:
        host.noop("the record is right")
        return
    yield carry_out(here, changes, lambda: _write(here))


def _write(here: Session) -> None:
    assert here.state is not None and here.desired is not None
    former = read_record(here.state)
    record = next_record(here.state, here.desired, run_id=here.run_id)
    then = _keep_generation(record) + remember_text(entry_of(record, DAEMON_JSON)) + _prune(here, former)
    here.place({RECORD: record.text()}, "record", refresh=["files", "engine"], then=then)
    here.verify("record")


def _keep_generation(record: Record) -> str:
    """Return the shell text that keeps this generation's record and files, and of the others only the one before."""
    folder = f"{GENERATIONS}/{record.generation}"
    # From the root, by relative names: cp looks for the folders of others where it stands.
    files = join(path.lstrip("/") for path in record.contents.files)
    copies = f"mkdir {folder}.new/files\ncd /\ncp -p --parents {files} {folder}.new/files/\n" if files else ""
    return f"""umask 077
rm -rf {folder}.new {folder}
mkdir -p {folder}.new
cp -p {RECORD} {folder}.new/
{copies}mv -T {folder}.new {folder}
cd {GENERATIONS}
for one in *; do
  case $one in {record.generation}|{record.generation - 1}) ;; *) rm -rf -- "$one" ;; esac
done
"""


def _prune(here: Session, former: Record | None) -> str:
    """Return the shell text that takes away programs and blobs that neither generation needs."""
    assert here.state is not None and here.desired is not None
    wanted = contents_of(here.state, here.desired)
    both = (wanted, former.contents) if former else (wanted,)
    directories = {one.engine_directory for one in both if one.engine_directory}
    kept = {rpm_name(nevra) for one in both for nevra in one.packages.values()}
    if former and (former.contents.engine_directory, former.contents.packages) == (
        wanted.engine_directory,
        wanted.packages,
    ):
        # The same programs again: the generation before keeps its way back.
        directories |= {f"{ENGINE_ROOT}/{name}" for name in here.state.engine.directories}
        kept |= set(here.state.kept_packages)
    names = sorted(directory.removeprefix(f"{ENGINE_ROOT}/") for directory in directories)
    blobs = sorted({*wanted.blobs, *(former.contents.blobs if former and wanted.blobs else ())}) or ["none"]
    return f"""if [ -d {ENGINE_ROOT} ]; then
  cd {ENGINE_ROOT}
  rm -rf .new-*
  for one in *; do
    case $one in {"|".join(join([name]) for name in ("current", *names))}) ;; *) rm -rf -- "$one" ;; esac
  done
fi
if [ -d {PACKAGE_DIR} ]; then
  cd {PACKAGE_DIR}
  for one in *; do
    case $one in {"|".join(join([name]) for name in sorted(kept) or ["none"])}) ;; *) rm -rf -- "$one" ;; esac
  done
fi
if [ -d {BLOB_DIR} ]; then
  cd {BLOB_DIR}
  rm -rf .*.part
  for one in *; do
    case $one in {"|".join(blobs)}) ;; *) rm -rf -- "$one" ;; esac
  done
fi
"""
