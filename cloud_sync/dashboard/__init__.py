"""The pages people look at: stock, climate, exceptions and plans of all warehouses.

They stand on the service's rules of access and the store's questions, and on nothing of their own.
"""
