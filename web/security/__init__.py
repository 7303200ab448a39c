"""What keeps others out: who may come in (`access`), from which names and pages (`origin`), that requests mean
one thing only (`plain_requests`), what answers carry (`headers`), and how much anybody may ask for (`bounds`, `slow_clients`, `closing`). Each is an ASGI layer, or a part of
the server's protocol, that knows nothing of pages; `guarded` puts the layers around the application. What may not live
here: what a page shows.

Each class of attack and the tests that show it is withstood: `tests/unit/web/security/test_attack_classes.py`.
"""
