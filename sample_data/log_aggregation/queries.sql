-- How many lines of each level?
select value->>'$.level' level, count(*) lines
from "service-logs"
group by level
order by lines desc;

-- Which services fail, and how often of a hundred lines?
select key service, count(*) filter (value->>'$.level' = 'ERROR') errors, (100 * errors) // count(*) percent
from "service-logs"
group by service
order by errors desc, service;

-- What do the errors of `payment` say?
select value->>'$.message' message, count(*) lines, max((value->>'$.duration_ms')::int) slowest_ms
from "service-logs"
where key = 'payment' and value->>'$.level' = 'ERROR'
group by message
order by lines desc, message;
