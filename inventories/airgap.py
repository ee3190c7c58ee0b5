"""Hosts without a way out: everything they get comes over SSH from the bundle on this machine.

Make and sign the bundle where there is a network, carry it here, check it:
`staithe bundle verify ./bundle --allowed-signers ./allowed_signers`.
"""

# (hosts, data): the data holds for every host of the group.
airgap = (
    [
        "10.20.0.11",
        "10.20.0.12",
        # A jump host is a matter of ~/.ssh/config: ProxyJump works as with ssh itself.
        ("10.20.0.13", {"ssh_user": "admin"}),
    ],
    {
        "engine": {"source": "static-bundle", "bundle": "./bundle"},
        "trust": {"allowed_signers": "./allowed_signers"},
        # The site's own registry answers for docker.io.
        "daemon": {"registry-mirrors": ["https://registry.site.example"]},
    },
)
