#!/usr/bin/env bash
# Three nodes of etcd as they come, but for the log. The leader alone is told to clients:
# another node would only hand their requests on to it.
. "$(dirname "$0")/nodes.sh"

start_nodes() {
    choose_ports 6
    local id cluster
    cluster="node1=http://127.0.0.1:${ports[3]},node2=http://127.0.0.1:${ports[4]}"
    cluster+=",node3=http://127.0.0.1:${ports[5]}"
    for id in 1 2 3; do
        run_node "node$id" etcd --name "node$id" --data-dir "$dir/node$id" \
            --listen-client-urls "http://127.0.0.1:${ports[id - 1]}" \
            --advertise-client-urls "http://127.0.0.1:${ports[id - 1]}" \
            --listen-peer-urls "http://127.0.0.1:${ports[id + 2]}" \
            --initial-advertise-peer-urls "http://127.0.0.1:${ports[id + 2]}" \
            --initial-cluster "$cluster" --initial-cluster-state new \
            --logger zap --log-level error
    done
    endpoints="127.0.0.1:${ports[0]},127.0.0.1:${ports[1]},127.0.0.1:${ports[2]}"
}

ctl() { ETCDCTL_API=3 etcdctl --endpoints "$endpoints" "$@" 2>/dev/null; }

# Columns: endpoint, id, version, size, is leader, ...
find_leader() {
    ctl endpoint health >/dev/null || return 1
    ctl endpoint status | awk -F ', ' '$5 == "true" { print $1 }' >"$dir/cluster"
    [ "$(wc -l <"$dir/cluster")" -eq 1 ]
}

await_nodes() { await 30 find_leader; }

nodes_main "$@"
