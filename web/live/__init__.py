"""Live updates by server-sent events.

How pages stay current: `/live` (of another cluster: `/clusters/NAME/live`) sends a `snapshot` event after each pass of the
sampler. `static/js/live.js` then fetches the page's own address with `?_part=main` and exchanges every element that has an
`id` and `data-live` and differs; tables fetch the window they show. One request is under way at a time, however fast events
come, and none while paused or hidden. So a page is written once, as a template, and is live.

What streams (a tail, the progress of a query) has an endpoint of its own that answers with `event_stream(events)`; `Feed`
is the bounded queue between whoever produces and one client. What may not live here: what events mean.
"""
