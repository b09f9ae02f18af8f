# shellcheck shell=bash disable=SC1091,SC2016
# Run by clean_debian.sh in the clean Debian.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
scratch=$(mktemp -d)
. /packages/make_packages.sh
conf=/etc/lockd/lockd.conf
members=1=127.0.0.1:5625,2=127.0.0.1:5626,3=127.0.0.1:5627
export LOCKD_CLUSTER=127.0.0.1:5625,127.0.0.1:5626,127.0.0.1:5627
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true' EXIT

apt() { apt-get -q -y -o Dpkg::Options::=--force-confold "$@" </dev/null; }
as_node() { exec setpriv --reuid lockd --regid lockd --clear-groups --no-new-privs "$@"; }

# The command line of the unit; nodes 2 and 3 are told what differs.
start_nodes() {
    local id program
    program=$(sed -n 's/^ExecStart=//p' /usr/lib/systemd/system/lockd.service)
    pids=()
    for id in 1 2 3; do
        install -d -o lockd -g lockd -m 750 /var/lib/lockd /var/lib/lockd-2 /var/lib/lockd-3
        set --
        [ $id = 1 ] || set -- --id $id --data /var/lib/lockd-$id
        # shellcheck disable=SC2086
        as_node $program "$@" 2>"$scratch/node-$id" &
        pids+=($!)
    done
}
stop_nodes() {
    local pid
    kill "${pids[@]}"
    for pid in "${pids[@]}"; do
        wait "$pid" || { echo "FAILED   a node ended with $?"; cat "$scratch"/node-*; exit 1; }
    done
    pids=()
}
healthy() {
    for _ in $(seq 100); do
        ! lockctl status && sleep 0.1 || return 0
    done
    cat "$scratch"/node-*
    return 1
}

expect "apt knows its packages" apt update
expect "install" apt install /packages/*.deb
expect "lockd --version" sh -c 'lockd --version | grep -q "^lockd [0-9]"'
expect "the user" getent passwd lockd
expect "not enabled" sh -c '! systemctl --quiet is-enabled lockd'
expect "the unit is right" systemd-analyze verify --man=no /lib/systemd/system/lockd.service
expect "settings without an id are refused" sh -c "! lockd --check --config $conf"
sed -i -e 's/^#id = .*/id = 1/' -e "s/^#cluster = .*/cluster = $members/" $conf
expect "lockd --check" lockd --check --config $conf
start_nodes
expect "three nodes" healthy
expect "lockctl run" lockctl run demo -- true
token=$(lockctl run demo -- printenv LOCKD_TOKEN)
expect "... has a token" test -n "$token"
expect "completion of lockd" bash -c '. /usr/share/bash-completion/completions/lockd
    COMPREPLY=(); _lockd lockd --snapshot-l --id; [ "${COMPREPLY[*]}" = --snapshot-log ]'
expect "completion of lockctl" bash -c '. /usr/share/bash-completion/completions/lockctl
    COMP_CWORD=1 COMP_WORDS=(lockctl stat); _lockctl lockctl stat lockctl; [ "${COMPREPLY[*]}" = status ]'

examples=/usr/share/doc/liblock-dev/examples
expect "a program is built" sh -c \
    "cc $examples/first_lock.c -o $scratch/use \$(pkg-config --cflags --libs liblock)"
expect "... takes a lock" "$scratch/use"

expect "upgrade" apt install /next/*.deb
expect "changed settings stay" grep -qx 'id = 1' $conf
expect "the new ones lie beside them" grep -q 'version 99' $conf.dpkg-dist
stop_nodes
start_nodes
expect "the nodes go on" healthy
expect "... with larger tokens" test "$(lockctl run demo -- printenv LOCKD_TOKEN)" -gt "$token"
stop_nodes

expect "remove" apt remove lockd
expect "the program is gone" test ! -e /usr/bin/lockd
expect "the settings stay" test -e $conf
expect "install again" apt install /packages/lockd_*.deb
start_nodes
expect "the nodes go on" healthy
stop_nodes
expect "purge" apt purge lockd
cp "$scratch/said" "$scratch/purged"
expect "... says that the data stay" grep -q 'data of this node is kept in /var/lib/lockd' "$scratch/purged"
expect "the settings are gone" test ! -e /etc/lockd
expect "the data stay" test -n "$(ls /var/lib/lockd)"
rm -r /var/lib/lockd /var/lib/lockd-2 /var/lib/lockd-3
expect "install for systemd" apt install --allow-downgrades /packages/*.deb
