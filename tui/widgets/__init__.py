"""Widgets that are ours: the virtual table, charts, dialogs, the lines at the top and the bottom.

What may not live here: anything that knows what a topic is, and any question to a cluster. Their cores (`table_model`,
`raster`, `cells`) are pure and know nothing of Textual.
"""
