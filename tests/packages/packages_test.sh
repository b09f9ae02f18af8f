#!/usr/bin/env bash
# Makes the Debian packages and looks at what is in them. Then they are installed, upgraded,
# removed and purged in a temporary root, with the scripts that a real dpkg would run. No
# network and no chroot is needed, but root: dpkg sets owners.
#
#     packages_test.sh BUILD     builds there, and keeps it for the next time
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
here=$top/tests/packages
# shellcheck source=tests/packages/make_packages.sh
. "$here/make_packages.sh"
build=$1

if [ "$(id -u)" != 0 ] || ! command -v dpkg-deb deb-systemd-helper systemd-sysusers >/dev/null; then
    echo "needs root, dpkg, deb-systemd-helper and systemd-sysusers"
    exit 77
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

rm -rf "$build/packages"
expect "the packages are made" make_packages "$build"
packages=("$build"/packages/*.deb)
lockd=$(echo "$build"/packages/lockd_*.deb)

# ---- What is in them ----

has() { # has PACKAGE PATH
    dpkg-deb --fsys-tarfile "$build/packages/$1"_*.deb | tar -t | grep -qx "[.]/$2"
}
has_field() { # has_field PACKAGE FIELD TEXT
    dpkg-deb -f "$build/packages/$1"_*.deb "$2" | grep -qF "$3"
}
expect "there are four" test ${#packages[@]} = 4
for package in lockd lockctl liblock0 liblock-dev; do
    expect "$package has its copyright" has $package usr/share/doc/$package/copyright
    expect "$package has a changelog" has $package usr/share/doc/$package/changelog.gz
done
expect "lockd brings its unit" has lockd usr/lib/systemd/system/lockd.service
expect "lockd brings its user" has lockd usr/lib/sysusers.d/lockd.conf
expect "lockd has its page" has lockd usr/share/man/man8/lockd.8.gz
expect "lockd needs liburing" has_field lockd Depends liburing2
for program in lockd lockctl; do
    expect "$program is completed" has $program usr/share/bash-completion/completions/$program
done
expect "the library can be linked with" has liblock-dev 'usr/lib/.*/liblock.so'
expect "... and has its header" has liblock-dev usr/include/liblock.h
expect "... and pkg-config knows it" has liblock-dev 'usr/lib/.*/pkgconfig/liblock.pc'
expect "... of the same version" has_field liblock-dev Depends "liblock0 (= "
expect "the settings are the administrator's" \
    sh -c "dpkg-deb -I $lockd conffiles | grep -qx /etc/lockd/lockd.conf"
if command -v lintian >/dev/null; then
    # cpack itself writes the scripts that call ldconfig.
    expect "lintian finds nothing" lintian --allow-root --fail-on error,warning \
        --suppress-tags maintscript-calls-ldconfig "${packages[@]}"
else
    echo "skipped  lintian is not installed"
fi

# ---- Their life in a root of its own ----

root=$scratch/root
conf=$root/etc/lockd/lockd.conf
data=$root/var/lib/lockd
mkdir -p "$root/var/lib/dpkg/updates" "$root/var/lib/dpkg/info"
touch "$root/var/lib/dpkg/status"

in_root() {
    # The lists of configuration files of another root may lie on its own path only.
    DEBIAN_FRONTEND=noninteractive dpkg --root="$root" --force-script-chrootless --force-depends \
        --force-confdef --force-confold --log="$scratch/dpkg.log" "$@" </dev/null
}
is_enabled() { test -L "$root/etc/systemd/system/multi-user.target.wants/lockd.service"; }

expect "install" in_root -i "${packages[@]}"
expect "the user is there" grep -q '^lockd:' "$root/etc/passwd"
expect "the unit is not enabled: a new node has no id" sh -c "! test -L '$root'/etc/systemd/system/*/lockd.service"
expect "the installed program runs" sh -c "'$root/usr/bin/lockd' --version | grep -q '^lockd [0-9]'"
expect "the installed settings are whole but for the node's own" sh -c \
    "'$root/usr/bin/lockd' --check --config '$conf' --id 1 --cluster 1=127.0.0.1:5625 --data '$scratch/d'"

expect "an operator can enable it" systemctl --root="$root" enable lockd.service
expect "... and it is" is_enabled
mkdir -p "$data"
echo promises >"$data/log"
make_next "${packages[@]}" "$scratch/next"
expect "upgrade" in_root -i "$scratch"/next/*.deb
expect "settings that nobody changed are new" grep -q 'version 99' "$conf"
expect "the unit stays enabled" is_enabled
expect "the data stay" grep -q promises "$data/log"
echo 'log-level = debug' >>"$conf"
expect "back to the older one" in_root --force-downgrade -i "${packages[@]}"
expect "upgrade again" in_root -i "$scratch"/next/*.deb
expect "changed settings stay" grep -q '^log-level = debug' "$conf"

expect "remove" in_root -r lockd
expect "the program is gone" test ! -e "$root/usr/bin/lockd"
expect "the settings stay" test -e "$conf"
expect "the data stay" grep -q promises "$data/log"
expect "purge" in_root -P lockd
cp "$scratch/said" "$scratch/purged"
expect "the settings are gone" test ! -e "$root/etc/lockd"
expect "the data still stay" grep -q promises "$data/log"
expect "... which purge says" grep -q "data of this node is kept in $data" "$scratch/purged"
expect "the unit is no longer enabled" sh -c "! test -L '$root'/etc/systemd/system/*/lockd.service"
expect "... and nothing of systemd's is left behind" sh -c \
    "! find '$root/etc/systemd' '$root/var/lib/systemd' -name '*lockd*' | grep ."
rm -r "$data"
mkdir "$data"
expect "install again" in_root -i "${packages[@]}"
expect "purge with empty data" in_root -P lockd
expect "takes the empty folder" test ! -e "$data"
expect "purge of all" in_root -P liblock-dev liblock0 lockctl
expect "nothing is left but the user" sh -c "! find '$root/usr' -type f | grep ."
