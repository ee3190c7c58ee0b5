"""The shell texts with which a host pulls a blob: curl, with limits, and its sha256: who serves it is not trusted.

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
_SLOW_BYTES_PER_S = 10 << 10
_SLOW_S = 20
# A connection that broke, or ended early (curl's exit codes): it goes on from where it is.
_BROKEN = "18|52|55|56|92"
_TRIES = 4
_OLD_PART_DAYS = 7
# Curl writes 4 and 12 KiB in turn. In pieces of 32 a file costs half of that; in larger ones more again, where many
# hosts share a machine.
_WRITE = "stdbuf -o 32K"
# Shell: prints the sha256 of the file "$part", and something after a space. Of itself openssl reads 8 KiB at a time.
_SUM = 'stdbuf -i 64K openssl dgst -sha256 -r < "$part" 2> /dev/null || sha256sum < "$part"'


def pull_blob_script(blob: Blob, origin: Origin) -> str:
    """Return the script that gets one blob, checks it and gives it its name; `origin.login` is its stdin.

    What a broken line has brought stays, and the next call goes on from there.
    """
    if origin.path:
        return _link_script(blob, origin.path)
    # Each program that starts is felt where many small blobs come: hence few of them, and the shell's own words.
    return f"""set -eu
umask 077
mkdir -p {_SAID} {BLOB_DIR}
part={BLOB_DIR}/.{blob.hex}.part
for one in {BLOB_DIR}/.*.part; do
  if [ ! -e "$one" ] || [ "$one" = "$part" ]; then continue; fi
  find {BLOB_DIR} -name '.*.part' -mtime +{_OLD_PART_DAYS} -exec rm -f {{}} +
  break
done
{_curl_text(origin)}
measure() {{
  size=0
  if [ -s "$part" ]; then size=$(stat -c %s "$part"); fi
}}
fetch() {{
  # Whatever comes, it is hardly more than the blob. Blocks have 512 bytes, in some shells 1024.
  (
    ulimit -f {blob.size_bytes // 512 + 2}
    # Into a file of the shell's, made anew where it can be: curl's own, and appending, take a tenth longer.
    if [ "$1" = 0 ]; then pull > "$part"; else pull -C "$1" >> "$part"; fi
  )
}}
is_right() {{
  sum=$({_SUM})
  [ "${{sum%% *}}" = {blob.hex} ]
}}
get() {{
  try=0
  while [ "$size" -lt {blob.size_bytes} ] && [ $try -lt {_TRIES} ]; do
    code=0
    fetch "$size" || code=$?
    case $code in {_BROKEN}) sleep 1 ;; *) break ;; esac
    measure
    try=$((try + 1))
  done
  : >> "$part"
  is_right
}}
code=0
measure
had=$size
# What an earlier run left may be anything, and not each server can go on in the middle.
if ! get && {{ [ "$had" = 0 ] || {{ rm -f "$part"; size=0; ! get; }}; }}; then
  explain $code "sha256 is ${{sum%% *}}"
  # What a broken line has brought is good for another time.
  case $code in {_BROKEN}|28) ;; *) rm -f "$part" ;; esac
  exit 65
fi
mv -Tf "$part" {BLOB_DIR}/{blob.hex}
"""


def _link_script(blob: Blob, path: str) -> str:
    """Return the script with which the relay itself takes a blob that it serves: checked, and copied if need be."""
    return f"""{PRELUDE}umask 077
mkdir -p {BLOB_DIR}
part={BLOB_DIR}/.{blob.hex}.part
trap 'rm -f "$part"' EXIT
rm -f "$part"
# The two folders may lie on different file systems.
ln -T {quote(path)} "$part" 2> /dev/null || cat {quote(path)} > "$part"
sum=$({_SUM})
if [ "${{sum%% *}}" != {blob.hex} ]; then
  echo "{SAYS}refused: sha256 is ${{sum%% *}}" >&2
  exit 65
fi
mv -Tf "$part" {BLOB_DIR}/{blob.hex}
"""


def pull_engine_script(engine: EngineArtifact, origin: Origin) -> str:
    """Return the script that gets the engine archive and unpacks it on its way; `origin.login` is its stdin."""
    receive = receive_engine_script(engine)
    if origin.path:
        return f"exec < {quote(origin.path)}\n{receive}"
    return f"""umask 077
mkdir -p {_SAID}
{_curl_text(origin)}
{{
  pull
  echo $? > {_SAID}/code
}} | head -c {engine.archive.size_bytes + 1} | (
umask 022
{receive}) 2> {_SAID}/words
code=$?
cat {_SAID}/words >&2
if [ $code != 0 ]; then
  sum=$(sed -n 's/^staithe: sha256 of the archive is //p' {_SAID}/words)
  explain "$(cat {_SAID}/code)" "${{sum:+sha256 is $sum}}"
fi
exit $code
"""


def _curl_text(origin: Origin) -> str:
    """Return shell text that defines `pull`, which runs curl, and `explain CODE WHAT`, which says what went wrong."""
    proxy = "--noproxy '*'" if not origin.has_proxy else ""
    ca = f"--cacert {_SAID}/ca" if origin.ca else ""
    # A login comes in curl's own form: in no argument, file or environment.
    read, give, take = ("login=$(cat)", "printf '%s\\n' \"$login\" |", "-K -") if origin.login else ("", "", "")
    return f"""trap 'rm -rf {_SAID}' EXIT
if ! command -v curl > /dev/null 2>&1; then
  echo '{SAYS}there is no curl on the host' >&2
  exit 69
fi
printf '%s' {quote(origin.ca)} > {_SAID}/ca
{read}
pull() {{
  for buffered in '{_WRITE}' ''; do
    ended=0
    {give} $buffered curl -q {take} -sS --fail {proxy} {ca} --proto =http,https --connect-timeout {_CONNECT_S} \
      --speed-limit {_SLOW_BYTES_PER_S} --speed-time {_SLOW_S} -D {_SAID}/head "$@" \
      {quote(origin.url)} 2> {_SAID}/error || ended=$?
    # Said by stdbuf, not by curl: it is not there, or lacks its library.
    case $ended in 12[567]) ;; *) break ;; esac
  done
  return $ended
}}
explain() {{
  status=$(sed -n 's,^HTTP/[0-9.]* ,,p' {_SAID}/head 2> /dev/null | tail -n 1 | tr -d '\r')
  case $1/$status in
    0/3*) echo "{SAYS}it sends hosts elsewhere, where they do not go: $status" >&2 ;;
    # More came than the blob has.
    0/* | 23/* | 63/* | 15[0-9]/*) echo "{SAYS}refused: $2" >&2 ;;
    *) echo "{SAYS}$(tail -n 1 {_SAID}/error)" >&2 ;;
  esac
}}
"""
