"""When an engine counts as healthy: its unit is active, it answers on its socket, and stays. Pure: shell texts."""

from __future__ import annotations

from staithe.host_layout import JOURNAL

ENDED = "staithe: the new engine answered, and then ended"


def health_text(timeout_s: int) -> str:
    """Return the shell text that waits for the engine and ends the script with 1 when it does not answer.

    Nothing on stdout: it may lead nowhere, when the run was killed, and must not make a healthy engine look ill.
    """
    return f"""end=$(($(date +%s) + {timeout_s}))
until [ "$(systemctl is-active docker.service)" = active ] &&
  timeout 10 docker -H unix:///run/docker.sock version > /dev/null; do
  if [ "$(date +%s)" -ge "$end" ]; then exit 1; fi
  sleep 0.2
done
"""


def watch_text(watch_s: int) -> str:
    """Return the shell text that looks whether an engine whose programs were replaced stays; ends with 1 if not.

    Comes after health_text. There is something to lose, and a way back, only where an engine ran before: the journal
    tells. It is the same processes that must run all the time, for systemd starts again what has died.
    """
    return f"""if grep -qs '^docker.service active' {JOURNAL}/units &&
  {{ [ -f {JOURNAL}/packages ] || [ -f {JOURNAL}/current ]; }}; then
  processes() {{ systemctl show -p MainPID containerd.service docker.service; }}
  first=$(processes)
  end=$(($(date +%s) + {watch_s}))
  while [ "$(date +%s)" -lt "$end" ]; do
    sleep 1
    if [ "$(processes)" != "$first" ]; then
      echo "{ENDED}" >&2
      exit 1
    fi
  done
  timeout 10 docker -H unix:///run/docker.sock version > /dev/null
fi
"""
