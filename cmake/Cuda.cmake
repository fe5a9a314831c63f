# The CUDA compiler, and how device code becomes libespalier_cuda.
#   ESPALIER_CUDA       AUTO: where the machine has an NVIDIA driver; BUILD: wherever a compiler is or can be installed
#                       (cmake/build.sh -t); REQUIRE: fail without one; OFF
#   CUDA_HOME           (environment) a toolkit to use; else nvcc on the PATH; else NVIDIA's wheels from PyPI, installed
#                       into build/tools (about 300 MB, no root)
# Sets ESPALIER_NVCC where there is one, and ESPALIER_CUOBJDUMP where it came with it.
include_guard(GLOBAL)

set(ESPALIER_CUDA AUTO CACHE STRING "Build the CUDA backend: AUTO, BUILD, REQUIRE or OFF")
set(ESPALIER_CUDA_OLDEST 12.4)

# Every card is served by the PTX of capability 8.0, compiled in advance for those there are, as PTX for later ones.
# Files named *_sm90.cu use what only 9.0 has.
set(ESPALIER_CUDA_CODE -gencode=arch=compute_80,code=[sm_80,sm_86,sm_89,sm_90,compute_80]
  CACHE STRING "nvcc -gencode options")
set(ESPALIER_CUDA_CODE_SM90 -gencode=arch=compute_90a,code=sm_90a CACHE STRING "the same for *_sm90.cu")
mark_as_advanced(ESPALIER_CUDA_CODE ESPALIER_CUDA_CODE_SM90)

set(ESPALIER_CUDA_WHEELS
  nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-runtime==13.0.96
  nvidia-cuda-cccl==13.0.85 nvidia-cuda-cuobjdump==13.2.86 nvidia-cuda-nvdisasm==13.2.86)

# nvcc's version, "" if it does not run.
function(espalier_nvcc_version nvcc result)
  execute_process(COMMAND "${nvcc}" --version OUTPUT_VARIABLE text ERROR_QUIET RESULT_VARIABLE status)
  string(REGEX MATCH "release ([0-9]+\\.[0-9]+)" ignored "${text}")
  if(status EQUAL 0 AND CMAKE_MATCH_1)
    set(${result} "${CMAKE_MATCH_1}" PARENT_SCOPE)
  else()
    set(${result} "" PARENT_SCOPE)
  endif()
endfunction()

# The compiler of the wheels, installed once per build folder; "" and the reason where that is not possible.
function(espalier_cuda_wheels result reason)
  set(${result} "" PARENT_SCOPE)
  string(SHA256 key "${ESPALIER_CUDA_WHEELS}")
  string(SUBSTRING "${key}" 0 8 key)
  set(folder "${PROJECT_SOURCE_DIR}/build/tools/cuda-${key}")
  set(nvcc "${folder}/nvidia/cu13/bin/nvcc")
  file(MAKE_DIRECTORY "${PROJECT_SOURCE_DIR}/build/tools")
  file(LOCK "${PROJECT_SOURCE_DIR}/build/tools/cuda.lock" GUARD FUNCTION TIMEOUT 600)
  if(NOT EXISTS "${nvcc}")
    if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux")
      set(${reason} "NVIDIA's wheels are for Linux" PARENT_SCOPE)
      return()
    endif()
    find_program(python NAMES python3 NO_CACHE)
    set(status 1)
    if(python)
      execute_process(COMMAND "${python}" -m pip --version OUTPUT_QUIET ERROR_QUIET RESULT_VARIABLE status)
    endif()
    if(NOT status EQUAL 0)
      set(${reason} "there is no pip to install NVIDIA's wheels with (apt-get install python3-pip)" PARENT_SCOPE)
      return()
    endif()
    message(STATUS "CUDA: installing NVIDIA's compiler from PyPI into ${folder}")
    file(REMOVE_RECURSE "${folder}.new")
    execute_process(
      COMMAND "${python}" -m pip install --quiet --disable-pip-version-check --no-deps --target "${folder}.new"
              ${ESPALIER_CUDA_WHEELS}
      RESULT_VARIABLE status OUTPUT_VARIABLE log ERROR_VARIABLE log)
    if(NOT status EQUAL 0)
      string(REGEX REPLACE "\n+$" "" log "${log}")
      string(REGEX REPLACE ".*\n" "" log "${log}")
      file(REMOVE_RECURSE "${folder}.new")
      set(${reason} "pip could not install NVIDIA's wheels (${log})" PARENT_SCOPE)
      return()
    endif()
    file(REMOVE_RECURSE "${folder}")
    file(RENAME "${folder}.new" "${folder}")
  endif()
  set(${result} "${nvcc}" PARENT_SCOPE)
endfunction()

