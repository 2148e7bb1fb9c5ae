-- Rules of tables (CREATE RULE): what a command on the table is made into, or what is done besides.
select
    n.nspname as schema,
    c.relname as table,
    r.rulename as name,
    case r.ev_type when '2' then 'update' when '3' then 'insert' when '4' then 'delete' end as command,
    r.is_instead and r.ev_qual::text = '<>' as instead
from pg_catalog.pg_rewrite as r
inner join pg_catalog.pg_class as c on c.oid = r.ev_class
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where
    c.relkind in ('r', 'p')
    and r.ev_type in ('2', '3', '4')
    and r.ev_enabled in ('O', 'A')
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
    and n.nspname <> %(ledger)s
order by 1, 2, 3
