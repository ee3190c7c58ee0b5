"""Which hosts begin when: in inventory order, batch by batch, and not after too many failures."""

from __future__ import annotations

import pytest

from staithe.batches import Batches, Share, parse_share
from staithe.errors import UsageError
from staithe.events import HostDone, Outcome, RunStarted

NAMES = [f"h{number}" for number in range(7)]


def done(host: str, outcome: Outcome = "changed") -> HostDone:
    return HostDone(host=host, outcome=outcome, seconds=1)


def known(batches: Batches, names: list[str] = NAMES) -> Batches:
    """Two runners, each with every second host."""
    for shard in (1, 0):
        places = list(range(len(names)))[shard::2]
        batches.take(RunStarted(hosts=[names[place] for place in places], places=places))
    batches.all_known()
    return batches


def play(batches: Batches, failing: set[str] = frozenset()) -> list[list[str]]:  # type: ignore[assignment]
    """Return what began together; each host ends before the next event."""
    waves, at_work = [], batches.open()
    while at_work:
        waves.append(list(at_work))
        coming: list[str] = []
        for host in at_work:
            coming += batches.take(done(host, "failed" if host in failing else "changed"))
        at_work = coming
    return waves


def test_batches_in_inventory_order_over_all_runners() -> None:
    batches = known(Batches(Share(3)))
    assert play(batches) == [NAMES[:3], NAMES[3:6], NAMES[6:]]
    assert batches.count == 3


def test_without_a_batch_all_begin() -> None:
    assert play(known(Batches())) == [NAMES]


def test_a_part_of_the_hosts() -> None:
    assert [len(wave) for wave in play(known(Batches(Share(40, is_percent=True))))] == [3, 3, 1]


def test_the_next_batch_waits_for_the_last_host_of_the_one_before() -> None:
    batches = known(Batches(Share(3)))
    assert batches.open() == NAMES[:3]
    assert batches.take(done("h2")) == []
    assert batches.take(done("h0", "failed")) == []
    assert batches.take(done("h1")) == NAMES[3:6]


def test_hosts_with_nothing_to_do_or_refused_count_at_once() -> None:
    batches = known(Batches(Share(3)))
    for host in ("h0", "h1", "h2", "h4"):
        assert batches.take(done(host, "refused" if host == "h1" else "unchanged")) == []
    assert batches.open() == ["h3", "h5"]


def test_nothing_begins_before_it_is_opened() -> None:
    batches = known(Batches())
    assert batches.take(done("h0", "unchanged")) == []


def test_after_too_many_failures_no_host_begins() -> None:
    batches = known(Batches(Share(2), Share(2)))
    assert play(batches, {"h1", "h2"}) == [["h0", "h1"], ["h2", "h3"]]
    assert batches.stopped


def test_failures_before_the_first_batch_count() -> None:
    """A host that cannot be reached."""
    batches = known(Batches(None, Share(1)))
    batches.take(done("h6", "failed"))
    assert batches.stopped
    assert batches.open() == []


def test_refusals_and_stopped_hosts_are_no_failures() -> None:
    batches = known(Batches(None, Share(1)))
    for host, outcome in (("h0", "refused"), ("h1", "cancelled"), ("h2", "not-begun"), ("h3", "unchanged")):
        batches.take(done(host, outcome))  # type: ignore[arg-type]
    assert not batches.stopped


@pytest.mark.parametrize(("percent", "failures"), [(1, 1), (14, 1), (15, 2), (29, 3), (100, 7)])
def test_at_least_this_part_of_all_hosts_failed(percent: int, failures: int) -> None:
    batches = known(Batches(None, Share(percent, is_percent=True)))
    for number in range(failures):
        assert not batches.stopped
        batches.take(done(f"h{number}", "failed"))
    assert batches.stopped


def test_a_part_is_not_taken_of_the_hosts_of_one_runner_alone() -> None:
    batches = Batches(None, Share(50, is_percent=True))
    batches.take(RunStarted(hosts=["h0"], places=[0]))
    batches.take(done("h0", "failed"))
    assert not batches.stopped


def test_no_more_than_this_are_at_work() -> None:
    batches = known(Batches(Share(5), Share(9), at_once=2))
    assert batches.open() == ["h0", "h1"]
    assert batches.take(done("h1")) == ["h2"]
    assert batches.take(done("h0")) == ["h3"]
    assert batches.take(done("h2", "failed")) == ["h4"]
    assert batches.take(done("h3")) == []
    assert batches.take(done("h4")) == ["h5", "h6"]


@pytest.mark.parametrize(("text", "share"), [("5", Share(5)), ("10%", Share(10, is_percent=True)), (" 3 ", Share(3))])
def test_a_share_is_read(text: str, share: Share) -> None:
    assert parse_share(text, "--batch") == share


@pytest.mark.parametrize("text", ["0", "0%", "-1", "101%", "many", "", "1.5", "5 %", "٣"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--batch takes"):
        parse_share(text, "--batch")
