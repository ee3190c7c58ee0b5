"""What a converged host costs, counted by the host."""

from __future__ import annotations

from tests.lab.conftest import Host, Site


def test_converged_host_costs_one_exec(site: Site, converged: Host) -> None:
    # Each count is an exec itself.
    before = converged.execs()
    site.run("apply", limit="h2")
    assert converged.execs() - before - 1 == 1
    before = converged.execs()
    site.run("plan", "--check", limit="h2")
    assert converged.execs() - before - 1 == 1


def test_changing_host_costs_more_than_one_exec(site: Site, converged: Host) -> None:
    """The count above must be able to fail."""
    converged.sh("sysctl -q -w net.ipv4.ip_forward=0")
    before = converged.execs()
    site.run("apply", limit="h2")
    assert converged.execs() - before - 1 > 1


def test_converged_probe_costs_at_most_60_ms_cpu(site: Site, converged: Host) -> None:
    """user+sys of the probe's shell and all its children, by the kernel's own account; the median of five."""
    from staithe.config import Config
    from staithe.plan import probe_request
    from staithe.probe.script import build

    data = {"users": {"docker_group": ["ops"]}}
    script = build(probe_request(Config.from_layers([data], "h2")))
    converged.sh(f"cat > /run/probe.sh <<'PROBE-ENDS-HERE'\n{script}\nPROBE-ENDS-HERE")
    times = sorted(_cpu_ms(converged) for _ in range(5))
    assert times[2] <= 60, times


def _cpu_ms(host: Host) -> float:
    """Run the probe once; `times` prints minutes and seconds of the shell, then of its children."""
    out = host.sh("sh -c 'sh /run/probe.sh > /dev/null; times'")
    words = out.split()
    total = 0.0
    for word in words[-4:]:
        minutes, seconds = word.rstrip("s").split("m")
        total += int(minutes) * 60 + float(seconds)
    return total * 1000
