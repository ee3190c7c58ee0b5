"""Turns to receive blobs: no more than so many, first come first served, none lost with a host that ends."""

from __future__ import annotations

from staithe.events import HostDone, UploadAsked, UploadEnded
from staithe.uploads import Uploads


def test_so_many_at_once_and_first_come_first_served() -> None:
    uploads = Uploads(2)
    assert [uploads.take(UploadAsked(host=name)) for name in "abcd"] == [["a"], ["b"], [], []]
    assert uploads.take(UploadEnded(host="b")) == ["c"]
    assert uploads.take(UploadEnded(host="a")) == ["d"]
    assert uploads.take(UploadEnded(host="c")) == []
    assert uploads.take(UploadAsked(host="a")) == ["a"]


def test_a_host_that_ends_gives_its_turn_back_and_waits_no_longer() -> None:
    uploads = Uploads(1)
    for name in "abc":
        uploads.take(UploadAsked(host=name))
    assert uploads.take(HostDone(host="b", outcome="failed", seconds=1)) == []
    assert uploads.take(HostDone(host="a", outcome="failed", seconds=1)) == ["c"]


def test_a_host_that_never_asked_changes_nothing() -> None:
    uploads = Uploads(1)
    assert uploads.take(UploadAsked(host="a")) == ["a"]
    assert uploads.take(HostDone(host="z", outcome="unchanged", seconds=1)) == []
    assert uploads.take(UploadAsked(host="b")) == []
