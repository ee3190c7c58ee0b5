"""The generations of a host, asked and told as an event."""

from __future__ import annotations

from staithe.events import HostHistory
from staithe.generations import LIST_SCRIPT, read_generations, shown
from staithe.host.session import Session
from staithe.record import read_record
from staithe.summary import summarize


def tell_history(session: Session) -> None:
    """Ask the host for its generations. Raises ProbeFailed, RecordTooNew, and what Remote.run raises."""
    state = session.probe()
    output = session.run(LIST_SCRIPT, "list the generations", looks=True, shown=LIST_SCRIPT).stdout
    entries, kept = read_generations(output.decode("utf-8", "replace"), session.name)
    history = shown(entries, kept, read_record(state))
    session.tell(HostHistory(host=session.name, summary=summarize(state), generations=list(history)))
