# Run by cpack before it makes the packages: Debian compresses man pages and the changelog, and
# keeps no debugging information in a static library.

file(GLOB_RECURSE files LIST_DIRECTORIES OFF ${CPACK_TEMPORARY_DIRECTORY}/*)
foreach(file ${files})
    if(file MATCHES "/share/man/.*[.][1-8]$|/share/doc/[^/]*/changelog$")
        execute_process(COMMAND gzip -9nf ${file} COMMAND_ERROR_IS_FATAL ANY)
    elseif(file MATCHES "[.]a$")
        execute_process(COMMAND strip --strip-debug ${file} COMMAND_ERROR_IS_FATAL ANY)
    endif()
endforeach()
