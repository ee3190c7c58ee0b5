"""What several rooms of the tests start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.archives import build_bundle
from tests.fake_site import FakeSite


@pytest.fixture(scope="session")
def small_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a bundle with one engine and the smoke image."""
    return build_bundle(tmp_path_factory.mktemp("small"), "28.5.2")


@pytest.fixture
def fake_site(tmp_path: Path, small_bundle: Path) -> FakeSite:
    """Return a project without hosts yet."""
    return FakeSite(tmp_path, small_bundle)
