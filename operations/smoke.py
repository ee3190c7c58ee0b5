"""The engine proved by running containers."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from pyinfra.api.command import FunctionCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from staithe import smoke
from staithe.change import Change, change
from staithe.errors import EngineUnhealthy, SmokeFailed, StaitheError
from staithe.events import CheckStatus, SmokeCheck, SmokeChecked
from staithe.host.attachment import peer_of, session
from staithe.host.guard import carry_out
from staithe.host.session import Session
from staithe.host_layout import RECORD
from staithe.record import read_record
from staithe.ssh import direct_peer

# A container listens within this time after its start; one look at its port takes at most that long.
_LISTEN_S = 5.0
_FETCH_S = 5


@operation()
def prove(always: bool = False) -> Generator[FunctionCommand, None, None]:
    """Run the smoke containers: where this run changed something, or always; leave nothing of them behind."""
    here = session(host)
    if always and here.state is None and here.error is None:
        here.look()
    changes = here.changes("smoke")
    if always and here.error is None:
        changes = (change("smoke", "run", "containers", "asked for"),)
        here.planned = changes
    if not changes:
        host.noop("nothing changed, so nothing is to be proved")
        return
    yield carry_out(here, changes, lambda: _prove(here, changes))


def _prove(here: Session, changes: tuple[Change, ...]) -> None:
    if here.state is None or here.state.docker is None:
        raise EngineUnhealthy(
            "the engine does not run",
            found="docker.service is not active",
            hint=f"staithe apply INVENTORY --limit {here.name}",
        )
    # First of all: a run that is killed in the middle has not proved anything either.
    _note_proof(here, proved=False)
    token = f"smoke{time.time_ns() % 10**10}"
    results: list[SmokeCheck] = []

    def note(name: str, did: str, expected: str, look: Callable[[], tuple[CheckStatus, str]]) -> None:
        began = time.monotonic()
        status, saw = look()
        seconds = round(time.monotonic() - began, 2)
        result = SmokeCheck(name=name, did=did, expected=expected, saw=saw, status=status, seconds=seconds)
        results.append(result)
        here.emit(SmokeChecked(host=here.name, component="smoke", change_id=changes[0].id, check=result))

    first, *others = smoke.checks(here.config, token)
    note(first.name, first.did, _one_line(first.expected), lambda: _run(here, first))
    note(
        "published port",
        f"docker run -p {here.config.smoke.published_port}:80, read it from elsewhere",
        token,
        lambda: _published_port(here, token),
    )
    for check in others:
        note(check.name, check.did, _one_line(check.expected), lambda check=check: _run(here, check))  # type: ignore[misc]
    _note_pull(here, token, note)
    note("clean", "look for what the checks left", "nothing", lambda: _clean(here, token))
    failed = [result.name for result in results if result.status == "failed"]
    if failed:
        raise SmokeFailed(
            f"{len(failed)} of {len(results)} smoke checks failed: {', '.join(failed)}",
            found=next(result.saw for result in results if result.status == "failed"),
            hint=f"staithe logs {here.name}",
        )
    _note_proof(here, proved=True)


def _run(here: Session, check: smoke.Check) -> tuple[CheckStatus, str]:
    result = here.run(check.script, f"smoke: {check.name}", timeout_s=here.config.smoke.timeout_s, check=False)
    out = result.stdout.decode("utf-8", "replace").strip()
    if result.exit_code == 0 and out == check.expected:
        return "passed", _one_line(out)
    said = result.stderr.decode("utf-8", "replace").strip() or out or "nothing"
    return "failed", f"exit code {result.exit_code}: {_one_line(said)[-300:]}"


def _note_pull(here: Session, token: str, note: Callable[..., None]) -> None:
    check = smoke.pull_check(here.config, token)
    if check is None:
        skipped: tuple[CheckStatus, str] = ("skipped", "smoke.pull_image is not described")
        note("mirror pull", "docker pull through registry-mirrors", token, lambda: skipped)
    else:
        note(check.name, check.did, check.expected, lambda: _run(here, check))


def _published_port(here: Session, token: str) -> tuple[CheckStatus, str]:
    """Start a container with a published port and read its page from another host, or from the controller."""
    client = getattr(here.host.connector, "client", None)
    address = direct_peer(client) if client is not None else None
    peer = peer_of(here)
    if address is None:
        return "skipped", "no peer: this machine reaches the host only through another"
    serve = here.run(smoke.serve_script(here.config, token), "smoke: published port", check=False)
    if serve.exit_code != 0:
        return "failed", _one_line(serve.stderr.decode("utf-8", "replace"))[-300:]
    try:
        saw, by = _fetch_patiently(here, peer, address)
    finally:
        here.run(smoke.stop_serving_script(token), "smoke: published port", check=False)
    return ("passed", f"{saw} (read by {by})") if saw == token else ("failed", f"{saw} (read by {by})")


def _fetch_patiently(here: Session, peer: Session | None, address: str) -> tuple[str, str]:
    """Read the page, giving the container a moment to listen."""
    port = here.config.smoke.published_port
    deadline = time.monotonic() + _LISTEN_S
    while True:
        saw, by = _fetch(peer, address, port)
        if not saw.startswith("no answer") or time.monotonic() > deadline:
            return saw, by
        time.sleep(0.2)


def _fetch(peer: Session | None, address: str, port: int) -> tuple[str, str]:
    if peer is not None:
        result = peer.run(
            smoke.fetch_script(address, port), "smoke: read a neighbour's port", check=False, timeout_s=20
        )
        if result.exit_code == 0:
            return result.stdout.decode("utf-8", "replace").strip(), peer.name
        if result.exit_code != 127:
            return f"no answer: {_one_line(result.stderr.decode('utf-8', 'replace'))}", peer.name
    try:
        # No proxy of this machine's environment may stand in between.
        with build_opener(ProxyHandler({})).open(f"http://{address}:{port}/", timeout=_FETCH_S) as answer:
            return answer.read(1024).decode("utf-8", "replace").strip(), "this machine"
    except (URLError, OSError) as error:
        return f"no answer: {error}", "this machine"


def _clean(here: Session, token: str) -> tuple[CheckStatus, str]:
    result = here.run(smoke.clean_script(token), "smoke: clean", check=False)
    left = _one_line(result.stdout.decode("utf-8", "replace"))
    if result.exit_code != 0:
        return "failed", _one_line(result.stderr.decode("utf-8", "replace"))[-300:]
    return ("failed", left) if left else ("passed", "nothing")


def _note_proof(here: Session, *, proved: bool) -> None:
    """Write into the record whether this generation is proved, if staithe made it."""
    assert here.state is not None
    try:
        record = read_record(here.state)
    except StaitheError:
        return
    if record is not None and record.proved != proved:
        text = record.model_copy(update={"proved": proved}).text()
        here.place({RECORD: text}, "note whether it is proved", refresh=["files"])


def _one_line(text: str) -> str:
    return ", ".join(line.strip() for line in text.splitlines() if line.strip())
