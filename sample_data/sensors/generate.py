"""Twenty vehicles in a city that tell where they are; two of them drive too fast, and batteries run down."""

from __future__ import annotations

import random
from collections.abc import Iterator

from sample_data.generating import SampleRecord, main

VEHICLES = tuple(f"bus-{number:02d}" for number in range(1, 13)) + tuple(f"van-{number:02d}" for number in range(1, 9))
HASTY = frozenset({"van-03", "van-07"})
CENTRE = (52.52, 13.405)


def generate(randomness: random.Random) -> Iterator[SampleRecord]:
    """Positions keyed by vehicle: degrees (WGS 84), km/h, percent of battery."""
    latitude = {vehicle: CENTRE[0] + randomness.uniform(-0.05, 0.05) for vehicle in VEHICLES}
    longitude = {vehicle: CENTRE[1] + randomness.uniform(-0.08, 0.08) for vehicle in VEHICLES}
    battery = {vehicle: randomness.uniform(40, 100) for vehicle in VEHICLES}
    while True:
        vehicle = randomness.choice(VEHICLES)
        stands = randomness.random() < 0.2
        speed = 0 if stands else randomness.randrange(10, 49) + (25 if vehicle in HASTY else 0)
        # Back towards the centre, so that nobody leaves the map.
        latitude[vehicle] += speed * randomness.uniform(-1, 1) * 2e-5 + (CENTRE[0] - latitude[vehicle]) * 0.01
        longitude[vehicle] += speed * randomness.uniform(-1, 1) * 3e-5 + (CENTRE[1] - longitude[vehicle]) * 0.01
        battery[vehicle] = 100.0 if battery[vehicle] < 5 else battery[vehicle] - speed * 0.012
        value = {
            "vehicle": vehicle,
            "latitude": round(latitude[vehicle], 5),
            "longitude": round(longitude[vehicle], 5),
            "speed_kmh": speed,
            "battery_percent": round(battery[vehicle], 1),
        }
        headers = {"firmware": "2.1" if vehicle.startswith("bus") else "1.9"}
        yield SampleRecord("vehicle-positions", vehicle, value, headers, randomness.randrange(200, 2_000))


if __name__ == "__main__":
    main(generate, "sensors")
