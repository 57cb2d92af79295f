#pragma once
// What a front counts of each model: the parts of a request's time that are its own, and what it rejects. The fronts of
// one address count into the same series. Lives on the loop.

#include <map>
#include <memory>
#include <string>

#include "base/metrics.h"

namespace barrio::engine {

class FrontMetrics {
 public:
  struct OfModel {
    Counter& rejected;
    Histogram& front;   // first byte to whole body
    Histogram& decode;  // from bytes to tensors
    Histogram& reply;   // from outputs to the answer's bytes
  };

  explicit FrontMetrics(Registry& registry) : registry_(registry) {}
  /// Of a model that is here: callers do not invent series. Valid as long as this is.
  OfModel& of(const std::string& model);

 private:
  Registry& registry_;
  std::map<std::string, std::unique_ptr<OfModel>, std::less<>> models_;
};

}  // namespace barrio::engine
