# cmake -DREADELF=... -DLIBRARY=... -DPREFIX=... -P CheckLibrary.cmake
# Fails unless the library runs on glibc 2.28 with nothing else installed and exports only names that begin with PREFIX.
set(oldest 2.28)
get_filename_component(name "${LIBRARY}" NAME)

function(read_elf result)
  execute_process(COMMAND "${READELF}" --wide ${ARGN} "${LIBRARY}" OUTPUT_VARIABLE text RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${name}: ${READELF} failed (${status})")
  endif()
  string(REPLACE ";" "," text "${text}")
  string(REPLACE "\n" ";" text "${text}")
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

set(faults "")
read_elf(dynamic --dynamic)
foreach(line IN LISTS dynamic)
  if(line MATCHES "\\(NEEDED\\).*\\[(.*)\\]" AND
     NOT CMAKE_MATCH_1 MATCHES "^(libc|libm|libdl|libpthread|librt|ld-linux-[a-z0-9-]+|libespalier)\\.so(\\.[0-9]+)?$")
    list(APPEND faults "needs ${CMAKE_MATCH_1}, which may be missing elsewhere")
  endif()
endforeach()

read_elf(symbols --dyn-syms)
foreach(line IN LISTS symbols)
  if(line MATCHES " UND +([A-Za-z0-9_]+)@+([A-Z]+)_([0-9.]+)")
    if(NOT CMAKE_MATCH_2 STREQUAL "GLIBC")  # GLIBCXX, CXXABI, GCC
      list(APPEND faults "needs ${CMAKE_MATCH_1} of ${CMAKE_MATCH_2}_${CMAKE_MATCH_3}: libstdc++ and libgcc belong inside")
    elseif(CMAKE_MATCH_3 VERSION_GREATER oldest)
      list(APPEND faults "needs ${CMAKE_MATCH_1} of glibc ${CMAKE_MATCH_3}, newer than ${oldest}: add it to glibc_compat.cpp")
    endif()
  elseif(NOT line MATCHES " UND " AND line MATCHES " (GLOBAL|WEAK|UNIQUE) +[A-Z]+ +[0-9]+ +([^ @]+)")
    set(symbol "${CMAKE_MATCH_2}")
    if(NOT symbol MATCHES "^${PREFIX}")
      list(APPEND faults "exports ${symbol}, which is not ${PREFIX}*")
    endif()
  endif()
endforeach()

if(faults)
  file(REMOVE "${LIBRARY}")  # or the next build would find it up to date
  list(JOIN faults "\n  " text)
  message(FATAL_ERROR "${name} would not run everywhere:\n  ${text}")
endif()
