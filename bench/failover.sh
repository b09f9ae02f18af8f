#!/usr/bin/env bash
# How long nobody gets a lock when the leader is killed: ten times kill -9 of the leader of three
# nodes under load, the longest time without a grant of each, median and worst.
#
#     bench/failover.sh [BUILD_FOLDER] [lockbench option...]
#
# BUILD_FOLDER is where lockd, lockctl and lockbench were built (build/quickstart). Leaves no
# process and no file behind.
set -euo pipefail
export LC_ALL=C

top=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-$top/build/quickstart}
[ $# -eq 0 ] || shift
PATH=$build/lockd:$build/liblock:$build/bench:$PATH
kills=10
scratch=$(mktemp -d /var/tmp/lockd-failover-XXXXXX)
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
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

port=$((20000 + $$ % 9000))
export LOCKD_CLUSTER="1=127.0.0.1:$port,2=127.0.0.1:$((port + 1)),3=127.0.0.1:$((port + 2))"

start_node() {
    lockd --id "$1" --cluster "$LOCKD_CLUSTER" --data "$scratch/node$1" \
        2>>"$scratch/node$1.log" &
    node_pid[$1]=$!
}

await_all() {
    for _ in $(seq 1000); do
        lockctl status >/dev/null 2>&1 && return
        sleep 0.02
    done
    tail -n 5 "$scratch"/node*.log >&2
    echo "failover: the cluster does not serve" >&2
    exit 1
}

leader() { lockctl status | awk '$3 == "leader" { print $1; exit }'; }

for id in 1 2 3; do
    start_node "$id"
done
await_all
for kill_number in $(seq $kills); do
    lockbench --warmup 500ms --time 3s --inflight 16 --json "$@" >"$scratch/report" &
    bench=$!
    sleep 1.5
    led=$(leader)
    kill -KILL "${node_pid[$led]}"
    wait "${node_pid[$led]}" 2>/dev/null || true
    wait "$bench"
    gap=$(sed -n 's/.*"longest_gap_ns":\([0-9]*\).*/\1/p' "$scratch/report")
    echo "kill $kill_number of node $led: $((gap / 1000000)) ms"
    echo "$gap" >>"$scratch/gaps"
    start_node "$led"
    await_all
done
sort -n "$scratch/gaps" | awk '{ gaps[NR] = $1 / 1000000 }
    END { printf "longest time without a grant: median %d ms, worst %d ms\n",
          gaps[int((NR + 1) / 2)], gaps[NR] }'
