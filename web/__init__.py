"""The web face: pages, JSON and server-sent events over the console's services.

What may live here: presentation for the browser. What may not: anything a terminal would want too; that is `console`'s.
"""
