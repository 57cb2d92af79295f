#include "adapters/openai/server_figures.h"

#include <doctest/doctest.h>

namespace barrio::server_figures_test {
using namespace barrio::adapters::openai;

TEST_CASE("vLLM's figures are read") {
  const auto figures =
      parse_server_figures(R"(# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="meta/llama {8B}"} 8.0
vllm:num_requests_waiting{engine="0",model_name="meta/llama {8B}"} 3.0
vllm:kv_cache_usage_perc{engine="0",model_name="meta/llama {8B}"} 0.25
vllm:time_to_first_token_seconds_bucket{engine="0",le="0.1",model_name="m"} 7.0
vllm:time_to_first_token_seconds_count{engine="0",model_name="m"} 40.0
vllm:time_to_first_token_seconds_sum{engine="0",model_name="m"} 12.5
vllm:prompt_tokens_total{engine="0",model_name="m"} 1.2e+06
)");
  CHECK(figures.running == 8);
  CHECK(figures.waiting == 3);
  CHECK(figures.kv_usage == 0.25);
  CHECK(figures.first_token_count == 40);
  CHECK(figures.first_token_sum == 12.5);
}

TEST_CASE("so are those of NIM, older vLLM and SGLang, with timestamps, and several models together") {
  const auto nim =
      parse_server_figures("num_requests_waiting{model_name=\"m\"} 2 1700000000000\ngpu_cache_usage_perc 0.5\r\n");
  CHECK(nim.waiting == 2);
  CHECK(nim.kv_usage == 0.5);
  const auto two = parse_server_figures(
      "sglang:num_queue_reqs{m=\"a\"} 2\nsglang:num_queue_reqs{m=\"b\"} 3\n"
      "sglang:token_usage{m=\"a\"} 0.9\nsglang:token_usage{m=\"b\"} 0.1\n");
  CHECK(two.waiting == 5);
  CHECK(two.kv_usage == 0.9);
}

TEST_CASE("what is no figure is skipped") {
  const auto figures = parse_server_figures(
      "vllm:num_requests_waiting{ 3\nvllm:num_requests_waiting\nvllm:num_requests_waiting NaN\n"
      "vllm:num_requests_waiting -1\nvllm:num_requests_waiting many\nother_requests_waiting 9\n\n{} 1\n");
  CHECK(figures.empty());
  CHECK(parse_server_figures("").empty());
  CHECK(parse_server_figures("<html>404</html>").empty());
}

TEST_CASE("the mean first token is that since the report before") {
  ServerFigures before;
  ServerFigures now{.waiting = 1, .running = 2, .kv_usage = 0.5, .first_token_sum = 10, .first_token_count = 20};
  CHECK_FALSE(report_of(now, before).recent_first_token);
  before = now;
  now.first_token_sum = 13;
  now.first_token_count = 22;
  const auto report = report_of(now, before);
  CHECK(report.recent_first_token == 1500ms);
  CHECK(report.waiting == 1);
  CHECK(report.kv_usage == 0.5);
  CHECK_FALSE(report_of(now, now).recent_first_token);
  now.first_token_sum = now.first_token_count = 1;  // started again
  CHECK_FALSE(report_of(now, before).recent_first_token);
}

}  // namespace barrio::server_figures_test
