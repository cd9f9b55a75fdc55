from __future__ import annotations

from ofa_export.apk.class_file import ClassFile, parse_class

OBJECT = "java/lang/Object"


def header(name: str, *above: str, superclass: bool = True) -> ClassFile:
    return ClassFile(
        access=0x21, name=name, above=above, has_superclass=superclass, named=frozenset(), members=frozenset()
    )


def test_a_header_says_what_a_class_is_and_inherits_from() -> None:
    for one in (header("a/B", OBJECT), header("a/C", "a/B", "a/D", "a/E"), header(OBJECT, superclass=False)):
        again = parse_class(one.header())
        assert (again.name, again.above, again.has_superclass) == (one.name, one.above, one.has_superclass)
        assert again.access == one.access
        assert again.named == {one.name, *one.above}
        assert not again.members
