# shellcheck shell=bash disable=SC2154
# Read by the scripts beside it: how the packages are made, and a second version of them.

# make_packages BUILD: build them there; their folder is BUILD/packages.
make_packages() {
    cmake --preset package -S "$top" -B "$1" && cmake --build "$1" --target package -j "$(nproc)"
}

# make_next DEB... FOLDER: the same packages as version 99, as a later release would have them:
# another default in the configuration file, and one more line in the unit.
make_next() {
    local folder=${*: -1} deb tree
    mkdir -p "$folder"
    for deb in "${@:1:$#-1}"; do
        tree=$(mktemp -d -p "$folder")
        chmod 755 "$tree"
        dpkg-deb -R "$deb" "$tree/deb"
        sed -i -e 's/^Version: .*/Version: 99/' -e 's/(= [0-9.]*)/(= 99)/' "$tree/deb/DEBIAN/control"
        if [ -f "$tree/deb/etc/lockd/lockd.conf" ]; then
            echo '# A line of version 99.' >>"$tree/deb/etc/lockd/lockd.conf"
            echo '# A line of version 99.' >>"$tree/deb/usr/lib/systemd/system/lockd.service"
        fi
        dpkg-deb --root-owner-group -b "$tree/deb" "$folder" >/dev/null
        rm -r "$tree"
    done
}

# expect WHAT COMMAND...: WHAT holds if the command succeeds.
expect() {
    local what=$1
    shift
    if "$@" >"$scratch/said" 2>&1; then
        echo "ok       $what"
    else
        echo "FAILED   $what: $*"
        sed 's/^/         /' "$scratch/said"
        exit 1
    fi
}
