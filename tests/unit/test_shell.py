"""Quoting: whatever the value, the shell sees exactly one word, and it is the value."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from staithe import shell

# An argument is bytes to the shell: everything but NUL, and no lone surrogates.
words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)


@pytest.mark.parametrize("value", ["", "plain", "a b", "it's", "$(id)", "`id`", "-rf", "a\nb", "\\", "''", "ü", "*"])
def test_a_value_is_one_word(value: str) -> None:
    assert _echoed(shell.quote(value)) == [value]


@settings(max_examples=60, deadline=None)
@given(st.lists(words, min_size=1, max_size=5))
def test_joined_values_come_apart_again(argv: list[str]) -> None:
    assert _echoed(shell.join(argv)) == argv


def test_nul_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        shell.quote("a\0b")


def _echoed(text: str) -> list[str]:
    script = f"for word in {text}; do printf '%s\\0' \"$word\"; done"
    output = subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout
    return output.decode().split("\0")[:-1]
