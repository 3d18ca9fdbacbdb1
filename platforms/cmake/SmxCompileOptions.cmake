# smx_compile_options(target): what our own code is compiled with; warnings are errors for it and for nothing else.

option(SMX_WARNINGS_AS_ERRORS "Stop at a warning in smx's own code" ${PROJECT_IS_TOP_LEVEL})
set(SMX_SANITIZE "" CACHE STRING "Sanitizers for everything, such as address,undefined")

function(smx_compile_options target)
  target_compile_features(${target} PUBLIC cxx_std_17)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF CXX_VISIBILITY_PRESET hidden
                                             VISIBILITY_INLINES_HIDDEN ON)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wconversion -ffp-contract=off)
  if(SMX_WARNINGS_AS_ERRORS)
    target_compile_options(${target} PRIVATE -Werror)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      # What GCC guesses from inlined library code differs from version to version and is often wrong: shown, not fatal.
      target_compile_options(${target} PRIVATE -Wno-error=array-bounds -Wno-error=stringop-overflow
                                               -Wno-error=stringop-overread -Wno-error=maybe-uninitialized)
    endif()
  endif()
  if(SMX_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${SMX_SANITIZE} -fno-sanitize-recover=all
                                             -fno-omit-frame-pointer)
    if(SMX_SANITIZE MATCHES "undefined" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      # The engine has no type information, which the tests, which have it, would ask its objects for.
      target_compile_options(${target} PRIVATE -fno-sanitize=vptr)
    endif()
    target_link_options(${target} PUBLIC -fsanitize=${SMX_SANITIZE})
  endif()
endfunction()
