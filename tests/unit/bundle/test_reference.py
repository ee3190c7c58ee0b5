"""Image references, short and full."""

from __future__ import annotations

import pytest

from staithe.bundle.reference import familiar, full
from staithe.errors import BundleError


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("busybox:1.35", "docker.io/library/busybox:1.35"),
        ("staithe/smoke:1", "docker.io/staithe/smoke:1"),
        ("localhost:5000/app:1", "localhost:5000/app:1"),
        ("localhost/app:1", "localhost/app:1"),
        ("registry.example/a/b/c:v1.2_3-4", "registry.example/a/b/c:v1.2_3-4"),
        ("a__b/c-d.e_f:latest", "docker.io/a__b/c-d.e_f:latest"),
    ],
)
def test_short_and_full_forms(short: str, long: str) -> None:
    assert full(short) == long
    assert familiar(long) == short
    assert full(long) == long
    assert familiar(short) == short


def test_other_spellings_of_the_default_registry() -> None:
    assert familiar("index.docker.io/busybox:1") == "busybox:1"
    assert familiar("docker.io/busybox:1") == "busybox:1"


@pytest.mark.parametrize(
    "reference",
    ["", "busybox", "Busybox:1", "a b:1", "x:1/y", "-x:1", "x:-1", "x@sha256:00", "../x:1", "x:" + "y" * 129],
)
def test_what_is_no_reference_is_refused(reference: str) -> None:
    with pytest.raises(BundleError, match="no image reference"):
        full(reference)
