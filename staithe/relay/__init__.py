"""Blobs by another way than SSH: pulled by the hosts over HTTP, from a relay among them or from a registry."""
