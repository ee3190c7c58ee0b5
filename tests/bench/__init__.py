"""Measures staithe against floors taken in the same run: `make bench`. Not part of the tests."""
