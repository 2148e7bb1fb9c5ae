-- The types that columns and functions use, with what they are made of: a composite's attributes, an array's element, a range's subtype.
with recursive parts as (
    select
        t.oid,
        t.typbasetype as part,
        null as name,
        -1 as typmod,
        0 as place
    from pg_catalog.pg_type as t
    where t.typtype = 'd'
    union all
    select t.oid, t.typelem, '', -1, 0
    from pg_catalog.pg_type as t
    where t.typcategory = 'A' and t.typelem <> 0
    union all
    select r.oid, r.part, '', -1, 0
    from (
        select rngtypid as oid, rngsubtype as part from pg_catalog.pg_range
        union all
        select rngmultitypid, rngsubtype from pg_catalog.pg_range
    ) as r
    union all
    select t.oid, a.atttypid, a.attname::text, a.atttypmod, a.attnum
    from pg_catalog.pg_type as t
    inner join pg_catalog.pg_attribute as a on a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
    where t.typtype = 'c'
),

used as (
    select a.atttypid as oid
    from pg_catalog.pg_attribute as a
    inner join pg_catalog.pg_class as c on c.oid = a.attrelid
    inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where
        c.relkind in ('r', 'p', 'v', 'm', 'c')
        and a.attnum > 0
        and not a.attisdropped
        and n.nspname !~ '^pg_'
        and n.nspname <> 'information_schema'
        and n.nspname <> %(ledger)s
    union
    select a.oid
    from pg_catalog.pg_proc as f
    inner join pg_catalog.pg_namespace as n on n.oid = f.pronamespace
    cross join lateral
        unnest(f.prorettype || coalesce(f.proallargtypes, f.proargtypes::oid[])) as a (oid)
    where
        n.nspname !~ '^pg_'
        and n.nspname <> 'information_schema'
        and n.nspname <> %(ledger)s
    union
    select p.part
    from used as u
    inner join parts as p on p.oid = u.oid
)

select
    t.oid::bigint as oid,
    pg_catalog.format_type(t.oid, null) as type,
    t.typname::text as name,
    t.typtype::text as kind,
    t.typbasetype::bigint as base,
    case t.typtype when 'd' then pg_catalog.format_type(t.typbasetype, t.typtypmod) end as base_type,
    t.typtypmod as typmod,
    t.typnotnull as not_null,
    array(
        select l.enumlabel::text
        from pg_catalog.pg_enum as l
        where l.enumtypid = t.oid
        order by l.enumsortorder
    ) as labels,
    array(
        select pg_catalog.pg_get_expr(k.conbin, 0)
        from pg_catalog.pg_constraint as k
        where k.contypid = t.oid and k.contype = 'c'
        order by k.conname
    ) as checks,
    array(
        select k.conname::text
        from pg_catalog.pg_constraint as k
        where k.contypid = t.oid and k.contype = 'c'
        order by k.conname
    ) as check_names,
    array(
        select jsonb_build_array(p.name, p.part::bigint, p.typmod)
        from parts as p
        where p.oid = t.oid and p.name is not null
        order by p.place
    ) as parts
from used as u
inner join pg_catalog.pg_type as t on t.oid = u.oid
order by 1
