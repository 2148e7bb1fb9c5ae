create schema app;
create table app.people (id integer primary key);
create table app.pairs (
    one integer references app.people on delete cascade,
    other integer references app.people on delete cascade,
    primary key (one, other)
);
create table app.dances (
    one integer,
    other integer,
    unique (one, other),
    foreign key (one, other) references app.pairs on delete cascade,
    constraint again foreign key (one, other) references app.pairs on delete cascade
);
