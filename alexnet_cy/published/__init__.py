"""Published weight files: the list of them, download, resume, checksums."""
