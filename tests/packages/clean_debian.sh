#!/usr/bin/env bash
# Takes the Debian packages through a clean Debian 12: installed by apt, a cluster of three run
# as the unit runs a node, a program built against the library, upgraded, removed, purged
# (in_chroot.sh); then the unit under systemd as PID 1 of a container (booted.sh).
#
#     clean_debian.sh BUILD [--tree DIR] [--mirror URL]
#
# BUILD: where the packages are made. --tree: a clean Debian that debootstrap has made with the
# packages named below; it is only read. Without it one is made, which takes a few minutes. The
# mirror is the one that apt uses here. Needs root, debootstrap and systemd-container; exits
# with 77 if one is missing. All mounts are in a namespace of their own and end with the script.
set -eu
if [ "${LOCKD_IN_NAMESPACE:-}" != yes ]; then
    if [ "$(id -u)" != 0 ] || ! command -v systemd-nspawn >/dev/null; then
        echo "needs root and systemd-nspawn (package systemd-container)"
        exit 77
    fi
    LOCKD_IN_NAMESPACE=yes exec unshare --mount-proc --pid --fork --kill-child -- "$0" "$@"
fi
top=$(cd "$(dirname "$0")/../.." && pwd)
here=$top/tests/packages
# shellcheck source=tests/packages/make_packages.sh
. "$here/make_packages.sh"
wanted=systemd,systemd-sysv,dbus,bash-completion,gcc,libc6-dev,pkg-config,procps

build=$1
shift
tree=
mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE)' 'Created-By: Packages' |
    awk '$2 == "bookworm" { print $1; exit }')
while [ $# -gt 0 ]; do
    case $1 in
    --tree) tree=$2 ;;
    --mirror) mirror=$2 ;;
    *) echo "unknown: $1" >&2; exit 2 ;;
    esac
    shift 2
done

scratch=$(mktemp -d /var/tmp/lockd-debootstrap-XXXXXX)
finish() {
    for place in root/dev root/proc root; do
        mountpoint -q "$scratch/$place" && umount -R -l "$scratch/$place"
    done
    rm -rf --one-file-system "$scratch"
}
trap finish EXIT

expect "the packages are made" make_packages "$build"
if [ -z "$tree" ]; then
    if ! command -v debootstrap >/dev/null || [ -z "$mirror" ]; then
        echo "needs debootstrap and a mirror"
        exit 77
    fi
    tree=$scratch/tree
    expect "a clean Debian" debootstrap --variant=minbase --include=$wanted bookworm "$tree" "$mirror"
fi

root=$scratch/root
mkdir "$scratch/over" "$scratch/work" "$root"
mount -t overlay overlay -o "lowerdir=$tree,upperdir=$scratch/over,workdir=$scratch/work" "$root"
mkdir "$root/packages" "$root/next"
cp "$build"/packages/*.deb "$root/packages"
make_next "$build"/packages/*.deb "$root/next"
cp "$here/make_packages.sh" "$here/in_chroot.sh" "$here/booted.sh" "$root/packages"
cp /etc/resolv.conf "$root/etc/resolv.conf"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
chroot "$root" bash /packages/in_chroot.sh
umount "$root/proc"
umount -l "$root/dev"

# ---- Under systemd ----

cat >"$root/etc/systemd/system/booted.service" <<'END'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/bash /packages/booted.sh
ExecStopPost=/bin/systemctl poweroff
StandardOutput=file:/packages/said
StandardError=inherit
[Install]
WantedBy=multi-user.target
END
chroot "$root" systemctl enable --quiet booted.service
# The container's filter of system calls would forget io_uring.
timeout 240 systemd-nspawn --boot --quiet --private-network --register=no --keep-unit \
    --system-call-filter='io_uring_setup io_uring_enter io_uring_register' -D "$root" \
    </dev/null >"$scratch/boot" 2>&1 || true
if [ ! -f "$root/packages/said" ]; then
    tail -n 20 "$scratch/boot"
    echo "FAILED   systemd did not start the script"
    exit 1
fi
cat "$root/packages/said"
grep -qx "ok       all of it" "$root/packages/said"
