"""Bundles from files: the same inputs give the same bytes, and nothing is overwritten by mistake."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from staithe.bundle.build import EngineSource, build
from staithe.bundle.read import read_bundle, verify_blobs
from staithe.errors import BundleError

Make = Callable[..., Path]


def contents(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_engine_and_images_come_back(make_engine: Make, make_tar: Make, samples: Any, tmp_path: Path) -> None:
    image = samples.image(tags=("team/app:1", "localhost:5000/app:2"))
    engine = make_engine()
    bundle = build([EngineSource(engine, "28.5.2")], [make_tar(samples.new(image))], tmp_path / "out")
    verify_blobs(bundle)
    assert bundle == read_bundle(tmp_path / "out")
    [found] = bundle.engines
    assert (found.version, found.arch) == ("28.5.2", "x86_64")
    assert found.directory == f"28.5.2-{samples.sha256(engine.read_bytes())[:12]}"
    assert bundle.open(found.archive).read() == engine.read_bytes()
    assert found.programs["runc"].sha256 == samples.sha256(samples.program("runc"))
    [app] = bundle.images
    assert app.references == ("localhost:5000/app:2", "team/app:1")
    assert (app.arch, app.config.digest) == ("x86_64", image.config_digest)
    index = (tmp_path / "out/index.json").read_bytes()
    assert bundle.digest == f"sha256:{samples.sha256(index)}"
    names = [entry["annotations"].get("io.containerd.image.name") for entry in json.loads(index)["manifests"]]
    assert names == ["docker.io/team/app:1", None, "localhost:5000/app:2"]


def test_times_and_order_do_not_matter(make_engine: Make, make_tar: Make, samples: Any, tmp_path: Path) -> None:
    engines = [
        EngineSource(make_engine(), "28.5.2"),
        EngineSource(make_engine(name="docker-26.1.5.tgz", arch="aarch64"), "26.1.5"),
    ]
    one, two = samples.image(), samples.image(tags=("b:1",), files=(b"base", b"other"))
    images = [make_tar(samples.old(one), "one.tar", mtime=1), make_tar(samples.new(two), "two.tar", mtime=2)]
    first = build(engines, images, tmp_path / "first")
    again = [make_tar(samples.old(one), "one.tar", mtime=99), make_tar(samples.new(two), "two.tar.gz", mtime=98)]
    os.utime(engines[0].path, (0, 0))
    second = build(engines[::-1], again[::-1], tmp_path / "second")
    assert contents(tmp_path / "first") == contents(tmp_path / "second")
    assert first.digest == second.digest


def test_a_layer_that_images_share_is_stored_once(make_tar: Make, samples: Any, tmp_path: Path) -> None:
    one = samples.image(tags=("a:1",), files=(b"base", b"a"))
    two = samples.image(tags=("b:1",), files=(b"base", b"b"))
    bundle = build([], [make_tar(samples.old(one, two)), make_tar(samples.old(two), "again.tar")], tmp_path / "out")
    layers = [layer.digest for image in bundle.images for layer in image.layers]
    assert (len(layers), len(set(layers))) == (4, 3)
    assert len([name for name in contents(tmp_path / "out") if name.startswith("blobs")]) == 3 + 2 * 2


@pytest.mark.parametrize("form", ["old", "new"])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", ["image.tar", "image.tar.gz"])
def test_every_form_of_docker_save(
    make_tar: Make, samples: Any, tmp_path: Path, form: str, compressed: bool, name: str
) -> None:
    image = samples.image(files=(b"one", b"one", b"two"), compressed=compressed)
    bundle = build([], [make_tar(getattr(samples, form)(image), name)], tmp_path / "out")
    [found] = bundle.images
    assert found.config.digest == image.config_digest
    assert [layer.digest for layer in found.layers] == [f"sha256:{samples.sha256(layer)}" for layer in image.layers]
    assert all(layer.media_type.endswith("+gzip") == compressed for layer in found.layers)
    verify_blobs(bundle)


def test_nothing_is_left_of_a_failed_build(make_engine: Make, tmp_path: Path) -> None:
    engine = make_engine()
    engine.write_bytes(engine.read_bytes()[:-100])
    with pytest.raises(BundleError, match="damaged"):
        build([EngineSource(engine, "28.5.2")], [], tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == [engine.name]


def test_a_bundle_gives_way_only_when_asked(make_tar: Make, samples: Any, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    first = build([], [make_tar(samples.new(samples.image()))], out)
    other = make_tar(samples.new(samples.image(files=(b"other",))))
    with pytest.raises(BundleError, match="already") as failure:
        build([], [other], out)
    assert failure.value.hint is not None
    assert "--force" in failure.value.hint
    assert read_bundle(out) == first
    assert build([], [other], out, replace=True).digest != first.digest
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_a_failed_replacement_leaves_the_former_bundle(make_tar: Make, samples: Any, tmp_path: Path) -> None:
    first = build([], [make_tar(samples.new(samples.image()))], tmp_path / "out")
    with pytest.raises(BundleError):
        build([], [make_tar({"x": b"no image"}, "bad.tar")], tmp_path / "out", replace=True)
    assert read_bundle(tmp_path / "out") == first


def test_another_folder_is_never_overwritten(make_tar: Make, samples: Any, tmp_path: Path) -> None:
    image = make_tar(samples.new(samples.image()))
    precious = tmp_path / "precious"
    precious.mkdir()
    build([], [image], precious)  # an empty folder is no loss
    (precious / "thesis.txt").write_text("years of work")
    (tmp_path / "file").write_text("x")
    for out in (precious, tmp_path / "file"):
        with pytest.raises(BundleError, match="not overwritten"):
            build([], [image], out, replace=True)
    assert (precious / "thesis.txt").exists()


def test_two_contents_of_one_name_are_refused(
    make_engine: Make, make_tar: Make, samples: Any, tmp_path: Path
) -> None:
    images = [
        make_tar(samples.new(samples.image(files=(content,))), f"{content.decode()}.tar") for content in (b"a", b"b")
    ]
    with pytest.raises(BundleError, match=r"docker\.io/team/app:1 for x86_64"):
        build([], images, tmp_path / "out")
    other = make_engine(samples.engine() | {"docker/more": samples.program("more")}, "docker-28.5.2-2.tgz")
    with pytest.raises(BundleError, match=r"engine:28\.5\.2-x86_64"):
        build([EngineSource(make_engine(), "28.5.2"), EngineSource(other, "28.5.2")], [], tmp_path / "out")


def test_one_name_for_two_machines_is_two_images(make_tar: Make, samples: Any, tmp_path: Path) -> None:
    amd, arm = samples.image(), samples.image(architecture="arm64")
    bundle = build([], [make_tar(samples.old(amd)), make_tar(samples.old(arm), "arm.tar")], tmp_path / "out")
    assert {(image.arch, image.references) for image in bundle.images} == {
        ("x86_64", ("team/app:1",)),
        ("aarch64", ("team/app:1",)),
    }
