"""What the cloud keeps, and how: one set of transactions over any database behind one port."""
