"""The lab as a whole: up, reset, down. The order of each is written here, the steps elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from staithe.errors import LabError
from staithe.lab import (
    artifacts,
    base,
    cgroup,
    host,
    identity,
    kernel,
    layers,
    lock,
    network,
    places,
    prune,
    registry,
    state,
)
from staithe.lab.progress import step
from staithe.lab.setup import require_packages
from staithe.project import project_root

_AT_ONCE = 8
# Ends a host; returns its folder when that is to be deleted.
_End = Callable[[state.Lab, str], Path | None]
_LOCK_WAIT_S = 2.0


def lock_file(lab: str) -> Path:
    """Return the lock that every command which changes a lab holds."""
    return places.run_dir() / f"{lab}.lock"


@contextmanager
def changing() -> Iterator[state.Lab]:
    """Give the locked lab to a command that changes it. begin() marks it as changing: so prune sees a crash."""
    lab_id = places.lab_id()
    with lock.held(lock_file(lab_id), wait_s=_LOCK_WAIT_S):
        lab = state.load(lab_id) or state.Lab(lab_id, str(project_root()))
        yield lab
        lab.state = "ready"
        lab.save()


def up(
    names: Sequence[str], *, image: str | None = None, cgroup_mode: str | None = None, with_registry: bool = False
) -> state.Lab:
    """Make these hosts exist and run; those that run already are left alone."""
    for name in names:
        places.host_number(name)
    wanted_image = image or layers.DEFAULT_IMAGE
    lower = base.lower_dirs(wanted_image)
    require_packages()
    if not base.exists():
        with step("base: a small userland with an EL look"):
            base.ensure()
    made = _artifacts() if with_registry else None
    with changing() as lab:
        alive = {name for name, h in lab.hosts.items() if h.keeper.alive()}
        for name in sorted(alive & set(names)):
            if image is not None and lab.hosts[name].image != image:
                raise LabError(
                    f"{name} runs the image {lab.hosts[name].image}, not {image}",
                    hint=f"staithe lab reset {name} --image {image}",
                )
        missing = [name for name in names if name not in alive]
        _prepare(lab, len(missing))
        lower = [kernel.modules_layer(lower[-1]), *lower]
        _start(lab, [host.Order(name, wanted_image, cgroup_mode or "auto", lower) for name in missing], names)
        if made is not None:
            registry.start(lab, made)
    return lab


def _artifacts() -> artifacts.Artifacts:
    with step("artifacts: engines, images, a registry") as say:
        return artifacts.ensure(say)


def start_registry() -> state.Lab:
    """Start the registry of the running lab."""
    state.running()
    made = _artifacts()
    with changing() as lab:
        lab.begin()
        registry.start(lab, made)
    return lab


def stop_registry() -> None:
    """End the registry of the lab."""
    state.running()
    with changing() as lab:
        lab.begin()
        registry.stop(lab)


def reset(names: Sequence[str], *, image: str | None = None, cgroup_mode: str | None = None) -> state.Lab:
    """Give hosts back the state they had when they first started, keeping address, MAC and host key."""
    return _again(names, image, cgroup_mode, _discarded)


def reboot(names: Sequence[str]) -> state.Lab:
    """Cut the power of hosts and boot them again: what they had on their disks is there, and nothing else."""

    def cut(lab: state.Lab, name: str) -> None:
        host.cut_power(lab.id, name)

    return _again(names, None, None, cut)


def cut(names: Sequence[str]) -> None:
    """Cut the line between this machine and hosts of the running lab; they do not notice."""
    lab = state.running()
    for name in names:
        if name not in lab.hosts:
            raise LabError(f"no host {name!r} in this lab", expected=", ".join(lab.hosts), hint="staithe lab status")
    network.cut(lab.id, [lab.hosts[name].ip for name in names])


def mend() -> None:
    """Bring every line of the running lab back."""
    network.mend(state.running().id)


def _again(names: Sequence[str], image: str | None, cgroup_mode: str | None, end: _End) -> state.Lab:
    if state.load(places.lab_id()) is None:
        raise LabError("no lab is running for this checkout", hint="staithe lab up 3")
    with changing() as lab:
        for name in names or list(lab.hosts):
            if name not in lab.hosts:
                raise LabError(
                    f"no host {name!r} in this lab", expected=", ".join(lab.hosts), hint="staithe lab status"
                )
        lower_dirs = {name: base.lower_dirs(image or lab.hosts[name].image) for name in names or lab.hosts}
        _prepare(lab, 0)
        orders = []
        for name, image_dirs in lower_dirs.items():
            former = lab.hosts[name]
            lower = [kernel.modules_layer(image_dirs[-1]), *image_dirs]
            orders.append(host.Order(name, image or former.image, cgroup_mode or former.cgroup, lower))
        _start(lab, orders, list(lower_dirs), end)
    return lab


def _prepare(lab: state.Lab, hosts: int) -> None:
    """Mark the lab as changing and make what its hosts need. All checks of what the user asked are done by now."""
    lab.begin()
    for name in cgroup.members(lab.id) - {registry.MEMBER, *lab.hosts}:  # a command that was killed left it
        host.discard(host.stop(lab.id, name))
    if lab.registry and not lab.registry.process.alive():
        registry.stop(lab)
    with lock.held(places.run_dir() / "machine.lock"):
        subnet = network.ensure(lab.id)
        kernel.raise_inotify_limit(hosts + prune.hosts_on_machine())
    lab.bridge, lab.address, lab.subnet = places.bridge_name(lab.id), network.gateway_of(subnet), str(subnet)
    identity.user_key(lab)
    identity.signing_key(lab)
    lab.save()


def _discarded(lab: state.Lab, name: str) -> Path | None:
    return host.stop(lab.id, name)


def _start(lab: state.Lab, orders: Sequence[host.Order], names: Iterable[str], end: _End = _discarded) -> None:
    """Start hosts side by side and wait for `names`; those that do not boot are taken away and named together.

    `end` ends what ran under the same name before.
    """
    trash = []
    problems: list[str] = []

    def begin(order: host.Order) -> tuple[Path | None, state.Host]:
        former = end(lab, order.name)
        return former, host.start(lab, order)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for former, started in pool.map(begin, orders):
            trash.append(former)
            lab.hosts[started.name] = started
        lab.hosts = dict(sorted(lab.hosts.items(), key=lambda item: places.host_number(item[0])))
        identity.write_client_files(lab)
        lab.save()
        # All of them: those that were there may be half booted, left by a command that was killed.
        waiting = {name: pool.submit(host.wait, lab.id, entry) for name, entry in lab.hosts.items() if name in names}
        list(pool.map(host.discard, trash))
        for name, result in waiting.items():
            try:
                result.result()
            except LabError as error:
                problems.append(str(error))
                host.discard(host.stop(lab.id, name))
                del lab.hosts[name]
    if problems:
        identity.write_client_files(lab)
        lab.state = "ready"
        lab.save()
        raise LabError("\n".join(problems), hint="staithe lab setup, then staithe lab up again")


def down() -> None:
    """End the lab and take away everything it made on this machine save the cache."""
    lab_id = places.lab_id()
    with lock.held(lock_file(lab_id), wait_s=_LOCK_WAIT_S):
        prune.sweep(lab_id)
        lock_file(lab_id).unlink()
    prune.tidy()


def host_names(words: Iterable[str]) -> list[str]:
    """Return host names for what a user typed: a number of hosts, or names."""
    words = list(words)
    if len(words) == 1 and words[0].isdigit():
        count = int(words[0])
        if not 1 <= count <= places.MAX_HOSTS:
            raise LabError(f"{count} hosts", expected=f"1 to {places.MAX_HOSTS}", hint="staithe lab up 3")
        return [f"h{number}" for number in range(1, count + 1)]
    for word in words:
        places.host_number(word)
    return words
