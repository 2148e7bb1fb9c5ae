-- Columns with their type, and what is left of it when the domains are taken off.
-- Only of the types that columns have: each table brings two more, and all columns look through them.
with recursive base_types as (
    select
        t.oid as origin,
        t.oid,
        t.typbasetype,
        t.typtypmod,
        0 as depth
    from pg_catalog.pg_type as t
    where
        t.oid in (
            select a.atttypid
            from pg_catalog.pg_attribute as a
            inner join pg_catalog.pg_class as c on c.oid = a.attrelid
            where c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
        )
    union all
    select
        b.origin,
        t.oid,
        t.typbasetype,
        case when t.typtypmod >= 0 then t.typtypmod else b.typtypmod end,
        b.depth + 1
    from base_types as b
    inner join pg_catalog.pg_type as t on t.oid = b.typbasetype
    where b.typbasetype <> 0
),

-- Once for each domain, and not for each column: constraints cannot be looked up by it alone.
domain_rules as (
    select
        d.origin,
        array_agg(pg_catalog.pg_get_expr(k.conbin, 0) order by k.conname) as checks
    from base_types as d
    inner join pg_catalog.pg_constraint as k on k.contypid = d.oid and k.contype = 'c'
    group by d.origin
)

select
    n.nspname as schema,
    c.relname as table,
    a.attname as name,
    pg_catalog.format_type(a.atttypid, a.atttypmod) as type,
    pg_catalog.format_type(t.oid, case when b.depth = 0 then a.atttypmod else b.typtypmod end) as base_type,
    t.typname as base_name,
    t.typtype::text as base_kind,
    case
        when t.typcategory = 'A' then (select e.typname from pg_catalog.pg_type as e where e.oid = t.typelem)
        when t.typtype in ('r', 'm')
            then (
                select e.typname
                from pg_catalog.pg_range as r
                inner join pg_catalog.pg_type as e on e.oid = r.rngsubtype
                where t.oid in (r.rngtypid, r.rngmultitypid)
            )
    end as element_name,
    case when b.depth = 0 then a.atttypmod else b.typtypmod end as typmod,
    array(
        select l.enumlabel::text
        from pg_catalog.pg_enum as l
        where l.enumtypid in (t.oid, t.typelem)
        order by l.enumsortorder
    ) as labels,
    coalesce(r.checks, '{}') as domain_checks,
    a.attnotnull or exists (
        select 1
        from base_types as d
        inner join pg_catalog.pg_type as o on o.oid = d.oid
        where d.origin = a.atttypid and o.typnotnull
    ) as not_null,
    pg_catalog.pg_get_expr(f.adbin, f.adrelid) as default,
    a.attidentity::text as identity,
    a.attgenerated::text as generated,
    pg_catalog.col_description(c.oid, a.attnum) as comment
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
inner join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
inner join base_types as b on b.origin = a.atttypid and b.typbasetype = 0
inner join pg_catalog.pg_type as t on t.oid = b.oid
left join domain_rules as r on r.origin = a.atttypid
left join pg_catalog.pg_attrdef as f on f.adrelid = c.oid and f.adnum = a.attnum
where
    c.relkind in ('r', 'p')
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
    and n.nspname <> %(ledger)s
order by 1, 2, a.attnum
