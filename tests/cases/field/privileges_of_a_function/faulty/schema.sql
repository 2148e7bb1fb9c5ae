create schema pay;
do $$ begin create role case_clerk; exception when duplicate_object then null; end $$;
do $$ begin create role case_guest; exception when duplicate_object then null; end $$;
grant usage on schema pay to case_clerk, case_guest;
create table pay.wages (person text primary key, amount numeric not null);
create function pay.raise_wage(person text, by numeric) returns void language sql security definer set search_path = pay, pg_temp as
  $$ update pay.wages set amount = amount + $2 where wages.person = $1 $$;
grant execute on function pay.raise_wage(text, numeric) to case_clerk;
