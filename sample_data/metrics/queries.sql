-- How busy is each kind of host?
select split_part(key, '-', 1) kind, round(avg((value->>'$.cpu_percent')::decimal(6, 1)), 1) cpu_percent
from "host-metrics"
group by kind
order by kind;

-- Which host's disk fills up fastest?
select key host, max((value->>'$.disk_percent')::decimal(6, 2)) - min((value->>'$.disk_percent')::decimal(6, 2)) grown
from "host-metrics"
group by host
order by grown desc, host
limit 3;

-- What did each web server measure last?
select key host, arg_max((value->>'$.requests_per_second')::int, offset) requests_per_second
from "host-metrics"
where key like 'web-%'
group by host
order by host;
