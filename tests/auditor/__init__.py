"""The auditor: what must hold, asked of files alone.

It shares no code with the product: sqlite3, json and hashlib only, so that a mistake of the
product's cannot excuse itself. `python -m tests.auditor --help` says how it is used.
"""
