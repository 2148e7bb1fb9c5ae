do $$ begin if to_regrole('authenticated') is null then create role authenticated nologin noinherit; end if; end $$;
create table a (id int primary key, org uuid not null);
create table b (id int primary key, org uuid not null);
grant select on a, b to authenticated;
alter table a enable row level security; alter table a force row level security;
alter table b enable row level security; alter table b force row level security;
create policy p on a for select to authenticated using (org = nullif(current_setting('app.org', true), '')::uuid);
create policy p on b for select to authenticated using (org = nullif(current_setting('app.org', true), '')::uuid);
