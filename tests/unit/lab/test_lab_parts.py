"""The pure parts of the lab."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from staithe.errors import LabError
from staithe.lab import (
    apt,
    artifacts,
    cgroup,
    images,
    kernel,
    laboratory,
    layers,
    lock,
    network,
    places,
    prune,
    state,
)

DEB822 = """\
# a comment
Types: deb
# the frozen one would be elsewhere
URIs: http://archive.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://archive.example/debian-security
Suites: bookworm-security
Components: main
"""
THIRD_PARTY = "Types: deb\nURIs: https://third.example/linux/debian\nSuites: bookworm\nComponents: stable\n"
NODE = "Types: deb\nURIs: https://node.example/node_20.x\nSuites: nodistro\nComponents: main\n"


# -- apt ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"debian.sources": DEB822},
            ("http://archive.example/debian", "/usr/share/keyrings/debian-archive-keyring.gpg"),
        ),
        (
            {
                "a-docker.sources": THIRD_PARTY,
                "b-node.sources": NODE,
                "debian.sources": DEB822.replace("bookworm", "trixie"),
            },
            ("http://archive.example/debian", "/usr/share/keyrings/debian-archive-keyring.gpg"),
        ),
        (
            {
                "sources.list": "# deb http://no main\n"
                "deb [arch=amd64 signed-by=/k.gpg] http://a/debian sid main contrib\n"
            },
            ("http://a/debian", "/k.gpg"),
        ),
        ({"sources.list": "deb http://a/debian bookworm main # here\n"}, ("http://a/debian", "")),
        ({"sources.list": "deb-src http://a/debian bookworm main\n"}, None),
        ({"x.sources": DEB822.replace("Types: deb", "Enabled: no\nTypes: deb")}, None),
        ({"x.sources": THIRD_PARTY, "y.sources": NODE}, None),
        ({}, None),
    ],
)
def test_only_the_debian_archive_is_taken_from_the_sources(
    files: dict[str, str], expected: tuple[str, str] | None
) -> None:
    assert apt.debian_source(files) == expected


def test_a_machine_without_debian_sources_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no Debian package source"):
        apt.machine_archive(tmp_path)


# -- names and numbers ----------------------------------------------------------------------------


def test_names_fit_into_what_the_kernel_takes() -> None:
    assert len(places.link_name("ffffff", f"h{places.MAX_HOSTS}")) <= 15


@pytest.mark.parametrize("given", ["", "g1", "1234567", "ABC", "a/b", "h1"])
def test_a_bad_lab_id_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAITHE_LAB_ID", given)
    with pytest.raises(LabError):
        places.lab_id()


def test_the_id_comes_from_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STAITHE_LAB_ID", raising=False)
    first = places.lab_id()
    assert places.is_lab_id(first) and len(first) == 6
    monkeypatch.setattr(places, "project_root", lambda: Path("/another/checkout"))
    assert places.lab_id() != first


@pytest.mark.parametrize("name", ["h0", "h01", "h251", "H1", "x", "h1 ", "h1;reboot", "-h1", "../h1"])
def test_what_is_no_host_name_is_refused(name: str) -> None:
    with pytest.raises(LabError):
        places.host_number(name)


def test_hosts_may_be_given_by_number_or_by_name() -> None:
    assert laboratory.host_names(["3"]) == ["h1", "h2", "h3"]
    assert laboratory.host_names(["h2", "h7"]) == ["h2", "h7"]
    for bad in (["0"], ["251"], ["web"]):
        with pytest.raises(LabError):
            laboratory.host_names(bad)


def test_the_subnet_overlaps_nothing_that_is_there() -> None:
    net = network.Network
    assert network.free_subnet([]) == net("10.77.0.0/24")
    assert network.free_subnet([net("10.77.0.0/24"), net("10.77.1.5/32")]) == net("10.77.2.0/24")
    assert network.free_subnet([net("10.0.0.0/8")]) == net("198.18.0.0/24")
    with pytest.raises(LabError, match="no free subnet"):
        network.free_subnet([net("10.0.0.0/8"), net("198.18.0.0/15")])


def test_addresses_of_hosts() -> None:
    subnet = network.Network("10.77.3.0/24")
    assert network.gateway_of(subnet) == "10.77.3.1"
    assert network.address_of(subnet, 1) == "10.77.3.2"
    assert network.address_of(subnet, places.MAX_HOSTS) == "10.77.3.251"
    assert network.mac_of("10.77.3.2") == "02:77:0a:4d:03:02"


def test_the_rules_drop_all_but_the_served_ports() -> None:
    rules = network.rules("abc123", network.Network("10.77.3.0/24"))
    assert rules.count("stl-abc123") == 8
    assert "ip daddr 10.77.3.1 tcp dport 5000-5099 accept" in rules
    assert rules.rstrip().endswith("drop\n  }\n}")


# -- control groups -------------------------------------------------------------------------------

HYBRID = """\
tmpfs /sys/fs/cgroup tmpfs rw 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0
cgroup /sys/fs/cgroup/systemd cgroup rw,name=systemd 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0
cgroup /somewhere/else cgroup rw,cpu 0 0
"""


def test_hierarchies_of_hybrid_and_v2_machines() -> None:
    found = cgroup.hierarchies(HYBRID)
    assert [path.name for path in found] == ["memory", "systemd", "unified"] and not cgroup.is_v2(found)
    found = cgroup.hierarchies("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n")
    assert cgroup.is_v2(found)
    with pytest.raises(LabError):
        cgroup.hierarchies("proc /proc proc rw 0 0\n")


def test_groups_on_a_v2_machine_hand_on_controllers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup, "_MOUNT", tmp_path / "cgroup")
    monkeypatch.setattr(cgroup, "hierarchies", lambda: [tmp_path / "cgroup"])
    monkeypatch.setenv("STAITHE_LAB_RUN", str(tmp_path))
    written: list[tuple[Path, str]] = []
    real_mkdir, real_write = Path.mkdir, Path.write_text

    def mkdir(self: Path, **options: bool) -> None:
        real_mkdir(self, **options)
        real_write(self / "cgroup.controllers", "cpu memory pids")
        real_write(self / "cgroup.subtree_control", "")

    mkdir(tmp_path / "cgroup")
    real_write(tmp_path / "cgroup" / "cgroup.subtree_control", "cpu memory")
    monkeypatch.setattr(Path, "mkdir", mkdir)
    monkeypatch.setattr(Path, "write_text", lambda self, text: written.append((self, text)))
    assert cgroup.make("abc123", "h1") == [tmp_path / "cgroup/stl-abc123/h1"]
    top = tmp_path / "cgroup"
    asked = {(path.parent, text) for path, text in written}
    assert {text for path, text in asked if path == top} == {"+pids"}
    for group in (top / "stl-abc123", top / "stl-abc123/h1"):
        assert {text for path, text in asked if path == group} == {"+cpu", "+memory", "+pids"}
    assert not any(path.name in cgroup.LEAVES for path, _ in asked)
    assert (tmp_path / "controllers.added").read_text() == "pids\n"


def test_a_marker_is_found_in_a_command_line() -> None:
    line = b"sh\0/var/lib/x/keeper\0run\0" + places.marker("abc123", "h12").encode() + b"\0"
    match = prune._MARKER.search(line)
    assert match and match[1] == b"abc123"
    for other in (
        b"grep\0staithe-lab:abc123:h1\0",
        b"grep\0staithe-lab:abc123\0",
        b"sh\0-c\0echo staithe-lab:abc123:h1 x\0",
    ):
        assert not prune._MARKER.search(other)


# -- images ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def busybox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bin") / "busybox"
    path.write_text("#!/bin/sh\nprintf 'sh\\nhttpd\\nbusybox\\nsh\\n'\n")
    path.chmod(0o755)
    return path


def test_an_image_archive_is_an_oci_layout_and_a_docker_archive(busybox: Path) -> None:
    layer = images.root_layer(busybox)
    data = images.archive(images.build("staithe/smoke:1", layer, "arm64"))
    assert data == images.archive(images.build("staithe/smoke:1", images.root_layer(busybox), "arm64"))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        names = tar.getnames()
        content = {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}  # type: ignore[union-attr]
    assert len(names) == len(set(names))
    for name, blob in content.items():
        if name.startswith("blobs/"):
            assert hashlib.sha256(blob).hexdigest() == Path(name).name
    entry = json.loads(content["index.json"])["manifests"][0]
    assert entry["annotations"]["io.containerd.image.name"] == "docker.io/staithe/smoke:1"
    manifest = json.loads(content["blobs/sha256/" + entry["digest"][7:]])
    config = json.loads(content["blobs/sha256/" + manifest["config"]["digest"][7:]])
    assert config["architecture"] == "arm64"
    assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(layer).hexdigest()]
    docker = json.loads(content["manifest.json"])[0]
    assert docker["RepoTags"] == ["staithe/smoke:1"]
    described = [manifest["config"], *manifest["layers"]]
    assert [docker["Config"], *docker["Layers"]] == [f"blobs/sha256/{d['digest'][7:]}" for d in described]
    assert json.loads(content["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}


def test_images_share_their_layer_and_differ_in_their_id(busybox: Path) -> None:
    layer = images.root_layer(busybox)
    one, two = (images.build(reference, layer, "amd64") for reference in ("busybox:1.35", "staithe/smoke:1"))
    assert one.layer == two.layer and one.config != two.config
    assert '"docker.io/library/busybox:1.35"' in images.archive(one).decode(errors="replace")


def test_the_layer_holds_a_link_for_each_applet(busybox: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(images.root_layer(busybox))) as tar:
        links = {m.name: m.linkname for m in tar if m.issym()}
        assert links == {"bin/sh": "busybox", "bin/httpd": "busybox"}
        assert tar.getmember("bin/busybox").mode == 0o755 and tar.getmember("tmp").mode == 0o1777


def test_artifacts_that_are_not_made_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAITHE_LAB_CACHE", str(tmp_path))
    with pytest.raises(LabError) as caught:
        artifacts.located()
    assert caught.value.hint == "staithe lab artifacts"
    artifacts.folder().mkdir(parents=True)
    (artifacts.folder() / "complete").touch()
    made = artifacts.located()
    assert list(made.engines) == ["20.10.24", "26.1.5", "28.5.2", "20.10.23"]
    assert list(made.plugins) == ["docker-buildx", "docker-compose"]
    assert made.images["staithe/smoke:1"].name == "staithe-smoke-1.tar"


# -- layers, kernel, state, locks -----------------------------------------------------------------


def test_each_layer_names_its_major() -> None:
    for image, release in layers.IMAGES.items():
        major = image.removeprefix("el")
        assert f'VERSION_ID="{major}"\n' in release.os_release
        assert ("PLATFORM_ID" in release.os_release) == (major != "7")


def test_modules_of_a_kernel_with_modules_are_those_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = kernel.builtin_modules()
    assert all(name.startswith("kernel/") and name.endswith(".ko") for name in names)


def test_a_lab_record_survives_writing_reading_and_other_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAITHE_LAB_STATE", str(tmp_path))
    assert state.load("abc123") is None
    me = state.Process.of(os.getpid())
    lab = state.Lab("abc123", "/somewhere", "ready", hosts={"h1": state.Host("h1", "10.77.0.2", "el9", "auto", me)})
    lab.registry = state.Registry("http://10.77.0.1:5000", ["mirrored:1"], me)
    lab.save()
    assert state.load("abc123") == lab
    path = tmp_path / "abc123" / "lab.json"
    data = json.loads(path.read_text())
    assert data["known_hosts"] == str(lab.known_hosts) and data["schema_version"] == 1
    del data["cache"]
    path.write_text(json.dumps({**data, "of_the_future": 1}))
    assert state.load("abc123") == lab
    path.write_text(path.read_text()[:50])
    assert state.load("abc123") is None


def test_no_running_lab_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAITHE_LAB_STATE", str(tmp_path))
    with pytest.raises(LabError) as caught:
        state.running()
    assert caught.value.hint == "staithe lab up 3"


def test_a_process_is_known_by_its_start_too() -> None:
    me = state.Process.of(os.getpid())
    assert me.alive() and not state.Process(me.pid, me.start + 1).alive() and not state.Process(0, 0).alive()


def test_a_lock_is_held_by_the_tools_of_a_command_too(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "a.lock"
    with lock.held(path):
        tool = subprocess.Popen(["sleep", "0.3"], pass_fds=lock.descriptors())
    with pytest.raises(LabError, match="another command is at work"), lock.held(path, wait_s=0):
        pass
    with lock.held(path, wait_s=5):
        assert tool.wait() == 0


def test_the_inventory_needs_nothing_heavy() -> None:
    code = (
        "import sys; import staithe.lab.state; "
        "print([m for m in ('pydantic', 'pyinfra', 'rich') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_cache_goes_only_when_no_lab_uses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAITHE_LAB_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("STAITHE_LAB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache" / "base").mkdir(parents=True)
    labs = {"abc123"}
    monkeypatch.setattr(prune, "labs_on_machine", lambda: labs)
    state.Lab("abc123", "/somewhere").save()
    with pytest.raises(LabError, match="abc123"):
        prune.purge_cache()
    state.Lab("abc123", "/somewhere", cache="/another").save()
    prune.purge_cache()
    assert not (tmp_path / "cache").exists()
