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

answer() {
    printf '@begin staithe-probe %s\n@request %s\n' "$probe_version" "$request"
    clock=$(date +%s.%N)
    uptime=
    read -r uptime _ </proc/uptime
    put clock "${clock%.*}"
    with_sections answer_sections
    printf '@end staithe-probe %s\n' "$probe_version"
}

answer_sections() {
    while [ $# -gt 0 ]; do
        case $1 in
        packages | docker)
            "section_$1" | answer_meanwhile "$@"
            return
            ;;
        esac
        printf '@section %s\n' "$1"
        "section_$1"
        shift
    done
}

# What rpm and the engine work out goes on while the rest is answered, and stands after it.
answer_meanwhile() {
    slow=$1
    shift
    answer_sections "$@" </dev/null
    printf '@section %s\n' "$slow"
    cat
}

answer | tr -c '\11\12\40-\176' '?'
exit 0
