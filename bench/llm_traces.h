#pragma once
// Request traces of language models (../shared/data/traces): arrival, prompt and answer tokens. Gaps of more than a
// minute are where the published slice leaves blocks out: they are cut.

#include <fstream>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/text.h"
#include "base/time.h"

namespace barrio::bench {

struct LlmRequest {
  Duration at{};
  uint64_t prompt = 0;
  uint64_t output = 0;
};

inline LlmRequest from_csv(const std::string& line) {
  const auto fields = split(line, ',');
  if (fields.size() != 3) return {};
  return {from_ms(parse_double(fields[0]).value_or(0)), parse_uint(fields[1]).value_or(0),
          parse_uint(trim(fields[2])).value_or(0)};
}

inline LlmRequest from_mooncake(const std::string& line) {
  const auto json = parse_json(line);
  if (!json || !json->is_object()) return {};
  const auto number = [&](const char* key) { return json->at(key).to_number<double>(); };
  return {from_ms(number("timestamp")), static_cast<uint64_t>(number("input_length")),
          static_cast<uint64_t>(number("output_length"))};
}

/// Empty: there is no such file.
inline std::vector<LlmRequest> read_trace(const std::string& path) {
  constexpr Duration longest_gap = 60s;
  std::ifstream file(path);
  std::vector<LlmRequest> requests;
  Duration cut{};
  Duration before{};
  for (std::string line; std::getline(file, line);) {
    LlmRequest request = line.starts_with("{") ? from_mooncake(line) : from_csv(line);
    if (request.prompt == 0) continue;  // also the heading
    if (request.at - before > longest_gap) cut += request.at - before;
    before = request.at;
    request.at -= cut;
    requests.push_back(request);
  }
  return requests;
}

}  // namespace barrio::bench
