"""One module per view. A view shows what `source` has, asks its questions there, and says where Enter leads.

A view that is a table is a `TableView`: columns as data, `rows()` from the snapshot, or `ask()` where that is not enough.
To add one: a module here, a line in `tui.aliases.VIEWS`, its keys in `tui.bindings.KEYS` (scope: the view's name). What may
not live here: how something looks (widgets), what a change does (`console.changes`), what a browser would want too.
"""
