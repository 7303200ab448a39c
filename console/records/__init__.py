"""Records in and out, for every face: nothing in here prints, and nothing knows of terminals or pages of HTML.

    await browse(client, BrowseRequest(...)) -> Page             a page by time, newest or oldest first, and its cursors
    async for step in search(client, SearchRequest(...), now_ms)  with fixed ends, an account and a token to go on with
    async for step in follow(client, StreamRequest(...), now_ms)  what arrives, for someone who may be slower
    await latest_by_key(client, LatestRequest(...), now_ms)       what compaction would leave
    async for step in count_records(client, topics)               exactly; `records_at_most` at once
    await produce(client, clock, topic, records)                  a few; `produce_stream` for many
    await export_records(client, request, now_ms, writer)         files; `importing` reads them back

Each is in the module of its name (`latest`, `counting`, `sending`, `exporting`). All of them take `filters.RecordFilter`,
`model.Visibility` and `positions.Position`, raise `OperatorError`, and hold a bounded amount of memory. Below them are
`stream` (partitions merged by time), `paging` (no more than a page needs), `reader` (fetching) and `producer`.
"""
