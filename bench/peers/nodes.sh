# shellcheck shell=bash
# What the scripts that start and stop three nodes of a system have in common; sourced by them.
#
#     bench/peers/SYSTEM.sh start DIR    three nodes on loopback, on free ports, data in DIR;
#                                        returns when they serve, and DIR/cluster says where
#     bench/peers/SYSTEM.sh stop DIR     no process is left, and DIR is gone
#
# A script defines start_nodes and await_nodes, and ends with nodes_main "$@".
set -euo pipefail
export LC_ALL=C

system=$(basename "$0" .sh)
dir=
ports=()
ended=

fail() {
    echo "$system: $*" >&2
    exit 1
}

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# choose_ports COUNT: into the array `ports`, below the range that the kernel gives to clients.
choose_ports() {
    local port
    while [ ${#ports[@]} -lt "$1" ]; do
        port=$((10000 + (RANDOM * 32768 + RANDOM) % 22000))
        case " ${ports[*]} " in *" $port "*) continue ;; esac
        if port_is_free "$port"; then ports+=("$port"); fi
    done
}

# When the process began: with its number it names the process for good. Nothing: it is gone.
started_at() {
    sed -n 's/^.*) \([^Z]\) \(.*\)$/\2/p' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 19
}

# run_node NAME COMMAND...: in the background, in a session of its own.
run_node() {
    local name=$1
    shift
    setsid "$@" >>"$dir/$name.log" 2>&1 </dev/null &
    echo "$! $(started_at $!)" >"$dir/$name.pid"
}

node_runs() {
    local pid born
    read -r pid born <"$1" || return 1
    [ -n "$born" ] && [ "$(started_at "$pid")" = "$born" ]
}

signal_nodes() {
    local file
    for file in "$dir"/*.pid; do
        [ -e "$file" ] || continue
        if node_runs "$file"; then kill "-$1" "$(cut -d ' ' -f 1 "$file")" 2>/dev/null || true; fi
    done
}

any_runs() {
    local file
    for file in "$dir"/*.pid; do
        if [ -e "$file" ] && node_runs "$file"; then return 0; fi
    done
    return 1
}

all_run() {
    local file
    for file in "$dir"/*.pid; do
        node_runs "$file" || return 1
    done
}

# until_true SECONDS COMMAND...: false if it did not come true in time.
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.05
    done
}

none_runs() { ! any_runs; }

stop_nodes() {
    [ -d "$dir" ] || return 0
    [ -e "$dir/.$system" ] || fail "$dir was not made by this script"
    signal_nodes TERM
    until_true 10 none_runs || signal_nodes KILL
    until_true 10 none_runs || fail "a node does not end"
    rm -rf "$dir"
}

# await SECONDS COMMAND...: what the nodes said is shown if it does not come true.
await() {
    until_true "$@" && return
    tail -n 5 "$dir"/*.log >&2
    fail "the nodes do not serve in time"
}

make_folder() {
    [ ! -e "$dir" ] || fail "$dir is there already"
    mkdir -p "$dir"
    touch "$dir/.$system"
    case $(stat -f -c %T "$dir") in
    tmpfs | ramfs) fail "$dir is in memory: nothing would be durable there" ;;
    esac
}

stop_half_started() {
    local code=$?
    [ $code -eq 0 ] || stop_nodes
    exit $code
}

nodes_main() {
    [ $# -eq 2 ] || fail "usage: $system.sh start|stop DIR"
    dir=$2
    case $1 in
    start)
        make_folder
        trap stop_half_started EXIT
        # Not between the start of a node and the note of its number.
        trap 'ended=yes' INT TERM HUP
        start_nodes
        trap 'exit 143' INT TERM HUP
        [ -z "$ended" ] || exit 143
        await_nodes
        all_run || fail "a node ended: $(tail -n 3 "$dir"/*.log)"
        ;;
    stop) stop_nodes ;;
    *) fail "usage: $system.sh start|stop DIR" ;;
    esac
}
