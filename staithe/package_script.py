"""The shell texts that install, change and remove the engine's packages on a host. Pure.

What dnf says is read in the C locale. yum (EL 7), dnf and dnf 5 take the same words here, but for how plugins are
switched off.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from staithe.former_packages import (
    Transaction,
    agreed_transaction_text,
    transaction_text,
    waiting_transaction_text,
)
from staithe.host_layout import (
    PACKAGE_DIR,
    REPOSITORY,
    REPOSITORY_DIR,
    REPOSITORY_KEY,
)
from staithe.rpm.nevra import rpm_name
from staithe.shell import join, quote

# The look at the repository ends with one of these.
UNREACHABLE = 68
NO_MANAGER = 69
TREE = "staithe-tree "
# Told by what dnf is about to do. The names of all packages, and the files of those that are kept for the way back.
DEALS = f"{REPOSITORY_DIR}/deals"
KEPT = f"{REPOSITORY_DIR}/kept"
# The shell text that holds what will be installed.
HOLD = f"{REPOSITORY_DIR}/hold"
# A mirror far away, and 130 MiB.
DOWNLOAD_TIMEOUT_S = 2400.0
# To end a transaction harms more than to wait for it: for a slow disk, or for somebody who has the database.
TRANSACTION_TIMEOUT_S = 1800.0
_CURL = f"curl -gqsSfL --connect-timeout 15 --max-time 60 --retry 1 -K {REPOSITORY_DIR}/curl"
_PROGRAM = f"""export LC_ALL=C
pm=
for one in dnf yum dnf5; do if [ -z "$pm" ] && command -v "$one" > /dev/null 2>&1; then pm=$one; fi; done
if [ -z "$pm" ]; then echo "staithe: neither dnf nor yum is on the host" >&2; exit {NO_MANAGER}; fi
# It has to say what it is about to do, and to ask, whatever the host's own configuration says. dnf 5 always does.
case $(readlink -f "$(command -v "$pm")") in
  *dnf5*) loud= ;;
  *yum*) loud='--setopt=debuglevel=2 --setopt=alwaysprompt=1' ;;
  *) loud=--setopt=debuglevel=2 ;;
esac
"""
# subscription-manager, fastestmirror and their like use the network; dnf 5 has no --noplugins.
_OFFLINE = """offline=--noplugins
case $("$pm" --version 2>/dev/null || :) in dnf5*) offline=--setopt=plugins=0 ;; esac
"""
_COMMON = (
    "--setopt=install_weak_deps=False",
    "--setopt=keepcache=1",
    # Its lines are for those who update; staithe says by name what it wants.
    "--disableplugin=versionlock",
)

# It has to ask, whatever the host's own dnf.conf says, and no answer is a no.
_ASKS = tuple(f"--setopt={option}=False" for option in ("assumeyes", "assumeno", "defaultyes"))


def take_text(read: str = "") -> str:
    """Return the shell text that fills REPOSITORY_DIR from stdin; `read`: what comes before tar in the pipe."""
    return f"""set -eu
umask 077
rm -rf {REPOSITORY_DIR}
mkdir -p {REPOSITORY_DIR}/repos
{read}tar -C {REPOSITORY_DIR} -xf - --no-same-owner
umask 022
"""


def key_script(address: str) -> str:
    """Return the script that prints the key; needs the curl settings (curl_settings) on its stdin."""
    return f"""set -eu
umask 077
mkdir -p {REPOSITORY_DIR}
trap 'rm -rf {REPOSITORY_DIR}' EXIT
cat > {REPOSITORY_DIR}/curl
{_CURL} -- {quote(address)} || exit {UNREACHABLE}
"""


def look_script(
    size_bytes: int, urls: Sequence[str], specs: Sequence[str], lost: Sequence[str], meanwhile: str, *, erasing: bool
) -> str:
    """Return the script that finds the repository and lets dnf resolve, up to its question. It changes no package.

    `lost`: NEVRAs of packages that are there and not kept; they are fetched first, if a repository has them.
    `meanwhile`: what is done while dnf thinks. It reads `size_bytes` for REPOSITORY_DIR: the repository's file for
    each address (0/, 1/, ...), the key and curl's settings. Prints TREE and the number of the address that answered,
    then what dnf says, to descriptor 3.
    """
    tries = "\n".join(
        f'if [ -z "$tree" ] && {_CURL} -o /dev/null -- {quote(f"{url}/repodata/repomd.xml")}; then tree={at}; fi'
        for at, url in enumerate(urls)
    )
    # Without packages the repository alone is looked at: its file is to change.
    waiting = meanwhile
    if specs:
        transaction = _transaction(specs, erasing)
        waiting = waiting_transaction_text(transaction, REPOSITORY_DIR, meanwhile) + f"cat {REPOSITORY_DIR}/out >&3\n"
    return f"""{take_text(f"head -c {size_bytes} | ")}{_PROGRAM}tree=
{tries}
if [ -z "$tree" ]; then exit {UNREACHABLE}; fi
echo "{TREE}$tree" >&3
for file in /etc/yum.repos.d/*.repo; do
  case $file in */{REPOSITORY}.repo|*'*.repo') ;; *) cp -p "$file" {REPOSITORY_DIR}/repos/ ;; esac
