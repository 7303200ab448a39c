-- Which pages are looked at most, and by how many visitors?
select value->>'$.page' page, count(*) views, count(distinct key) visitors
from "page-views"
group by page
order by views desc, page
limit 5;

-- Which pages are slow for one visitor in twenty?
select value->>'$.page' page, quantile_disc((value->>'$.load_ms')::int, 0.95) p95_ms
from "page-views"
group by page
order by p95_ms desc, page
limit 3;

-- What do visitors search for and never find?
select value->>'$.term' term, count(*) searches
from searches
where (value->>'$.results')::int = 0
group by term
order by searches desc, term;
