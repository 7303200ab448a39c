"""The terminal face: one Textual application over `console`, with the nouns, verbs and keys of the web console.

What lives here: the application (`app.py`), one module per view (`views/`), widgets that are ours (`widgets/`: the
virtual table, the chart), keys and commands as data (`bindings.py`, `aliases.py`), and `stoker tui` (`commands.py`). What
may not: anything that a browser would want too (that is `console`'s), and requests to a cluster from a widget: views ask
the services.
"""
