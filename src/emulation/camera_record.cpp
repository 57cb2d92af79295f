#include "emulation/camera_record.h"

#include "base/text.h"

namespace barrio::emulation {

ServerTiming parse_server_timing(std::string_view header) {
  ServerTiming timing;
  for (std::string_view entry : split(header, ',')) {
    entry = trim(entry);
    const size_t mark = entry.find(";dur=");
    if (mark == std::string_view::npos) continue;
    const std::string_view name = entry.substr(0, mark);
    const double value = parse_double(trim(entry.substr(mark + 5))).value_or(0);
    if (name == "network") timing.network_ms = value;
    if (name == "gateway") timing.gateway_ms = value;
    if (name == "queue") timing.queue_ms = value;
    if (name == "compute") timing.compute_ms = value;
  }
  return timing;
}

}  // namespace barrio::emulation