done
cp {REPOSITORY_DIR}/"$tree"/{REPOSITORY}.repo {REPOSITORY_DIR}/repos/
if [ -d {REPOSITORY_DIR}/base ]; then cp {REPOSITORY_DIR}/base/* {REPOSITORY_DIR}/repos/; fi
{_CACHED}{_fetch_text(lost) if lost else ""}{waiting}"""


def install_script(specs: Sequence[str], names: Iterable[str], keys: Iterable[str], *, erasing: bool) -> str:
    """Return the script that lets dnf go on: it downloads, checks, and installs in one transaction.

    `names`: old packages that must be gone afterwards. `keys`: what rpm calls those that it does not know yet; dnf
    would have to be started once more for them. Needs DEALS and KEPT to be there.
    """
    known = f"rpm --import {REPOSITORY_KEY}\n" if list(keys) else ""
    agreed = agreed_transaction_text(_transaction(specs, erasing), REPOSITORY_DIR, _KEEP)
    return f"{f'{known}{agreed}' if specs else ''}{_gone_text(names)}rm -rf {REPOSITORY_DIR}\n"


def _transaction(specs: Sequence[str], erasing: bool) -> Transaction:
    more = (*_COMMON, f"--setopt=reposdir={REPOSITORY_DIR}/repos", *_install(specs, erasing))

    def command(*words: str) -> str:
        return f'"$pm" $loud {join((*words, *more))}'

    return Transaction(command(*_ASKS), f"{command('-y')} --downloadonly", command("-y", "-C"))


def _install(specs: Iterable[str], erasing: bool) -> tuple[str, ...]:
    # dnf 5 takes what is a command's own behind the command only, as it does --downloadonly.
    return ("install", *(("--allowerasing",) if erasing else ()), *specs)


# Where dnf keeps what it downloaded differs by its version; the names of the files do not.
_CACHED = """cached() {
  own=$(sed -n 's/^\\(system_\\)*cachedir *= *\\([^$ ]*\\).*/\\2/p' /etc/dnf/dnf.conf /etc/yum.conf 2>/dev/null |
    sort -u || :)
  find /var/cache/dnf /var/cache/yum /var/cache/libdnf5 $own -name "$1" -type f -printf '%T@ %p\\n' 2>/dev/null |
    sort -rn | sed -n '1s/^[^ ]* //p' || :
}
"""
_KEEP = f"""mkdir -p -m 700 {PACKAGE_DIR}
while read -r name; do
  if [ -f {PACKAGE_DIR}/"$name" ]; then continue; fi
  found=$(cached "$name")
  if [ -n "$found" ]; then
    mv -f "$found" {PACKAGE_DIR}/."$name".new
    mv -Tf {PACKAGE_DIR}/."$name".new {PACKAGE_DIR}/"$name"
  fi
done < {KEPT}
relabel {PACKAGE_DIR}
"""


def _fetch_text(nevras: Sequence[str]) -> str:
    # Its signature may be by a key that rpm does not have; that it has the header of what is installed says more.
    # Not all versions of rpm know all three sums.
    words = ("-y", *_COMMON, f"--setopt=reposdir={REPOSITORY_DIR}/repos", "--nogpgcheck")
    names = "".join(f"{rpm_name(nevra)}\n" for nevra in nevras)
    return f"""is_installed() {{
  same=no
  for sum in SHA256HEADER SHA1HEADER SIGMD5; do
    here=$(rpm -q --qf "%{{$sum}}" "${{2%.rpm}}" 2> /dev/null || :)
    case $here in ''|'(none)') continue ;; esac
    if [ "$here" != "$(rpm -qp --nosignature --qf "%{{$sum}}" "$1" 2> /dev/null || :)" ]; then return 1; fi
    same=yes
  done
  [ $same = yes ]
}}
# What comes on stdin is the answer to a later question.
"$pm" {join((*words, "reinstall", "--downloadonly", *nevras))} < /dev/null > /dev/null 2>&1 || :
mkdir -p -m 700 {PACKAGE_DIR}
while read -r name; do
  found=$(cached "$name")
  if [ -n "$found" ] && is_installed "$found" "$name"; then
    mv -f "$found" {PACKAGE_DIR}/"$name" || rm -f {PACKAGE_DIR}/"$name"
  fi
