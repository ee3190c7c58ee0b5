"""Runs one shard of an inventory through pyinfra and speaks the runner protocol (staithe/events.py, messages.py).

The only place that knows pyinfra_cli's internals. Importing it patches the process for gevent, so it is only ever
imported by the process that `python -m staithe.runner` starts.
"""
