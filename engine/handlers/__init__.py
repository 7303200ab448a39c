"""One module per API key, named after it: `api_00_produce.py`, `api_01_fetch.py`, ...

Each opens with its contract (what it answers, what each version changed, what is not implemented), declares its
versions with `@handles`, and translates between the wire and the broker or controller. What may not live here: state,
timers, decisions.
"""
