"""The keys of daemon.json, by what they are about.

Source: moby daemon/config/config.go and config_linux.go (json tags, 29.x).
"""
