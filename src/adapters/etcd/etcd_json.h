#pragma once
// etcd's v3 JSON gateway as it writes messages: bytes in base64, 64-bit numbers as text, zeros left out. Whatever comes
// is checked here; a member may lie, be cut short or be something else altogether.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "ports/state_store.h"

namespace barrio::adapters::etcd {

/// RFC 4648 section 4, with padding.

/// A number that may be missing (0) and may be text. Errors: unavailable, naming it.
Result<int64_t> number_at(const JsonObject& object, std::string_view name);
bool true_at(const JsonObject& object, std::string_view name);
/// Null: not there, or no object.
const JsonObject* object_at(const JsonObject& object, std::string_view name);
/// Empty: not there. Errors: unavailable (no list).
Result<JsonArray> list_at(const JsonObject& object, std::string_view name);

/// The revision of the store in an answer's header. Errors: unavailable.
Result<ports::Revision> revision_of(const JsonObject& answer);

struct KeyValue {
  ports::Entry entry;  // its key without the prefix
  int64_t lease = 0;
};
/// What is under `prefix`. Errors: unavailable (not what was asked for).
Result<KeyValue> key_value(const Json& item, const std::string& prefix);

tl::unexpected<Error> nonsense(const std::string& what);

}  // namespace barrio::adapters::etcd
