"""The shell texts of a relay: a host that serves blobs to its neighbours, for one run, with what any EL has.

systemd listens, and starts a shell script for each request; all of it hangs on one unit with a limit in time. The
files are made in /run, so none of it outlives the machine's boot. systemd 219 (EL 7) takes the units; what it does
not know of them, it says in its log and leaves out. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from staithe.bundle.contents import Blob
from staithe.host_layout import BLOB_DIR, RELAY_DIR
from staithe.placing import receive_blob_script
from staithe.shell import join, quote

# One of these, the first that is free. `transfer.relay_port` names another, and then no second one.
DEFAULT_PORTS = range(18500, 18516)
# The relay lets go when it has heard nothing from its run for so long.
LEASE_S = 60
_UNITS = "/run/systemd/system"
_REQUEST_S = 10
_HEADER_LINES = 64
# A blob over a slow line: 30 KiB/s for 200 MiB still comes to its end.
_CONNECTION_S = 7200
_CONNECTIONS = 256
# A host pulls one blob at a time; several may stand behind one address.
_CONNECTIONS_OF_ONE = 32


def unit_of(run: str) -> str:
    """Return what the names of a run's units begin with."""
    return f"staithe-relay-{run}"


def folder_of(run: str) -> str:
    """Return where the blobs of a run lie on its relay."""
    return f"{RELAY_DIR}/{run}"


# Answers one request on stdin, as systemd hands a connection over. Whatever is no request for a blob is refused.
SERVE = f"""set -u
home=$1
cr=$(printf '\\r')
answer() {{
  printf 'HTTP/1.1 %s\\r\\nContent-Length: %s\\r\\nAccept-Ranges: bytes\\r\\nConnection: close\\r\\n' "$1" "$2"
  if [ -n "$3" ]; then printf '%s\\r\\n' "$3"; fi
  printf '\\r\\n'
}}
refuse() {{
  answer "$1" 0 "${{2:-}}"
  exit 0
}}
# A stranger is not listened to: a place that is held open is one that the hosts lack. Older systemd does not say who
# it is.
if [ -n "${{REMOTE_ADDR:-}}" ] && ! grep -qxF -e "${{REMOTE_ADDR#::ffff:}}" "$home/allowed"; then
  answer '403 Forbidden' 0 ''
  # What has come is taken: closed over it, the connection is reset, and the answer may be lost.
  dd bs=4096 count=1 iflag=nonblock > /dev/null 2>&1
  exit 0
fi
# Who says nothing, or too slowly, is hung up on.
(sleep {_REQUEST_S}; kill -9 $$) < /dev/null > /dev/null 2>&1 &
watch=$!
method= target= version= range= lines=0
IFS=' ' read -r method target version || exit 0
while IFS= read -r line; do
  line=${{line%"$cr"}}
  if [ -z "$line" ]; then break; fi
  lines=$((lines + 1))
  if [ $lines -gt {_HEADER_LINES} ]; then refuse '431 Request Header Fields Too Large'; fi
  case $line in [Rr][Aa][Nn][Gg][Ee]:*) range=${{line#*:}}; range=${{range# }} ;; esac
done
kill $watch 2> /dev/null
case $version in HTTP/1.[01] | HTTP/1.[01]"$cr") ;; *) refuse '400 Bad Request' ;; esac
case $method in GET | HEAD) ;; *) refuse '405 Method Not Allowed' 'Allow: GET, HEAD' ;; esac
hex=${{target#/sha256/}}
if [ "$target" = "$hex" ] || [ ${{#hex}} != 64 ]; then refuse '404 Not Found'; fi
case $hex in *[!0-9a-f]*) refuse '404 Not Found' ;; esac
file=$home/sha256/$hex
size=$(stat -c %s "$file" 2> /dev/null) || refuse '404 Not Found'
from=
case $range in
  bytes=*-)
    from=${{range#bytes=}}
    from=${{from%-}}
    case $from in '' | *[!0-9]* | ???????????????*) from= ;; esac ;;
esac
if [ -z "$from" ]; then
  answer '200 OK' "$size" ''
elif [ "$from" -ge "$size" ]; then
  refuse '416 Range Not Satisfiable' "Content-Range: bytes */$size"
else
  answer '206 Partial Content' $((size - from)) "Content-Range: bytes $from-$((size - 1))/$size"
fi
# In large pieces: in tail's, of 8 KiB, the same costs the relay three times as much.
if [ "$method" = GET ]; then exec dd if="$file" bs=128K iflag=skip_bytes skip="${{from:-0}}"; fi
"""

