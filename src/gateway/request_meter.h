#pragma once
// What one request adds to the meter, and when: all that is known goes in before the first byte of the answer leaves,
// and each further piece of the answer before it leaves. So a device never holds an answer that was not counted,
// whatever is killed in between. ProxiedRequest and the simulator drive the same object.

#include "gateway/meter.h"
#include "model/refusal.h"

namespace barrio::gateway {

class RequestMeter {
 public:
  explicit RequestMeter(Meter& meter) : meter_(&meter) {}

  enum class Billed { yes, no };              // no: a question about the model
  enum class From { device, other_gateway };  // which counts as entry what the device sees
  /// `app` must live as long as the request.
  void begin(const AppKey& app, Billed billed, From from);
  void body_in(size_t bytes);
  enum class By { replica_here, other_site };
  /// `compute`: as the replica says; at most `elapsed` is taken.
  void answer_begins(By by, int status, Duration compute, Duration elapsed);
  void body_out(size_t bytes);
  void late();
  void refused(RefusalReason reason);

 private:
  enum class Side { none, served, forwarded };
  void add(const Usage& usage) { meter_->add(*app_, account_, usage); }

  Meter* meter_;
  const AppKey* app_ = nullptr;
  Meter::Account account_;
  Billed billed_ = Billed::no;
  From from_ = From::device;
  Side side_ = Side::none;  // where bytes count from now on; none: the answer has not begun, or counts nowhere
  int64_t bytes_in_ = 0;    // so far, until the answer begins
};

}  // namespace barrio::gateway
