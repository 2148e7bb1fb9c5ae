create schema app;
create table app.covers (
    id integer primary key,
    album integer not null,
    shown boolean not null,
    picture text,
    constraint shown_has_picture check (not shown or picture is not null)
);
create unique index one_shown on app.covers (album, shown) where shown;
