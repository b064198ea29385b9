"""A person with a browser on a host of the lab: `python -m tests.netlab.person URL NAME PASSWORD CODE NETWORK`.

Signs on and approves what waits under the code, as the pages lead. Prints when 'approve' was pressed, before anything
of that is sent (CLOCK_MONOTONIC, which all hosts of the lab share). Exit code 0 when the server said that it is done.
"""

import sys
import time

from tests.server.browser import Browser


def approve(url: str, name: str, password: str, code: str, network: str) -> bool:
    """Whether the program or machine was approved."""
    browser = Browser(url)
    browser.sign_on(name, password)
    shown = browser.post("/device", {"csrf": browser.get("/device").hidden("csrf"), "code": code})
    answer = {"csrf": shown.hidden("csrf"), "code": shown.hidden("code"), "answer": "approve", "network": network}
    print(time.monotonic(), flush=True)  # noqa: T201 - whoever started this reads it
    return browser.post("/device/decide", answer).status == 200


if __name__ == "__main__":
    sys.exit(not approve(*sys.argv[1:6]))
