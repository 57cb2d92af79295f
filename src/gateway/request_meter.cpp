#include "gateway/request_meter.h"

#include <algorithm>

namespace barrio::gateway {

void RequestMeter::begin(const AppKey& app, Billed billed, From from) {
  app_ = &app;
  account_ = {};
  billed_ = billed;
  from_ = from;
  side_ = Side::none;
  bytes_in_ = 0;
}

void RequestMeter::body_in(size_t bytes) {
  const auto count = static_cast<int64_t>(bytes);
  switch (side_) {
    case Side::none: bytes_in_ += count; break;
    case Side::served: add({.served = {.bytes_in = count}, .forwarded = {}, .noted = {}}); break;
    case Side::forwarded: add({.served = {}, .forwarded = {.bytes_in = count}, .noted = {}}); break;
  }
}

void RequestMeter::answer_begins(By by, int status, Duration compute, Duration elapsed) {
  if (billed_ == Billed::no) return;
  if (by == By::other_site) {
    side_ = Side::forwarded;
    return add({.served = {}, .forwarded = {.requests = 1, .bytes_in = bytes_in_}, .noted = {}});
  }
  if (status >= 500) return add({.served = {}, .forwarded = {}, .noted = {.failed = 1}});
  side_ = Side::served;
  const Duration taken = std::clamp(compute, Duration::zero(), std::max(elapsed, Duration::zero()));
  add({.served = {.requests = 1,
                  .bytes_in = bytes_in_,
                  .compute_us = std::chrono::floor<std::chrono::microseconds>(taken).count()},
       .forwarded = {},
       .noted = {}});
}

void RequestMeter::body_out(size_t bytes) {
  const auto count = static_cast<int64_t>(bytes);
  if (side_ == Side::served) add({.served = {.bytes_out = count}, .forwarded = {}, .noted = {}});
  if (side_ == Side::forwarded) add({.served = {}, .forwarded = {.bytes_out = count}, .noted = {}});
}

void RequestMeter::late() {
  if (billed_ == Billed::yes && from_ == From::device) add({.served = {}, .forwarded = {}, .noted = {.late = 1}});
}

/// An app that does not exist has no line: anybody could make up names.
void RequestMeter::refused(RefusalReason reason) {
  if (billed_ == Billed::no || from_ == From::other_gateway || reason == RefusalReason::unknown_app) return;
  add({.served = {}, .forwarded = {}, .noted = {.refused = 1}});
}

}  // namespace barrio::gateway
