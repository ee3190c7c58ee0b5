"""Registries of images (OCI distribution-spec 1.1): where they answer, who logs in, what is fetched and asked.

It stands alone: of bundles it knows the names of media types and nothing else. Content is fetched by
`staithe.sourcing.download`, which resumes at the byte and checks digests; a repository says which file to fetch and
how it is reached.
"""
