"""Bundles in other forms and of other generations, on real hosts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.lab.conftest import SMOKE_IMAGE, Host, Site


def test_a_host_gets_everything_out_of_a_tar(site: Site, bare: Host, bundle: Path) -> None:
    site.staithe("bundle", "export", str(bundle), "--out", "carried.tar")
    engine = {"bundle": str(site.folder / "carried.tar"), "version": "28.5.2"}
    site.configure(engine=engine)
    assert site.run("apply", limit="h1").host("h1")["outcome"] == "changed"
    assert bare.sh(f"docker run --rm {SMOKE_IMAGE} echo seen") == "seen"
    assert [path.name for path in site.folder.glob("carried*")] == ["carried.tar"]
    # It is the same bundle as the folder.
    site.configure()
    assert site.run("plan", "--check", limit="h1").host("h1")["changes"] == []


def test_an_older_bundle_is_refused_by_the_host(site: Site, bare: Host) -> None:
    from staithe.lab import artifacts

    made = artifacts.located()
    for serial in ("7", "8"):
        site.staithe(
            "bundle", "build", "--name", "site", "--serial", serial, "--out", f"b{serial}",
            "--engine", str(made.engines["28.5.2"]), "--image", str(made.images[SMOKE_IMAGE]),
        )  # fmt: skip
        site.staithe("bundle", "sign", f"b{serial}", "--key", site.lab["signing_key"])
    site.configure(smoke={"enabled": False})
    site.run("apply", "--bundle", "b8", limit="h1")
    assert "error E403" in site.run("apply", "--bundle", "b7", limit="h1", code=5).err
    # Another machine knows nothing of it; the host does.
    shutil.rmtree(site.folder / ".staithe")
    before = bare.sh("cat /var/lib/staithe/record.json")
    refused = site.run("apply", "--bundle", "b7", limit="h1", code=4).host("h1")
    assert [one["code"] for one in refused["problems"]] == ["E314"]
    assert bare.sh("cat /var/lib/staithe/record.json") == before
    assert json.loads(before)["serials"] == {"site": 8}
    assert site.run("apply", "--bundle", "b7", "--allow-older", limit="h1").host("h1")["outcome"] == "changed"
    after = json.loads(bare.sh("cat /var/lib/staithe/record.json"))
    assert (after["generation"], after["serials"]) == (json.loads(before)["generation"] + 1, {"site": 8})
    assert site.run("plan", "--bundle", "b7", "--allow-older", limit="h1").host("h1")["changes"] == []


def test_a_bundle_without_the_smoke_image_changes_no_host_that_lacks_it(
    site: Site, bare: Host, converged: Host
) -> None:
    from staithe.lab import artifacts

    site.staithe("bundle", "build", "--engine", str(artifacts.located().engines["28.5.2"]), "--out", "bare")
    site.staithe("bundle", "sign", "bare", "--key", site.lab["signing_key"])
    refused = site.run("apply", "--bundle", "bare", limit="h1", code=4).host("h1")
    assert [one["code"] for one in refused["problems"]] == ["E315"]
    assert bare.sh("ls -d /var/lib/staithe /etc/docker /usr/bin/dockerd 2>/dev/null || echo nothing") == "nothing"
    # h2 has had it since another bundle, and proves itself with that.
    assert converged.sh(f"docker image inspect -f there {SMOKE_IMAGE}") == "there"
    site.configure()
    label = ("--set", 'daemon.labels=["smoke=here"]')
    done = site.run("apply", "--bundle", "bare", *label, limit="h2").host("h2")
    assert done["outcome"] == "changed" and {one["status"] for one in done["checks"]} >= {"passed"}