# Runs when the limit's unit ends, for whatever reason. The sockets and their connections end with it by themselves.
_END = f"""name=$1 home=$2
systemctl stop "$name.socket" 2> /dev/null
systemctl reset-failed "$name.socket" 2> /dev/null
rm -f {_UNITS}/"$name".socket {_UNITS}/"$name"@.service {_UNITS}/"$name"-limit.service
systemctl daemon-reload
if [ -s "$home/rules" ]; then
  zone=$(cat "$home/zone")
  while IFS= read -r rule; do set -- "$@" --remove-rich-rule="$rule"; done < "$home/rules"
  shift 2
  firewall-cmd -q --zone="$zone" "$@"
fi
rm -rf "$home"
rmdir {RELAY_DIR} 2> /dev/null
exit 0
"""


def _limit_unit(run: str, limit_s: int) -> str:
    # A plain sleep: systemd 219 has no RuntimeMaxSec.
    return f"""[Unit]
Description=Limit in time of the relay of staithe's run {run}; all of it ends with this
[Service]
ExecStart=/bin/sleep {limit_s}
ExecStopPost=/bin/sh {folder_of(run)}/end {unit_of(run)} {folder_of(run)}
"""


def _request_unit(run: str) -> str:
    # `-`: a client that hangs up leaves no failed unit.
    return f"""[Unit]
Description=A request to the relay of staithe's run {run}
BindsTo={unit_of(run)}-limit.service
After={unit_of(run)}-limit.service
CollectMode=inactive-or-failed
[Service]
ExecStart=-/usr/bin/timeout -k 5 {_CONNECTION_S} /bin/sh {folder_of(run)}/serve {folder_of(run)}
StandardInput=socket
StandardOutput=socket
StandardError=null
LimitAS=256M
NoNewPrivileges=yes
PrivateDevices=yes
PrivateTmp=yes
ProtectHome=yes
ProtectSystem=full
CapabilityBoundingSet=
"""


def open_script(run: str, address: str, ports: Sequence[int], limit_s: int) -> str:
    """Return the script that begins to serve, says `port N`, stays, and ends it all when its stdin ends.

    It wants a sign of life on stdin every now and then. `address`: the one that hosts use; when it is not the
    machine's own (it may be translated on the way) all of its addresses are listened on.
    """
    unit, home = unit_of(run), folder_of(run)
    host = f"[{address}]" if ":" in address else address
    return f"""set -u
umask 022
say() {{
  printf 'staithe: %s\\n' "$1"
}}
end() {{
  systemctl stop {unit}-limit.service
}}
if [ ! -d /run/systemd/system ]; then say 'no systemd runs there'; exit 1; fi
# What a relay left whose machine was cut off.
for one in {RELAY_DIR}/*/; do
  one=${{one%/}}
  if [ -d "$one" ] && ! systemctl -q is-active "staithe-relay-${{one##*/}}-limit.service"; then rm -rf "$one"; fi
done
mkdir -p {_UNITS}
printf '%s' {quote(_limit_unit(run, limit_s))} > {_UNITS}/{unit}-limit.service
version=$(systemctl --version | sed -n '1s/[^0-9]*\\([0-9]*\\).*/\\1/p')
if [ "${{version:-0}}" -ge 235 ]; then user=DynamicUser=yes; else user=User=nobody; fi
printf '%s%s\\n' {quote(_request_unit(run))} "$user" > {_UNITS}/{unit}@.service
systemctl daemon-reload
if ! systemctl start {unit}-limit.service; then
  say "its unit does not start: $(systemctl status {unit}-limit.service 2>&1 | tail -n 1)"
  rm -f {_UNITS}/{unit}-limit.service {_UNITS}/{unit}@.service
  exit 1
fi
mkdir -p -m 711 {RELAY_DIR} {home} {home}/sha256
: > {home}/allowed
printf '%s' {quote(SERVE)} > {home}/serve
printf '%s' {quote(_END)} > {home}/end
place={host}:
case " $(ip -o addr show | sed 's,.* inet6* \\([^/ ]*\\).*,\\1,' | tr '\\n' ' ') " in
  *' {address} '*) ;;
  *) place= ;;
esac
found=
for port in {" ".join(map(str, ports))}; do
  printf '%s\\n' '[Unit]' 'BindsTo={unit}-limit.service' 'After={unit}-limit.service' \\
    '[Socket]' "ListenStream=$place$port" Accept=yes MaxConnections={_CONNECTIONS} \\
    MaxConnectionsPerSource={_CONNECTIONS_OF_ONE} TriggerLimitIntervalSec=0 Backlog=512 \\
    > {_UNITS}/{unit}.socket
  systemctl daemon-reload
  if systemctl start {unit}.socket 2> /dev/null; then found=$port; break; fi
done
if [ -z "$found" ]; then
  end
  say 'none of its ports is free: {_shown(ports)}'
  exit 1
fi
echo "port $found"
while beat=$(timeout {LEASE_S} dd bs=1 count=1 2> /dev/null) && [ -n "$beat" ]; do :; done
end
"""


