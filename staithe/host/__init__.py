"""A host during a run: its session, the one way to run things on it, and the guard around changes.

Nothing is imported here: the first look at a host is taken before its session is loaded (look.py).
"""
