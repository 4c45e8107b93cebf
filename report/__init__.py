"""The replication: what it claims, and the runs that bear it."""
