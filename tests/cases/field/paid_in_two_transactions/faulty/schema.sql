create schema till;
create table till.tills (id integer primary key, last integer not null);
create table till.receipts (
  id integer primary key,
  till integer not null references till.tills,
  paid_at timestamptz not null default now()
);
create function till.pay(a_till integer, a_receipt integer) returns void language sql as $$
  insert into till.receipts (id, till) values (a_receipt, a_till);
  update till.tills set last = a_receipt where id = a_till;
$$;
create function till.keeps() returns trigger language plpgsql as $$
begin
  if exists (
    select from till.tills as t
    where t.last > 0 and not exists (select from till.receipts as r where r.id = t.last)
  ) then
    raise exception 'forgotten' using errcode = 'TL001';
  end if;
  return null;
end $$;
create constraint trigger receipts_kept after insert on till.receipts
  deferrable initially deferred for each row execute function till.keeps();
