#include "gateway/access_line.h"

#include <cmath>

#include "base/json.h"

namespace barrio::gateway {

namespace {

/// The device left before an answer began: nobody was told a status, and logs usually say this one, which is nginx's.
constexpr int client_closed_request = 499;

/// The bytes of the UTF-8 character at the start of `text`; 0: none that is valid.
size_t character_size(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return byte(0) >= 0x20 && byte(0) != 0x7f ? 1 : 0;
  const size_t size = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  if (byte(0) < 0xc2 || byte(0) > 0xf4 || text.size() < size) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and beyond the last character (RFC 3629).
  const unsigned char second = byte(1);
  if ((byte(0) == 0xe0 && second < 0xa0) || (byte(0) == 0xed && second >= 0xa0)) return 0;
  if ((byte(0) == 0xf0 && second < 0x90) || (byte(0) == 0xf4 && second >= 0x90)) return 0;
  return size;
}

template <size_t most>
void put(JsonObject& line, std::string_view key, const FixedText<most>& text) {
  if (!text.empty()) line[key] = clean_text(text.view(), text.cut());
}

double rounded_ms(Duration duration) {
  return std::round(to_ms(duration) * 1000) / 1000;
}

void put(JsonObject& line, std::string_view key, Duration duration) {
  if (duration != RequestRecord::unknown) line[key] = rounded_ms(duration);
}

}  // namespace

std::string clean_text(std::string_view text, bool cut) {
  std::string clean;
  while (!text.empty()) {
    const size_t size = character_size(text);
    clean += size == 0 ? std::string_view("?") : text.substr(0, size);
    text.remove_prefix(std::max<size_t>(size, 1));
  }
  return cut ? clean + "..." : clean;
}

std::string access_line(const RequestRecord& record, const SiteId& site, Duration calendar) {
  const auto began = std::chrono::floor<std::chrono::milliseconds>(record.began.time_since_epoch() + calendar);
  JsonObject line;
  line["time"] = to_string(WallTime(began));
  line["site"] = site.str();
  put(line, "tenant", record.tenant);
  put(line, "app", record.app);
  put(line, "method", record.method);
  put(line, "path", record.path);
  line["protocol"] = record.major_version == 2 ? "HTTP/2" : record.minor_version == 0 ? "HTTP/1.0" : "HTTP/1.1";
  line["status"] = record.status == 0 ? client_closed_request : record.status;
  put(line, "reason", record.reason);
  line["bytes_in"] = record.bytes_in;
  line["bytes_out"] = record.bytes_out;
  put(line, "network_ms", record.network);
  put(line, "gateway_ms", record.own);
  put(line, "queue_ms", record.queue);
  put(line, "compute_ms", record.compute);
  line["total_ms"] = rounded_ms(record.ended - record.began);
  put(line, "served_by", record.served_by);
  if (record.forwarded) line["forwarded"] = true;
  if (record.retried) line["retried"] = true;
  if (record.late) line["late"] = true;
  if (record.traced) {
    std::string trace(2 * record.trace.size(), '0');
    write_hex(record.trace, trace.data());
    line["trace_id"] = trace;
  }
  put(line, "place", record.place);
  put(line, "device", record.device);
  return print_json(line) + "\n";
}

}  // namespace barrio::gateway
