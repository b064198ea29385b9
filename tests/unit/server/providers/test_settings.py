"""The file of providers: what is refused, with a sentence."""

import pytest

from warren.errors import WarrenError
from warren.server.providers.settings import parse_providers

GOOD = """
[[provider]]
id = "corp"
name = "Corp"
issuer = "https://login.corp.example"
client_id = "warren"
client_secret = "file:secret"
domains = ["corp.example"]
"""


def test_a_secret_comes_from_its_file_and_is_not_shown() -> None:
    (one,) = parse_providers(GOOD, {"secret": "hush\n"}.__getitem__)
    assert one.client_secret == "hush"
    assert "hush" not in repr(one)


@pytest.mark.parametrize(
    ("change", "to", "why"),
    [
        ("https://login", "http://login", "https://"),
        ("https://login.corp.example", "https://login.corp.example?x=1", "https://"),
        ('"file:secret"', '"hush"', "file:PATH"),
        ('"file:secret"', '"file:empty"', "empty"),
        ('["corp.example"]', '["gmail.com"]', "shared mail"),
        ('["corp.example"]', '["Corp.example"]', "lower case"),
        ('["corp.example"]', '["corp"]', "mail domain"),
        ('domains = ["corp.example"]', "", "nobody may sign on"),
        ('id = "corp"', 'id = "../x"', "id"),
        ('name = "Corp"', 'nmae = "Corp"', "did you mean 'name'"),
        ("[[provider]]", "[[providers]]", "stand under"),
        ('client_id = "warren"', 'client_id = "warren"\nscopes = ["email"]', "openid"),
    ],
)
def test_what_cannot_work_is_refused_with_its_reason(change: str, to: str, why: str) -> None:
    assert change in GOOD
    with pytest.raises(WarrenError) as caught:
        parse_providers(GOOD.replace(change, to), {"secret": "hush", "empty": " "}.__getitem__)
    assert why in caught.value.text


def test_plain_http_is_for_loopback_and_only_where_that_was_said() -> None:
    plain = GOOD.replace("https://login.corp.example", "http://127.0.0.1:8080").replace("file:secret", "file:s")
    with pytest.raises(WarrenError):
        parse_providers(plain, {"s": "x"}.__getitem__)
    (one,) = parse_providers(plain + "private = true\n", {"s": "x"}.__getitem__)
    assert one.issuer == "http://127.0.0.1:8080"
    with pytest.raises(WarrenError):
        parse_providers(plain.replace("127.0.0.1", "10.0.0.1") + "private = true\n", {"s": "x"}.__getitem__)


def test_two_entries_share_neither_id_nor_issuer() -> None:
    for other in (GOOD.replace('"corp"', '"two"'), GOOD.replace("login.corp", "login.two")):
        with pytest.raises(WarrenError) as caught:
            parse_providers(GOOD + other, {"secret": "x"}.__getitem__)
        assert "the same" in caught.value.text
