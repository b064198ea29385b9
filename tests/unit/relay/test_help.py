"""What `warren relay --help` has to say, so that nobody needs more to finish a relay's set-up."""

import pytest

from warren.relay.main import main
from warren.relay.settings import Settings
from warren.server.relays.places import _FIELDS, parse_places


def test_help_names_every_flag_and_every_field_of_a_servers_list_of_relays(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"], lambda _: [])
    said = capsys.readouterr().out
    assert all("--" + field.replace("_", "-") in said for field in Settings.__struct_fields__)
    assert "[[relay]]" in said
    assert all(f"  {field} = " in said for field in _FIELDS)


def test_its_example_is_one_once_the_key_is_filled_in(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"], lambda _: [])
    lines = capsys.readouterr().out.splitlines()
    first = next(number for number, line in enumerate(lines) if "[[relay]]" in line)
    # two spaces and more: what stands behind is for people
    entry = [line.strip().split("  ")[0].replace("3b9a…", "3b" * 32) for line in lines[first : first + 5]]
    (place,) = parse_places("\n".join(entry))
    assert (place.name, place.udp, place.url) == ("fra", ("fra.example.org:3478",), "https://fra.example.org")
