"""The bundles of a run, each opened and checked once for all its hosts, before any of them is asked."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from staithe.bundle.contents import Bundle
from staithe.bundle.memory import refuse_older, verify_once
from staithe.bundle.read import read_bundle, verify_names
from staithe.bundle.signatures import check_signatures, not_signed, signatures
from staithe.config import Config
from staithe.config.trust import Trust
from staithe.errors import ConfigError
from staithe.runs_folder import memory_folder


def bundle_of(config: Config) -> Bundle:
    """Open the bundle that the configuration names; the hosts of a run share it.

    Raises BundleError for one that is damaged, or not signed by whom the configuration trusts.
    """
    if config.engine.bundle is None and config.engine.source == "repository":
        # Images come from registries then; there is nothing to be opened and checked.
        return Bundle(Path(), "")
    if config.engine.bundle is None:
        raise ConfigError(["engine.bundle: not given"], hint="--set engine.bundle=DIR   # or in the group data")
    return _open_once(config.engine.bundle, config.trust)


@lru_cache(maxsize=256)
def _open_once(path: str, trust: Trust) -> Bundle:
    bundle = read_bundle(Path(path))
    assert bundle.files is not None
    verify_names(bundle.files)
    signers = _trusted_signers(bundle, trust)
    if not trust.allow_older:
        refuse_older(bundle, memory_folder())
    verify_once(bundle, memory_folder())
    return replace(bundle, signers=signers)


def _trusted_signers(bundle: Bundle, trust: Trust) -> tuple[str, ...]:
    """Return who has signed the bundle; raise unless it is signed as the configuration wants it."""
    found = signatures(bundle)
    if not found and trust.allow_unsigned and not trust.required_signers:
        return ()
    if not found:
        raise not_signed(bundle)
    if trust.allowed_signers is None:
        if trust.allow_unsigned:
            return ()
        raise ConfigError(
            [
                "trust.allowed_signers: not given, so nobody is trusted; the bundle is signed by "
                + ", ".join(one.fingerprint for one in found)
            ],
            hint="--set trust.allowed_signers=FILE   # or in the group data; docs/air-gap.md says how to make one",
        )
    revoked = Path(trust.revoked_keys) if trust.revoked_keys else None
    signers = check_signatures(bundle, Path(trust.allowed_signers), revoked, trust.required_signers)
    return tuple(signer.name for signer in signers)
