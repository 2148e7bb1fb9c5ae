drop table shop.orders;
drop table shop.customers;
drop function shop.touch_updated_at();
drop schema shop;
