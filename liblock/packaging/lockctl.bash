# Completion of lockctl for bash. Commands and options are those that the installed program
# tells; after "--" comes a command with completions of its own.

_lockctl() {
    local program=$1 word=$2 before=$3 at command=
    for ((at = 1; at < COMP_CWORD; at++)); do
        if [[ ${COMP_WORDS[at]} == -- ]]; then
            _lockctl_inner "$((at + 1))"
            return
        fi
        [[ -n $command || ${COMP_WORDS[at]} == -* ]] || command=${COMP_WORDS[at]}
    done
    local words
    if [[ -z $command ]]; then
        words=$("$program" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p')
    elif [[ $before == --cluster || $before == --ttl || $before == --wait ]]; then
        return
    else
        words=$("$program" "$command" --help 2>/dev/null | sed -n 's/^  \(--*[A-Za-z-]*\).*/\1/p')
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

# The command that lockctl runs: as if its words stood alone.
_lockctl_inner() {
    if declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    elif ((COMP_CWORD == $1)); then
        mapfile -t COMPREPLY < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
    fi
}
complete -F _lockctl lockctl
