# ctest: a library linked by espalier_portable throws, catches, starts threads and reads files.
include_guard(GLOBAL)

find_package(Threads REQUIRED)
add_library(portable_probe SHARED tests/native/portable/probe.cpp)
espalier_portable(portable_probe probe_)
add_executable(portable_test tests/native/portable/main.cpp)
target_link_libraries(portable_test PRIVATE ${CMAKE_DL_LIBS} Threads::Threads)
add_dependencies(portable_test portable_probe)
add_test(NAME portable COMMAND portable_test $<TARGET_FILE:portable_probe>)
