#pragma once
// Our view of ONNX Runtime's C ABI: the few functions that the backend calls, at their positions in the public OrtApi
// table (include/onnxruntime/core/session/onnxruntime_c_api.h, API version 1; the table only ever grows at its end).
// Declared here so that the build needs no ONNX Runtime; the library is found at run time.

#include <cstddef>
#include <cstdint>

namespace barrio::adapters::ort {

struct Env;
struct Status;
struct MemoryInfo;
struct Session;
struct SessionOptions;
struct RunOptions;
struct Value;
struct TypeInfo;
struct TensorInfo;
struct Allocator;

/// ONNXTensorElementDataType.
enum class Element : int {
  undefined,
  fp32,
  uint8,
  int8,
  uint16,
  int16,
  int32,
  int64,
  string,
  boolean,
  fp16,
  fp64,
  uint32,
  uint64
};

constexpr uint32_t api_version = 1;
constexpr int log_fatal = 4;         // OrtLoggingLevel: errors come back as Status, so nothing is logged
constexpr int optimize_all = 99;     // GraphOptimizationLevel
constexpr int device_allocator = 0;  // OrtAllocatorType
constexpr int memory_default = 0;    // OrtMemType

/// One slot per function of the table, in its order.
enum Slot : size_t {
  slot_get_error_message = 2,
  slot_create_env = 3,
  slot_create_session_from_array = 8,
  slot_run = 9,
  slot_create_session_options = 10,
  slot_set_graph_optimization = 23,
  slot_set_intra_threads = 24,
  slot_set_inter_threads = 25,
  slot_input_count = 30,
  slot_output_count = 31,
  slot_input_type_info = 33,
  slot_output_type_info = 34,
  slot_input_name = 36,
  slot_output_name = 37,
  slot_create_tensor = 48,
  slot_create_tensor_with_data = 49,
  slot_is_tensor = 50,
  slot_tensor_data = 51,
  slot_fill_strings = 52,
  slot_strings_length = 53,
  slot_strings_content = 54,
  slot_cast_to_tensor_info = 55,
  slot_element_type = 60,
  slot_dimension_count = 61,
  slot_dimensions = 62,
  slot_dimension_names = 63,
  slot_tensor_info_of_value = 65,
  slot_cpu_memory_info = 69,
  slot_allocator_free = 76,
  slot_default_allocator = 78,
  slot_release_env = 92,
  slot_release_status = 93,
  slot_release_memory_info = 94,
  slot_release_session = 95,
  slot_release_value = 96,
  slot_release_type_info = 98,
  slot_release_tensor_info = 99,
  slot_release_session_options = 100,
};

/// The table, with a typed pointer for each function used.
struct Api {
  explicit Api(const void* table);

  const char* (*error_message)(const Status*);
  Status* (*create_env)(int level, const char* name, Env** out);
  Status* (*create_session)(const Env*, const void* model, size_t length, const SessionOptions*, Session** out);
  Status* (*run)(Session*, const RunOptions*, const char* const* input_names, const Value* const* inputs,
                 size_t inputs_count, const char* const* output_names, size_t outputs_count, Value** outputs);
  Status* (*create_session_options)(SessionOptions** out);
  Status* (*set_graph_optimization)(SessionOptions*, int level);
  Status* (*set_intra_threads)(SessionOptions*, int count);
  Status* (*set_inter_threads)(SessionOptions*, int count);
  Status* (*input_count)(const Session*, size_t* out);
  Status* (*output_count)(const Session*, size_t* out);
  Status* (*input_type_info)(const Session*, size_t index, TypeInfo** out);
  Status* (*output_type_info)(const Session*, size_t index, TypeInfo** out);
  Status* (*input_name)(const Session*, size_t index, Allocator*, char** out);
  Status* (*output_name)(const Session*, size_t index, Allocator*, char** out);
  Status* (*create_tensor)(Allocator*, const int64_t* shape, size_t rank, Element, Value** out);
  Status* (*create_tensor_with_data)(const MemoryInfo*, void* data, size_t size, const int64_t* shape, size_t rank,
                                     Element, Value** out);
  Status* (*is_tensor)(const Value*, int* out);
  Status* (*tensor_data)(Value*, void** out);
  Status* (*fill_strings)(Value*, const char* const* strings, size_t count);
  Status* (*strings_length)(const Value*, size_t* out);
  Status* (*strings_content)(const Value*, void* out, size_t size, size_t* offsets, size_t count);
  Status* (*cast_to_tensor_info)(const TypeInfo*, const TensorInfo** out);
  Status* (*element_type)(const TensorInfo*, Element* out);
  Status* (*dimension_count)(const TensorInfo*, size_t* out);
  Status* (*dimensions)(const TensorInfo*, int64_t* out, size_t count);
  /// Empty texts for fixed and unnamed ones; borrowed from the info.
  Status* (*dimension_names)(const TensorInfo*, const char** out, size_t count);
  Status* (*tensor_info_of_value)(const Value*, TensorInfo** out);
  Status* (*cpu_memory_info)(int allocator_type, int memory_type, MemoryInfo** out);
  Status* (*allocator_free)(Allocator*, void*);
  Status* (*default_allocator)(Allocator** out);
  void (*release_env)(Env*);
  void (*release_status)(Status*);
  void (*release_memory_info)(MemoryInfo*);
  void (*release_session)(Session*);
  void (*release_value)(Value*);
  void (*release_type_info)(TypeInfo*);
  void (*release_tensor_info)(TensorInfo*);
  void (*release_session_options)(SessionOptions*);
};

/// What OrtGetApiBase returns.
struct ApiBase {
  const void* (*get_api)(uint32_t version);
  const char* (*get_version)();
};

}  // namespace barrio::adapters::ort
