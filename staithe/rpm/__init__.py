"""RPM packages and repositories: what staithe reads of them."""
