"""From a customer's order to the warehouses that fill it: pure decisions (docs/orders.md)."""
