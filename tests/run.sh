#!/usr/bin/env bash
# Installs what is missing, builds and runs every test, from a clean checkout or again.
#
#     tests/run.sh [--quick]
#
# --quick: the release build only. The last line is "N passed, N failed"; the exit status is
# not 0 if a test failed, a build failed or no test ran.
set -u
export LC_ALL=C
# The simulator lives some lives of this commit's own; without git, or with it told, others.
export LOCKD_SIM_COMMIT=${LOCKD_SIM_COMMIT:-$(git -C "$(dirname "$0")" rev-parse HEAD 2>/dev/null || echo 1)}

top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top" || exit 1

quick=no
for option in "$@"; do
    case $option in
    --quick) quick=yes ;;
    *) echo "usage: tests/run.sh [--quick]" >&2; exit 2 ;;
    esac
done

passed=0
failed=0
failed_names=
again_names=
times=
stage_began=$SECONDS
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

# stage_ends NAME: note how long the stage took that ends here.
stage_ends() {
    times+=$(printf '%6d s  %s' $((SECONDS - stage_began)) "$1")$'\n'
    stage_began=$SECONDS
}

# note_failure NAME: count as failed what is not a single test.
note_failure() {
    failed=$((failed + 1))
    failed_names+="    $1"$'\n'
}

install_packages() {
    local missing=() package
    while read -r package; do
        if ! dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q ' installed$'; then
            missing+=("$package")
        fi
    done < <(grep -v -e '^#' -e '^$' tests/packages.txt)
    [ ${#missing[@]} -eq 0 ] && return 0
    echo "installing: ${missing[*]}"
    local root=()
    [ "$(id -u)" -eq 0 ] || root=(sudo)
    # A fresh machine may hold no lists yet, or stale ones: installing then fails, so update.
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -q update </dev/null
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -q install \
        --no-install-recommends "${missing[@]}" </dev/null
}

# build PRESET TARGET
build() {
    local preset=$1 target=$2
    if ! cmake --preset "$preset" >"$logs/configure" 2>&1; then
        cat "$logs/configure"
        return 1
    fi
    if ! cmake --build --preset "$preset" --target "$target" >"$logs/build" 2>&1; then
        grep -v '^\[' "$logs/build" | tail -n 200
        return 1
    fi
}

# count_in REPORT STATUS...: how many tests ctest's report has with one of the statuses.
count_in() {
    local report=$1 pattern
    shift
    pattern=$(IFS='|'; echo "$*")
    grep -cE "<testcase .*status=\"($pattern)\"" "$report"
}

# run_again PRESET REPORT: run the failed tests once more that time may explain, each alone; how
# many pass now is in `again`, and they are named at the end.
run_again() {
    local preset=$1 report=$2 names second=$2.second
    again=0
    names=$(ctest --test-dir "build/$preset" -N -L machine | python3 tests/again.py "$report")
    [ -n "$names" ] || return
    ctest --test-dir "build/$preset" --output-on-failure --output-junit "$second" \
        -R "$names" >"$logs/ctest-again" 2>&1 || cat "$logs/ctest-again"
    again=$(count_in "$second" run)
    [ "$again" -eq 0 ] && return
    again_names+=$(sed -n 's/.*<testcase name="\([^"]*\)".*status="run".*/    \1/p' "$second" |
        sed "s/\$/ ($preset)/")$'\n'
}

# run_tests PRESET CTEST_OPTION...: run ctest and add up what its report says.
run_tests() {
    local preset=$1
    shift
    local report=$logs/$preset.xml
    # Two places for each processor: tests/CMakeLists.txt says which tests take both.
    ctest --test-dir "build/$preset" --output-on-failure --output-junit "$report" \
        -j "$((2 * $(nproc)))" "$@" >"$logs/ctest" 2>&1
    local status=$?
    if [ ! -s "$report" ]; then
        cat "$logs/ctest"
        note_failure "$preset: ctest made no report"
        return
    fi
    [ $status -eq 0 ] || grep -v -e ' Passed ' -e '^ *Start ' "$logs/ctest" | tail -n 300
    local good bad skipped again=0
    good=$(count_in "$report" run)
    bad=$(count_in "$report" fail)
    skipped=$(count_in "$report" notrun disabled)
    if [ $((good + bad)) -eq 0 ] || { [ "$bad" -eq 0 ] && [ $status -ne 0 ]; }; then
        note_failure "$preset: no test ran, or one could not be started"
    fi
    if [ "$bad" -gt 0 ]; then
        run_again "$preset" "$report"
        failed_names+=$(sed -n 's/.*<testcase name="\([^"]*\)".*status="fail".*/\1/p' "$report" |
            grep -v -x -F -f <(sed -n 's/.*<testcase name="\([^"]*\)".*status="run".*/\1/p' \
                "$report.second" 2>/dev/null) | sed "s/.*/    & ($preset)/")
        [ "$bad" -eq "$again" ] || failed_names+=$'\n'
    fi
    echo "$preset: $((good + again)) passed, $((bad - again)) failed, $skipped skipped"
    passed=$((passed + good + again))
    failed=$((failed + bad - again))
}

# build_and_run PRESET TARGET CTEST_OPTION...
build_and_run() {
    local preset=$1 target=$2
    shift 2
    echo "== $preset"
    if ! build "$preset" "$target"; then
        note_failure "$preset: build"
        stage_ends "build $preset"
        return
    fi
    stage_ends "build $preset"
    run_tests "$preset" "$@"
    stage_ends "test $preset"
}

install_packages || note_failure "installation of packages"
stage_ends "packages"
build_and_run release all
if [ "$quick" = no ]; then
    build_and_run asan all -LE 'tidy|slow'
    # ThreadSanitizer is for what has threads.
    build_and_run tsan threaded_tests -L tsan
fi

printf '\nwhere time went:\n%s' "$times"
if [ -n "$again_names" ]; then
    printf '\npassed only when run a second time, alone (tests/again.py):\n%s' "$again_names"
fi
if [ -n "$failed_names" ]; then
    printf '\nfailed:\n%s' "$failed_names"
fi
echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
