"""A person's way through the pages of `provider.mjs` without a browser's engine: forms, cookies, redirects."""

import re
from html import unescape
from urllib.parse import urljoin, urlsplit

from tests.server.browser import Browser, Page

_STEPS_MAX = 12


def sign_on_by(browser: Browser, provider: str, login: str) -> Page:
    """Sign on to the server of this browser by one of its providers, as this person; the page of the way back."""
    sent = browser.post(f"/sign-on/with/{provider}", {"next": "/account"})
    assert sent.status == 200, sent.text
    at = unescape(sent.text.partition('content="0;url=')[2].partition('"')[0])
    there = Browser("{0.scheme}://{0.netloc}".format(urlsplit(at)))
    page = there.get(_path(at))
    for _ in range(_STEPS_MAX):
        if page.location:
            at = urljoin(at, page.location)
            if at.startswith(f"{browser.url}/"):
                return browser.get(_path(at))
            page = there.get(_path(at))
        else:
            form = re.search(r'<form[^>]* action="([^"]+)"', page.text)
            assert form is not None, page.text
            at = urljoin(at, unescape(form[1]))
            page = there.post(_path(at), {"prompt": page.hidden("prompt"), "login": login, "password": "any"})
        there.cookies = {name: value for name, value in there.cookies.items() if value}  # an empty one was taken back
    raise AssertionError(f"{provider} sent {login} in circles")


def _path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
