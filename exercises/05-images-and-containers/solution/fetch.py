"""Prints what a weather station has measured in one year: a line every five minutes, as CSV.

In earnest this would be a download. Here it is computed, so that no network is needed, and it is
the same each time.
"""

import math
import random
from datetime import datetime, timedelta

STATION = "LP-01,La Plata,Astronomical Observatory,Buenos Aires,Argentina,-34.9068,-57.9324,15 m"


def main() -> None:
    chance = random.Random(1940)
    hour = datetime(2025, 1, 1)
    while hour.year == 2025:
        day = hour.timetuple().tm_yday
        season = 7 * math.cos(2 * math.pi * (day - 15) / 365)
        warmth = 17 + season + 4 * math.sin(2 * math.pi * (hour.hour - 9) / 24)
        stamp = f"{hour:%Y-%m-%dT%H}"
        for count, noise in enumerate(chance.randbytes(12)):
            print(
                f"{stamp}:{5 * count:02},{STATION},"
                f"{warmth + noise / 100:.1f} °C,{50 + noise // 8} %,{1013 - noise // 25} hPa"
            )
        hour += timedelta(hours=1)


main()
