"""The engine: what runs on what (levels, threads, memory), plans, and the loop that runs them."""
