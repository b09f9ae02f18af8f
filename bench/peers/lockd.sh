#!/usr/bin/env bash
# Three nodes of lockd, as its README starts them; LOCKD_BUILD is where it was built.
. "$(dirname "$0")/nodes.sh"

top=$(cd "$(dirname "$0")/../.." && pwd)
PATH=${LOCKD_BUILD:-$top/build/peers}/lockd:${LOCKD_BUILD:-$top/build/peers}/liblock:$PATH

start_nodes() {
    choose_ports 3
    local id cluster
    cluster="1=127.0.0.1:${ports[0]},2=127.0.0.1:${ports[1]},3=127.0.0.1:${ports[2]}"
    for id in 1 2 3; do
        run_node "node$id" lockd --id "$id" --cluster "$cluster" --data "$dir/node$id"
    done
    echo "$cluster" >"$dir/cluster"
}

serves() { LOCKD_CLUSTER=$(cat "$dir/cluster") lockctl status >/dev/null 2>&1; }

await_nodes() { await 20 serves; }

nodes_main "$@"
