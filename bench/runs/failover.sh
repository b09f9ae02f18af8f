#!/usr/bin/env bash
# What a lost leader costs. The leader of three nodes under load is killed (kill -9) or stopped
# (SIGTERM), in turns, and restarted. Reports how long no lock was granted and how many requests
# failed.
#
#     bench/runs/failover.sh [BUILD_FOLDER] [--rounds N] [--json FILE] [--plot DIR]
#                       [lockbench option...]
#
#     BUILD_FOLDER   where lockd, lockctl and lockbench were built (build/quickstart)
#     --rounds N     leaders killed, and as many stopped (20)
#     --json FILE    also write all figures to FILE; - prints only them, to stdout
#     --plot DIR     draw the first run of each signal in DIR/KILL and DIR/TERM (needs gnuplot)
#
# Other options go to lockbench, like --inflight 64 --rate 2000 for an open loop. A request fails
# when its caller gets no answer within its own time limit (1 s); BUSY counts as failed.
# The gap is the longest time without a grant in a run. Targets: kill -9 median 100 ms, worst
# 1 s; SIGTERM worst 20 ms, no failed request. Runs for three minutes and leaves no process and no
# file. Environment: TMPDIR, the directory of the logs (use a real disk; /var/tmp).
#
# exit: 0 measured, 1 something failed, 2 wrong usage
set -euo pipefail
export LC_ALL=C

top=$(cd "$(dirname "$0")/../.." && pwd)
build=$top/build/quickstart
rounds=20
json=
plot=
load=(--inflight 16)

usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; }

wrong() {
    echo "failover: $*; see bench/runs/failover.sh --help" >&2
    exit 2
}

if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
    build=$1
    shift
fi
while [ $# -gt 0 ]; do
    case $1 in
    --help) usage && exit 0 ;;
    --rounds)
        [[ ${2:-} =~ ^[1-9][0-9]{0,3}$ ]] || wrong "--rounds needs a number from 1 to 9999"
        rounds=$2
        shift 2
        ;;
    --json)
        [ -n "${2:-}" ] || wrong "--json needs a file"
        json=$2
        shift 2
        ;;
    --plot)
        [ -n "${2:-}" ] || wrong "--plot needs a directory"
        plot=$2
        shift 2
        ;;
    *)
        load+=("$1")
        shift
        ;;
    esac
done
build=$(cd "$build" 2>/dev/null && pwd) || wrong "there is no folder $build"
for program in lockd/lockd liblock/lockctl bench/lockbench; do
    [ -x "$build/$program" ] || wrong "$build/$program is not built"
done
PATH=$build/lockd:$build/liblock:$build/bench:$PATH
lockbench "${load[@]}" --version >/dev/null || wrong "lockbench does not take these options"
[ "$json" != - ] || exec 3>&1 1>&2
[ -z "$json" ] || [ "$json" = - ] || exec 3>"$json"

[ -z "$plot" ] || mkdir -p "$plot" || wrong "cannot make $plot"
scratch=$(mktemp -d "${TMPDIR:-/var/tmp}/lockd-failover-XXXXXX")
declare -A node_pid

