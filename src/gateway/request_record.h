#pragma once
// What is kept of one request for the access log and for traces: fixed size, copied through a ring from the gateway's
// loop to the side that formats it. Never a token, never a query.

#include <algorithm>
#include <string_view>

#include "base/time.h"
#include "gateway/trace_context.h"

namespace barrio::gateway {

/// Text in place; what is longer is cut, and marked so where it is shown.
template <size_t most>
class FixedText {
 public:
  void set(std::string_view text) {
    cut_ = text.size() > most;
    size_ = static_cast<uint16_t>(std::min(text.size(), most));
    text.copy(bytes_, size_);
  }
  std::string_view view() const { return {bytes_, size_}; }
  bool empty() const { return size_ == 0; }
  bool cut() const { return cut_; }

 private:
  uint16_t size_ = 0;
  bool cut_ = false;
  char bytes_[most];  // the first size_
};

struct RequestRecord {
  static constexpr Duration unknown = Duration::min();

  bool logged = false;
  bool traced = false;
  bool forwarded = false;   // came from another gateway
  bool to_gateway = false;  // was served through another gateway
  bool retried = false;
  bool late = false;
  bool has_parent = false;
  bool has_sent = false;
  uint8_t major_version = 1;  // of HTTP
  uint8_t minor_version = 1;
  uint16_t status = 0;  // 0: the device left before an answer began, and was told none

  Time began{};  // first byte
  Time sent{};   // to the replica or gateway that served it
  Time ended{};
  Duration network = unknown;
  Duration own = unknown;  // the gateway's
  Duration queue = unknown;
  Duration compute = unknown;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;

  TraceId trace{};
  SpanId parent{};
  SpanId span{};       // this gateway's part
  SpanId sent_span{};  // what was sent on

  FixedText<16> method;
  FixedText<200> path;
  FixedText<63> tenant;
  FixedText<63> app;
  FixedText<32> reason;  // of a refusal, or why there is no whole answer
  FixedText<63> served_by;
  FixedText<46> place;
  FixedText<46> device;  // its address; only where configured
};

}  // namespace barrio::gateway
