#pragma once
// Header fields of HTTP/2 messages: gathered one by one, checked as HTTP/1.1's are, and turned into heads.

#include <string>
#include <string_view>
#include <vector>

#include "net/http1_parser.h"

namespace barrio::net::http2 {

/// Fields in one buffer that is kept between messages.
class FieldBlock {
 public:
  void clear();
  /// The name is in small letters, as HTTP/2 has them.
  void add(std::string_view name, std::string_view value);
  /// With the name made so.
  void add_small(const Header& header);
  bool empty() const { return fields_.empty(); }
  size_t count() const { return fields_.size(); }
  /// As SETTINGS_MAX_HEADER_LIST_SIZE counts: 32 more than name and value for each.
  size_t bytes() const { return size_ + 32 * fields_.size(); }
  /// Names and values alone.
  size_t text_bytes() const { return size_; }
  /// Of what was read. Views into this object, until the next add() or clear().
  std::span<Header> view();
  /// Name, value and whether it is fleeting, of each.
  template <class Take>
  void each(Take take) const {
    for (const Field& field : fields_) take(name(field), value(field), field.fleeting);
  }
  /// RFC 9113 8.2.3: cookies come in pieces; a message of another version has one.
  void join_cookies();

 private:
  struct Field {
    size_t begin, name_size, value_size;
    bool fleeting;
  };
  /// Where the name goes, before the value.
  char* append(size_t name_size, std::string_view value, bool fleeting);
  std::string_view name(const Field& field) const {
    return std::string_view(text_).substr(field.begin, field.name_size);
  }
  std::string_view value(const Field& field) const {
    return std::string_view(text_).substr(field.begin + field.name_size, field.value_size);
  }

  std::string text_;  // of which size_ is in use
  size_t size_ = 0;
  std::vector<Field> fields_;
  std::vector<Header> headers_;
};

/// A request as it was read from its fields; views into the block.
struct RequestRead {
  RequestHead head;
  http1::Failure failure;
  bool expects_continue = false;
};

/// Of fields that nghttp2 has found well-formed. `ended`: there is no body. Joins the block's cookies.
RequestRead read_request(FieldBlock& block, bool ended);

struct ResponseRead {
  ResponseHead head;
  const char* failure = nullptr;
};
ResponseRead read_response(FieldBlock& block, bool ended);

}  // namespace barrio::net::http2
