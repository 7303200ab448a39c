-- Which accounts have the highest balance?
select key account, sum((value->>'$.amount_cents')::bigint)::bigint cents
from "account-events"
group by account
order by cents desc, account
limit 3;

-- Was a balance ever below zero, or an event missing?
with steps as (
    select sum((value->>'$.amount_cents')::bigint) over history balance,
           (value->>'$.number')::int - row_number() over history gap
    from "account-events"
    window history as (partition by key order by offset)
)
select count(*) events, count(*) filter (balance < 0) below_zero, count(*) filter (gap <> 0) gaps
from steps;

-- What happened how often?
select value->>'$.event' event, count(*) events
from "account-events"
group by event
order by events desc, event;
