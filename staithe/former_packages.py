"""The packages that a host had before a transaction, and the way back to them, also out of one that was cut off.

Pure: shell texts. A transaction that is killed leaves a package twice in the database, or programs of the new package
below the old one's name, or files that rpm had not given their names yet. None of this shows in a list of packages.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from staithe.engine import PACKAGES
from staithe.host_layout import BIN_DIR, JOURNAL, PACKAGE_DIR, PACKAGE_UNIT_DIR, TRANSACTION, UNITS
from staithe.programs import PROGRAMS
from staithe.shell import join

_PLUGIN_DIR = "/usr/libexec/docker"
# Nothing that a package brings along may be left when the package itself is not there.
_FILES = (
    *(f"{BIN_DIR}/{program}" for program in PROGRAMS),
    f"{_PLUGIN_DIR}/docker-init",
    f"{_PLUGIN_DIR}/cli-plugins/docker-buildx",
    f"{_PLUGIN_DIR}/cli-plugins/docker-compose",
    *(f"{PACKAGE_UNIT_DIR}/{unit}" for unit in UNITS),
)
# rpm unpacks NAME as NAME;DIGITS.
_UNFINISHED = (
    f"find {BIN_DIR} {PACKAGE_UNIT_DIR} {_PLUGIN_DIR} /etc/containerd -maxdepth 2 -type f "
    r"\( -name 'docker*;*' -o -name 'containerd*;*' -o -name 'ctr;*' -o -name 'runc;*' -o -name 'config.toml;*' \)"
)
_LIST = "rpm -qa --qf '%{NAME}-%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}.%{ARCH}\\n' | LC_ALL=C sort"
_WAIT_S = 240
# As long as it may take to find out what is to be done, a slow mirror's metadata included.
_SILENT_S = 1200

# systemd from 239 on leaves services alone then. dnf would start an engine that may hang, and would wait for it for
# ever; what has to be restarted is the service step's to say, under its time limit.
QUIETLY = "SYSTEMD_OFFLINE=1"

# What is gone, there twice, or not whole comes back from the RPMs that are kept; what is new goes: first the former,
# so that nothing is left without what it needs. rpm calls a key's architecture (none). `lost` is the journal's.
# What others install or update meanwhile is none of staithe's business (of_staithe).
FORMER_PACKAGES = f"""package_name() {{ sed 's/-[^-]*-[^-]*$//'; }}
of_staithe() {{
  while read -r nevra; do
    name=$(echo "$nevra" | package_name)
    if grep -qxF -e "$name" {JOURNAL}/deals 2>/dev/null; then echo "$nevra"; fi
  done
}}
no_epoch() {{ sed 's/-[0-9]*:/-/; s/[.](none)$//'; }}
not_whole() {{
  for name in {join(PACKAGES)}; do
    if rpm -q "$name" > /dev/null 2>&1 && rpm -V --nodeps --noscripts "$name" 2>&1 | grep -qv ' c /'; then
      grep "^$name-[0-9]" {JOURNAL}/packages || :
    fi
  done
}}
to_come_back() {{
  LC_ALL=C comm -23 {JOURNAL}/packages {JOURNAL}/packages.now | of_staithe
  LC_ALL=C comm -13 {JOURNAL}/packages {JOURNAL}/packages.now | of_staithe | package_name | while read -r name; do
    grep "^$name-[0-9][^-]*-[^-]*$" {JOURNAL}/packages | grep -v '^gpg-pubkey-' || :
  done
  if [ -f {TRANSACTION} ]; then not_whole; fi
}}
wait_for_transaction() {{
  if [ ! -s {TRANSACTION} ]; then return 0; fi
  read -r pid < {TRANSACTION}
  tries=0
  while [ $tries -lt {_WAIT_S} ] && grep -qsE '^(dnf|dnf5|dnf-3|yum|rpm|python[0-9.]*)$' /proc/"$pid"/comm; do
    sleep 1
    tries=$((tries + 1))
  done
}}
former_packages() {{
  if [ ! -f {JOURNAL}/packages ]; then return 0; fi
  wait_for_transaction
  if [ -f {TRANSACTION} ]; then {_UNFINISHED} -delete 2>/dev/null || :; fi
  {_LIST} > {JOURNAL}/packages.now
  set --
  for nevra in $(to_come_back | LC_ALL=C sort -u); do
    file={PACKAGE_DIR}/$(printf '%s' "$nevra" | no_epoch).rpm
    if [ -f "$file" ]; then set -- "$@" "$file"; else lost "package $nevra"; fi
  done
  if [ $# -gt 0 ]; then
    {QUIETLY} rpm -U --oldpackage --replacepkgs "$@" > /dev/null || lost "the former packages"
  fi
  {_LIST} > {JOURNAL}/packages.now
  set -- $(LC_ALL=C comm -13 {JOURNAL}/packages {JOURNAL}/packages.now | of_staithe | no_epoch)
  if [ $# -gt 0 ]; then {QUIETLY} rpm -e "$@" > /dev/null || lost "what was there before the packages"; fi
  if [ -f {TRANSACTION} ]; then
    for file in {join(_FILES)}; do
      if [ ! -f "$file" ] || [ -L "$file" ] || rpm -qf "$file" > /dev/null 2>&1; then continue; fi
      if ! grep -qxF -e "$file" {JOURNAL}/there; then rm -f "$file"; fi
    done
  fi
  systemctl daemon-reload
  rm -f {TRANSACTION}
}}
"""


@dataclass(frozen=True)
class Transaction:
    """What dnf or yum is to do, as simple commands: asking before, only downloading, or going on with what it has."""

    asking: str
    downloading: str
    going: str


def keep_packages_text() -> str:
    """Return the shell text that notes all packages there are. Needs `journal.open_text` before it."""
    return f"""if [ ! -e {JOURNAL}/packages ]; then
  ls -d {join(_FILES)} > {JOURNAL}/there 2>/dev/null || :
  {_LIST} > {JOURNAL}/packages.new
  mv -Tf {JOURNAL}/packages.new {JOURNAL}/packages
fi
"""


def deals_text(names: Iterable[str]) -> str:
    """Return the shell text that notes which packages are about to be touched. Needs keep_packages_text before it."""
    return f"printf '%s\\n' {join(names)} >> {JOURNAL}/deals\n"


def transaction_text(command: str) -> str:
    """Return the shell text that does a transaction, and notes that it has begun until it has ended.

    `command`: one simple command, which changes packages. Needs `keep_packages_text` before it.
    """
    return f"""{_noted_begin(command)} >&2
systemctl daemon-reload
rm -f {TRANSACTION}
"""


def _noted_begin(command: str) -> str:
    """Return the command that notes its own process as the transaction's, and then is `command`."""
    begin = f'echo $$ > {TRANSACTION}; sync {TRANSACTION} 2> /dev/null || :; exec env {QUIETLY} "$@"'
    return f"sh -c {join([begin])} sh {command}"


def waiting_transaction_text(command: Transaction, folder: str, meanwhile: str = "") -> str:
    """Return the shell text that starts dnf or yum, and waits until it has said what it is about to do.

    `folder`: for its words (out, err) and for the answer. `meanwhile`: what is done while it thinks. A line that is
    cut ends the shell, and with it the answer: that is a no. When it asks something else first (for the key of a
    repository's metadata), it only downloads, and `agreed_transaction_text` starts it again.
    """
    return f"""mkfifo {folder}/answer
env {QUIETLY} {command.asking} < {folder}/answer > {folder}/out 2> {folder}/err 3>&- &
dnf=$!
exec 4> {folder}/answer
: "${{noted_units:=yes}}"
{_functions_text(folder)}{meanwhile}waited=0
agreed=no
# Not the question itself: yum leaves that in its buffer.
until grep -qs '^Transaction Summary' {folder}/out; do
  if ! kill -0 "$dnf" 2> /dev/null; then
    # It has nothing to do, or cannot do it.
    end_of_transaction
    cat {folder}/out {folder}/err
    if [ $code != 0 ]; then give_up; fi
    break
  fi
  waited=$((waited + 1))
  if asks_something_else || [ $waited -gt {_SILENT_S * 50} ]; then
    (echo n >&4) 2> /dev/null || :
    kill "$dnf" 2> /dev/null || :
    end_of_transaction
    code=0
    {command.downloading} > {folder}/out 2> {folder}/err 3>&- < /dev/null || code=$?
    cat {folder}/out {folder}/err
    if [ $code != 0 ]; then give_up; fi
    agreed=later
    break
  fi
  sleep 0.02
done
"""


def _functions_text(folder: str) -> str:
    """Return the shell functions that end dnf or yum, and tell what it has come to. `folder`: of its words."""
    return f"""end_of_transaction() {{
  exec 4>&-
  code=0
  if [ -n "$dnf" ]; then wait "$dnf" || code=$?; fi
  dnf=
}}
# dnf 5 says that it runs the transaction, on stderr, before it has looked at signatures.
has_begun() {{
  grep -qs 'Running transaction$' {folder}/out || grep -qs -e '\\] Prepare transaction' -e scriptlet {folder}/err
}}
give_up() {{
  # One that says itself that it cannot do it, before it has begun, has changed nothing: no service has to come back.
  if [ $code -lt 128 ] && ! has_begun; then
    rm -f {TRANSACTION}
    if [ "$noted_units" = no ]; then rm -f {JOURNAL}/units; fi
  fi
  # Why rpm did not begin, dnf 5 tells its log alone.
  if grep -qs 'Rpm transaction failed' {folder}/err; then
    tail -n 5 /var/log/dnf5.log 2> /dev/null | sed -n 's/.*ERROR \\[rpm\\] /error: /p' >&2
  fi
  exit $code
}}
# dnf 5 asks, and tells how far it is, on stderr; the table goes to stdout, before the question.
asks_something_else() {{
  grep -qs '\\[y/' {folder}/out {folder}/err && ! grep -qs '^Transaction Summary' {folder}/out
}}
"""


def agreed_transaction_text(command: Transaction, folder: str, meanwhile: str = "") -> str:
    """Return the shell text that lets the transaction of waiting_transaction_text go on, to its end.

    `meanwhile`: what is done when it has ended well, while systemd reads its units again. A key of another repository
    it takes only when nobody is asked; then it is started once more, and has all that it needs already.
    """
    return f"""if [ -n "$dnf" ] || [ $agreed = later ]; then
  if [ -n "$dnf" ]; then
    echo "$dnf" > {TRANSACTION}
    sync {TRANSACTION} 2> /dev/null || :
    (printf 'y\\ny\\ny\\ny\\n' >&4) 2> /dev/null || :
    end_of_transaction
    cat {folder}/out {folder}/err
    if grep -qs 'Refusing to automatically import keys' {folder}/out {folder}/err; then agreed=later; fi
  fi
  if [ $agreed = later ]; then
    code=0
    {_noted_begin(command.going)} > {folder}/out 2> {folder}/err 3>&- < /dev/null || code=$?
    cat {folder}/out {folder}/err
  fi
  if [ $code != 0 ]; then give_up; fi
  systemctl daemon-reload &
  reload=$!
  {meanwhile}
  wait "$reload"
  rm -f {TRANSACTION}
fi
"""


def mend_text() -> str:
    """Return the script that brings the former packages back after a run that was cut off, as far as they are kept.

    What is not kept stays as it is: the transaction that comes next goes over it.
    """
    return f"""set -u
lost() {{ echo "staithe: $1 did not come back" >&2; }}
{FORMER_PACKAGES}former_packages
"""
