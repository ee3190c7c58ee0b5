"""What staithe does to a host, in this order. Each line compares first, and does nothing where nothing is to be done.

`staithe apply INVENTORY` runs this; so does plain `pyinfra INVENTORY deploy.py`.
"""

from operations import binaries, daemon, images, kernel, packages, preflight, record, service, smoke, units, users

preflight.check(name="Check that the host can carry what is described")
kernel.configure(name="Load kernel modules, set sysctl values")
binaries.unpack(name="Unpack the engine's programs")
packages.install(name="Install, change or remove the engine's packages")
binaries.install(name="Make them the host's programs")
units.install(name="Install the systemd units")
daemon.configure(name="Write daemon.json")
service.run(name="Run the engine")
users.join_group(name="Add members to the docker group")
images.load(name="Load the bundle's images")
record.write(name="Record the generation")
smoke.prove(name="Prove it by running containers")
