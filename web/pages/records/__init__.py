"""The records of a topic: pages of them, one in full, search, live tail, and the forms that produce.

What lives here: one module for each of these pages, and what their addresses have in common (`asked`). What may not: how
records are read, filtered and shown; that is `console.records`' and `web.api.records`', which these pages use as well.
"""

from web.page import PageRoute
from web.pages.records import browsing, produce, produce_file, record, search, tail

PAGES: tuple[PageRoute, ...] = (
    *browsing.PAGES,
    *record.PAGES,
    *search.PAGES,
    *tail.PAGES,
    *produce.PAGES,
    *produce_file.PAGES,
)
