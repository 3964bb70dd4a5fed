"""Reads the station's lines on standard input; prints the mean temperature of each month, as JSON.

What it has read it keeps in ~/.cache/weather, to be quicker the next time; with --no-cache it
keeps nothing.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path


def main() -> None:
    lines = sys.stdin.readlines()
    if "--no-cache" not in sys.argv:
        cache = Path.home() / ".cache" / "weather"
        cache.mkdir(parents=True, exist_ok=True)
        (cache / "readings").write_text("".join(lines))
    temperatures = defaultdict(list)
    for line in lines:
        time, *_station, temperature, _humidity, _pressure = line.split(",")
        temperatures[int(time[5:7])].append(float(temperature.removesuffix(" °C")))
    means = {month: round(sum(found) / len(found), 1) for month, found in temperatures.items()}
    print(json.dumps({"readings": len(lines), "means": means}))


main()
