#!/usr/bin/env bash
# Lives hostile lives of new seeds for as long as it is told, on all cores.
#
#     tests/sim/nightly.sh SECONDS [SIM_TESTS [FOLDER]]
#
# SIM_TESTS is build/release/tests/sim/sim_tests unless told. For each batch of seeds that
# failed its log stays in FOLDER (sim-failures); the log names the seed and how to replay it.
# In the end: the rare branches that no life has reached first, those reached, the faults done.
# The exit status is not 0 if any failed.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
[ $# -ge 1 ] || { echo "usage: nightly.sh SECONDS [SIM_TESTS [FOLDER]]" >&2; exit 2; }
end=$((SECONDS + $1))
program=${2:-$top/build/release/tests/sim/sim_tests}
folder=${3:-sim-failures}
[ -x "$program" ] || { echo "there is no $program" >&2; exit 2; }
mkdir -p "$folder" || exit 2
commit=$(git -C "$top" rev-parse HEAD 2>/dev/null || echo unknown)

# work NUMBER: batches of seeds, one behind another, each worker in a range of its own.
work() {
    local from=$(($(date +%s) * 1000000 + $1 * 100000)) batch=25 log
    while [ $SECONDS -lt "$end" ]; do
        log=$folder/from-$from.log
        echo "commit $commit, $batch seeds from $from" >"$log"
        if LOCKD_SIM_FROM=$from LOCKD_SIM_SEEDS=$batch LOCKD_SIM_REPORT=1 nice -n 10 \
            "$program" --gtest_filter=Random.HostileLives >>"$log" 2>&1; then
            echo "$batch seeds"
            grep -E '^(mark|fault) ' "$log" >>"$reports/$1"
            rm "$log"
        else
            echo "failed: $log"
        fi
        from=$((from + batch))
    done
}

# What the batches that passed have reported (lives_report.h), added up.
report() {
    cat "$reports"/* 2>/dev/null | awk '
        { times = $2; lives = $4; $2 = $3 = $4 = ""; all[$0] += times; in_lives[$0] += lives }
        END {
            for (what in all) {
                split(what, words, "    ")
                rank = words[1] == "fault" ? 2 : all[what] > 0
                printf "%d %-5s %10d in %6d  %s\n", rank, words[1], all[what], in_lives[what],
                    words[2]
            }
        }' | sort -k1,1n -k6 | cut -d" " -f2-
}

reports=$(mktemp -d)
trap 'rm -r "$reports"' EXIT
workers=()
for number in $(seq 1 "$(nproc)"); do
    work "$number" &
    workers+=($!)
done
wait "${workers[@]}"
report
! compgen -G "$folder/from-*.log" >/dev/null
