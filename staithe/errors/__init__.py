"""Every way in which staithe can fail, as one tree.

StaitheError
├── UsageError            E100  exit 2   the command line or a file it names is wrong
│   ├── ConfigError       E101  exit 2   the described state does not validate (all problems at once)
│   ├── InventoryError    E102  exit 2   the inventory cannot be loaded, or is empty
│   ├── ProjectError      E103  exit 2   deploy.py, templates or a run record are not where they must be
│   ├── LabError          E104  exit 2   the lab cannot do what was asked on this machine
│   ├── SecretMissing     E105  exit 2   a secret that the inventory names cannot be had
│   ├── RepositoryError   E106  exit 2   the metadata of a package repository are not what they must be
│   ├── SolverMissing     E107  exit 2   this machine has no libsolv, which resolves packages
│   ├── Unsolvable        E108  exit 2   the requested packages cannot be installed together
│   ├── DescriptionError  E109  exit 2   bundle.toml does not validate (all problems at once)
│   ├── LockError         E110  exit 2   bundle.lock is not one, or does not belong to bundle.toml
│   └── WheelMissing      E111  exit 2   a package has no wheel for a wanted Python or architecture
├── HostError             E200  exit 1   one host failed; the others go on
│   ├── Unreachable       E201  exit 1   no TCP or SSH connection
│   ├── AuthRefused       E202  exit 1   the host does not accept the key or password
│   ├── HostKeyUnknown    E203  exit 1   the SSH host key is not in known_hosts
│   ├── HostKeyChanged    E204  exit 1   the SSH host key differs from the one in known_hosts
│   ├── SudoRefused       E205  exit 1   the user may not become root
│   ├── ProbeFailed       E206  exit 1   the host answered the probe with something else
│   ├── CommandFailed     E207  exit 1   a command of a change failed
│   ├── CommandTimeout    E208  exit 1   a command ran longer than its limit
│   ├── TransferFailed    E209  exit 1   a blob did not arrive whole
│   ├── ConnectionLost    E210  exit 1   the connection broke in the middle
│   ├── EngineUnhealthy   E211  exit 1   the engine did not become healthy; the former state is back
│   ├── ConfigRefused     E212  exit 1   the new engine refuses daemon.json; nothing was changed
│   ├── SmokeFailed       E213  exit 1   a smoke check saw something else than it expected
│   ├── RecordTooNew      E214  exit 1   a newer staithe wrote the record on the host
│   ├── HostLocked        E215  exit 1   another run is changing the host
│   ├── NotRolledBack     E216  exit 1   a change failed, and the former state did not come back whole
│   ├── DiskFull          E217  exit 1   a file system of the host has no room left
│   ├── CommandKilled     E218  exit 1   a command was ended on the host by a signal
│   ├── NoRpm             E219  exit 1   the host has no rpm, so nobody knows its packages
│   ├── NotesDamaged      E220  exit 1   the note of what was there before staithe cannot be read
│   ├── RepositoryUnreachable E221  exit 1   the host does not reach the package repository
│   ├── TransactionRefused  E222  exit 1   the packages cannot be installed, or not without touching others
│   ├── PackageUntrusted  E223  exit 1   the pinned key does not vouch for a package or key
│   └── NoGeneration      E224  exit 1   the host does not keep what it is to go back to
├── HostRefused           E300  exit 4   preflight: the host cannot carry what is described (E301...)
├── BundleError           E400  exit 5   the bundle is missing, incomplete or not what it says
│   ├── NotSigned         E401  exit 5   the bundle has no signature
│   ├── SignatureRefused  E402  exit 5   a signature of the bundle is not good
│   ├── OlderBundle       E403  exit 5   the bundle is older than one that was applied already
│   ├── DownloadFailed    E404  exit 5   something for the bundle could not be fetched, or is not what the lock says
│   ├── PackageRefused    E405  exit 5   an RPM package is not signed by a pinned key, or is another package
│   └── RegistryError     E406  exit 5   a registry refuses the login, or is none
├── Interrupted           E900  exit 130 stopped by the user
└── NotBegun              E901  exit 1   too many hosts had failed before this host's turn

The docstring of a class is what `staithe explain CODE` prints and what docs/errors.md is made from: the
cause in one paragraph, what to do in the next.
"""

from staithe.errors.base import (
    EXIT_BUNDLE,
    EXIT_HOST_FAILED,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_PENDING,
    EXIT_REFUSED,
    EXIT_USAGE,
    StaitheError,
    error_classes,
    worst_exit_code,
)
from staithe.errors.host import (
    AuthRefused,
    CommandFailed,
    CommandKilled,
    CommandTimeout,
    ConfigRefused,
    ConnectionLost,
    DiskFull,
    EngineUnhealthy,
    HostError,
    HostKeyChanged,
    HostKeyUnknown,
    HostLocked,
    NoGeneration,
    NoRpm,
    NotesDamaged,
    NotRolledBack,
    PackageUntrusted,
    ProbeFailed,
    RecordTooNew,
    RepositoryUnreachable,
    SmokeFailed,
    SudoRefused,
    TransactionRefused,
    TransferFailed,
    Unreachable,
)
from staithe.errors.run import (
    BundleError,
    DownloadFailed,
    HostRefused,
    Interrupted,
    NotBegun,
    NotSigned,
    OlderBundle,
    PackageRefused,
    RegistryError,
    SignatureRefused,
)
from staithe.errors.usage import (
    ConfigError,
    DescriptionError,
    InventoryError,
    LabError,
    LockError,
    ProjectError,
    RepositoryError,
    SecretMissing,
    SolverMissing,
    Unsolvable,
    UsageError,
    WheelMissing,
)

__all__ = [
    "EXIT_BUNDLE",
    "EXIT_HOST_FAILED",
    "EXIT_INTERRUPTED",
    "EXIT_OK",
    "EXIT_PENDING",
    "EXIT_REFUSED",
    "EXIT_USAGE",
    "AuthRefused",
    "BundleError",
    "CommandFailed",
    "CommandKilled",
    "CommandTimeout",
    "ConfigError",
    "ConfigRefused",
    "ConnectionLost",
    "DescriptionError",
    "DiskFull",
    "DownloadFailed",
    "EngineUnhealthy",
    "HostError",
    "HostKeyChanged",
    "HostKeyUnknown",
    "HostLocked",
    "HostRefused",
    "Interrupted",
    "InventoryError",
    "LabError",
    "LockError",
    "NoGeneration",
    "NoRpm",
    "NotBegun",
    "NotRolledBack",
    "NotSigned",
    "NotesDamaged",
    "OlderBundle",
    "PackageRefused",
    "PackageUntrusted",
    "ProbeFailed",
    "ProjectError",
    "RecordTooNew",
    "RegistryError",
    "RepositoryError",
    "RepositoryUnreachable",
    "SecretMissing",
    "SignatureRefused",
    "SmokeFailed",
    "SolverMissing",
    "StaitheError",
    "SudoRefused",
    "TransactionRefused",
    "TransferFailed",
    "Unreachable",
    "Unsolvable",
    "UsageError",
    "WheelMissing",
    "error_classes",
    "worst_exit_code",
]
