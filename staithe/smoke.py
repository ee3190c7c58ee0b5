"""The smoke checks: what each does on the host, and what must be seen. Pure; operations/smoke.py runs them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from staithe.config import Config
from staithe.host_layout import STATE_DIR
from staithe.shell import join, quote

# Everything that a smoke run makes carries this label or name, so that it can be found and taken away.
LABEL = "io.staithe.smoke"
_NAMESPACE = "staithe-smoke"
_WORK_DIR = f"{STATE_DIR}/smoke"
_MEMORY_BYTES = 32 << 20

_PRELUDE = f"""set -eu
docker() {{ command docker -H unix:///run/docker.sock "$@"; }}
run() {{ docker run --label {LABEL} "$@"; }}
"""


@dataclass(frozen=True)
class Check:
    """One check that runs on the host itself: its script must print exactly `expected`."""

    name: str
    did: str
    script: str
    expected: str


def checks(config: Config, token: str) -> tuple[Check, ...]:
    """Return the checks for a host, in order. `token` makes this run's names its own."""
    image = config.smoke.image
    return (
        _echo(image, token),
        _life(image, token),
        _memory(image, token),
        _containerd(image, token),
        _runc(image, token),
    )


def _echo(image: str, token: str) -> Check:
    command = f"docker run --rm {image} echo {token}"
    return Check("run", command, f"{_PRELUDE}run --rm {quote(image)} echo {quote(token)}", token)


def _life(image: str, token: str) -> Check:
    name = f"staithe-{token}-life"
    script = f"""{_PRELUDE}n={quote(name)}
run -d --name "$n" {quote(image)} sh -c 'echo started; trap "exit 0" TERM; while :; do sleep 0.1; done' > /dev/null
state() {{ docker inspect -f '{{{{.State.Status}}}}' "$n"; }}
docker exec "$n" echo inside
until [ "$(docker logs "$n")" = started ]; do sleep 0.1; done
docker logs "$n"
docker rm "$n" > /dev/null 2>&1 && echo removed-while-running || :
docker stop -t 10 "$n" > /dev/null; state
docker start "$n" > /dev/null; state
docker rm -f "$n" > /dev/null; docker inspect "$n" > /dev/null 2>&1 || echo gone
"""
    return Check(
        "life",
        "docker run -d, exec, logs, rm while running, stop, start, rm -f",
        script,
        "inside\nstarted\nexited\nrunning\ngone",
    )


def _memory(image: str, token: str) -> Check:
    name = f"staithe-{token}-memory"
    # The kernel's own count, read in the container by who survives: the engine's word for it (OOMKilled) rests on an
    # event that gets lost now and then. EL 7's kernel counts no kills, but knows the most that was ever used.
    inside = f"""cd /sys/fs/cgroup
cat memory/memory.limit_in_bytes 2> /dev/null || cat memory.max
tail /dev/zero > /dev/null 2>&1 || echo "$?"
events=memory.events
if [ -e memory/memory.oom_control ]; then events=memory/memory.oom_control; fi
kills=
while read -r what number; do if [ "$what" = oom_kill ]; then kills=$number; fi; done < $events
if [ -z "$kills" ] && [ "$(cat memory/memory.max_usage_in_bytes)" -ge {_MEMORY_BYTES} ]; then kills=1; fi
if [ "${{kills:-0}}" -gt 0 ]; then echo killed by the kernel; else echo no kill; fi"""
    script = f"""{_PRELUDE}run --rm --name {quote(name)} -m {_MEMORY_BYTES} --memory-swap {_MEMORY_BYTES} \\
  {quote(image)} sh -c {quote(inside)}
"""
    return Check(
        "memory limit",
        f"docker run -m {_MEMORY_BYTES >> 20}m: read the limit inside, then use more",
        script,
        f"{_MEMORY_BYTES}\n137\nkilled by the kernel",
    )


def _containerd(image: str, token: str) -> Check:
    script = f"""{_PRELUDE}i=docker.io/staithe/smoke-{token}:ctr
docker tag {quote(image)} "$i"
trap 'docker rmi "$i" > /dev/null 2>&1 || :' EXIT
docker save "$i" | ctr -n {_NAMESPACE} images import - > /dev/null
said=$(ctr -n {_NAMESPACE} run --rm "$i" {quote(token)} echo {quote(token)})
# What a process says that ends at once may be lost (containerd issue 5741): then one that stays a little.
if [ -z "$said" ]; then
  said=$(ctr -n {_NAMESPACE} run --rm "$i" {quote(token)} sh -c {quote(f"echo {token}; sleep 1")})
fi
echo "$said"
ctr -n {_NAMESPACE} images rm --sync "$i" > /dev/null
"""
    return Check("containerd", f"ctr run {image} echo, below docker", script, token)


def _runc(image: str, token: str) -> Check:
    bundle = f"{_WORK_DIR}/{token}"
    # `runc spec` writes a terminal and sh; the edit is made on its own output, of which these lines are stable.
    script = f"""{_PRELUDE}b={quote(bundle)}
mkdir -p "$b/rootfs"
trap 'rm -rf "$b"; docker rm -f {quote(f"staithe-{token}-runc")} > /dev/null 2>&1 || :' EXIT
docker create --label {LABEL} --name {quote(f"staithe-{token}-runc")} {quote(image)} true > /dev/null
docker export {quote(f"staithe-{token}-runc")} | tar -x -C "$b/rootfs"
cd "$b"
runc spec
sed -e 's/"terminal": true/"terminal": false/' -e 's/^\\([[:space:]]*\\)"sh"$/\\1"echo", {json.dumps(token)}/' \\
  config.json > new.json
mv new.json config.json
runc run {quote(f"staithe-{token}")}
"""
    return Check("runc", f"runc run, with the root of {image}, below containerd", script, token)


def serve_script(config: Config, token: str) -> str:
    """Return the script that starts a container with a published port."""
    page = f"mkdir -p /www && echo {token} > /www/index.html && exec httpd -f -p 80 -h /www"
    port = config.smoke.published_port
    return (
        f"{_PRELUDE}run -d --name {quote(f'staithe-{token}-web')} -p {port}:80 "
        f"{quote(config.smoke.image)} sh -c {quote(page)} > /dev/null"
    )


def stop_serving_script(token: str) -> str:
    """Return the script that takes the container of `serve_script` away."""
    return f"{_PRELUDE}docker rm -f {quote(f'staithe-{token}-web')} > /dev/null"


def pull_check(config: Config, token: str) -> Check | None:
    """Return the check that pulls a docker.io name through the mirrors; None when none is described."""
    image = config.smoke.pull_image
    if image is None:
        return None
    script = f"""{_PRELUDE}i={quote(image)}
# An image that was there before is not ours to take away; pulling asks the registry all the same.
if docker image inspect "$i" > /dev/null 2>&1; then had=1; else had=0; fi
docker pull -q "$i" > /dev/null
run --rm "$i" echo {quote(token)}
if [ "$had" = 0 ]; then docker rmi "$i" > /dev/null; fi
"""
    return Check("mirror pull", f"docker pull {image} through registry-mirrors, and run it", script, token)


def clean_script(token: str) -> str:
    """Return the script that takes away whatever a broken check left, and prints what is still there."""
    return f"""{_PRELUDE}left() {{ docker ps -aq --filter label={LABEL} --filter name={quote(token)}; }}
for one in $(left); do docker rm -f "$one" > /dev/null; done
rm -rf {quote(f"{_WORK_DIR}/{token}")}
if ctr -n {_NAMESPACE} containers ls -q | grep -q .; then
  ctr -n {_NAMESPACE} containers ls -q | xargs -r ctr -n {_NAMESPACE} containers rm > /dev/null
fi
ctr -n {_NAMESPACE} images ls -q | xargs -r ctr -n {_NAMESPACE} images rm > /dev/null
ctr namespaces rm {_NAMESPACE} > /dev/null 2>&1 || :
rmdir {_WORK_DIR} 2> /dev/null || :
left
ls -A {_WORK_DIR} 2>/dev/null || :
runc list -q | grep {quote(token)} || :
"""


def fetch_script(address: str, port: int) -> str:
    """Return the script by which a peer reads the published page."""
    return (
        f"command -v curl > /dev/null || exit 127\n{join(['curl', '-fsS', '-m', '5', f'http://{address}:{port}/'])}"
    )
