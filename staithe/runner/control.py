"""The two ends of the runner protocol inside the runner."""

from __future__ import annotations

import json
import time
from typing import IO, Any

import gevent
from gevent.event import AsyncResult
from gevent.event import Event as Flag
from gevent.fileobject import FileObject
from gevent.queue import Queue
from pydantic import ValidationError

from staithe.change import Change
from staithe.errors import SecretMissing, StaitheError
from staithe.events import BlobReady, BlobsWanted, ErrorReport, Event, SecretWanted
from staithe.messages import Proceed, RelayReady, RelayWanted, Start, Upload
from staithe.secret import Vault

# What readers of events count on; none of it can hold a secret, but a secret could look like it.
_STRUCTURE = frozenset(
    {"type", "run_id", "host", "hosts", "component", "change_id", "id", "kind", "code", "outcome", "status", "effect"}
    | {"containers", "health", "changed", "not_done", "missing", "mode", "blob", "prompt"}
    | {"relay", "address", "digest", "url", "path"}
)
_RELAY_KINDS = ("relay_wanted", "relay_ready", "relay_over")


class Control:
    """Tells events and listens for `proceed`, `halt` and `cancel`; a closed pipe counts as `cancel`."""

    def __init__(self, stdin: int, out: IO[str]) -> None:
        self._lines = FileObject(stdin, "r", encoding="utf-8", closefd=False)
        self._out = out
        self._seq = 0
        self._run_id = ""
        # Whether all hosts may go on, and the flags of those that asked or were named.
        self._all_may = False
        self._turns: dict[str, Flag] = {}
        self._upload_turns: dict[str, Flag] = {}
        self.halted = False
        self.cancelled = False
        self._answers: dict[str, AsyncResult[str | None]] = {}
        self.vault = Vault(self._ask)
        # What hosts of any runner want from the relays that this one keeps.
        self.relay_wants: Queue[BlobsWanted] = Queue()
        self.relay_is_over = Flag()
        self._relay_answers: dict[tuple[str, str], AsyncResult[BlobReady | None]] = {}

    def read_start(self) -> Start | None:
        """Read the first line; None when it is no `start` of this protocol."""
        try:
            start = Start.model_validate_json(self._lines.readline())
        except ValidationError as error:
            print(f"staithe.runner: not a start line: {error}")
            return None
        self._run_id = start.run_id
        self._all_may = start.proceed
        gevent.spawn(self._listen)
        return start

    def _listen(self) -> None:
        for line in self._lines:
            try:
                told = json.loads(line)
                kind = told.get("type")
                hosts = Proceed.model_validate(told).hosts if kind == "proceed" else None
                receiving = Upload.model_validate(told).hosts if kind == "upload" else []
            except (ValueError, AttributeError):
                continue
            if kind == "proceed":
                self._proceed(hosts)
            elif kind == "upload":
                for host in receiving:
                    # Of this runner's hosts, those that asked.
                    if host in self._upload_turns:
                        self._upload_turns[host].set()
            elif kind in _RELAY_KINDS:
                self._take_relay(kind, told)
            elif kind == "halt":
                self.halted = True
                self._proceed(None)
            elif kind == "secret":
                self._answers.setdefault(str(told.get("prompt")), AsyncResult()).set(told.get("value"))
            elif kind == "cancel":
                self.cancel()
        self.cancel()
        self._end_relays()

    def _take_relay(self, kind: str, told: Any) -> None:
        try:
            if kind == "relay_wanted":
                self.relay_wants.put(RelayWanted.model_validate(told).wanted)
            elif kind == "relay_ready":
                ready = RelayReady.model_validate(told).ready
                # Of this runner's hosts, those that asked.
                answer = self._relay_answers.get((ready.host or "", ready.blob))
                if answer is not None:
                    answer.set(ready)
        except ValidationError as error:
            print(f"staithe.runner: not a line about relays: {error}")
        if kind == "relay_over":
            self._end_relays()

    def relay_answer(self, host: str, blob: str) -> AsyncResult[BlobReady | None]:
        """Return where the relay's answer to a host arrives; None when there will be none."""
        answer = self._relay_answers.setdefault((host, blob), AsyncResult())
        if (self.cancelled or self.relay_is_over.is_set()) and not answer.ready():
            answer.set(None)
        return answer

    def _end_relays(self) -> None:
        self.relay_is_over.set()
        for answer in self._relay_answers.values():
            if not answer.ready():
                answer.set(None)

    def _ask(self, prompt: str) -> str:
        """Let a person type a secret; the runner itself has no terminal."""
        answer = self._answers.setdefault(prompt, AsyncResult())
        self.tell(SecretWanted(prompt=prompt))
        value = answer.get()
        if value is None:
            raise SecretMissing(
                f"nobody typed the secret {prompt!r}", hint="run it on a terminal, or use from_env or from_file"
            )
        return str(value)

    def turn(self, host: str) -> Flag:
        """Return the flag that is set when the host may go on, or when it need not wait any longer."""
        flag = self._turns.setdefault(host, Flag())
        if self._all_may:
            flag.set()
        return flag

    def upload_turn(self, host: str) -> Flag:
        """Return the flag that is set when the host may receive blobs, or when it need not wait any longer."""
        flag = self._upload_turns.setdefault(host, Flag())
        if self.cancelled:
            flag.set()
        return flag

    def _proceed(self, hosts: list[str] | None) -> None:
        if hosts is None:
            self._all_may = True
        for host in list(self._turns) if hosts is None else hosts:
            self.turn(host).set()

    def cancel(self) -> None:
        """Begin no further change; wake those that wait for their turn."""
        self.cancelled = True
        self._proceed(None)
        for answer in self._answers.values():
            if not answer.ready():
                answer.set(None)
        for turn in self._upload_turns.values():
            turn.set()
        for ready in self._relay_answers.values():
            if not ready.ready():
                ready.set(None)

    def tell(self, event: Event) -> None:
        """Write one event, numbered and timed."""
        self._seq += 1
        whole = event.model_copy(update={"run_id": self._run_id, "seq": self._seq, "time": round(time.time(), 3)})
        try:
            self._out.write(self._text(whole) + "\n")
            self._out.flush()
        except (BrokenPipeError, ValueError):
            self.cancel()

    def told(self, change: Change) -> Change:
        """Return a change as events tell it."""
        if not self.vault.has_any:
            return change
        return Change.model_validate(self.vault.mask_values(change.model_dump(mode="json"), _STRUCTURE))

    def _text(self, event: Event) -> str:
        if not self.vault.has_any:
            return event.model_dump_json()
        data = self.vault.mask_values(event.model_dump(mode="json"), _STRUCTURE)
        return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def report_of(error: StaitheError) -> ErrorReport:
    """Return the error as data."""
    return ErrorReport(code=error.code, exit_code=error.exit_code, message=str(error), hint=error.hint)
