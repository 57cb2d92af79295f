#include <algorithm>

#include "adapters/oip/blocking_client.h"
#include "adapters/oip/remote.h"
#include "api/oip/message.h"
#include "base/text.h"
#include "ports/tensor.h"

namespace barrio::adapters::oip {

namespace {

constexpr size_t longest_saying = 300;

std::string path_segment(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '_' || c == '.' || c == '~';
    if (plain)
      out += c;
    else
      out += {'%', "0123456789ABCDEF"[byte >> 4], "0123456789ABCDEF"[byte & 15]};
  }
  return out;
}

Code code_of(int status) {
  switch (status) {
    case 400:
    case 413:
    case 422: return Code::invalid;
    case 404: return Code::not_found;
    case 401:
    case 403: return Code::denied;
    case 429:
    case 503: return Code::exhausted;
    case 408:
    case 504: return Code::timed_out;
    default: return Code::unavailable;
  }
}

class RestRemote final : public Remote {
 public:
  explicit RestRemote(const OipSettings& settings)
      : settings_(settings), base_(settings.url.path + "/v2/models/" + path_segment(settings.model)) {
    if (!settings.version.empty()) base_ += "/versions/" + path_segment(settings.version);
  }

  RemoteResult<ports::ModelInfo> describe(Time deadline) override {
    auto metadata = get("", deadline);
    if (!metadata) return tl::unexpected(std::move(metadata).error());
    auto info = api::parse_model_metadata(*metadata);
    if (!info) return broken(std::move(info).error());
    // Triton's extension; where it is missing, nothing is known.
    const auto config = get("/config", deadline);
    info->max_batch = config ? max_batch_size(*config) : 0;
    return std::move(*info);
  }

  RemoteResult<ports::Outputs> infer(const ports::InferenceRequest& request, const Until& until) override {
    const Duration left = until.deadline - net::read_clock();
    if (left <= Duration::zero()) return tl::unexpected(late());
    auto http = print(request, left);
    if (!http) return tl::unexpected(RemoteFailure{std::move(http).error(), true});
    auto answer = send(std::move(*http), until.given_up, ports::max_tensor_bytes);
    if (!answer) return tl::unexpected(std::move(answer).error());
    const auto length_text = net::find_header(answer->headers, api::json_length_header);
    std::optional<size_t> length;
    if (length_text) {
      length = parse_uint(*length_text);
      if (!length) return broken({Code::invalid, "is not a length", std::string(api::json_length_header)});
    }
    auto response = api::parse_infer_response(answer->body, length);
    if (!response) return broken(std::move(response).error());
    return std::move(response->outputs);
  }

 private:
  static size_t max_batch_size(const std::string& config) {
    const auto json = parse_json(config);
    const Json* found = json && json->is_object() ? json->get_object().if_contains("max_batch_size") : nullptr;
    const int64_t rows = found != nullptr && found->is_int64() ? found->get_int64() : -1;
    return rows < 0 ? 0 : static_cast<size_t>(std::max<int64_t>(rows, 1));  // Triton's 0: it has no batch dimension
  }

  Result<net::Request> print(const ports::InferenceRequest& request, Duration left) const {
    api::InferRequest infer;
    infer.stream = request.stream;
    infer.binary_output = true;
    infer.inputs = request.inputs;
    infer.parameters = with_timeout(request.parameters, left);
    TRY(auto message, api::print_infer_request(infer, true));
    std::string left_ms;
    append_ms(left_ms, left);  // ours; other servers skip it
    net::Request http{.method = "POST",
                      .target = base_ + "/infer",
                      .headers = {{"Content-Type", "application/octet-stream"}, {"Barrio-Deadline-Ms", left_ms}},
                      .body = std::move(message.body)};
    if (message.json_length) http.headers.emplace_back(api::json_length_header, std::to_string(*message.json_length));
    return http;
  }

  RemoteResult<std::string> get(const std::string& rest, Time deadline) {
    auto answer = send({.target = base_ + rest}, deadline, most_metadata);
    if (!answer) return tl::unexpected(std::move(answer).error());
    return std::move(answer->body);
  }

  RemoteResult<net::Response> send(net::Request request, Time deadline, size_t most) {
    auto answer = client_.fetch(settings_.url.endpoint, std::move(request), deadline, most);
    if (!answer) {
      Error error = std::move(answer).error();
      // A peer that does not speak HTTP is no fault of the request.
      if (error.code == Code::invalid) error.code = Code::unavailable;
      return tl::unexpected(RemoteFailure{std::move(error).within(settings_.where())});
    }
    if (answer->status == 200) return std::move(*answer);
    const std::string status = std::to_string(answer->status);
    const bool of_request = answer->status == 400 || answer->status == 422 || answer->status == 500;
    return tl::unexpected(
        RemoteFailure{{code_of(answer->status), said(settings_, status, api::parse_error(answer->body))}, of_request});
  }

  RemoteFailure late() const { return {{Code::timed_out, "no time is left", settings_.where()}}; }
  tl::unexpected<RemoteFailure> broken(Error error) const {
    return tl::unexpected(RemoteFailure{{Code::unavailable, said(settings_, "what cannot be read", error.text())}});
  }

  OipSettings settings_;
  std::string base_;
  BlockingClient client_;
};

}  // namespace

ports::Parameters with_timeout(ports::Parameters parameters, Duration left) {
  std::erase_if(parameters, [](const auto& parameter) { return parameter.first == "timeout"; });
  const int64_t us = std::chrono::duration_cast<std::chrono::microseconds>(left).count();
  parameters.emplace_back("timeout", std::max<int64_t>(1, us));
  return parameters;
}

std::string said(const OipSettings& settings, const std::string& status, std::string_view text) {
  std::string line(text.substr(0, longest_saying));
  std::replace_if(line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  return settings.where() + " answered " + status + ": " + line;
}

std::unique_ptr<Remote> make_rest_remote(const OipSettings& settings) {
  return std::make_unique<RestRemote>(settings);
}

}  // namespace barrio::adapters::oip
