"""The median of many round trips; one that is lost counts as longer than any other."""

import math
import re
import statistics

from tests.netlab.host import Host

APART_S = 0.002
COUNT = 600  # 1.2 s of them
AT_MOST_S = 2  # a busy machine sends fewer


def median_us(host: Host, address: str) -> float:
    """In µs."""
    words = ["ping", "-n", "-i", str(APART_S), "-c", str(COUNT), "-w", str(AT_MOST_S), address]
    said = host.run(words, check=False).stdout
    times_us = [float(found) * 1e3 for found in re.findall(r" time=([\d.]+) ms", said)]
    sent = re.search(r"(\d+) packets transmitted", said)
    if sent is None:
        raise RuntimeError(said)
    return statistics.median(times_us + [math.inf] * (int(sent[1]) - len(times_us)))
