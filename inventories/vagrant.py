"""The running machines of the Vagrantfile (`vagrant up`)."""

from staithe.vagrant import running_machines

hosts = running_machines()
