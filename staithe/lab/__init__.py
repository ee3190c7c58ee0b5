"""Throw-away EL-like hosts on this machine (docs/lab.md).

laboratory.py says what up, reset and down do, in order. state.py is what others read: `state.running()` is the
running lab, `artifacts.located()` the engine archives and images made for it.
"""
