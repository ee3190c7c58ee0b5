# staithe-probe: what the host is: system, kernel, storage, users, commands. Read by read_host.py.

section_system() {
    uname=$(uname -rm)
    put uname "$uname"
    # It may be there and empty, which grep does not show.
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        put unified 1
    fi
    grep -sH '' /etc/os-release /proc/sys/kernel/random/boot_id /proc/cgroups \
        /sys/fs/cgroup/cgroup.controllers /sys/fs/selinux/enforce
    daemon=
    read -r daemon </run/fapolicyd.pid
    if [ -n "$daemon" ] && [ -d "/proc/$daemon" ]; then
        put fapolicyd "$daemon"
        grep -sH -e '^permissive' -e "$engine_root" /etc/fapolicyd/fapolicyd.conf /etc/fapolicyd/fapolicyd.rules \
            /etc/fapolicyd/fapolicyd.trust /etc/fapolicyd/rules.d/*.rules /etc/fapolicyd/trust.d/*
    fi
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
