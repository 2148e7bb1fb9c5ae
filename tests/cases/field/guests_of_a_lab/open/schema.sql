create schema lab;
do $$ begin create role lab_user nologin; exception when duplicate_object then null; end $$;
grant usage on schema lab to lab_user;
create table lab.labs (id integer primary key);
create table lab.people (
    lab integer not null references lab.labs,
    login text not null,
    rank text not null check (rank in ('head', 'guest')),
    primary key (lab, login)
);
create table lab.bookings (
    id integer primary key,
    lab integer not null references lab.labs,
    during tsrange not null check (not isempty(during)),
    purpose text not null
);
alter table lab.bookings enable row level security;
alter table lab.bookings force row level security;
create policy heads on lab.bookings for select to lab_user using (
    exists (
        select from lab.people as p
        where p.lab = bookings.lab and p.login = current_setting('lab.login', true) and p.rank = 'head'
    )
);
grant select on lab.bookings, lab.people to lab_user;
create function lab.purpose_at(which integer, at timestamp) returns text
language sql stable security definer set search_path = '' as $$
    select b.purpose from lab.bookings as b
    where b.lab = which and b.during @> at
$$;
