"""The signatures of a bundle: where they lie, what they are of, and whether they are enough.

What is signed is the line that `sha256sum index.json` prints: the index names all else by digest, and a person can
check it without staithe.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from staithe.bundle import ssh_keygen
from staithe.bundle.contents import Bundle
from staithe.bundle.layout import INDEX_FILE, SIGNATURE_NAME, SIGNATURES
from staithe.errors import BundleError, NotSigned, SignatureRefused, UsageError
from staithe.shell import word

_SIZE_LIMIT_BYTES = 64 << 10
_COUNT_LIMIT = 64
_ARMOR = re.compile(r"-----BEGIN SSH SIGNATURE-----\n([A-Za-z0-9+/=\n]+)-----END SSH SIGNATURE-----\s*")


@dataclass(frozen=True)
class Signer:
    """Who has signed, by the name that the allowed signers give them."""

    name: str
    file: str  # signatures/....sig


@dataclass(frozen=True)
class Signature:
    """A signature as it lies in the bundle; nobody has looked whether it is good."""

    file: str
    fingerprint: str  # SHA256:..., as `ssh-keygen -l` prints it


def statement(bundle: Bundle) -> bytes:
    """Return what is signed."""
    return f"{bundle.digest.removeprefix('sha256:')}  {INDEX_FILE}\n".encode()


def signatures(bundle: Bundle) -> tuple[Signature, ...]:
    """Return all signatures of the bundle, unchecked; raises SignatureRefused for what is none."""
    names = _names(bundle)
    return tuple(Signature(name, _fingerprint(_text(bundle, name), name, bundle)) for name in names)


def add_signature(bundle: Bundle, key: Path) -> Signature:
    """Sign the bundle and put the signature into its folder; signing again with the same key changes nothing."""
    if not bundle.root.is_dir():
        raise UsageError(
            "a tar is not signed: the signature goes into the bundle's folder",
            where=str(bundle.root),
            hint="sign the folder, then staithe bundle export FOLDER --out FILE.tar",
        )
    text = ssh_keygen.sign(key, statement(bundle))
    public = _public_key(text)
    # Of any key, even one on a token, the digest is a harmless name for a file.
    name = f"{SIGNATURES}/{hashlib.sha256(public).hexdigest()[:16]}.sig"
    folder = bundle.root / SIGNATURES
    try:
        folder.mkdir(exist_ok=True)
        beside = folder / f".{name.rpartition('/')[2]}.new"
        beside.write_text(text, encoding="ascii")
        beside.replace(bundle.root / name)
    except OSError as error:
        raise BundleError(f"cannot be written: {error.strerror}", where=str(folder)) from error
    return Signature(name, _fingerprint_of(public))


def check_signatures(
    bundle: Bundle, allowed: Path, revoked: Path | None = None, required: Sequence[str] = ()
) -> tuple[Signer, ...]:
    """Return who has signed. Every signature must be good: one by a stranger is refused beside others that are.

    `required`: names that must all be among them. Raises NotSigned, SignatureRefused; UsageError for files that
    cannot be read.
    """
    _check_readable(allowed, is_signers=True)
    _check_readable(revoked, is_signers=False)
    names = [one.file for one in signatures(bundle)]
    if not names:
        raise not_signed(bundle)
    text = statement(bundle)
    signers = []
    # ssh-keygen wants files, and what is checked must be what was read.
    with tempfile.TemporaryDirectory(prefix="staithe-") as folder:
        for number, name in enumerate(names):
            path = Path(folder, f"{number}.sig")
            path.write_bytes(_text(bundle, name))
            try:
                signers.append(Signer(ssh_keygen.signer(path, text, allowed, revoked), name))
            except SignatureRefused as error:
                error.where = _place(bundle, name)
                error.hint = error.hint or (
                    f"staithe bundle sign {word(str(bundle.root))} --key KEY   # by somebody whom {allowed} names"
                )
                raise
    missing = [name for name in required if name not in {signer.name for signer in signers}]
    if missing:
        raise SignatureRefused(
            f"{', '.join(missing)} must sign the bundle too",
            where=str(bundle.root),
            found=f"signed by {', '.join(signer.name for signer in signers)}",
            expected=", ".join(required),
            hint=f"staithe bundle sign {word(str(bundle.root))} --key KEY   # of {missing[0]}",
        )
    return tuple(signers)


def not_signed(bundle: Bundle) -> NotSigned:
    """Return the error for a bundle without a signature."""
    return NotSigned(
        "the bundle is not signed",
        where=str(bundle.root),
        hint=f"staithe bundle sign {word(str(bundle.root))} --key ~/.ssh/id_ed25519",
    )


def _names(bundle: Bundle) -> list[str]:
    assert bundle.files is not None
    names = [name for name in bundle.files.sizes if re.fullmatch(f"{SIGNATURES}/{SIGNATURE_NAME}", name)]
    if len(names) > _COUNT_LIMIT:
        raise SignatureRefused(
            "the bundle has too many signatures",
            where=str(bundle.root),
            found=f"{len(names)}",
            expected=f"{_COUNT_LIMIT} at most",
        )
    return sorted(names)


def _text(bundle: Bundle, name: str) -> bytes:
    assert bundle.files is not None
    if not 0 < bundle.files.sizes[name] <= _SIZE_LIMIT_BYTES:
        raise _none(_place(bundle, name))
    with bundle.files.open(name) as stream:
        return stream.read(_SIZE_LIMIT_BYTES)


def _place(bundle: Bundle, name: str) -> str:
    assert bundle.files is not None
    return bundle.files.place(name)


def _fingerprint(content: bytes, name: str, bundle: Bundle) -> str:
    try:
        return _fingerprint_of(_public_key(content.decode("ascii")))
    except ValueError as error:
        raise _none(_place(bundle, name)) from error


def _fingerprint_of(public_key: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(public_key).digest()).decode().rstrip("=")


def _public_key(armored: str) -> bytes:
    """Return the signer's public key; ValueError. Format: OpenSSH's PROTOCOL.sshsig."""
    match = _ARMOR.fullmatch(armored)
    if match is None:
        raise ValueError("no armor")
    try:
        blob = base64.b64decode(match[1])
    except binascii.Error as error:
        raise ValueError("no base64") from error
    length = int.from_bytes(blob[10:14], "big")
    if not blob.startswith(b"SSHSIG") or len(blob) < 14 + length:
        raise ValueError("no signature")
    return blob[14 : 14 + length]


def _none(where: str) -> SignatureRefused:
    return SignatureRefused(
        "this is no SSH signature", where=where, hint="take the file away, and sign with `staithe bundle sign`"
    )


def _check_readable(path: Path | None, *, is_signers: bool) -> None:
    if path is None:
        return
    reason = "there is no such file" if not path.exists() else "this is no file"
    try:
        # Not a pipe: it is read more than once.
        if path.is_file():
            path.open("rb").close()
            return
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    raise UsageError(
        reason,
        where=str(path),
        expected='lines like: NAME namespaces="bundle@staithe" ssh-ed25519 AAAA...'
        if is_signers
        else "public keys one per line, or a KRL",
        hint="man ssh-keygen   # ALLOWED SIGNERS, KEY REVOCATION LISTS",
    )
