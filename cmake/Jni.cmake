# libjniespalier, the glue between dev.espalier.bindings and libespalier. The build of java/runtime generates
# jniEspalier.cpp with JavaCPP, then configures with
#   ESPALIER_JNI_SOURCE   that file; without it there is no glue, and everything else builds and tests as usual
#   ESPALIER_JAVA_HOME    the JDK whose include/jni.h is used
# Both libraries and their index end in ESPALIER_NATIVES_DIR/<platform>, which becomes part of the jar.
include_guard(GLOBAL)

if(NOT ESPALIER_JNI_SOURCE)
  return()
endif()
if(NOT EXISTS "${ESPALIER_JAVA_HOME}/include/jni.h")
  message(FATAL_ERROR "no include/jni.h in ${ESPALIER_JAVA_HOME}: a JDK is needed, for instance openjdk-17-jdk-headless")
endif()

string(TOLOWER "${CMAKE_SYSTEM_NAME}" jni_platform)
string(TOLOWER "${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR}" platform)  # as NativeLibrary.platform() says it
string(REPLACE "-aarch64" "-arm64" platform "${platform}")
string(REPLACE "darwin-" "macosx-" platform "${platform}")
# JavaCPP writes the file anew each time; the copy changes only when the content does.
set(jni_source "${CMAKE_CURRENT_BINARY_DIR}/jniEspalier.cpp")
configure_file("${ESPALIER_JNI_SOURCE}" "${jni_source}" COPYONLY)
add_library(jniespalier SHARED "${jni_source}" "${PROJECT_SOURCE_DIR}/native/src/jni/native_memory.cpp")
target_include_directories(jniespalier SYSTEM PRIVATE
  "${ESPALIER_JAVA_HOME}/include" "${ESPALIER_JAVA_HOME}/include/${jni_platform}")
target_include_directories(jniespalier PRIVATE native/include)
target_link_libraries(jniespalier PRIVATE espalier)
# Generated code: its warnings are JavaCPP's, and it hands jlong arrays to functions that write pointers there.
set_source_files_properties("${jni_source}" PROPERTIES COMPILE_OPTIONS "-w;-fno-strict-aliasing")
set_target_properties(jniespalier PROPERTIES BUILD_RPATH "$ORIGIN" BUILD_RPATH_USE_ORIGIN ON)
espalier_portable(jniespalier Java_)

set(jni_folder "${ESPALIER_NATIVES_DIR}/${platform}")
set(jni_strip "${CMAKE_STRIP}")
if(ESPALIER_SANITIZE)
  set(jni_strip "")  # reports name functions
endif()
add_executable(crc32 EXCLUDE_FROM_ALL cmake/portable/crc32.cpp)
# jni_pack(INDEX LIBRARY...): the index of libraries that belong together.
function(jni_pack index)
  set(files "")
  foreach(library IN LISTS ARGN)
    list(APPEND files "$<TARGET_FILE:${library}>")
  endforeach()
  list(JOIN files "," files)
  add_custom_command(OUTPUT "${jni_folder}/${index}" VERBATIM
    COMMAND "${CMAKE_COMMAND}" "-DFOLDER=${jni_folder}" "-DSTRIP=${jni_strip}" "-DCRC32=$<TARGET_FILE:crc32>"
            "-DLIBRARIES=${files}" "-DINDEX=${index}" -P "${PROJECT_SOURCE_DIR}/cmake/PackNatives.cmake"
    DEPENDS ${ARGN} crc32 "${PROJECT_SOURCE_DIR}/cmake/PackNatives.cmake")
endfunction()
jni_pack(index espalier jniespalier)
set(jni_indexes "${jni_folder}/index")
if(TARGET espalier_cuda)  # opened by libespalier where it is asked for
  jni_pack(libespalier_cuda.so.index espalier_cuda)
  list(APPEND jni_indexes "${jni_folder}/libespalier_cuda.so.index")
endif()
add_custom_target(natives ALL DEPENDS ${jni_indexes})
