"""From repository metadata to the exact set of packages that dnf would install. Linux only: libsolv does the work."""
