# espalier_portable(TARGET PREFIX): makes a shared library that runs wherever there is glibc 2.28 or newer, whatever it
# was built on. It exports the names that begin with PREFIX and nothing else, holds libstdc++ and libgcc itself, and the
# build fails if it needs a newer glibc or another library after all.
#
# A sanitizer build is for this machine only: it exports the same, and its needs are not restricted.
include_guard(GLOBAL)

set(_espalier_cmake "${CMAKE_CURRENT_LIST_DIR}")

function(espalier_portable target prefix)
  set_target_properties(${target} PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux")
    return()
  endif()

  set(exports "${CMAKE_CURRENT_BINARY_DIR}/${target}.exports")
  file(WRITE "${exports}.new" "{ global: ${prefix}*; local: *; };\n")
  configure_file("${exports}.new" "${exports}" COPYONLY)
  target_compile_options(${target} PRIVATE -ffunction-sections -fdata-sections)
  target_link_options(${target} PRIVATE "LINKER:--version-script,${exports}" "LINKER:--gc-sections")
  set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS "${exports}")
  if(ESPALIER_SANITIZE)
    return()
  endif()

  target_link_options(${target} PRIVATE
    -static-libstdc++ -static-libgcc "LINKER:--exclude-libs,ALL" "LINKER:-z,defs" "LINKER:-z,now" "LINKER:-z,relro")

  if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    set(compat "${_espalier_cmake}/portable/glibc_compat.cpp")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${compat}")
    file(STRINGS "${compat}" lines REGEX "^(FORWARD|HIDDEN .*REPLACE)\\(")
    foreach(line IN LISTS lines)
      string(REGEX MATCH "(FORWARD|REPLACE)\\(([A-Za-z0-9_]+)" ignored "${line}")
      target_link_options(${target} PRIVATE "LINKER:--wrap=${CMAKE_MATCH_2}")
    endforeach()
    target_sources(${target} PRIVATE "${compat}")
    target_link_libraries(${target} PRIVATE m)
  endif()

  add_custom_command(TARGET ${target} POST_BUILD VERBATIM
    COMMAND "${CMAKE_COMMAND}" "-DREADELF=${CMAKE_READELF}" "-DLIBRARY=$<TARGET_FILE:${target}>" "-DPREFIX=${prefix}"
            -P "${_espalier_cmake}/CheckLibrary.cmake")
endfunction()
