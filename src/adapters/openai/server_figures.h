#pragma once
// What servers of language models say of their load at /metrics (Prometheus text): vLLM (vllm:num_requests_waiting
// ...), NIM (the same without a prefix), SGLang (sglang:num_queue_reqs ...). Pure.

#include <optional>
#include <string_view>

#include "base/time.h"
#include "decide/batching/first_token.h"

namespace barrio::adapters::openai {

struct ServerFigures {
  std::optional<double> waiting;
  std::optional<double> running;
  std::optional<double> kv_usage;         // 0..1
  std::optional<double> first_token_sum;  // seconds, of all so far
  std::optional<double> first_token_count;

  /// Nothing of it: not a server that we know.
  bool empty() const { return !waiting && !running && !kv_usage && !first_token_count; }
};

/// Series of several models are added up, kv_usage is the highest. Lines that are none are skipped.
ServerFigures parse_server_figures(std::string_view metrics);

/// `before`: the figures of the report before, for the mean first token since.
decide::ServerReport report_of(const ServerFigures& now, const ServerFigures& before);

}  // namespace barrio::adapters::openai
