"""The machine: instruction-set levels, threads, quotas, folders. Knows no network."""
