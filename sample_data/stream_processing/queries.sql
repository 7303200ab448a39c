-- How many articles were dropped on the way?
select count(*) articles, count(c.key) cleansed, count(*) - count(c.key) dropped
from articles a
left join "articles-cleansed" c on c.key = a.key;

-- What are the cleansed articles about?
select topic, count(*) articles
from (select unnest((value->'$.topics')::varchar[]) topic from "articles-cleansed")
group by topic
order by articles desc, topic;

-- How many spellings of a language became one?
select c.value->>'$.language' language, count(distinct a.value->>'$.language') spellings, count(*) articles
from articles a
join "articles-cleansed" c on c.key = a.key
group by 1
order by 1;
