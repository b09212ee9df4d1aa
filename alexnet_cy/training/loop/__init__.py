"""The training loop: settings, schedules, what it reads, checkpoints, the loop itself."""
