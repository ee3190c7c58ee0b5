"""Plain pyinfra runs the same deploy.py, without staithe's command line around it."""

from __future__ import annotations

import re

from tests.fake_site import ROOT, FakeSite


def _changes(out: str) -> dict[str, str]:
    """Return the operations of pyinfra's table of changes, with the hosts of each."""
    rows = re.findall(r"^ {4}(\S.*?) {2,}\d+ \((.*?)\)", out, re.MULTILINE)
    return dict(rows)


def test_dry_run_over_a_bare_a_converged_and_a_refused_host(fake_site: FakeSite) -> None:
    fake_site.add("bare", fake_site.bare())
    fake_site.add("converged", fake_site.converged())
    fake_site.add("refused", fake_site.bare().model_copy(update={"missing_commands": ("iptables",)}))
    fake_site.add("odd", "rubbish\n")
    done = fake_site.start("pyinfra", "--dry", "inventory.py", str(ROOT / "deploy.py")).communicate_all()
    text = done.out + done.err
    assert done.code == 0, text
    assert "Traceback" not in text
    changes = _changes(text)
    # A host that needs changes is claimed there, one that cannot carry them is refused.
    first = changes.pop("Check that the host can carry what is described")
    assert set(first.split(", ")) == {"@fake/bare", "@fake/refused", "@fake/odd"}
    assert set(changes.values()) == {"@fake/bare"}
    assert len(changes) == 10


def test_dry_run_of_the_smoke_runbook(fake_site: FakeSite) -> None:
    fake_site.add("converged", fake_site.converged())
    done = fake_site.start("pyinfra", "--dry", "inventory.py", str(ROOT / "deploys/smoke.py")).communicate_all()
    assert done.code == 0, done.out + done.err
    assert _changes(done.out + done.err) == {"Prove it by running containers": "@fake/converged"}


def test_a_mistake_in_the_configuration_is_told_and_nothing_runs(fake_site: FakeSite) -> None:
    fake_site.add("bare", fake_site.bare(), engine={"bundel": "x"})
    done = fake_site.start("pyinfra", "-y", "inventory.py", str(ROOT / "deploy.py")).communicate_all()
    assert done.code != 0
    assert "engine.bundel" in done.out + done.err
