"""Who may call what of the daemon: readers read, operators change, and what is not in the table does not exist."""

import pytest

from warren.protocol.local.rights import NEEDED, Right, allows


@pytest.mark.parametrize(("method", "path"), sorted(NEEDED))
def test_a_right_includes_those_below_it(method: str, path: str) -> None:
    needed = NEEDED[method, path]
    assert [allows(held, method, path) for held in Right] == [held >= needed for held in Right]


READING = {"/v1/ping", "/v1/netcheck", "/v1/why"}


def test_whoever_only_reads_changes_nothing() -> None:
    changing = {path for (method, path) in NEEDED if method == "POST" and path not in READING}
    signing = {
        f"/v1/network/{verb}" for verb in ("sign", "found", "waiting", "deny", "recovery", "import-root", "export-root")
    }
    assert changing == {"/v1/up", "/v1/down", "/v1/leave", "/v1/reidentify", "/v1/rekey", "/v1/renew"} | signing
    assert not allows(Right.OPERATOR, "POST", "/v1/network/export-root")
    assert not any(allows(Right.READER, "POST", path) for path in changing)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/up"), ("POST", "/v1/status"), ("GET", "/"), ("DELETE", "/v1/down")]
)
def test_what_is_not_in_the_table_nobody_may_call(method: str, path: str) -> None:
    assert not allows(Right.ROOT, method, path)
