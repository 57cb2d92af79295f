#include "adapters/openai/event_stream.h"

namespace barrio::adapters::openai {

Result<void> EventStream::feed(std::string_view piece, const std::function<bool(std::string_view data)>& on_data) {
  while (!piece.empty()) {
    if (std::exchange(after_cr_, false) && piece.front() == '\n') {
      piece.remove_prefix(1);
      continue;
    }
    const size_t end = piece.find_first_of("\r\n");
    line_ += piece.substr(0, end);
    if (line_.size() + data_.size() > longest_event)
      return fail(Code::exhausted, "an event is longer than " + std::to_string(longest_event) + " bytes");
    if (end == std::string_view::npos) return {};
    after_cr_ = piece[end] == '\r';
    piece.remove_prefix(end + 1);
    if (!line_.empty()) {
      end_line();
      continue;
    }
    if (!std::exchange(has_data_, false)) continue;
    const std::string data = std::exchange(data_, {});
    if (!on_data(data)) return {};
  }
  return {};
}

void EventStream::end_line() {
  constexpr std::string_view field = "data:";
  std::string_view line = line_;
  if (line.starts_with(field)) {
    line.remove_prefix(field.size());
    if (line.starts_with(' ')) line.remove_prefix(1);
    if (has_data_) data_ += '\n';
    data_ += line;
    has_data_ = true;
  }
  line_.clear();
}

}  // namespace barrio::adapters::openai
