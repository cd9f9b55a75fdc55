"""The table of seeded defects as docs/validation.md shows it.

Run: python tests/support/defect_table.py
"""

from __future__ import annotations

from content_defects import CONTENT_DEFECTS
from file_defects import FILE_DEFECTS
from graph_defects import GRAPH_DEFECTS


def defect_rows() -> list[str]:
    """One line of Markdown for each defect."""
    rows = [("graphs, " + " and ".join(each.precisions), each) for each in GRAPH_DEFECTS]
    rows += [("file, " + " and ".join(each.converters) + f" {each.precision}", each) for each in FILE_DEFECTS]
    rows += [("contents", each) for each in CONTENT_DEFECTS]
    return [
        f"| {each.name} | {where} | {', '.join(f'`{name}`' for name in each.found_by)} "
        f"| {f'“{each.cause}”' if each.cause else ''} |"
        for where, each in rows
    ]


if __name__ == "__main__":
    print("\n".join(defect_rows()))
