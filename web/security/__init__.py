"""What keeps others out: who may come in (`access`), from which names and pages (`origin`), what answers carry
(`headers`), and how much anybody may ask for (`bounds`, `rates`, `slow_clients`). Each is an ASGI layer that knows
nothing of pages; `guarded` puts them around the application. What may not live here: what a page shows.
"""