clean_up() {
    local code=$?
    trap - EXIT INT TERM HUP
    exec 2>/dev/null # bash would tell of each job that it was killed.
    # shellcheck disable=SC2046
    kill -KILL $(jobs -p) 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$scratch"
    exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

port_is_free() { ! (exec 4<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

choose_ports() {
    local port=$((20000 + $$ % 9000)) ports=()
    while [ ${#ports[@]} -lt 3 ]; do
        port_is_free "$port" && ports+=("$port")
        port=$((port + 1))
    done
    export LOCKD_CLUSTER="1=127.0.0.1:${ports[0]},2=127.0.0.1:${ports[1]},3=127.0.0.1:${ports[2]}"
}

start_node() {
    lockd --id "$1" --cluster "$LOCKD_CLUSTER" --data "$scratch/node$1" \
        2>>"$scratch/node$1.log" &
    node_pid[$1]=$!
}

# All nodes are there, well, and have the same entries.
await_all() {
    for _ in $(seq 1000); do
        if lockctl status --connect 1s >"$scratch/status" 2>/dev/null &&
            [ "$(awk '$1 ~ /^[0-9]+$/ { print $6 }' "$scratch/status" | sort -u | wc -l)" = 1 ]; then
            return
        fi
        sleep 0.02
    done
    tail -n 5 "$scratch"/node*.log >&2
    echo "failover: the cluster does not serve" >&2
    exit 1
}

leader() { lockctl status | awk '$3 == "leader" { print $1; exit }'; }

# One leader lost under load. SIGNAL: KILL or TERM. Its line goes to the file of that signal.
lose_leader() {
    local signal=$1 number=$2 bench led code=0 pictures=()
    [ -z "$plot" ] || [ "$number" != 1 ] || pictures=(--plot "$plot/$signal")
    lockbench --warmup 300ms --time 2s --wait 1s --answer 1s --json "${load[@]}" \
        "${pictures[@]}" >"$scratch/report" &
    bench=$!
    sleep 1
    led=$(leader)
    kill "-$signal" "${node_pid[$led]}"
    wait "${node_pid[$led]}" 2>/dev/null || code=$?
    if [ "$signal" = TERM ] && [ "$code" != 0 ]; then
        echo "failover: node $led ended with status $code on SIGTERM" >&2
        exit 1
    fi
    wait "$bench"
    # Outcomes are an object of counts for acquires and one for releases; all but ok failed.
    awk -v signal="$signal" -v number="$number" -v led="$led" '
        { text = text $0 }
        function behind(key) {
            if (!match(text, "\"" key "\":[0-9]+")) return 0
            return substr(text, RSTART + length(key) + 3, RLENGTH - length(key) - 3)
        }
        END {
            gap = behind("longest_gap_ns") / 1000000
            while (match(text, "\"outcomes\":{[^}]*}")) {
                count = split(substr(text, RSTART + 12, RLENGTH - 13), parts, ",")
                for (i = 1; i <= count; i++) {
                    split(parts[i], pair, ":")
                    if (pair[1] == "\"ok\"") ok += pair[2]; else failed += pair[2]
                    if (pair[2] > 0 && pair[1] != "\"ok\"") why = why " " pair[1] "=" pair[2]
                }
                text = substr(text, RSTART + RLENGTH)
            }
            printf "%s %d %d %.3f %d %d%s\n", signal, number, led, gap, ok, failed, why
        }' "$scratch/report" >"$scratch/line"
    cat "$scratch/line" >>"$scratch/$signal"
    awk '{ printf "%-4s %3d of node %d: %9.3f ms without a grant, %d requests, %d failed",
                  $1, $2, $3, $4, $5 + $6, $6
           for (i = 7; i <= NF; i++) printf " %s", $i
           print "" }' "$scratch/line"
    start_node "$led"
    await_all
}

# SIGNAL: median, worst gap, requests, failed.
summary() {
    sort -n -k 4,4 "$scratch/$1" | awk '{ gap[NR] = $4; all += $5 + $6; failed += $6 }
        END { print (gap[int((NR + 1) / 2)] + gap[int(NR / 2) + 1]) / 2, gap[NR], all, failed }'
}

as_json() {
    local signal
    printf '{"load":"%s","rounds":%d' "${load[*]//[\"\\]/}" "$rounds"
    for signal in KILL TERM; do
        summary $signal | awk -v signal=$signal '{
            printf ",\"%s\":{\"median_ms\":%.3f,\"worst_ms\":%.3f,\"requests\":%d,\"failed\":%d",
                   signal, $1, $2, $3, $4 }'
        awk '{ gaps = gaps (NR > 1 ? "," : "") $4 } END { printf ",\"gaps_ms\":[%s]}", gaps }' \
            "$scratch/$signal"
    done
    echo '}'
}

choose_ports
for id in 1 2 3; do
    start_node "$id"
done
await_all
for round in $(seq "$rounds"); do
    lose_leader KILL "$round"
    lose_leader TERM "$round"
done
printf '\n%-8s %7s %12s %12s %10s %7s\n' leader times 'median gap' 'worst gap' requests failed
for signal in KILL TERM; do
    summary $signal | awk -v signal=$signal -v rounds="$rounds" '{
        printf "%-8s %7d %9.1f ms %9.1f ms %10d %7d\n", "SIG" signal, rounds, $1, $2, $3, $4 }'
done
[ -z "$json" ] || as_json >&3
