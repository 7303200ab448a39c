-- How many users are there now?
select count(*) users
from (select key, arg_max(value is null, offset) gone from "user-profiles" group by key)
where not gone;

-- Which plans do they have?
with newest as (
    select key, value from "user-profiles"
    qualify row_number() over (partition by key order by offset desc) = 1
)
select value->>'$.plan' plan, count(*) users
from newest
where value is not null
group by plan
order by users desc, plan;

-- How much would compaction save?
select count(*) records, count(distinct key) keys, count(*) filter (value is null) tombstones
from "user-profiles";
