"""Registries of images (OCI distribution-spec 1.1): where they answer, who logs in, what is fetched and asked.

It stands alone: nothing in here knows of bundles. Content is fetched by `staithe.sourcing.download`, which resumes at
the byte and checks digests; a repository says which file to fetch and how it is reached.
"""
