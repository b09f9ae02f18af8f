#!/usr/bin/env bash
# lockd beside the floor: both at the same load, by turns, and how near lockd comes to what this
# machine can do.
#
#     bench/floor/alternate.sh [-b BUILD] [-n INFLIGHT] [-c CONNECTIONS] [-r ROUNDS] [-t TIME]
#
# A round is the floor, the floor with the adaptive wait, and lockbench against a cluster of three
# nodes that idles meanwhile. The floor's figure of a round is the better of its two. A
# round in which others used more than LIMIT (600) thousandths of a processor while the floor ran
# is marked and left out of the medians, unless all are. Environment: TMPDIR, where the
# logs are kept (a real disk); LINGER (300), the wait in microseconds.
set -euo pipefail
export LC_ALL=C

top=$(cd "$(dirname "$0")/../.." && pwd)
build=$top/build/release
inflight=64
connections=8
rounds=5
span=3s
limit=${LIMIT:-600}
linger=${LINGER:-300}
while getopts b:n:c:r:t: option; do
    case $option in
    b) build=$OPTARG ;;
    n) inflight=$OPTARG ;;
    c) connections=$OPTARG ;;
    r) rounds=$OPTARG ;;
    t) span=$OPTARG ;;
    *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done
PATH=$build/lockd:$build/liblock:$build/bench:$build/bench/floor:$PATH
scratch=$(mktemp -d "${TMPDIR:-/var/tmp}/lockd-floor-XXXXXX")

clean_up() {
    local code=$?
    trap - EXIT INT TERM
    exec 2>/dev/null # bash would tell of each job that it was killed.
    # shellcheck disable=SC2046
    kill -KILL $(jobs -p) 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$scratch"
    exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

start_cluster() {
    local port=$((20000 + $$ % 9000)) ports=()
    while [ ${#ports[@]} -lt 3 ]; do
        port_is_free "$port" && ports+=("$port")
        port=$((port + 1))
    done
    export LOCKD_CLUSTER="1=127.0.0.1:${ports[0]},2=127.0.0.1:${ports[1]},3=127.0.0.1:${ports[2]}"
    local id
    for id in 1 2 3; do
        lockd --id "$id" --cluster "$LOCKD_CLUSTER" --data "$scratch/node$id" \
            2>>"$scratch/node$id.log" &
    done
    for _ in $(seq 1000); do
        lockctl status >/dev/null 2>&1 && return
        sleep 0.02
    done
    tail -n 5 "$scratch"/node*.log >&2
    echo "alternate: the cluster does not serve" >&2
    exit 1
}

# number REPORT KEY: the first number behind that key. rate_and_times REPORT KEY: the rate and
# the latencies of the object with that key, in us.
number() { sed -n "s/^.*\"$2\":\([0-9]*\).*$/\1/p" "$1" | head -n 1; }
figures() {
    tr -d '\n' <"$1" | sed "s/^.*\"$2\"/ /" | grep -o '"\(per_second\|p50\|p99\)":[0-9]*' |
        head -n 3 | cut -d: -f2 | tr '\n' ' '
}

load=(--inflight "$inflight" --connections "$connections" --time "$span" --json)

run_floor() { # NAME LINGER
    floor "${load[@]}" --dir "$scratch" --linger "$2" >"$scratch/report"
    echo "$(figures "$scratch/report" settings) $(number "$scratch/report" other_cpu_milli)" \
        >"$scratch/$1"
}

run_lockd() {
    lockbench "${load[@]}" --warmup 500ms >"$scratch/report"
    figures "$scratch/report" together >"$scratch/lockd"
}

start_cluster
printf '%s in flight over %s connections, %s each, %s rounds\n\n' \
    "$inflight" "$connections" "$span" "$rounds"
printf '%-6s %29s   %29s   %7s %6s\n' '' 'floor: /s   p50 us   p99 us' \
    'lockd: /s   p50 us   p99 us' 'ratio' 'others'
for round in $(seq "$rounds"); do
    run_floor plain 0
    run_floor waiting "$linger"
    run_lockd
    # The better of the floor's two, lockd, and whether others were at work.
    cat "$scratch/plain" "$scratch/waiting" "$scratch/lockd" | awk -v limit="$limit" '
        NR <= 2 && ($4 > others) { others = $4 }
        NR <= 2 && ($1 > rate) { rate = $1; p50 = $2; p99 = $3 }
        NR == 3 { print rate, p50 / 1000, p99 / 1000, $1, $2 / 1000, $3 / 1000,
                      $1 / rate, others, (others > limit ? "disturbed" : "") }' \
        >"$scratch/round"
    cat "$scratch/round" >>"$scratch/rounds"
    awk -v round="$round" '{ printf "%-6s %11d %8d %8d   %11d %8d %8d   %7.2f %6.2f %s\n",
        round, $1, $2, $3, $4, $5, $6, $7, $8 / 1000, $9 }' "$scratch/round"
done
grep -v disturbed "$scratch/rounds" >"$scratch/quiet" || cp "$scratch/rounds" "$scratch/quiet"
for column in 1 2 3 4 5 6 7 8; do
    sort -g -k "$column,$column" "$scratch/quiet" |
        awk -v column="$column" '{ value[NR] = $column }
            END { print value[int((NR + 1) / 2)] }'
done | paste -sd ' ' | awk -v rounds="$(wc -l <"$scratch/quiet")" '{
    printf "%-6s %11d %8d %8d   %11d %8d %8d   %7.2f %6.2f of %d rounds\n",
        "median", $1, $2, $3, $4, $5, $6, $7, $8 / 1000, rounds
    printf "\nlockd does %.2f of the floor; its p50 is %.2f and its p99 %.2f times the floor'"'"'s\n",
        $4 / $1, $5 / $2, $6 / $3 }'
