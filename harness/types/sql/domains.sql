-- Domains and their CHECKs; `base` is the type below, which may be a domain as well.
select
    pg_catalog.format_type(t.oid, null) as type,
    pg_catalog.format_type(t.typbasetype, null) as base,
    pg_catalog.pg_get_expr(t.typdefaultbin, 0) as default,
    k.conname::text as name,
    k.convalidated as validated,
    pg_catalog.pg_get_expr(k.conbin, 0) as expression
from pg_catalog.pg_type as t
left join pg_catalog.pg_constraint as k on k.contypid = t.oid and k.contype = 'c'
where t.typtype = 'd'
order by 1, 3
