# What somebody would write who needs one host once: the steps of docs.docker.com, engine/install/centos, in one go
# over one connection. URL, VERSION, CONTAINERD and LOGIN are set before. Nothing is compared first, kept or undone.
set -eu
cat > /etc/yum.repos.d/docker-ce.repo <<REPO
[docker-ce-stable]
name=Docker CE Stable
baseurl=$URL/el9/x86_64/docker-ce
enabled=1
gpgcheck=1
gpgkey=$URL/RPM-GPG-KEY-lab
REPO
rpm --import "$URL/RPM-GPG-KEY-lab"
dnf -q -y install "docker-ce-$VERSION" "docker-ce-cli-$VERSION" "containerd.io-$CONTAINERD" \
    docker-buildx-plugin docker-compose-plugin
printf 'overlay\nbr_netfilter\n' > /etc/modules-load.d/by-hand.conf
modprobe -a overlay br_netfilter
cat > /etc/sysctl.d/99-by-hand.conf <<SYSCTL
net.ipv4.ip_forward = 1
net.bridge.bridge-nf-call-iptables = 1
net.bridge.bridge-nf-call-ip6tables = 1
SYSCTL
sysctl -q -w net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1 || :
mkdir -p /etc/docker
echo '{"log-opts": {"max-size": "300m", "max-file": "2"}}' > /etc/docker/daemon.json
systemctl -q enable --now containerd.service docker.service
usermod -aG docker "$LOGIN"
until docker version --format '{{.Server.Version}}'; do sleep 0.2; done
