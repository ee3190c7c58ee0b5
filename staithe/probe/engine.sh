# staithe-probe: which engine is there, and where it comes from. Read by read_engine.py.

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
            owners=$(timeout 20 rpm -q --qf 'owner %{NEVRA}\n' -f -- "$@")
            # A package that is there twice, after a transaction that was cut off, is named twice for each file.
            if [ "$(printf '%s\n' "$owners" | wc -l)" -gt $# ]; then
                for path in "$@"; do
                    owner=$(timeout 20 rpm -q --qf 'owner %{NEVRA}\n' -f -- "$path")
                    printf '%s\n' "${owner##*"$NL"}"
                done
            else
                printf '%s\n' "$owners"
            fi
        fi
    fi
}

section_packages() {
    for path in "$state_dir"/packages/*.rpm; do
        case $path in
        *"*.rpm") ;;
        *) put kept "${path##*/}" ;;
        esac
    done
    if command -v rpm >/dev/null; then
        put asked rpm
        with_packages timeout 20 rpm -q --qf 'package %{NAME} %{NEVRA}\n' -- 2>&1
    fi
}
