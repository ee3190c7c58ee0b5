"""The shell texts that install packages with rpm alone, for hosts that have neither dnf nor yum. Pure.

rpm finds nothing by itself: it says what is lacking, and is given more files until nothing is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from staithe.former_packages import transaction_text
from staithe.host_layout import JOURNAL, PACKAGE_DIR, REPOSITORY_DIR
from staithe.shell import join, quote

THERE = "staithe-there "
REPLACED = "staithe-replaced "
_FOLDER = f"{REPOSITORY_DIR}/packages"
# A hold of the former version is what staithe itself wants to change; a build may be the same.
_UPGRADE = "rpm -U --oldpackage --replacepkgs"
_IS_SIGNED = "%|RSAHEADER?{1}:{%|DSAHEADER?{1}:{0}|}|"


def lacking_script(blobs: Sequence[tuple[str, str]], names: Sequence[str]) -> str:
    """Return the script that asks rpm what the packages lack; it changes no package, and ends with rpm's exit code.

    `blobs`: (path of a blob, name of the file). `names`: of these packages.
    Prints THERE with each that is installed, and REPLACED with each installed package that one of them obsoletes.
    """
    files = join(name for _, name in blobs)
    return f"""set -eu
export LC_ALL=C
{_linked(blobs)}cd {_FOLDER}
installed() {{ rpm -q --qf '%{{NAME}}\\n' "$@" 2>/dev/null | grep -v ' ' || :; }}
installed {join(names)} | sed 's/^/{THERE}/'
obsoleted=$(rpm -qp --nosignature --qf '[%{{OBSOLETENAME}}\\n]' {files} 2>/dev/null | grep -v '^(' | sort -u || :)
if [ -n "$obsoleted" ]; then
  # Names of packages have nothing that a shell would take apart otherwise.
  installed $obsoleted | sed 's/^/{REPLACED}/'
fi
{_UPGRADE} --test {files} >&2
"""


def rpm_install_script(
    blobs: Sequence[tuple[str, str]], keys: Iterable[str], kept: Iterable[str], names: Iterable[str], *, force: bool
) -> str:
    """Return the script that installs files in one transaction, each signed by a key that rpm knows.

    `blobs`: see lacking_script. `names`: old packages that go before. `kept`: files for the way back. `force`:
    whatever they need or replace.
    """
    gone, files = list(names), join(name for _, name in blobs)
    erase = transaction_text(f"rpm -e {'--nodeps ' if force else ''}{join(gone)}") if gone else ""
    options = " --force --nodeps" if force else ""
    keeping = "".join(f"ln -f {quote(name)} {quote(f'{PACKAGE_DIR}/{name}')}\n" for name in kept)
    return f"""export LC_ALL=C
{_linked(blobs)}cd {_FOLDER}
rpm --import {join(keys)}
for file in {files}; do
  if ! rpm -K "$file" > /dev/null || [ "$(rpm -qp --qf {quote(_IS_SIGNED)} "$file")" != 1 ]; then
    echo "staithe: $file is not signed by a key of the bundle" >&2
    if [ "${{noted_units:-yes}}" = no ]; then rm -f {JOURNAL}/units; fi
    exit 1
  fi
done
{erase}{transaction_text(f"{_UPGRADE}{options} {files}")}mkdir -p -m 700 {PACKAGE_DIR}
{keeping}cd /
rm -rf {REPOSITORY_DIR}
"""


def _linked(blobs: Iterable[tuple[str, str]]) -> str:
    links = "".join(f"ln -f {quote(blob)} {quote(f'{_FOLDER}/{name}')}\n" for blob, name in blobs)
    return f"mkdir -p -m 700 {_FOLDER}\n{links}"
