-- Triggers that people made; those behind foreign keys are left out. The bits of tgtype are PostgreSQL's.
select
    n.nspname as schema,
    c.relname as table,
    t.tgname as name,
    t.tgfoid::regproc::text as function,
    case
        when t.tgtype & 2 <> 0 then 'before'
        when t.tgtype & 64 <> 0 then 'instead of'
        else 'after'
    end as timing,
    case when t.tgtype & 1 <> 0 then 'row' else 'statement' end as level,
    array_remove(array[
        case when t.tgtype & 4 <> 0 then 'insert' end,
        case when t.tgtype & 8 <> 0 then 'delete' end,
        case when t.tgtype & 16 <> 0 then 'update' end,
        case when t.tgtype & 32 <> 0 then 'truncate' end
    ], null) as events,
    t.tgenabled::text as enabled,
    pg_catalog.pg_get_triggerdef(t.oid) as definition
from pg_catalog.pg_trigger as t
inner join pg_catalog.pg_class as c on c.oid = t.tgrelid
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where
    not t.tgisinternal
    and c.relkind in ('r', 'p')
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
    and n.nspname <> %(ledger)s
order by 1, 2, 3
