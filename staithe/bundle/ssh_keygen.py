"""The one way to make and check SSH signatures: the system's own `ssh-keygen -Y`.

What it prints is read only to say why something was refused; whether it was refused is its exit code alone.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from staithe.bundle.layout import SIGNATURE_NAMESPACE
from staithe.errors import SignatureRefused, UsageError

# The first with -Y find-principals. valid-after and valid-before in allowed signers need 8.8; before that, a line
# with them is not accepted at all.
_OLDEST = (8, 2)
_TIMEOUT_S = 30
_GOOD = re.compile(r"^Good .* signature .*with (\S+) key (SHA256:\S+)$", re.MULTILINE)


@lru_cache(maxsize=1)
def _program() -> str:
    """Return the path of ssh-keygen; raises UsageError when it is missing or too old."""
    program = shutil.which("ssh-keygen")
    expected = f"OpenSSH {_OLDEST[0]}.{_OLDEST[1]} or newer"
    if program is None:
        raise UsageError(
            "ssh-keygen is not installed; signatures are made and checked with it",
            expected=expected,
            hint="apt-get install openssh-client   # or: dnf install openssh",
        )
    # ssh-keygen does not tell its version; the ssh beside it comes from the same package.
    ssh = Path(program).with_name("ssh")
    words = f"no {ssh}"
    if ssh.exists():
        # Not this process's stdin: ssh would set a runner's control pipe to blocking.
        asked = subprocess.run(
            [str(ssh), "-V"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        words = asked.stderr
    version = re.match(r"OpenSSH_([0-9]+)\.([0-9]+)", words)
    if version is None or (int(version[1]), int(version[2])) < _OLDEST:
        raise UsageError(
            "ssh-keygen cannot check signatures",
            where=program,
            found=words.strip() or "no version",
            expected=expected,
        )
    return program


def sign(key: Path, text: bytes) -> str:
    """Return the signature of `text`. A passphrase is asked for on the terminal; raises UsageError."""
    done = subprocess.run(
        [_program(), "-q", "-Y", "sign", "-n", SIGNATURE_NAMESPACE, "-f", str(key)],
        input=text,
        stdout=subprocess.PIPE,
        # A key on a token says there that it wants to be touched.
        stderr=None if sys.stderr.isatty() else subprocess.PIPE,
        check=False,
    )
    if done.returncode != 0:
        raise UsageError(
            "ssh-keygen did not sign",
            where=str(key),
            found=_last((done.stderr or b"").decode("utf-8", "replace")),
            hint="--key takes a private key, or the public half of one that ssh-agent holds",
        )
    return done.stdout.decode("ascii", "replace")


def key_of(signature: Path, text: bytes) -> str:
    """Return the fingerprint and kind of the key that made the signature, whoever has it.

    Raises SignatureRefused when the signature is not of `text`.
    """
    code, out, err = _ask(["check-novalidate", "-n", SIGNATURE_NAMESPACE, "-s", str(signature)], text)
    good = _GOOD.search(out)
    if code != 0 or good is None:
        raise SignatureRefused(
            "the signature does not belong to this bundle: its index.json was changed, or another one was signed",
            found=_last(err),
            expected=f"a signature of this index.json in the namespace {SIGNATURE_NAMESPACE}",
        )
    return f"{good[2]} ({good[1]})"


def signer(signature: Path, text: bytes, allowed: Path, revoked: Path | None) -> str:
    """Return the name that the file of allowed signers gives to who signed `text`; raises SignatureRefused."""
    code, out, err = _ask(["find-principals", "-s", str(signature), "-f", str(allowed)], b"")
    # The first name of `a@x,b@x`; `!c@x` excludes one.
    names = [name for line in out.splitlines() for name in line.split(",") if name and not name.startswith("!")]
    if code != 0 or not names:
        raise _no_principal(key_of(signature, text), err, allowed)
    base = ["verify", "-n", SIGNATURE_NAMESPACE, "-I", names[0], "-s", str(signature), "-f", str(allowed)]
    code, _, err = _ask([*base, *(["-r", str(revoked)] if revoked else [])], text)
    if code == 0:
        return names[0]
    key = key_of(signature, text)
    if revoked and _ask(base, text)[0] == 0:
        raise SignatureRefused(
            f"the key of {names[0]} is revoked",
            found=key,
            expected=f"a key that {revoked} does not name (public keys one per line, or a KRL)",
        )
    raise SignatureRefused(
        f"{names[0]} may not sign bundles",
        found=_last(err) or key,
        expected=f'namespaces="{SIGNATURE_NAMESPACE}" in the line of {allowed}',
    )


def _no_principal(key: str, err: str, allowed: Path) -> SignatureRefused:
    messages = {
        "has expired": "the key of a signer has expired",
        "not yet valid": "the key of a signer is not valid yet",
    }
    for word, message in messages.items():
        line = next((line for line in err.splitlines() if word in line), None)
        if line is not None:
            return SignatureRefused(message, found=f"{key}: {line}", expected="a signer whose time it is")
    return SignatureRefused(
        "a stranger has signed the bundle",
        found=key,
        expected=f"a key that {allowed} names",
        hint=f"a key that you trust goes into {allowed}: docs/air-gap.md; without one, do not use the bundle",
    )


def _ask(arguments: Sequence[str], text: bytes) -> tuple[int, str, str]:
    try:
        done = subprocess.run(
            [_program(), "-Y", *arguments], input=text, capture_output=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"ssh-keygen did not answer in {_TIMEOUT_S} s", found=arguments[0]) from error
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
