-- What was sold, and for how much, by product?
select value->>'$.product' product, count(*) orders, sum((value->>'$.amount_cents')::bigint) / 100 euros
from orders
where value->>'$.status' = 'paid'
group by product
order by product;

-- Why do orders end up in the dead-letter topic?
select decode(list_filter(headers, lambda h: h.name = 'error')[1].value) error, count(*) orders
from "orders-dead-letter"
group by error
order by orders desc, error;

-- How long did the first five dead letters take from the order to being given up?
select o.value->>'$.order_id' order_id, date_diff('millisecond', o.timestamp, d.timestamp) ms
from "orders-dead-letter" d
join orders o on o.value->>'$.order_id' = d.value->>'$.order_id'
order by order_id
limit 5;
