"""What ends or spares a host's run without a failure of the host."""

from __future__ import annotations

from staithe.errors.base import EXIT_BUNDLE, EXIT_HOST_FAILED, EXIT_INTERRUPTED, EXIT_REFUSED, StaitheError


class HostRefused(StaitheError):
    """Preflight found that the host cannot carry what is described; it was not touched.

    All problems of the host are listed, each with a code of its own (E301 and on): `staithe explain CODE`.
    """

    code = "E300"
    exit_code = EXIT_REFUSED


class BundleError(StaitheError):
    """The bundle is missing, incomplete, changed, or does not hold what the configuration asks for.

    `staithe bundle show BUNDLE` lists what is in it; build it again with `staithe bundle build`.
    """

    code = "E400"
    exit_code = EXIT_BUNDLE


class NotSigned(BundleError):
    """The bundle has no signature, so nobody has said that it is the right one. No host was touched.

    Whoever answers for it signs it: `staithe bundle sign BUNDLE --key ~/.ssh/id_ed25519`. A configuration that names
    `trust.allow_unsigned` does without; then anybody who can write to the folder decides what runs on the hosts.
    """

    code = "E401"


class SignatureRefused(BundleError):
    """A signature of the bundle is not good: of other content, by a stranger, or by a key that is expired or revoked.

    The message says which file, and which key. No host was touched. When the key is one that you trust, put it into
    the file of allowed signers (docs/air-gap.md); when it is not, find out where the bundle was changed on its way.
    Every signature must be good: one by a stranger is not outweighed by another.
    """

    code = "E402"


class OlderBundle(BundleError):
    """The bundle was built from an older lock than one that was applied from here already. No host was touched.

    Somebody may be handing you old software with known holes, signed when it was new. When going back is what you
    want, say so: --allow-older. The serials that were applied stand in .staithe/applied-bundles.json; hosts remember
    theirs (E314).
    """

    code = "E403"


class DownloadFailed(BundleError):
    """Something that belongs into the bundle could not be fetched whole, or its digest is not the one expected.

    What has arrived stays in the cache: run the command again and it goes on where it stopped. When a digest is wrong
    at the source, its owner replaced the file: compare, then `staithe bundle lock` and review what changed.
    """

    code = "E404"


class PackageRefused(BundleError):
    """An RPM package is not signed, is signed by a key that is not pinned, or is another package than the lock names.

    Nothing of it was used. Compare the repository with its owner's; keys are pinned by `fingerprints` in bundle.toml.
    """

    code = "E405"


class RegistryError(BundleError):
    """A registry of images refuses the login, cannot be talked to, or answers something that no registry says.

    Logins come from docker's configuration file: `docker login HOST`. Certificates, plain http, a proxy or a mirror
    are told by [[registry]] in bundle.toml; to `staithe bundle push` by its options; to runs by transfer.registry_ca
    and the keys beside it.
    """

    code = "E406"


class Interrupted(StaitheError):
    """The run was stopped by Ctrl-C. What was done and what was not is listed.

    Run the same command again: what is done already is not done again.
    """

    code = "E900"
    exit_code = EXIT_INTERRUPTED


class NotBegun(StaitheError):
    """So many hosts had failed (`--max-fail`) that this one was not begun. Nothing was changed on it.

    Look at the hosts that failed first. `--retry-failed RUN` goes on with the failed hosts and those not begun.
    """

    code = "E901"
    exit_code = EXIT_HOST_FAILED
