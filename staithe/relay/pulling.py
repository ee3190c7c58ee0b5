"""The shell texts with which a host pulls a blob: curl, with limits, and the same checks as for what comes over SSH.

Curl as EL 7 has it (7.29) knows all options used here. Pure.
"""

from __future__ import annotations

from staithe.bundle.contents import Blob, EngineArtifact
from staithe.host_layout import BLOB_DIR, STATE_DIR
from staithe.placing import PRELUDE, receive_engine_script
from staithe.relay.origin import Origin
from staithe.shell import quote

# What the scripts say of the origin begins with this; the rest of the line is for people.
SAYS = "staithe: origin: "
_SAID = f"{STATE_DIR}/.pull"
_CONNECT_S = 10
# Slower than this for so long is no line to wait for: SSH may be better.
_SLOW_BYTES_PER_S = 1024
_SLOW_S = 20
# A connection that broke, or ended early (curl's exit codes): what has come so far stays, and it goes on from there.
_BROKEN = "18|52|55|56|92"
_TRIES = 4
_OLD_PART_DAYS = 7


def pull_blob_script(blob: Blob, origin: Origin) -> str:
    """Return the script that gets one blob, checks it while it comes and gives it its name.

    `origin.login` is its stdin. What a cut line has brought stays, and the next call goes on from there.
    """
    if origin.path:
        return _link_script(blob, origin.path)
    final = f"{BLOB_DIR}/{blob.hex}"
    return f"""{PRELUDE}umask 077
mkdir -p {BLOB_DIR}
find {BLOB_DIR} -name '.*.part' -mtime +{_OLD_PART_DAYS} -exec rm -f {{}} +
part={BLOB_DIR}/.{blob.hex}.part
{_fetch_text(blob, origin)}
more() {{
  try=0
  while [ $try -lt {_TRIES} ]; do
    at=$(stat -c %s "$part")
    if [ "$at" -ge {blob.size_bytes} ]; then return 0; fi
    fetch "$at" | tee -a "$part"
    case $(cat {_SAID}/code) in {_BROKEN}) sleep 1 ;; *) return 0 ;; esac
    try=$((try + 1))
  done
}}
get() {{
  : >> "$part"
  had=$(stat -c %s "$part")
  sum=$({{ cat "$part"; more; }} | sha256sum)
  [ "${{sum%% *}}" = {blob.hex} ]
}}
# What an earlier run left may be anything.
if ! get && {{ [ "$had" = 0 ] || {{ rm -f "$part"; ! get; }}; }}; then
  explain "sha256 is ${{sum%% *}}"
  # What a broken line has brought is good for another time.
  case $(cat {_SAID}/code) in 0 | 23) rm -f "$part" ;; esac
  exit 65
fi
mv -Tf "$part" {final}
"""


def _link_script(blob: Blob, path: str) -> str:
    """Return the script with which the relay itself takes a blob that it serves: checked, and not copied."""
    return f"""{PRELUDE}umask 077
mkdir -p {BLOB_DIR}
sum=$(sha256sum < {quote(path)})
if [ "${{sum%% *}}" != {blob.hex} ]; then
  echo "{SAYS}refused: sha256 is ${{sum%% *}}, not the one of the blob" >&2
  exit 65
fi
part={BLOB_DIR}/.{blob.hex}.part
ln -fT {quote(path)} "$part"
mv -Tf "$part" {BLOB_DIR}/{blob.hex}
"""


def pull_engine_script(engine: EngineArtifact, origin: Origin) -> str:
    """Return the script that gets the engine archive and unpacks it on its way; `origin.login` is its stdin."""
    receive = receive_engine_script(engine)
    if origin.path:
        return f"exec < {quote(origin.path)}\n{receive}"
    return f"""umask 077
{_fetch_text(engine.archive, origin)}
fetch 0 | (
umask 022
{receive})
code=$?
if [ $code != 0 ]; then explain "it is not the archive"; fi
exit $code
"""


def _fetch_text(blob: Blob, origin: Origin) -> str:
    """Return shell text that defines `fetch OFFSET`, which writes the rest of the blob to stdout, and `explain`.

    It notes curl's exit code and words below _SAID. Whatever comes, it is never more than the blob and one byte.
    """
    proxy = "--noproxy '*'" if not origin.proxy else ""
    ca = f"--cacert {_SAID}/ca" if origin.ca else ""
    return f"""if ! command -v curl > /dev/null 2>&1; then
  echo '{SAYS}there is no curl on the host' >&2
  exit 69
fi
rm -rf {_SAID}
mkdir -p -m 700 {STATE_DIR} {_SAID}
trap 'rm -rf {_SAID}' EXIT
printf '%s' {quote(origin.ca)} > {_SAID}/ca
# A login, if there is one, in curl's own form: in no argument, file or environment.
login=$(cat)
fetch() {{
  {{
    code=0
    printf '%s\\n' "$login" |
      curl -q -K - -sS --fail {proxy} {ca} --proto =http,https --connect-timeout {_CONNECT_S} \\
        --speed-limit {_SLOW_BYTES_PER_S} --speed-time {_SLOW_S} -C "$1" -D {_SAID}/head \\
        {quote(origin.url)} 2> {_SAID}/error || code=$?
    echo $code > {_SAID}/code
  }} | head -c $(({blob.size_bytes} + 1 - $1))
}}
explain() {{
  status=$(sed -n 's,^HTTP/[0-9.]* ,,p' {_SAID}/head 2> /dev/null | tail -n 1 | tr -d '\\r')
  case $(cat {_SAID}/code)/$status in
    0/3*) echo "{SAYS}it sends hosts elsewhere, where they do not go: $status" >&2 ;;
    # Twenty-three: more came than the blob has.
    0/* | 23/*) echo "{SAYS}refused: $1" >&2 ;;
    *) echo "{SAYS}$(tail -n 1 {_SAID}/error)" >&2 ;;
  esac
}}
"""
