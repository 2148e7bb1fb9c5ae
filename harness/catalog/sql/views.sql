-- Views and materialized views, one row for each relation that the query of one names. What a view's rule says of the
-- view itself is no reading.
select distinct
    n.nspname as schema,
    c.relname as table,
    pg_catalog.pg_get_userbyid(c.relowner)::text as owner,
    c.relkind = 'm' as materialized,
    exists (
        select from pg_catalog.pg_options_to_table(c.reloptions) as o
        where o.option_name = 'security_invoker' and o.option_value::boolean
    ) as security_invoker,
    exists (
        select from pg_catalog.pg_options_to_table(c.reloptions) as o
        where o.option_name = 'security_barrier' and o.option_value::boolean
    ) as security_barrier,
    rn.nspname as read_schema,
    r.relname as read_table
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
inner join pg_catalog.pg_rewrite as w on w.ev_class = c.oid
inner join pg_catalog.pg_depend as d on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = w.oid
inner join pg_catalog.pg_class as r on d.refclassid = 'pg_catalog.pg_class'::regclass and r.oid = d.refobjid
inner join pg_catalog.pg_namespace as rn on rn.oid = r.relnamespace
where
    c.relkind in ('v', 'm')
    and r.relkind in ('r', 'p', 'v', 'm', 'f')
    and r.oid <> c.oid
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
    and n.nspname <> %(ledger)s
order by 1, 2, 7, 8
