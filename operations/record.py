"""The record of the generation, and the programs of generations that nobody goes back to."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import FunctionCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from staithe.host import Session, carry_out, session
from staithe.host_layout import BLOB_DIR, ENGINE_ROOT, RECORD
from staithe.record import next_record, read_record
from staithe.shell import join


@operation()
def write() -> Generator[FunctionCommand, None, None]:
    """Write down what staithe put on the host; keep the programs of this and the former generation only."""
    here = session(host)
    changes = here.changes("record")
    if not changes:
        host.noop("the record is right")
        return
    yield carry_out(here, changes, lambda: _write(here))


def _write(here: Session) -> None:
    assert here.state is not None and here.desired is not None
    former = read_record(here.state)
    record = next_record(here.state, here.desired, run_id=here.run_id, made_group=here.made_group)
    keep = {here.desired.directory} | ({former.contents.engine_directory} if former else set())
    if former and former.contents.engine_directory == here.desired.directory:
        # The same programs again: the generation before keeps its way back.
        keep |= {f"{ENGINE_ROOT}/{name}" for name in here.state.engine.directories}
    names = sorted(directory.removeprefix(f"{ENGINE_ROOT}/") for directory in keep)
    # The images are loaded by now: blobs and half-made directories are what a run that was killed left.
    prune = f"""
rm -rf {BLOB_DIR} {ENGINE_ROOT}/.new-*
cd {ENGINE_ROOT}
for one in *; do
  case $one in current|{"|".join(join([name]) for name in names)}) ;; *) rm -rf -- "$one" ;; esac
done
"""
    here.place({RECORD: record.text()}, "record", then=prune)
    here.verify("record", "files", "engine")
