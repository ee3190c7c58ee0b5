# staithe-probe: managed files and staithe's record. Read by read_files.py.

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
    rest=$(stat -L -c '%s %a %.9Z %u %g %U:%G %n' -- "$@")$NL
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
