-- Triggers that people made; those behind foreign keys are left out. The bits of tgtype are PostgreSQL's.
select
    n.nspname as schema,
    c.relname as table,
    t.tgname as name,
    p.pronamespace::regnamespace || '.' || quote_ident(p.proname) as function,
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
    pg_catalog.pg_get_triggerdef(t.oid) as definition,
    array(
        select a.attname::text
        from unnest(t.tgattr::smallint []) with ordinality as u (attnum, n)
        inner join pg_catalog.pg_attribute as a on a.attrelid = t.tgrelid and a.attnum = u.attnum
        order by u.n
    ) as columns,
    case
        when t.tgqual is not null
            then substring(pg_catalog.pg_get_triggerdef(t.oid) from ' WHEN \((.*)\) EXECUTE FUNCTION ')
    end as when,
    case
        when t.tgnargs > 0
            then substring(
                pg_catalog.pg_get_triggerdef(t.oid)
                from ' EXECUTE FUNCTION [^'']*?\((.*)\)$'
            )
        else ''
    end as arguments,
    case
        when t.tgconstraint = 0 then null
        when t.tginitdeferred then 'deferred'
        when t.tgdeferrable then 'deferrable'
        else 'not deferrable'
    end as deferrable,
    coalesce(p.prosrc, '') as source
from pg_catalog.pg_trigger as t
inner join pg_catalog.pg_proc as p on p.oid = t.tgfoid
inner join pg_catalog.pg_class as c on c.oid = t.tgrelid
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where
    -- A trigger of a partitioned table has a copy on each partition.
    not t.tgisinternal and t.tgparentid = 0
    and c.relkind in ('r', 'p')
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
    and n.nspname <> %(ledger)s
order by 1, 2, 3