function(espalier_find_nvcc result reason)
  set(${result} "" PARENT_SCOPE)
  set(rejected "")
  find_program(on_path nvcc NO_CACHE)
  foreach(candidate "$ENV{CUDA_HOME}/bin/nvcc" "${on_path}" /usr/local/cuda/bin/nvcc)
    if(candidate AND EXISTS "${candidate}")
      espalier_nvcc_version("${candidate}" version)
      if(version AND NOT version VERSION_LESS ESPALIER_CUDA_OLDEST)
        set(${result} "${candidate}" PARENT_SCOPE)
        return()
      endif()
      set(rejected "${candidate} is ${version}, ${ESPALIER_CUDA_OLDEST} or newer is needed; ")
    endif()
  endforeach()
  espalier_cuda_wheels(nvcc why)
  set(${result} "${nvcc}" PARENT_SCOPE)
  set(${reason} "${rejected}${why}" PARENT_SCOPE)
endfunction()

set(ESPALIER_NVCC "")
if(ESPALIER_CUDA MATCHES "^(BUILD|REQUIRE)$" OR (ESPALIER_CUDA STREQUAL "AUTO" AND EXISTS /proc/driver/nvidia/version))
  espalier_find_nvcc(ESPALIER_NVCC why)
  if(ESPALIER_NVCC)
    espalier_nvcc_version("${ESPALIER_NVCC}" version)
    get_filename_component(folder "${ESPALIER_NVCC}" REALPATH)
    get_filename_component(folder "${folder}" DIRECTORY)
    get_filename_component(ESPALIER_CUDA_ROOT "${folder}" DIRECTORY)
    find_file(ESPALIER_CUDART libcudart_static.a NO_CACHE NO_DEFAULT_PATH
      PATHS "${ESPALIER_CUDA_ROOT}/lib64" "${ESPALIER_CUDA_ROOT}/lib" "${ESPALIER_CUDA_ROOT}/targets/x86_64-linux/lib"
            "${ESPALIER_CUDA_ROOT}/targets/sbsa-linux/lib")
    find_program(ESPALIER_CUOBJDUMP cuobjdump NO_CACHE NO_DEFAULT_PATH PATHS "${folder}")
    message(STATUS "CUDA: ${ESPALIER_NVCC}, ${version}")
  elseif(ESPALIER_CUDA STREQUAL "REQUIRE")
    message(FATAL_ERROR "ESPALIER_CUDA is REQUIRE, but there is no CUDA compiler: ${why}")
  else()
    message(STATUS "CUDA: only the CPU is built: ${why}")
  endif()
endif()

# espalier_cuda_sources(TARGET FILE...): compiles device code (.cu) for every card and adds it to the target. Objects are
# compiled beside each other, as the build tool sees fit.
function(espalier_cuda_sources target)
  set(options -std=c++17 -O3 --fmad=false -Xcompiler=-fPIC,-fvisibility=hidden,-ffunction-sections
    "-I${PROJECT_SOURCE_DIR}/kernels" "-I${PROJECT_SOURCE_DIR}/native/include" "-I${PROJECT_SOURCE_DIR}/native/src"
    -ccbin "${CMAKE_CXX_COMPILER}")
  foreach(file IN LISTS ARGN)
    get_filename_component(name "${file}" NAME)
    set(code ${ESPALIER_CUDA_CODE})
    if(name MATCHES "_sm90\\.cu$")
      set(code ${ESPALIER_CUDA_CODE_SM90})
    endif()
    set(object "${CMAKE_CURRENT_BINARY_DIR}/${target}/${name}.o")
    file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/${target}")
    add_custom_command(OUTPUT "${object}" VERBATIM
      COMMAND ${CMAKE_CXX_COMPILER_LAUNCHER} "${ESPALIER_NVCC}" ${options} ${code} -MD -MF "${object}.d" -MT "${object}"
              -c "${file}" -o "${object}"
      DEPENDS "${file}" "${ESPALIER_NVCC}"
      DEPFILE "${object}.d"
      COMMENT "CUDA ${name}")
    target_sources(${target} PRIVATE "${object}")
    set_source_files_properties("${object}" PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
  endforeach()
endfunction()

# espalier_cuda_check(TARGET): fails the build if the machine code of the library is not what it should be.
function(espalier_cuda_check target)
  if(NOT ESPALIER_CUOBJDUMP)
    message(STATUS "CUDA: the machine code is not checked: there is no cuobjdump beside ${ESPALIER_NVCC}")
    return()
  endif()
  set(table "${CMAKE_CURRENT_BINARY_DIR}/machine-code.md")
  add_custom_command(OUTPUT "${table}" VERBATIM
    COMMAND "${PROJECT_SOURCE_DIR}/cmake/machine_code.sh" "${ESPALIER_CUOBJDUMP}" $<TARGET_FILE:${target}> "${table}"
    DEPENDS ${target} "${PROJECT_SOURCE_DIR}/cmake/machine_code.sh"
    COMMENT "CUDA machine code")
  add_custom_target(${target}_machine_code ALL DEPENDS "${table}")
endfunction()
