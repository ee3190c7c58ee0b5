# staithe-probe: says what this host is, and changes nothing.
#
# POSIX sh; the words above this text, put there by script.py, are the only data that vary. Commands and options are
# those of EL7 (a test holds the list). Few processes: one for all files of a kind, shell builtins for the rest.
#
# Answer, lines only:
#   @begin staithe-probe VERSION    @request JSON    @section NAME    @end staithe-probe VERSION
#   KEY<TAB>VALUE       a value of the section
#   /PATH:TEXT          a line of a file, as grep -H prints it
#   |TEXT, TEXT         a line of a command's output; with the bar where it could look like one of the others
# The last filter lets only tabs, newlines and printable ASCII through: pyinfra reads UTF-8 and dies on other bytes.

exec </dev/null 2>/dev/null
LC_ALL=C
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin
export LC_ALL PATH
unset GREP_OPTIONS POSIXLY_CORRECT DOCKER_HOST DOCKER_CONTEXT CDPATH
NL='
'
# The folder that `current` leads to; the engine section finds it.
current=

# A value ends at its first newline, so that it can never begin a line of its own.
put() {
    printf '%s\t%s\n' "$1" "${2%%"$NL"*}"
}

# `read` would start at every byte anew (dash), a here-document needs a writable /tmp (bash before 5.1).
print_lines() {
    rest=$1$NL
    while [ -n "$rest" ]; do
        printf '|%s\n' "${rest%%"$NL"*}"
        rest=${rest#*"$NL"}
    done
}

section_system() {
    uname=$(uname -rm)
    put uname "$uname"
    # It may be there and empty, which grep does not show.
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        put unified 1
    fi
    grep -sH '' /etc/os-release /proc/sys/kernel/random/boot_id /proc/cgroups \
        /sys/fs/cgroup/cgroup.controllers /sys/fs/selinux/enforce
}

section_kernel() {
    with_modules probe_modules
    # One byte at a time, as dash reads, a number of /proc/sys ends after its first digit: let grep read.
    with_sysctl_paths grep -sH ''
}

probe_modules() {
    for name in "$@"; do
        flat=
        rest=$name-
        while [ -n "$rest" ]; do
            flat=$flat${flat:+_}${rest%%-*}
            rest=${rest#*-}
        done
        # A built-in module without parameters has no folder in /sys/module: look at its effect, then at the list.
        if [ -d "/sys/module/$flat" ] || module_works "$flat" || module_built_in "$flat" "$name"; then
            put loaded "$name"
        elif modprobe -n -q -- "$name"; then
            put loadable "$name"
        fi
    done
}

module_works() {
    case $1 in
    br_netfilter) [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ] ;;
    overlay) grep -qs '[[:space:]]overlay$' /proc/filesystems ;;
    *) false ;;
    esac
}

module_built_in() {
    release=$(uname -r)
    grep -qs -e "/$1\\.ko" -e "/$2\\.ko" "/lib/modules/$release/modules.builtin"
}

section_storage() {
    with_storage probe_storage
}

probe_storage() {
    for path in "$@"; do
        while [ ! -d "$path" ]; do
            path=${path%/*}
            path=${path:-/}
        done
        shift
        set -- "$@" "$path"
    done
    seen=$NL
    df -P -T -k -- "$@" | while read -r device type total used free capacity mount; do
        printf 'df\t%s %s %s\t%s\n' "$type" "$total" "$free" "$mount"
        case $type$seen in
        xfs*"$NL$mount$NL"*) ;;
        xfs*)
            seen=$seen$mount$NL
            info=$(xfs_info "$mount")
            case $info in
            *ftype=1*) printf 'ftype\t1\t%s\n' "$mount" ;;
            *ftype=0*) printf 'ftype\t0\t%s\n' "$mount" ;;
            esac
            ;;
        esac
    done
}

section_engine() {
    if [ -h "$engine_root/current" ]; then
        current=$(cd -P "$engine_root/current" && pwd -P)
        put current "$current"
    fi
    set --
    for path in "$engine_root"/*/*; do
        case $path in
        "$engine_root/current/"*) continue ;;
        *[!A-Za-z0-9._/+~-]*) continue ;;
        esac
        if [ -f "$path" ]; then
            set -- "$@" "$path"
        fi
    done
    if [ $# -gt 0 ]; then
        probe_placed "$@"
    fi
    foreign=
    with_programs probe_binaries
}

