# staithe-probe: what runs: units, processes, the engine itself. Read by read_units.py.

section_units() {
    units=$(timeout 15 systemctl show -p Id -p LoadState -p ActiveState -p SubState -p UnitFileState \
        -p FragmentPath -p DropInPaths -p NeedDaemonReload -p MainPID -- \
        docker.service docker.socket containerd.service firewalld.service 2>&1)
    print_lines "$units"
    docker_active=0
    # The first block is docker.service; blocks end at an empty line.
    case ${units%%"$NL$NL"*} in
    *ActiveState=active*) docker_active=1 ;;
    esac
    set --
    rest=$units$NL
    while [ -n "$rest" ]; do
        line=${rest%%"$NL"*}
        rest=${rest#*"$NL"}
        case $line in
        MainPID=0 | MainPID=*[!0-9]*) ;;
        MainPID=*)
            pid=${line#MainPID=}
            put_exe "$pid"
            set -- "$@" "/proc/$pid/stat"
            ;;
        esac
    done
    # Both were read in the same moment. The btime of /proc/stat is rounded: up to a second from the truth.
    put booted "$clock $uptime"
    if [ $# -gt 0 ]; then
        grep -sH -e '^[0-9]' "$@"
    fi
}

put_exe() {
    for exe in "$current/dockerd" "$current/containerd"; do
        if [ "/proc/$1/exe" -ef "$exe" ]; then
            put exe "$1 $exe"
            return
        fi
    done
    exe=$(readlink "/proc/$1/exe")
    put exe "$1 $exe"
}

# Only a running engine is asked: a connection to docker.socket would start one that sleeps.
section_docker() {
    if [ "$docker_active" != 1 ]; then
        put asked 0
        return
    fi
    put asked 1
    ask_docker | sed 's/^/|/'
}

# In the order of what they cost: curl; python, because EL7's curl knows no --unix-socket (exit 2); docker itself.
ask_docker() {
    status=127
    if command -v curl >/dev/null; then
        curl -q -s -f --fail-early --noproxy '*' --max-time 10 --unix-socket /run/docker.sock -w '\n' \
            http://localhost/info http://localhost/images/json
        status=$?
    fi
    case $status in
    2 | 4 | 127) ask_docker_by_python ;;
    esac
    if [ "$status" = 127 ]; then
        timeout 10 docker -H unix:///run/docker.sock info --format '{{json .}}' &&
            timeout 10 docker -H unix:///run/docker.sock images --no-trunc --format '{{json .}}' &&
            printf 'listed\n'
        status=$?
    fi
    printf 'status %s\n' "$status"
}

# HTTP/1.0, so that the answer ends with the connection. _socket alone: Python 2's socket loads OpenSSL first.
ask_docker_by_python() {
    status=127
    for python in /usr/bin/python2 /usr/libexec/platform-python /usr/bin/python3; do
        if [ -x "$python" ]; then
            timeout 10 "$python" -E -S -c '
import _socket, sys
def answer(s): return b"".join(iter(lambda: s.recv(65536), b"")).partition(b"\r\n\r\n")
for path in (b"/info", b"/images/json"):
    s = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM); s.connect("/run/docker.sock")
    s.sendall(b"GET " + path + b" HTTP/1.0\r\nHost: localhost\r\n\r\n"); head, _, body = answer(s)
    if b" 200 " not in head[:16]: sys.exit(22)
    getattr(sys.stdout, "buffer", sys.stdout).write(body + b"\n")
'
            status=$?
            return
        fi
    done
}
