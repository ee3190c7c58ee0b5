"""What changes a host: one noun per file. Each asks staithe what to do and yields it."""
