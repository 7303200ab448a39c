-- Who drives faster than 50 km/h, and how often?
select key vehicle, count(*) times, max((value->>'$.speed_kmh')::int) fastest_kmh
from "vehicle-positions"
where (value->>'$.speed_kmh')::int > 50
group by vehicle
order by vehicle;

-- Where was each of the first three buses last?
select key vehicle, arg_max(value->>'$.latitude', offset) latitude, arg_max(value->>'$.longitude', offset) longitude
from "vehicle-positions"
where key in ('bus-01', 'bus-02', 'bus-03')
group by vehicle
order by vehicle;

-- Is every vehicle's way in one partition?
select count(*) vehicles, max(partitions) partitions_at_most
from (select key, count(distinct partition) partitions from "vehicle-positions" group by key);
