create schema draw;
create table draw.evenings (id integer primary key, drawn integer not null);
create table draw.tickets (
  id bigint generated always as identity primary key,
  evening integer not null references draw.evenings,
  guest text not null,
  number integer not null
);
create function draw.next_number(an_evening integer) returns integer language sql as $$
  update draw.evenings set drawn = drawn + 1 where id = an_evening returning drawn
$$;
create function draw.ticket(an_evening integer, a_guest text) returns integer language sql as $$
  insert into draw.tickets (evening, guest, number) values (an_evening, a_guest, draw.next_number(an_evening))
  returning number
$$;