done <<'LOST'
{names}LOST
"""


def _gone_text(names: Iterable[str]) -> str:
    wanted = list(names)
    if not wanted:
        return ""
    return f"""for name in {join(wanted)}; do
  if rpm -q "$name" > /dev/null 2>&1; then SYSTEMD_OFFLINE=1 rpm -e "$name"; fi
done
"""


def offline_look_script(specs: Iterable[str], *, erasing: bool) -> str:
    """Return the script that resolves against the metadata below REPOSITORY_DIR; no package needs to be there."""
    return f"""{take_text()}{_PROGRAM}{_OFFLINE}{_offline_command(specs, erasing, ["--assumeno"])} || :
"""


def offline_install_script(
    specs: Iterable[str],
    blobs: Iterable[tuple[str, str]],
    keys: Iterable[str],
    kept: Iterable[str],
    names: Iterable[str],
    *,
    erasing: bool,
) -> str:
    """Return the script that installs from the repository below REPOSITORY_DIR, in one transaction.

    `blobs`: (path of a blob, name of the file) of the packages that the transaction needs. `keys`: files of keys that
    rpm does not know yet. Rest: see install_script.
    """
    known = "".join(f"rpm --import {quote(f'{REPOSITORY_DIR}/packages/{key}')}\n" for key in keys)
    links = "".join(f"ln -f {quote(blob)} {quote(f'{REPOSITORY_DIR}/packages/{name}')}\n" for blob, name in blobs)
    keeping = "".join(
        f"ln -f {quote(f'{REPOSITORY_DIR}/packages/{name}')} {quote(f'{PACKAGE_DIR}/{name}')}\n" for name in kept
    )
    with_yes = _offline_command(specs, erasing, ["-y"])
    transaction = Transaction(_offline_command(specs, erasing, _ASKS), f"{with_yes} --downloadonly", with_yes)
    waiting = waiting_transaction_text(transaction, REPOSITORY_DIR)
    agreed = agreed_transaction_text(transaction, REPOSITORY_DIR)
    return f"""{_PROGRAM}{_OFFLINE}{links}
{known}{waiting}{agreed}mkdir -p -m 700 {PACKAGE_DIR}
{keeping}{_gone_text(names)}rm -rf {REPOSITORY_DIR}
"""


def _offline_command(specs: Iterable[str], erasing: bool, more: Iterable[str]) -> str:
    words = (
        *_COMMON,
        *more,
        f"--setopt=reposdir={REPOSITORY_DIR}/repos",
        f"--setopt=cachedir={REPOSITORY_DIR}/cache",
        "--setopt=proxy=",
        *_install(specs, erasing),
    )
    return f'"$pm" "$offline" $loud {join(words)}'


def offline_repository(keys: Iterable[str]) -> str:
    """Return the file of the repository below REPOSITORY_DIR/packages, with the names of its keys."""
    gpgkeys = " ".join(f"file://{REPOSITORY_DIR}/packages/{key}" for key in keys)
    return f"""[{REPOSITORY}]
name=The packages of the bundle
baseurl=file://{REPOSITORY_DIR}/packages
enabled=1
gpgcheck=1
gpgkey={gpgkeys}
module_hotfixes=1
"""


def remove_script(names: Iterable[str]) -> str:
    """Return the script that removes packages in one transaction, and nothing that needs them."""
    return transaction_text(f"rpm -e {join(names)}")


def curl_settings(
    username: str | None, password: str | None, proxy: str | None, files: Sequence[tuple[str, str]]
) -> str:
    """Return what curl reads with -K: never in its arguments, where everybody sees it. `files`: (option, path)."""
    lines = []
    if username is not None:
        lines.append(("user", f"{username}:{password}"))
    if proxy is not None:
        lines.append(("proxy", proxy))
    lines += files
    return "".join(f'{name} = "{_escaped(value)}"\n' for name, value in lines) or "# nothing\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
