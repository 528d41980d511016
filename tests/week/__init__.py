"""A warehouse week by an outsider: played at the public interfaces, kept in books of its own.

It shares no code with the product. What a scan means, what stock is and what the cloud answers is
taken from the contracts (docs/flows.md, docs/devices.md, docs/ledger.md, docs/orders.md,
docs/master-data.md, docs/wire-contract.md); the product is reached over MQTT, HTTP and the status
socket only. `python -m tests.week --seed N` plays one week.
"""
