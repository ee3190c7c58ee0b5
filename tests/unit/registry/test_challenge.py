"""The header WWW-Authenticate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staithe.registry.challenge import Challenge, parse_challenges

_HUB = {"realm": "https://auth.docker.io/token", "service": "registry.docker.io"}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            'Bearer realm="https://auth.docker.io/token",service="registry.docker.io"',
            (Challenge("bearer", _HUB),),
        ),
        (
            'bearer Realm = "https://auth.docker.io/token" ,  service=registry.docker.io',
            (Challenge("bearer", _HUB),),
        ),
        ('Basic realm="a, b=\\"c\\""', (Challenge("basic", {"realm": 'a, b="c"'}),)),
        (
            'Bearer realm="x",scope="repository:a/b:pull,push", Basic realm="y"',
            (
                Challenge("bearer", {"realm": "x", "scope": "repository:a/b:pull,push"}),
                Challenge("basic", {"realm": "y"}),
            ),
        ),
        ("Negotiate, Basic", (Challenge("negotiate"), Challenge("basic"))),
        ("", ()),
        ('realm="x"', ()),
    ],
)
def test_challenges(header: str, expected: tuple[Challenge, ...]) -> None:
    assert parse_challenges(header) == expected


@given(st.text())
def test_nonsense_is_passed_over(header: str) -> None:
    parse_challenges(header)
