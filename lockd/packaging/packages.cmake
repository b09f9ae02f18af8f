# Debian packages: `cmake --preset package && cmake --build --preset package`. The preset has the
# prefix /usr, which the paths in the unit need. README.md says what the packages do.

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME lockd)
set(CPACK_PACKAGE_CONTACT "The lockd maintainers <maintainers@lockd.invalid>")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/compress.cmake)
set(CPACK_COMPONENTS_ALL lockd lockctl library development)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SECTION net)

set(CPACK_DEBIAN_LOCKD_PACKAGE_NAME lockd)
set(CPACK_COMPONENT_LOCKD_DESCRIPTION "Replicated lock service: the server
Three or five nodes agree through Raft on who holds which lock. This is
one node of them; the package lockctl has the command for its operators
and users.")
set(CPACK_DEBIAN_LOCKD_PACKAGE_DEPENDS "systemd | systemd-standalone-sysusers")
set(CPACK_DEBIAN_LOCKD_PACKAGE_RECOMMENDS lockctl)
set(CPACK_DEBIAN_LOCKD_PACKAGE_CONTROL_EXTRA
    ${CMAKE_CURRENT_LIST_DIR}/debian/conffiles
    ${CMAKE_CURRENT_LIST_DIR}/debian/postinst
    ${CMAKE_CURRENT_LIST_DIR}/debian/prerm
    ${CMAKE_CURRENT_LIST_DIR}/debian/postrm)

set(CPACK_DEBIAN_LOCKCTL_PACKAGE_NAME lockctl)
set(CPACK_DEBIAN_LOCKCTL_PACKAGE_SECTION admin)
set(CPACK_COMPONENT_LOCKCTL_DESCRIPTION "Replicated lock service: the command
Takes and holds locks of lockd from the shell, runs commands under a
lock, and shows the state of a cluster. It reads the addresses of the
nodes from its arguments or from the environment.")

set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME liblock0)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
# cpack itself adds scripts that call ldconfig; dpkg's trigger does it once for all packages.
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_LIST_DIR}/debian/triggers)
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION "Replicated lock service: the client library for C
Programs take locks of a cluster of lockd with it, hold them while their
session lives, and hear in time when they may no longer believe that
they hold one.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME liblock-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "liblock0 (= ${CPACK_PACKAGE_VERSION})")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "Replicated lock service: what programs are built with
The header, the static library, pkg-config and CMake files of liblock,
and a man page for each function. It is needed to build programs, and
not to run them.")

# What Debian wants in each package.
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
    string(TIMESTAMP packages_date "%a, %d %b %Y %H:%M:%S +0000" UTC)
    configure_file(${CMAKE_CURRENT_LIST_DIR}/debian/changelog.in changelog @ONLY)
    foreach(component ${CPACK_COMPONENTS_ALL})
        string(TOUPPER ${component} upper)
        install(FILES ${CMAKE_CURRENT_LIST_DIR}/debian/copyright ${CMAKE_BINARY_DIR}/changelog
            DESTINATION share/doc/${CPACK_DEBIAN_${upper}_PACKAGE_NAME} COMPONENT ${component})
    endforeach()
    install(FILES ${CMAKE_SOURCE_DIR}/lockd/doc/operations.md
        ${CMAKE_SOURCE_DIR}/lockd/doc/metrics.md DESTINATION share/doc/lockd COMPONENT lockd)
    file(GLOB packages_examples ${CMAKE_SOURCE_DIR}/liblock/examples/*.c)
    install(FILES ${packages_examples}
        DESTINATION share/doc/${CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME}/examples COMPONENT development)
endif()

include(CPack)
