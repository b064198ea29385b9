"""What a program says that it holds."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.netlab.until import until

PROGRAM = """
import asyncio
from warren import inventory, log, running
async def main():
    log.begin("info")
    inventory.tell_when_asked()
    await asyncio.to_thread(list)
    more = [asyncio.create_task(asyncio.sleep(60)) for _ in range(3)]
    print("ready", flush=True)
    await asyncio.gather(*more)
running.run(main())
"""


def test_a_program_that_is_asked_says_what_it_holds_and_goes_on(tmp_path: Path) -> None:
    told = tmp_path / "told.log"

    def lines() -> list[dict[str, str]]:
        return [json.loads(line) for line in told.read_text().splitlines()]

    with (
        told.open("wb") as stderr,
        subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=stderr) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        for number in (1, 2):
            os.kill(process.pid, signal.SIGUSR1)
            until(lambda number=number: len(lines()) == number, "it says so")  # type: ignore[misc]
        process.kill()
    assert {line["event"] for line in lines()} == {"holds"}
    assert lines()[0]["tasks"] == "4", "the program's own and three more"
    assert int(lines()[0]["descriptors"]) >= 3
    assert int(lines()[0]["threads"]) == 2
    assert lines()[0]["work"] == "1", "the thread that something was handed to"
