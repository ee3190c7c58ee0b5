from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.file_server import FileServer, file_server
from tests.rpm_site import Site


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Make the repositories once."""
    return Site.make(tmp_path_factory.mktemp("site"))


@pytest.fixture
def site(made: Site, tmp_path: Path) -> Site:
    """Return a site of the test's own, described."""
    site = made.copy(tmp_path / "site")
    site.describe()
    return site


@pytest.fixture
def locked(site: Site) -> Site:
    site.run("lock")
    return site


@pytest.fixture
def server(site: Site) -> Iterator[FileServer]:
    """A server with what the site has."""
    with file_server() as served:
        served.publish(site.home)
        yield served
