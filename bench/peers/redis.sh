#!/usr/bin/env bash
# A Redis master with two replicas, each with every write on its disk before it is answered.
# Only the master is told to clients: replicas refuse writes.
. "$(dirname "$0")/nodes.sh"

start_one() {
    local name=$1 port=$2
    shift 2
    mkdir "$dir/$name"
    run_node "$name" redis-server --port "$port" --bind 127.0.0.1 --dir "$dir/$name" \
        --daemonize no --save "" --appendonly yes --appendfsync always \
        --no-appendfsync-on-rewrite no --repl-diskless-sync-delay 0 \
        --maxclients 10000 "$@"
}

start_nodes() {
    choose_ports 3
    start_one node1 "${ports[0]}"
    start_one node2 "${ports[1]}" --replicaof 127.0.0.1 "${ports[0]}"
    start_one node3 "${ports[2]}" --replicaof 127.0.0.1 "${ports[0]}"
    echo "127.0.0.1:${ports[0]}" >"$dir/cluster"
}

# Both replicas acknowledge a write.
serves() {
    [ "$(printf 'set ready 1\nwait 2 1000\n' |
        redis-cli -p "${ports[0]}" 2>/dev/null | tail -n 1)" = 2 ]
}

await_nodes() { await 20 serves; }

nodes_main "$@"
