#pragma once
// What the emulated cameras tell about every picture they sent: one line of JSON per camera and second.

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"

namespace barrio::emulation {

/// late: answered after the objective. refused: a gateway said no, with its reason. lost: nobody answered, retry
/// included.
enum class Outcome { answered, late, refused, lost };
BARRIO_DESCRIBE_ENUM(Outcome, answered, late, refused, lost)

/// One picture, from the first byte sent to the answer; retry included in total_ms.
struct Shot {
  int64_t sent_ms = 0;  // milliseconds since 1970
  Outcome outcome = Outcome::lost;
  bool retried = false;
  int64_t status = 0;             // HTTP status of the last answer; 0: none
  std::string entry = {};         // the site whose gateway it was sent to
  std::string served_by = {};     // the site that computed the answer
  std::string processed_in = {};  // jurisdiction
  double network_ms = 0;
  double gateway_ms = 0;
  double queue_ms = 0;
  double compute_ms = 0;
  double total_ms = 0;
  int64_t found = 0;         // people in the picture
  std::string reason = {};   // of a refusal
  std::string detail = {};   // of a refusal or loss
  std::string nearest = {};  // what would work
};
BARRIO_DESCRIBE(Shot, (),
                (sent_ms, outcome, retried, status, entry, served_by, processed_in, network_ms, gateway_ms, queue_ms,
                 compute_ms, total_ms, found, reason, detail, nearest))

struct CameraLine {
  std::string camera = {};
  std::string entry = {};  // where its pictures go now; empty: nowhere
  int64_t skipped = 0;     // pictures not sent because the one before was still on its way
  std::vector<Shot> shots = {};
};
BARRIO_DESCRIBE(CameraLine, (), (camera, entry, skipped, shots))

/// The parts of a Server-Timing header (RFC-style "name;dur=1.5, ..."), in milliseconds; absent ones are zero.
struct ServerTiming {
  double network_ms = 0;  // between sites
  double gateway_ms = 0;
  double queue_ms = 0;
  double compute_ms = 0;
};
ServerTiming parse_server_timing(std::string_view header);

}  // namespace barrio::emulation
