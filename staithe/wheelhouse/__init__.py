"""A folder of wheels from which staithe itself is installed where there is no network."""
