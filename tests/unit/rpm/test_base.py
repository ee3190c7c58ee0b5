"""What rpm says of a host; how the solver uses it is in test_solver.py."""

from __future__ import annotations

import pytest

from staithe.errors import UsageError
from staithe.rpm.base import QUERY_FORMAT, Dependency, parse
from staithe.rpm.nevra import Nevra

DUMP = (
    "P\tbash\t2\t5\t1.el9\tx86_64\nV\tbash\t=\t2:5-1.el9\nR\tlibc.so.6()(64bit)\t\t\nR\tfilesystem\t>=\t3\n"
    "R\trpmlib(CompressedFileNames)\t<=\t3.0.4-1\nO\tbash-doc\t<\t4\nC\tfoe\t\t\nF\t/usr/bin/bash\nF\t/etc\n"
    "P\tgpg-pubkey\t0\tabc\tdef\t(none)\n"
)


def test_a_dump_is_read() -> None:
    (bash,) = parse(DUMP, "web1").packages
    assert bash.nevra == Nevra("bash", 2, "5", "1.el9", "x86_64")
    assert bash.provides == (Dependency("bash", "=", "2:5-1.el9"),)
    assert bash.requires == (Dependency("libc.so.6()(64bit)", "", ""), Dependency("filesystem", ">=", "3"))
    assert bash.obsoletes == (Dependency("bash-doc", "<", "4"),) and bash.conflicts == (Dependency("foe", "", ""),)
    assert bash.files == ("/usr/bin/bash", "/etc")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "lists no packages"),
        ("V\tbash\t=\t1\n", "line 1"),
        ("P\tbash\t(none)\t5\t1\tx86_64\n", "line 1"),
        ("P\tbash\t0\t5\t1\tx86_64\nF\tetc\n", "line 2"),
        ("P\tbash\t0\t5\t1\tx86_64\nR\ta\t=>\t1\n", "line 2"),
        (f"{DUMP}bash: rpm: command not found\n", "line 11"),
        (DUMP.replace("F\t/etc", "F\t/etc/a\nb"), "line 10"),
    ],
)
def test_what_rpm_did_not_say_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, "web1")
    assert words in str(caught.value) and str(caught.value).startswith("web1")


def test_the_format_asks_for_no_more_than_el_7_knows() -> None:
    assert "json" not in QUERY_FORMAT and "'" not in QUERY_FORMAT
