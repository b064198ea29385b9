"""`warren user`: people of a server who sign on with a name and password."""

import getpass
import sys
import time

from warren.cli import output
from warren.cli.grammar import Parsed, UsageError
from warren.cli.secret import read_secret
from warren.cli.server_call import acted_on, rest_client
from warren.cli.units import show_duration
from warren.model.names import printable
from warren.protocol.rest.users import User, UserChange, UserCreate, Users


def create(parsed: Parsed) -> int:
    """Make a user; the password is asked for on the terminal unless --password says where it is."""
    given = parsed.text("password")
    name = parsed.argument("name")
    password = _asked(name) if given is None else read_secret(given, "password")
    client = rest_client(parsed)
    made = client.post("users", body=UserCreate(name=name, password=password, admin=parsed.is_on("admin")), kind=User)
    if parsed.is_on("json"):
        output.say_json(made)
    acted_on(client, f"{made.name} may sign on" + (", and administers the server" if made.admin else ""))
    return output.DONE


def _asked(name: str) -> str:
    if not sys.stdin.isatty():
        raise UsageError("--password says where the password is: file:PATH, or - for standard input")
    first = getpass.getpass(f"password for {name}: ")
    if getpass.getpass("the same again: ") != first:
        raise UsageError("the two are not the same")
    return first


def list_users(parsed: Parsed) -> int:
    """Print the users of a server."""
    found = tuple(one for page in rest_client(parsed).pages("users", kind=Users) for one in page.users)
    if parsed.is_on("json"):
        output.say_json(Users(users=found))
        return output.DONE
    now = time.time()
    rows = [
        (
            one.name,
            one.issuer,
            "server's admin" if one.admin else "user",
            "shut out" if one.disabled_at is not None else f"since {show_duration(int(now - one.created_at))}",
            one.id,
        )
        for one in found
    ]
    output.table(("NAME", "SIGNS ON BY", "IS", "STATE", "ID"), rows)
    return output.DONE


def disable(parsed: Parsed) -> int:
    """Shut a user out."""
    return _change(parsed, is_out=True, said="is shut out: tokens are refused, machines of theirs are removed")


def enable(parsed: Parsed) -> int:
    """Let a user in again."""
    return _change(parsed, is_out=False, said="may sign on again")


def _change(parsed: Parsed, *, is_out: bool, said: str) -> int:
    client = rest_client(parsed)
    changed = client.patch("users", parsed.argument("name"), body=UserChange(disabled=is_out), kind=User)
    if parsed.is_on("json"):
        output.say_json(changed)
    acted_on(client, f"{changed.name} {said}")
    for machine in changed.kept:
        output.note(printable(f"{machine} stays: its network is locked, and only the owner's machine removes it"))
    return output.DONE


def reset(parsed: Parsed) -> int:
    """Take a user's second factors away."""
    client = rest_client(parsed)
    changed = client.delete("users", parsed.argument("name"), "factors", kind=User)
    if parsed.is_on("json"):
        output.say_json(changed)
    acted_on(client, f"{parsed.argument('name')} has no second factor any more, and is signed off everywhere")
    return output.DONE
