#!/bin/sh
# Install, and use what was installed as others do: by pkg-config and by find_package, shared
# and static, from C and from C++. No node is needed: the program prints the version.
#
#     install_test.sh BUILD_DIR
set -e
build=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
DESTDIR=$scratch/root cmake --install "$build" >"$scratch/log"
prefix=$(sed -n 's/^CMAKE_INSTALL_PREFIX:PATH=//p' "$build/CMakeCache.txt")
root=$scratch/root$prefix
libdir=$(dirname "$(find "$root" -name liblock.so)")

cat >"$scratch/use.c" <<'END'
#include <liblock.h>
#include <stdio.h>
int main(void)
{
    struct lk_options options = LK_OPTIONS_INIT;
    struct lk_client *client;
    options.nodes = "127.0.0.1:0";
    if (lk_open(&options, &client) != LK_STATUS_INVALID)
        return 1;
    return puts(lk_version()) < 0;
}
END
cp "$scratch/use.c" "$scratch/use.cc"

export PKG_CONFIG_PATH=$libdir/pkgconfig PKG_CONFIG_SYSROOT_DIR=$scratch/root
export LD_LIBRARY_PATH=$libdir
flags=$(pkg-config --cflags --libs liblock)
# shellcheck disable=SC2086
cc "$scratch/use.c" -o "$scratch/shared" $flags
"$scratch/shared"
c++ "$scratch/use.cc" -o "$scratch/shared_cc" $flags
"$scratch/shared_cc"
cc "$scratch/use.c" -o "$scratch/static" -I"$root/include" "$libdir/liblock.a" -pthread
"$scratch/static"

mkdir "$scratch/project"
cat >"$scratch/project/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(use LANGUAGES C)
find_package(liblock 0.1 REQUIRED)
add_executable(use_shared ../use.c)
target_link_libraries(use_shared PRIVATE liblock::liblock)
add_executable(use_static ../use.c)
target_link_libraries(use_static PRIVATE liblock::static)
END
cmake -G Ninja -S "$scratch/project" -B "$scratch/project/build" -DCMAKE_PREFIX_PATH="$root" >>"$scratch/log"
cmake --build "$scratch/project/build" >>"$scratch/log"
"$scratch/project/build/use_shared"
"$scratch/project/build/use_static"

# Nothing but lk_ is seen of either.
foreign=$(nm -D --defined-only "$libdir/liblock.so" | awk '{ print $3 }' |
    grep -v -e '^lk_' -e '^LIBLOCK_' || true)
foreign=$foreign$(nm -g --defined-only "$libdir/liblock.a" | awk 'NF == 3 { print $3 }' |
    grep -v '^lk_' || true)
if [ -n "$foreign" ]; then
    echo "symbols that are not ours to give: $foreign"
    exit 1
fi
test -f "$root/share/man/man3/lk_open.3"
test -f "$root/share/man/man7/liblock.7"
