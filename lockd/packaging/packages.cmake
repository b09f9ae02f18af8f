# Debian packages: `cmake --preset package && cmake --build --preset package`. The preset has the
# prefix /usr, which the paths in the unit need.

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME lockd)
set(CPACK_PACKAGE_CONTACT "The lockd maintainers <maintainers@lockd.invalid>")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL lockd lockctl library development)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SECTION net)

set(CPACK_DEBIAN_LOCKD_PACKAGE_NAME lockd)
set(CPACK_COMPONENT_LOCKD_DESCRIPTION "Replicated lock service: the server
 Three or five nodes agree through Raft on who holds which lock. This is one node of them; lockctl
 has the command for its operators and users.")
set(CPACK_DEBIAN_LOCKD_PACKAGE_DEPENDS "systemd | systemd-standalone-sysusers")
set(CPACK_DEBIAN_LOCKD_PACKAGE_RECOMMENDS lockctl)
set(CPACK_DEBIAN_LOCKD_PACKAGE_CONTROL_EXTRA
    ${PROJECT_SOURCE_DIR}/lockd/packaging/debian/conffiles
    ${PROJECT_SOURCE_DIR}/lockd/packaging/debian/postinst
    ${PROJECT_SOURCE_DIR}/lockd/packaging/debian/prerm
    ${PROJECT_SOURCE_DIR}/lockd/packaging/debian/postrm)

set(CPACK_DEBIAN_LOCKCTL_PACKAGE_NAME lockctl)
set(CPACK_DEBIAN_LOCKCTL_PACKAGE_SECTION admin)
set(CPACK_COMPONENT_LOCKCTL_DESCRIPTION "Replicated lock service: the command
 Takes and holds locks of lockd from the shell, runs commands under a lock, and shows the state of a
 cluster.")

set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME liblock0)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION "Replicated lock service: the client library for C
 Programs take locks of lockd with it.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME liblock-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "liblock0 (= ${PROJECT_VERSION})")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "Replicated lock service: what programs are built with
 The header, the static library, pkg-config and CMake files, and a man page for each function.")

include(CPack)