# A program whose size, inode, mtime and ctime are as recorded when it was placed is not hashed again.
probe_placed() {
    stamps=
    if [ -f "$stamps_file" ]; then
        stamps=$(cat "$stamps_file")
    fi
    stamps=$NL$stamps$NL
    rest=$(stat -c '%s %i %Y %Z %n' -- "$@")$NL
    set --
    while [ -n "${rest%"$NL"}" ]; do
        line=${rest%%"$NL"*}
        rest=${rest#*"$NL"}
        put placed "$line"
        before=${stamps%%" $line$NL"*}
        if [ "$deep" = 1 ] || [ "$before" = "$stamps" ]; then
            set -- "$@" "${line#* * * * }"
        else
            put stamp "${before##*"$NL"}  ${line#* * * * }"
        fi
    done
    if [ $# -gt 0 ]; then
        sha256sum -- "$@"
    fi
}

probe_binaries() {
    for name in "$@"; do
        for folder in /usr/bin /usr/local/bin /usr/sbin /usr/libexec/docker; do
            path=$folder/$name
            if [ ! -e "$path" ] && [ ! -h "$path" ]; then
                continue
            fi
            target=$path
            if [ -h "$path" ] && [ "$path" -ef "$current/$name" ]; then
                target=$current/$name
            elif [ -h "$path" ]; then
                # A link that leads to nothing still says whose it was.
                target=$(readlink -f "$path") || target=$(readlink "$path")
            fi
            put binary "$name $path"
            put target "$target"
            case $target in
            "$engine_root"/*) ;;
            *) foreign=$foreign${target%%"$NL"*}$NL ;;
            esac
            break
        done
    done
    set --
    while [ -n "$foreign" ]; do
        set -- "$@" "${foreign%%"$NL"*}"
        foreign=${foreign#*"$NL"}
    done
    if [ $# -gt 0 ]; then
        put foreign_begins here
        stat -L -c 'size %s %n' -- "$@"
        if command -v rpm >/dev/null; then
            timeout 20 rpm -q --qf 'owner %{NEVRA}\n' -f -- "$@"
        fi
    fi
}

section_packages() {
    if command -v rpm >/dev/null; then
        with_packages timeout 20 rpm -q --qf 'package %{NAME} %{NEVRA}\n' -- 2>&1
    fi
}

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
    if [ $# -gt 0 ]; then
        grep -sH -e '^btime ' -e '^[0-9]' /proc/stat "$@"
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

# Local files first: getent costs more, and may have to wait for a directory server.
section_users() {
    accounts=$(with_user_patterns grep_accounts)
    printf '%s\n' "$accounts"
    case $NL$accounts in
    *"$NL/etc/group:docker:"*) ;;
    *) timeout 10 getent group docker ;;
    esac
    with_users probe_users
}

grep_accounts() {
    grep -soH -e '^docker:.*' "$@" -- /etc/group /etc/passwd
}

probe_users() {
    for name in "$@"; do
        shift
        case $NL$accounts in
        *"$NL/etc/passwd:$name:"*) ;;
        *) set -- "$@" "$name" ;;
        esac
    done
    if [ $# -gt 0 ]; then
        timeout 10 getent passwd -- "$@" | sed 's/^\([^:]*\):.*/user \1/'
    fi
}

section_commands() {
    with_commands probe_commands
}

probe_commands() {
    for name in "$@"; do
        if ! command -v "$name" >/dev/null; then
            put missing "$name"
        fi
    done
}

section_files() {
    with_files probe_files
}

# The bytes of all small files in one stream; the sizes say where each begins, its sha256 proves it.
probe_files() {
    for path in "$@"; do
        shift
        if [ -f "$path" ]; then
            set -- "$@" "$path"
        elif [ -e "$path" ] || [ -h "$path" ]; then
            put special "$path"
        fi
    done
    if [ $# = 0 ]; then
        return
    fi
    rest=$(stat -L -c '%s %a %Z %u %g %U:%G %n' -- "$@")$NL
    set --
    while [ -n "${rest%"$NL"}" ]; do
        line=${rest%%"$NL"*}
        rest=${rest#*"$NL"}
        put file "$line"
        # A user's name may hold spaces, but no slash.
        path=/${line#* /}
        limit=$text_limit
        case $path in
        "$state_dir"/*) limit=$record_limit ;;
        esac
        if [ "${line%% *}" -le "$limit" ]; then
            set -- "$@" "$path"
        else
            sha256sum -- "$path"
        fi
    done
    if [ $# -gt 0 ]; then
        sha256sum -- "$@"
        put contents here
        head -q -c "$record_limit" -- "$@" | base64
    fi
}

answer() {
    printf '@begin staithe-probe %s\n@request %s\n' "$probe_version" "$request"
    clock=$(date +%s)
    put clock "$clock"
    with_sections answer_sections
    printf '@end staithe-probe %s\n' "$probe_version"
}

answer_sections() {
    for section in "$@"; do
        printf '@section %s\n' "$section"
        "section_$section"
    done
}

answer | tr -c '\11\12\40-\176' '?'
exit 0
