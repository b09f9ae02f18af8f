# Completion of lockd for bash. The flags are those that the installed program tells.

_lockd() {
    local word=$2 before=$3
    case $before in
    --config) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    --data | --dev) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    --log-level) mapfile -t COMPREPLY < <(compgen -W 'error warn info debug' -- "$word"); return ;;
    --log-format) mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$word"); return ;;
    --write) mapfile -t COMPREPLY < <(compgen -W 'dsync fsync' -- "$word"); return ;;
    esac
    local flags
    flags=$("$1" --help 2>/dev/null | sed -n 's/^  \(--[a-z-]*\).*/\1/p')
    mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$word")
}
complete -F _lockd lockd
