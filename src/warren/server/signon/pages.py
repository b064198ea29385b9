"""What a browser is shown: templates filled, with the headers that keep a page to itself.

Decides the form of pages: rendered here, readable on a phone and by a screen reader, without script but for passkeys,
which browsers know only by script. Style and script are inline and named by their hash in the policy (SECURITY.md
rule 2). Must not know sessions or the database.
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
def _policy(script: str) -> str:
    allowed = f" script-src {_named(script)};" if script else ""
    return (
        f"default-src 'none'; style-src {_named('style.css')};{allowed} form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    )


def _named(file: str) -> str:
    digest = base64.b64encode(hashlib.sha256((FOLDER / file).read_bytes()).digest()).decode()
    return f"'sha256-{digest}'"


def page(template: str, /, *, status: int = 200, script: str = "", **values: object) -> Response[str]:
    """The page of this name. `values` are what its template names; a missing one is a bug. `script`: the file of the
    one script that it may have in it, as `script`."""
    if script:
        values["script"] = (FOLDER / script).read_text("utf-8")
    text = _environment().get_template(f"{template}.html").render(**values)
    headers = {
        "content-security-policy": _policy(script),
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
    }
    return Response(text, status_code=status, media_type="text/html", headers=headers)
