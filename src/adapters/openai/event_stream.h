#pragma once
// The event stream format (WHATWG HTML, "Server-sent events") as servers of OpenAI's API send it: lines, of which those
// that begin with "data:" are put together until an empty line. Other fields and comments are skipped. Pure.

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace barrio::adapters::openai {

class EventStream {
 public:
  static constexpr size_t longest_event = 1 << 20;

  /// Calls `on_data` for each event that is complete, until it answers false; then the rest of `piece` is dropped.
  /// Errors: exhausted (an event longer than longest_event); then it is over.
  Result<void> feed(std::string_view piece, const std::function<bool(std::string_view data)>& on_data);

 private:
  void end_line();

  std::string line_;
  std::string data_;
  bool has_data_ = false;
  bool after_cr_ = false;  // a line feed that comes now belongs to the line before
};

}  // namespace barrio::adapters::openai
