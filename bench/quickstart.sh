#!/usr/bin/env bash
# From a clean checkout to a measured cluster: this builds lockd, starts three nodes on this
# machine, hands a lock from one client to another, kills the leader, and measures for ten seconds.
#
#     bench/quickstart.sh
#
# It runs as root or with sudo (only for packages), any number of times, and leaves nothing except
# build/quickstart. Environment: TMPDIR, the directory for the logs (a real disk, else /var/tmp is
# used); SECONDS_OF_LOAD (10).
set -euo pipefail
export LC_ALL=C

top=$(cd "$(dirname "$0")/.." && pwd)
build=$top/build/quickstart
load_seconds=${SECONDS_OF_LOAD:-10}
packages=(cmake g++ gcc libc6-dev liburing-dev libxxhash-dev ninja-build pkg-config)
scratch=
declare -A node_pid

say() { printf '\n== %s\n' "$*"; }

fail() {
    echo "quickstart: $*" >&2
    exit 1
}

# In every case: no process continues, and the scratch folder is removed.
clean_up() {
    local code=$?
    trap - EXIT INT TERM HUP
    local running
    running=$(jobs -p)
    if [ -n "$running" ]; then
        # shellcheck disable=SC2086
        kill -TERM $running 2>/dev/null || true
        for _ in $(seq 50); do
            [ -n "$(jobs -rp)" ] || break
            sleep 0.1
        done
        # shellcheck disable=SC2046
        kill -KILL $(jobs -rp) 2>/dev/null || true
        wait 2>/dev/null || true
    fi
    [ -z "$scratch" ] || rm -rf "$scratch"
    exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

install_packages() {
    local missing=() package root=()
    for package in "${packages[@]}"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q ' installed$' ||
            missing+=("$package")
    done
    if [ ${#missing[@]} -eq 0 ]; then
        echo "all there"
        return
    fi
    echo "installing ${missing[*]}"
    [ "$(id -u)" -eq 0 ] || root=(sudo)
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -qq update </dev/null
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -qq install \
        --no-install-recommends "${missing[@]}" </dev/null >/dev/null
}

build_programs() {
    if ! { cmake -S "$top" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
        -DBUILD_TESTING=OFF && cmake --build "$build" --target lockd lockctl lockbench; } \
        >"$scratch/build.log" 2>&1; then
        tail -n 40 "$scratch/build.log" >&2
        fail "the build failed"
    fi
    PATH=$build/lockd:$build/liblock:$build/bench:$PATH
}

# A folder on a real disk: in memory nothing would be durable.
make_scratch() {
    local base=${TMPDIR:-/var/tmp}
    case $(stat -f -c %T "$base" 2>/dev/null || echo none) in
    tmpfs | ramfs | none) base=/var/tmp ;;
    esac
    scratch=$(mktemp -d "$base/lockd-quickstart-XXXXXX")
    # Keepers of `lockctl acquire` are found there.
    export XDG_RUNTIME_DIR=$scratch
}

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

choose_ports() {
    local port=$((20000 + $$ % 9000))
    ports=()
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

# until_true SECONDS COMMAND...: false if the command did not succeed in time.
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.02
    done
}

leader() { lockctl status 2>/dev/null | awk '$3 == "leader" { print $1; exit }'; }
has_leader() { [ -n "$(leader)" ]; }
all_well() { lockctl status >/dev/null 2>&1; }

wait_for_cluster() {
    until_true 20 "$@" && return
    tail -n 5 "$scratch"/node*.log >&2
    fail "the cluster does not serve"
}

# take LABEL: acquire the lock `demo` in the background, as a client of that name.
take() {
    lockctl acquire demo --label "$1" >"$scratch/$1" 2>"$scratch/$1.err" &
}
has_it() { [ -s "$scratch/$1" ]; }
token_of() { sed -n 's/^token \([0-9]*\),.*/\1/p' "$scratch/$1"; }
holder() { lockctl query demo | awk 'NR == 2 { print $4 " with token " $2 }'; }
has_waiter() { lockctl query demo | awk 'NR == 2 { exit $NF != 1 }'; }

say "Installing the Debian packages that lockd needs, if they are missing."
install_packages

make_scratch
say "Building lockd, lockctl and lockbench (with assertions, as released)."
build_programs

choose_ports
say "Starting three nodes on this machine; their logs are on disk in $scratch."
for id in 1 2 3; do
    start_node "$id"
done
wait_for_cluster all_well
lockctl status

say "Alice acquires the lock \"demo\". Bob wants it too, and waits in the queue."
take alice
until_true 10 has_it alice || fail "alice did not get the lock: $(cat "$scratch/alice.err")"
take bob
until_true 10 has_waiter || fail "bob does not wait: $(cat "$scratch/bob.err")"
lockctl query demo

say "Alice releases it. In the same step the cluster grants it to Bob, with a larger token."
lockctl release demo
until_true 10 has_it bob || fail "bob did not get the lock: $(cat "$scratch/bob.err")"
[ "$(token_of bob)" -gt "$(token_of alice)" ] || fail "the token did not grow"
lockctl query demo

before=$(holder)
led=$(leader)
say "Now the leader dies: kill -9 of node $led. Bob does nothing."
kill -KILL "${node_pid[$led]}"
wait "${node_pid[$led]}" 2>/dev/null || true
wait_for_cluster has_leader
lockctl status || true
after=$(holder)
echo
echo "before: $before"
echo "after:  $after"
[ "$before" = "$after" ] || fail "holder and token are not what they were"
[ "${after% with*}" = bob ] || fail "bob does not hold the lock"

say "Node $led restarts, reads its log and catches up. Bob releases the lock."
start_node "$led"
wait_for_cluster all_well
lockctl release demo
lockctl status

say "Load for $load_seconds seconds, 64 requests in flight, each answer durable on two disks."
# In the background, because a trap waits for what runs in the foreground.
lockbench --inflight 64 --connections 8 --time "${load_seconds}s" &
wait $!

say "That was lockd. The nodes stop and their logs are removed. README.md has the next steps."
