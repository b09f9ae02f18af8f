# How the folders of lockd/ and liblock/ become static libraries, one each.

# pure_library(TARGET folder DEPENDS targets...): a pure module. Every .c file of the folder is
# compiled with base/pure.h forced in front; a file named in UNFORCED is not, and says why.
function(pure_library target folder)
    cmake_parse_arguments(ARG "" "" "DEPENDS;UNFORCED" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.c)
    if(NOT sources)
        add_library(${target} INTERFACE)
        target_link_libraries(${target} INTERFACE ${ARG_DEPENDS})
        return()
    endif()
    add_library(${target} STATIC ${sources})
    target_link_libraries(${target} PUBLIC ${ARG_DEPENDS})
    foreach(source ${sources})
        get_filename_component(name ${source} NAME)
        if(NOT name IN_LIST ARG_UNFORCED)
            set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS
                "-include;${PROJECT_SOURCE_DIR}/liblock/base/pure.h")
        endif()
    endforeach()
endfunction()

# system_library(TARGET folder DEPENDS targets...): a folder that touches the system.
function(system_library target folder)
    cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.c)
    if(NOT sources)
        add_library(${target} INTERFACE)
        target_link_libraries(${target} INTERFACE ${ARG_DEPENDS})
        return()
    endif()
    add_library(${target} STATIC ${sources})
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
    target_link_libraries(${target} PUBLIC ${ARG_DEPENDS})
endfunction()

# In lockd/ the target of folder `raft` is `lockd_raft`.
function(lockd_pure_library name)
    pure_library(lockd_${name} ${name} ${ARGN})
endfunction()
function(lockd_system_library name)
    system_library(lockd_${name} ${name} ${ARGN})
endfunction()
