# staithe-probe: what may be in a package manager's way. Read by read_packaging.py.

section_packaging() {
    manager=none
    for name in dnf5 dnf yum; do
        if command -v "$name" >/dev/null; then
            manager=$name
            break
        fi
    done
    put manager "$manager"
    set -- /etc/dnf/dnf.conf
    if [ ! /etc/yum.conf -ef /etc/dnf/dnf.conf ]; then
        set -- "$@" /etc/yum.conf
    fi
    # These lines and no others, because a repository's file may hold a login. The last two patterns are of mounts.
    grep -sH -e '^\[' -e '^[[:space:]][[:space:]]*[^[:space:]]' -e '^# staithe ' -e '^exclude[[:space:]]*[=:]' \
        -e '^excludepkgs[[:space:]]*[=:]' -e '^enabled[[:space:]]*[=:]' -e '^baseurl[[:space:]]*[=:]' \
        -e '^[^ =]* / ' -e '^[^ =]* /usr ' \
        "$@" /etc/dnf/libdnf5.conf.d/*.conf /etc/yum.repos.d/*.repo /proc/self/mounts | sed 's#//[^/]*@#//#g'
    grep -sH '' /etc/dnf/plugins/versionlock.list /etc/yum/pluginconf.d/versionlock.list /etc/dnf/versionlock.toml \
        /proc/sys/crypto/fips_enabled
    with_transaction_locks probe_transaction_locks
    with_pid_files probe_pid_files
}

# A number of an inode alone may be that of a file elsewhere: the holder must have this very file open.
probe_transaction_locks() {
    inodes=$(stat -c '%i %n' -- "$@")$NL
    while read -r line; do
        case $line in
        *"->"*) continue ;;
        *" WRITE "*) ;;
        *) continue ;;
        esac
        place=${line% * *}
        owner=${place% *}
        owner=${owner##* }
        rest=$inodes
        while [ -n "${rest%"$NL"}" ]; do
            one=${rest%%"$NL"*}
            rest=${rest#*"$NL"}
            case $place in
            *":${one%% *}") put_holder "$owner" "${one#* }" "/proc/$owner/fd/"* ;;
            esac
        done
    done </proc/locks
}

put_holder() {
    owner=$1
    held=$2
    shift 2
    for open in "$@"; do
        if [ "$open" -ef "$held" ]; then
            put_owner "$owner" "$held"
            break
        fi
    done
}

put_owner() {
    comm=
    read -r comm <"/proc/$1/comm"
    put holder "$1 $2 $comm"
}

# yum and dnf hold nothing: a file with the number of a process that lives is their lock.
probe_pid_files() {
    for path in "$@"; do
        owner=
        read -r owner <"$path"
        case $owner in
        '' | *[!0-9]*) continue ;;
        esac
        if [ -d "/proc/$owner" ]; then
            put_owner "$owner" "$path"
        fi
    done
}
