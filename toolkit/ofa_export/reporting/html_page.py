"""Pages of HTML from templates that lie beside the code which fills them; all share one style.

Whatever a template shows is a foreign text to it: each value is made harmless on its way in, and escaped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ofa_export.errors import MissingToolError
from ofa_export.foreign_text import shown

LONGEST = 5000
"""Characters of a value on a page: the credit that data ask for has up to 4,000."""


def render_page(template: Path, **values: Any) -> str:
    """Return a self-contained page.

    Args:
        template: Jinja2; it may include `page_style.css`.
        values: what it shows.

    Raises:
        MissingToolError: Jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise MissingToolError(
            'The HTML page needs Jinja2. Install it with `pip install "ofa-export[report]"`, or leave out --html.'
        ) from error
    environment = Environment(
        loader=FileSystemLoader([template.parent, Path(__file__).parent]),
        autoescape=True,
        finalize=_harmless,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["share"] = lambda value: f"{value:.1%}"
    page: str = environment.get_template(template.name).render(**values)
    return page


def _harmless(value: object) -> object:
    # What is safe as it is, our own SVG and what macros made of harmless values, has its HTML.
    return shown(value, at_most=LONGEST) if isinstance(value, str) and not hasattr(value, "__html__") else value
