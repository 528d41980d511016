-- PostgreSQL alone has a wall of its own between warehouses; here the number is kept the same.
select 1;
