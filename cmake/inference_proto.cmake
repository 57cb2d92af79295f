# Library inference_proto: the C++ of src/api/oip/inference.proto, made by protoc at build time. Only room api includes it.

find_program(PROTOC protoc REQUIRED)
pkg_check_modules(protobuf REQUIRED IMPORTED_TARGET protobuf-lite)
set(INFERENCE_PROTO ${CMAKE_SOURCE_DIR}/src/api/oip/inference.proto)
set(INFERENCE_DIR ${CMAKE_BINARY_DIR}/inference_proto)
file(MAKE_DIRECTORY ${INFERENCE_DIR})
add_custom_command(
  OUTPUT ${INFERENCE_DIR}/inference.pb.cc ${INFERENCE_DIR}/inference.pb.h
  COMMAND ${PROTOC} --proto_path=${CMAKE_SOURCE_DIR}/src/api/oip --cpp_out=${INFERENCE_DIR} ${INFERENCE_PROTO}
  DEPENDS ${INFERENCE_PROTO}
  COMMENT "Generating inference.pb.cc" VERBATIM)
add_library(inference_proto STATIC ${INFERENCE_DIR}/inference.pb.cc ${INFERENCE_DIR}/inference.pb.h)
# It is not held to our warnings: neither what is generated nor the headers that it brings.
target_compile_options(inference_proto PRIVATE -w)
target_include_directories(inference_proto SYSTEM PUBLIC ${INFERENCE_DIR})
target_link_libraries(inference_proto PUBLIC PkgConfig::protobuf)
