"""A small browser without a screen: keeps cookies, fills forms, follows nothing by itself."""

import http.client
import re
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import urlencode, urlsplit


@dataclass(slots=True)
class Page:
    """An answer: its status, where it sends on to, its text."""

    status: int
    location: str
    text: str
    headers: dict[str, str]
    set_cookies: list[str]

    def hidden(self, name: str) -> str:
        """The value of a hidden field."""
        found = re.search(rf'name="{name}" value="([^"]*)"', self.text)
        return unescape(found[1]) if found else ""


@dataclass(slots=True)
class Browser:
    """One person's browser at the server of this URL; with https:// it trusts what SSL_CERT_FILE names."""

    url: str
    cookies: dict[str, str] = field(default_factory=dict)
    address: str = ""
    """From which of this machine's addresses it comes, where that matters."""

    def get(self, path: str) -> Page:
        """Open a page."""
        return self._call("GET", path, None, {})

    def post(self, path: str, fields: dict[str, str], *, site: str | None = "same-origin", **headers: str) -> Page:
        """Send a form as a page of `site` would."""
        said = {"content-type": "application/x-www-form-urlencoded"} | headers
        if site is not None:
            said["sec-fetch-site"] = site
        return self._call("POST", path, urlencode(fields), said)

    def sign_on(self, name: str, password: str, afterwards: str = "/device") -> Page:
        """Name and password into the form."""
        return self.post("/sign-on", {"name": name, "password": password, "next": afterwards})

    def _call(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Page:
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.netloc, timeout=60, source_address=(self.address, 0) if self.address else None)
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection.request(method, path, body, headers | ({"cookie": cookie} if cookie else {}))
        response = connection.getresponse()
        for set_cookie in response.headers.get_all("set-cookie") or []:
            name, _, value = set_cookie.partition(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
        page = Page(
            response.status,
            response.headers.get("location", ""),
            response.read().decode(),
            {name.lower(): "; ".join(response.headers.get_all(name) or ()) for name in response.headers},
            response.headers.get_all("set-cookie") or [],
        )
        connection.close()
        return page
