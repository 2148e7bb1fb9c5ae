create schema books;
do $$ begin create role bookkeeper; exception when duplicate_object then null; end $$;
grant usage on schema books to bookkeeper;
create table books.periods (id integer primary key, firm text not null, closed boolean not null);
create table books.entries (
    id integer primary key,
    period_id integer not null references books.periods,
    amount integer not null,
    memo text
);
grant select on books.periods to bookkeeper;
grant select, insert, update, delete on books.entries to bookkeeper;
alter table books.periods enable row level security;
alter table books.entries enable row level security;
-- A period that is closed is out of sight.
create policy periods_open on books.periods for select to bookkeeper
using (firm = nullif(current_setting('books.firm', true), '') and not closed);
create function books.of_the_firm(integer) returns boolean language sql stable security definer set search_path = '' as $$
    select exists (select from books.periods where id = $1 and firm = nullif(current_setting('books.firm', true), ''))
$$;
create policy entries_firm on books.entries to bookkeeper using (books.of_the_firm(period_id));
create function books.period_is_open() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and (old.amount, old.period_id) is not distinct from (new.amount, new.period_id) then
        return null;
    elsif tg_op <> 'INSERT' and exists (select from books.periods where id = old.period_id and closed) then
        raise exception 'the period is closed';
    elsif tg_op <> 'DELETE' and exists (select from books.periods where id = new.period_id and closed) then
        raise exception 'the period is closed';
    end if;
    return null;
end $$;
create trigger entries_period after insert or update or delete on books.entries
for each row execute function books.period_is_open();
