from __future__ import annotations

import re
import time

import pytest

from ofa_export.support.plain_values import TextError, read_json, read_yaml

BOMB = b"a: &a [x, x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (name, name, b", ".join([b"*%c" % (name - 1)] * 10)) for name in range(ord("b"), ord("k"))
)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"\na: " + b"[" * 20_000, "line 2: more than 50 lists and mappings are in each other"),
        (b"a:\n" + b"".join(b" " * n + b"a:\n" for n in range(1, 1_000)), "line 50: more than 50"),
        (b"\na: " + b"1" * 5_000, "line 2: a number of 5,000 characters; 100 are read"),
        (b"\na: 0x" + b"f" * 5_000, "line 2: a number of 5,002 characters"),
        (b"a: 2026-13-45", "line 1: '2026-13-45' is no value that can be read (month must be in 1..12)"),
        (b"a: 2026-01-01 25:00:00", "line 1: '2026-01-01 25:00:00' is no value"),
        (BOMB, "line 4: up to here it has more than 10,000 values"),
        (b"a: &a\n  b: *a", "line 2: *a stands for a part that it is in itself"),
        (b"a: *b", "line 1: found undefined alias 'b'"),
        (b"a: 1\nb: 2\na: 1", "line 3: 'a' is there already, in line 1; keep one of them"),
        (b"<<: [{a: 1}, {a: 2}]", "line 1: '<<' takes keys from several mappings"),
        (b"x: {a: 1, a: 2}", "line 1: 'a' is there already, in line 1"),
        (b"a: .nan", "line 1: '.nan' is not finite"),
        (b"\na: -.inf", "line 2: '-.inf' is not finite"),
        (b"a: 1.0e+999", "line 1: '1.0e+999' is not finite"),
        (b"a: b\nc: \xff", "line 2 is not UTF-8; save the file with that encoding"),
        (b"a: b\nc: \x07", "line 2: the character 0x7 is not allowed"),
        (b"a: 1\n---\nb: 1", "line 2: but found another document"),
        (b"? [a]\n: 1", "line 1: found unhashable key"),
        (b"!!python/object:os.system {}", "line 1: could not determine a constructor for the tag"),
        (b"- 1\n" * 20_000, "has more than 10,000 values"),
        (b"\na: !!timestamp x", "line 2: 'x' is no timestamp"),
        (b"a: !!bool x", "line 1: 'x' is no bool"),
        (b"a: !!int ''", "line 1: '' is no int"),
        (b"a: !!float ''", "line 1: '' is no float"),
        (rb'a: "\U00110000"', "an escape or a version that stands for nothing"),
        (rb'a: "\UFFFFFFFF"', "an escape or a version that stands for nothing"),
        (b"%YAML " + b"1" * 5_000 + b".1\n---\na: 1", "an escape or a version that stands for nothing"),
        (b'\na: "\\uD800"', "line 2: '\\ud800' has characters that no text has"),
        (rb'a: "\0.yaml"', "has characters that no text has"),
    ],
)
def test_yaml_that_no_recipe_is_made_of(text: bytes, sentence: str) -> None:
    start = time.perf_counter()
    with pytest.raises(TextError, match=re.escape(sentence)) as caught:
        read_yaml(text)
    assert len(str(caught.value)) < 300
    assert time.perf_counter() - start < 5


def test_yaml_as_people_write_it() -> None:
    text = b"\xef\xbb\xbf# A recipe\na: &a {b: 1, c: [2.5, on]}\nd:\n  <<: *a\n  b: 2\ne: 2026-11-30\n"
    read = read_yaml(text)
    assert read["a"] == {"b": 1, "c": [2.5, True]}
    assert read["d"] == {"b": 2, "c": [2.5, True]}
    assert read_yaml(b"") is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"[" * 100_000, "its lists and objects are nested too deeply"),
        (b'{"a": %s}' % (b"1" * 5_000), "it has a number of thousands of digits"),
        (b'{"a": {"b": 1, "b": 2}}', "it has 'b' twice in one object"),
        (b'{"a": NaN}', "NaN is not finite"),
        (b'{"a": -Infinity}', "-Infinity is not finite"),
        (b'{"a": 1e999}', "'1e999' is not finite"),
        (b'{"a":\n 1,}', "line 2"),
        (b'{"a": "\xff"}', "byte 7 is not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "byte 0 is not UTF-8"),
        (b'{%s"b": 1, "b": 2}' % b"".join(b'"%d": 0,' % key for key in range(100_000)), "it has 'b' twice"),
    ],
)
def test_json_that_nobody_writes(text: bytes, sentence: str) -> None:
    start = time.perf_counter()
    with pytest.raises(TextError, match=re.escape(sentence)):
        read_json(text)
    assert time.perf_counter() - start < 5


def test_json_as_programs_write_it() -> None:
    assert read_json(b'{"a": [1, 2.5, null], "b": {"a": true}}') == {"a": [1, 2.5, None], "b": {"a": True}}
