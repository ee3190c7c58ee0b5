"""When an engine counts as healthy: its unit is active, and it answers on its socket. Pure: a shell text."""

from __future__ import annotations


def health_text(timeout_s: int) -> str:
    """Return the shell text that waits for the engine and ends the script, with 1 when it does not answer.

    Nothing on stdout: it may lead nowhere, when the run was killed, and must not make a healthy engine look ill.
    """
    return f"""end=$(($(date +%s) + {timeout_s}))
while :; do
  if [ "$(systemctl is-active docker.service)" = active ] &&
    timeout 10 docker -H unix:///run/docker.sock version > /dev/null; then exit 0; fi
  if [ "$(date +%s)" -ge "$end" ]; then exit 1; fi
  sleep 0.2
done
"""
