#include "adapters/ort/ort_abi.h"

#include <cstring>

namespace barrio::adapters::ort {

namespace {

template <class Function>
void take(const void* table, Slot slot, Function& into) {
  static_assert(sizeof(Function) == sizeof(void*));
  std::memcpy(static_cast<void*>(&into), static_cast<const char*>(table) + slot * sizeof(void*), sizeof(void*));
}

}  // namespace

Api::Api(const void* table) {
  take(table, slot_get_error_message, error_message);
  take(table, slot_create_env, create_env);
  take(table, slot_create_session_from_array, create_session);
  take(table, slot_run, run);
  take(table, slot_create_session_options, create_session_options);
  take(table, slot_set_graph_optimization, set_graph_optimization);
  take(table, slot_set_intra_threads, set_intra_threads);
  take(table, slot_set_inter_threads, set_inter_threads);
  take(table, slot_input_count, input_count);
  take(table, slot_output_count, output_count);
  take(table, slot_input_type_info, input_type_info);
  take(table, slot_output_type_info, output_type_info);
  take(table, slot_input_name, input_name);
  take(table, slot_output_name, output_name);
  take(table, slot_create_tensor, create_tensor);
  take(table, slot_create_tensor_with_data, create_tensor_with_data);
  take(table, slot_is_tensor, is_tensor);
  take(table, slot_tensor_data, tensor_data);
  take(table, slot_fill_strings, fill_strings);
  take(table, slot_strings_length, strings_length);
  take(table, slot_strings_content, strings_content);
  take(table, slot_cast_to_tensor_info, cast_to_tensor_info);
  take(table, slot_element_type, element_type);
  take(table, slot_dimension_count, dimension_count);
  take(table, slot_dimensions, dimensions);
  take(table, slot_dimension_names, dimension_names);
  take(table, slot_tensor_info_of_value, tensor_info_of_value);
  take(table, slot_cpu_memory_info, cpu_memory_info);
  take(table, slot_allocator_free, allocator_free);
  take(table, slot_default_allocator, default_allocator);
  take(table, slot_release_env, release_env);
  take(table, slot_release_status, release_status);
  take(table, slot_release_memory_info, release_memory_info);
  take(table, slot_release_session, release_session);
  take(table, slot_release_value, release_value);
  take(table, slot_release_type_info, release_type_info);
  take(table, slot_release_tensor_info, release_tensor_info);
  take(table, slot_release_session_options, release_session_options);
}

}  // namespace barrio::adapters::ort
