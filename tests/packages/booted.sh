# shellcheck shell=bash disable=SC1091,SC2016,SC2034
# Run by clean_debian.sh as a unit of the clean Debian, where systemd is PID 1.
set -eu
export LC_ALL=C LOCKD_CLUSTER=127.0.0.1
scratch=$(mktemp -d)
. /packages/make_packages.sh
conf=/etc/lockd/lockd.conf

shows() { [ "$(systemctl show -P "$1" lockd)" = "$2" ]; }
within() { # within SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}
logged() { journalctl -u lockd -b -o cat | grep -q "$1"; }
status_says() { systemctl show -P StatusText lockd | grep -q "$1"; }
pid() { systemctl show -P MainPID lockd; }

expect "settings without an id: the start fails" sh -c '! systemctl start lockd'
expect "... with 2, and is not tried again" shows NRestarts 0
sed -i -e 's/^#id = .*/id = 1/' -e "s/^#cluster = .*/cluster = 1=127.0.0.1:5625,2=127.0.0.1:5626/" $conf
systemctl reset-failed lockd
expect "the first node of two: ready at once" systemctl start lockd
expect "... STATUS" status_says '^not-bootstrapped: '
systemctl stop lockd
rm -r /var/lib/lockd/*
sed -i "s/^cluster = .*/cluster = 1=127.0.0.1:5625/" $conf
expect "start: active when it is ready" systemctl start lockd
expect "... STATUS" within 5 status_says '^leads in term '
expect "lockctl" lockctl run demo -- true
expect "the data are lockd's alone" sh -c '[ "$(stat -c %U:%a /var/lib/lockd)" = lockd:750 ]'
sed -i 's/^#log-level = .*/log-level = debug/' $conf
expect "reload" systemctl reload lockd
expect "... is logged" within 5 logged '^reloaded'
score=$(systemd-analyze security lockd --no-pager | sed -n 's/.*level for lockd.service: \([0-9.]*\).*/\1/p')
expect "systemd-analyze security: $score" awk "BEGIN { exit !($score > 0 && $score <= 2.0) }"
expect "the watchdog is told" shows WatchdogUSec 30s

before=$(pid)
kill -KILL "$before"
expect "killed: started again" within 10 sh -c '
    [ "$(systemctl show -P NRestarts lockd)" = 1 ] && systemctl --quiet is-active lockd'
kill -STOP "$(pid)"
began=$SECONDS
expect "its loop stands: the watchdog ends it" within 60 shows NRestarts 2
echo "         after $((SECONDS - began)) s"
expect "... by SIGABRT" sh -c 'journalctl -u lockd -b -o cat | grep "status=[0-9]*/ABRT"'
expect "... and it leaves its last events" sh -c 'ls /var/lib/lockd/events-*.txt'
expect "... and is started again" within 10 status_says '^leads in term '
expect "lockctl again" lockctl run demo -- true

expect "upgrade of a running node" sh -c \
    'DEBIAN_FRONTEND=noninteractive dpkg --force-confold -i /next/*.deb </dev/null'
expect "... runs the new program" sh -c '[ "$(readlink /proc/$(systemctl show -P MainPID lockd)/exe)" = /usr/bin/lockd ]'
expect "... which leads" within 10 status_says '^leads in term '
expect "... and has handed over in order" logged '^stopped node=1'
expect "stop" systemctl stop lockd
expect "... ends in order" shows Result success
expect "... and stays so" shows ActiveState inactive
systemctl start lockd
expect "remove of a running node" sh -c 'dpkg -r lockd </dev/null'
expect "... ends it" sh -c '! pgrep -x lockd'
expect "the data stay" sh -c 'ls /var/lib/lockd/* >/dev/null'
echo "ok       all of it"
