"""What a browser is shown: templates filled, with the headers that keep a page to itself.

Decides the form of pages: rendered here, no script, readable on a phone and by a screen reader. The style is inline and
named by its hash in the policy (SECURITY.md rule 2). Must not know sessions or the database.
"""

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response

FOLDER = Path(__file__).with_name("templates")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, auto_reload=False
    )
    environment.globals["style"] = (FOLDER / "style.css").read_text("utf-8")
    return environment


@cache
def _policy() -> str:
    style = hashlib.sha256((FOLDER / "style.css").read_bytes()).digest()
    named = base64.b64encode(style).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{named}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def page(template: str, /, *, status: int = 200, **values: object) -> Response[str]:
    """The page of this name. `values` are what its template names; a missing one is a bug."""
    text = _environment().get_template(f"{template}.html").render(**values)
    headers = {
        "content-security-policy": _policy(),
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
    }
    return Response(text, status_code=status, media_type="text/html; charset=utf-8", headers=headers)
