"""The terminal face: a Textual application over the console's services.

What may live here: presentation for the terminal. What may not: anything a browser would want too; that is `console`'s.
"""
