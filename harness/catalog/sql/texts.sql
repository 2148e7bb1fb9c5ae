-- Text that PostgreSQL runs where a relation or a domain is used: of views, rules, triggers, policies, defaults, CHECKs.
-- A row without a name: the functions of operators and casts, which any text may run. `fires` is run by writes alone.
select c.relname as name, pg_catalog.pg_get_ruledef(r.oid) as text, r.ev_type <> '1' as fires
from pg_catalog.pg_rewrite as r
inner join pg_catalog.pg_class as c on c.oid = r.ev_class
where c.relnamespace <> 'pg_catalog'::regnamespace and c.relnamespace <> 'information_schema'::regnamespace
union all
select c.relname, concat_ws(' ', pg_catalog.pg_get_triggerdef(t.oid)), true
from pg_catalog.pg_trigger as t
inner join pg_catalog.pg_class as c on c.oid = t.tgrelid
where not t.tgisinternal
union all
select c.relname, concat_ws(' ', pg_catalog.pg_get_expr(p.polqual, c.oid), pg_catalog.pg_get_expr(p.polwithcheck, c.oid)), false
from pg_catalog.pg_policy as p
inner join pg_catalog.pg_class as c on c.oid = p.polrelid
union all
select c.relname, pg_catalog.pg_get_expr(a.adbin, c.oid), false
from pg_catalog.pg_attrdef as a
inner join pg_catalog.pg_class as c on c.oid = a.adrelid
union all
select coalesce(c.relname, t.typname), pg_catalog.pg_get_constraintdef(k.oid), false
from pg_catalog.pg_constraint as k
left join pg_catalog.pg_class as c on c.oid = k.conrelid
left join pg_catalog.pg_type as t on t.oid = k.contypid
where k.contype = 'c' and k.connamespace <> 'information_schema'::regnamespace
union all
select null, o.oprcode::text, false
from pg_catalog.pg_operator as o
where o.oid >= 16384
union all
select null, k.castfunc::regproc::text, false
from pg_catalog.pg_cast as k
where k.oid >= 16384 and k.castfunc <> 0