def _shown(ports: Sequence[int]) -> str:
    return str(ports[0]) if len(ports) == 1 else f"{ports[0]} to {ports[-1]}"


def offer_script(
    run: str, port: int, address: str, clients: Sequence[str], blobs: Iterable[Blob], limit_s: int
) -> str:
    """Return the script that lets `clients` in and prints the hexes of those `blobs` that the host has already.

    What staithe keeps there of an earlier run is linked; copied only from another file system.
    """
    home = folder_of(run)
    rules = [
        f'rule family="ipv{6 if ":" in one else 4}" source address="{one}" port port="{port}" protocol="tcp" accept'
        for one in clients
    ]
    return f"""set -eu
umask 022
{_inside(home)}let_in() {{
  printf '%s\\n' {join(clients)} >> allowed
  if ! command -v firewall-cmd > /dev/null 2>&1 || ! firewall-cmd -q --state; then return 0; fi
  card=$(ip -o addr show | sed -n 's,^[0-9]*: *\\([^ ]*\\) *inet6* {address}/.*,\\1,p' | head -n 1)
  zone=$(firewall-cmd --get-zone-of-interface="${{card:-none}}" 2> /dev/null) ||
    zone=$(firewall-cmd --get-default-zone)
  printf '%s\\n' "$zone" > zone
  set -- {join(rules)}
  printf '%s\\n' "$@" >> rules
  for rule; do
    shift
    set -- "$@" --add-rich-rule="$rule"
  done
  # Each ends by itself, should nobody be left to take it away.
  firewall-cmd -q --zone="$zone" --timeout={limit_s} "$@"
}}
{"let_in" if clients else ""}
for one in {join(blob.hex for blob in blobs)}; do
  kept={BLOB_DIR}/$one
  if [ ! -f sha256/$one ] && [ -f "$kept" ]; then
    sum=$(sha256sum < "$kept")
    if [ "${{sum%% *}}" = "$one" ]; then
      # It may lie on another file system. One that does not fit is no reason to serve nothing.
      if ! ln -f "$kept" sha256/$one 2> /dev/null; then
        if ! cat "$kept" > sha256/.$one.part; then rm -rf sha256/.$one.part; continue; fi
        mv -f sha256/.$one.part sha256/$one
      fi
      chmod 444 sha256/$one
    fi
  fi
  if [ -f sha256/$one ]; then echo "$one"; fi
done
"""


def fill_script(run: str, blob: Blob) -> str:
    """Return the script that takes a blob on stdin for the relay, whole or not at all."""
    folder = f"{folder_of(run)}/sha256"
    return f"{_inside(folder)}{receive_blob_script(blob, folder)}chmod 444 {folder}/{blob.hex}\n"


def _inside(folder: str) -> str:
    # Without the folder the relay is over, and nobody would ever take away what came now.
    return f"""if ! cd {folder} 2> /dev/null; then
  echo 'staithe: the time of the relay is over (transfer.relay_time_limit_s)' >&2
  exit 1
fi
"""
