"""The cloud over HTTP: the sync for gateways, the stock of all warehouses for everyone else."""
