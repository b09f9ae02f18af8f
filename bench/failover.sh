#!/usr/bin/env bash
# How long does nobody get a lock when the leader is killed? Starts three nodes on this machine,
# kills the leader under load (kill -9) and starts it again, ten times, and prints each longest
# gap between two grants, then their median and the worst.
#
#     bench/failover.sh [KILLS]     after a release build (cmake --preset release)
#
# Leaves nothing behind. The load is 64 acquires and releases in flight over 8 connections.
set -euo pipefail
export LC_ALL=C

kills=${1:-10}
top=$(cd "$(dirname "$0")/.." && pwd)
build=$top/build/release
PATH=$build/lockd:$build/liblock:$build/bench:$PATH
scratch=$(mktemp -d "${TMPDIR:-/var/tmp}/lockd-failover-XXXXXX")
declare -A node_pid

clean_up() {
    local code=$?
    trap - EXIT INT TERM
    # shellcheck disable=SC2046
    kill -KILL $(jobs -p) 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$scratch"
    exit "$code"
}
trap clean_up EXIT INT TERM

port=$((20000 + $$ % 9000)) # Below those the kernel gives to clients
export LOCKD_CLUSTER="1=127.0.0.1:$port,2=127.0.0.1:$((port + 1)),3=127.0.0.1:$((port + 2))"

start_node() {
    lockd --id "$1" --cluster "$LOCKD_CLUSTER" --data "$scratch/node$1" \
        2>>"$scratch/node$1.log" &
    node_pid[$1]=$!
    disown
}

leader() { lockctl status 2>/dev/null | awk '$3 == "leader" { print $1; exit }'; }

wait_until_well() {
    for _ in $(seq 600); do
        lockctl status >/dev/null 2>&1 && return
        sleep 0.05
    done
    tail -n 3 "$scratch"/node*.log >&2
    echo "failover: the cluster does not serve" >&2
    exit 1
}

for id in 1 2 3; do start_node $id; done
stop_nodes() { kill -KILL "${node_pid[@]}" 2>/dev/null || true; }
trap 'stop_nodes; clean_up' EXIT INT TERM

for round in $(seq "$kills"); do
    wait_until_well
    lockbench --time 3s --connections 8 --inflight 64 --history "$scratch/history" \
        >"$scratch/report" &
    load=$!
    sleep 2.5
    killed=$(leader)
    kill -KILL "${node_pid[$killed]}"
    wait "$load"
    start_node "$killed"
    gap=$(awk '/longest time without a grant/ { print $NF }' "$scratch/report")
    echo "kill $round: node $killed, longest time without a grant $gap"
    echo "$gap" >>"$scratch/gaps"
done
awk '/us$/ { v = $1 / 1000 } /[0-9]ms$/ { v = $1 + 0 } /[0-9]s$/ && !/[mu]s$/ { v = $1 * 1000 }
     { print v }' "$scratch/gaps" | sort -n |
    awk '{ v[NR] = $1 } END { printf "median %.1f ms, worst %.1f ms of %d kills\n",
         (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2, v[NR], NR }'
