#include "adapters/podman/podman_api.h"

#include <algorithm>

#include "base/json_read.h"
#include "base/text.h"

namespace barrio::adapters {

namespace {

constexpr Duration quick = 10s;
constexpr Duration slow = 120s;  // starting, and loading images
constexpr std::string_view base_path = "/v4.0.0/libpod";

using namespace json_read;

bool has_word(const Json& list, std::string_view word) {
  return std::ranges::any_of(list_of(list), [&](const Json& item) { return text_of(item) == word; });
}

/// Each byte as %XX, but letters and digits: names of images are a stranger's text.
std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const auto byte = static_cast<unsigned char>(c);
    plain ? out.append(1, c) : out.append("%").append(to_hex({&byte, 1}));
  }
  return out;
}

tl::unexpected<Error> refusal(const net::Response& answer, const std::string& what) {
  const auto json = parse_json(answer.body);
  std::string why = json ? text_of(at(*json, "message")) : answer.body.substr(0, 300);
  if (why.empty()) why = "status " + std::to_string(answer.status);
  Code code = answer.status == 404 ? Code::not_found : Code::unavailable;
  if (answer.status == 400) code = Code::invalid;
  if (answer.status == 409) code = Code::conflict;
  return fail(code, "podman: " + why, what);
}

}  // namespace

Result<std::string> PodmanApi::call(const char* method, std::string target, Duration within, std::string body,
                                    const char* type) {
  const std::string what = std::string(method) + " " + target.substr(0, target.find('?'));
  net::Request request{
      .method = method, .target = std::string(base_path) + target, .headers = {}, .body = {}, .peer_ip = {}};
  if (type != nullptr) request.headers.emplace_back("Content-Type", type);
  request.body = std::move(body);
  auto answer = fetch_(socket_, std::move(request), runtime_.now() + within);
  if (!answer) return fail(Code::unavailable, "podman does not answer: " + answer.error().text(), what);
  // 304: it is so already.
  if (answer->status >= 400) return refusal(*answer, what);
  return std::move(answer->body);
}

Result<Json> PodmanApi::get(std::string target) {
  TRY(auto body, call("GET", target, quick));
  auto json = parse_json(body);
  if (!json) return fail(Code::unavailable, "podman's answer is not JSON: " + json.error().text(), target);
  return std::move(*json);
}

Result<PodmanHost> PodmanApi::host() {
  TRY(auto info, get("/info"));
  const Json& machine = at(info, "host");
  PodmanHost host;
  host.version = text_of(at(at(info, "version"), "Version"));
  host.runtime = text_of(at(at(machine, "ociRuntime"), "name"));
  host.cgroups_v2 = text_of(at(machine, "cgroupVersion")) == "v2";
  const Json& controllers = at(machine, "cgroupControllers");
  host.limits_memory = has_word(controllers, "memory");
  host.limits_cpu = has_word(controllers, "cpu");
  host.limits_processes = has_word(controllers, "pids");
  return host;
}

Result<std::string> PodmanApi::load_image(const std::string& archive, const std::string& digest) {
  TRY(auto body, call("POST", "/images/load", slow, archive, "application/x-tar"));
  TRY(auto loaded, parse_json(body));
  std::string found;
  for (const Json& name : list_of(at(loaded, "Names"))) {
    TRY(auto image, get("/images/" + encoded(text_of(name)) + "/json"));
    found = text_of(at(image, "Digest"));
    if (found == "sha256:" + digest) return text_of(at(image, "Id"));
  }
  return fail(Code::denied,
              "the archive holds the image " + (found.empty() ? "without a name" : found) + ", not sha256:" + digest,
              "container.image");
}

Result<std::vector<FoundContainer>> PodmanApi::containers(const std::string& label) {
  const std::string filters = print_json(JsonObject{{"label", JsonArray{Json(label)}}});
  TRY(auto list, get("/containers/json?all=true&filters=" + encoded(filters)));
  std::vector<FoundContainer> found;
  for (const Json& one : list_of(list)) {
    const JsonArray& names = list_of(at(one, "Names"));
    if (names.empty()) continue;
    found.push_back({text_of(names.front()), text_of(at(one, "State")) == "running", texts_of(at(one, "Labels"))});
  }
  return found;
}

Result<ContainerState> PodmanApi::inspect(const std::string& name) {
  TRY(auto seen, get("/containers/" + name + "/json"));
  const Json& state = at(seen, "State");
  return ContainerState{.running = is_true(at(state, "Running")),
                        .pid = static_cast<uint32_t>(number_of(at(state, "Pid"))),
                        .exit_code = number_of(at(state, "ExitCode")),
                        .out_of_memory = is_true(at(state, "OOMKilled")),
                        .labels = texts_of(at(at(seen, "Config"), "Labels"))};
}

Result<void> PodmanApi::create(const Json& specification) {
  TRY_DO(call("POST", "/containers/create", slow, print_json(specification), "application/json"));
  return {};
}

Result<void> PodmanApi::start(const std::string& name) {
  TRY_DO(call("POST", "/containers/" + name + "/start", slow));
  return {};
}

Result<void> PodmanApi::stop(const std::string& name, Duration grace) {
  TRY_DO(call("POST", "/containers/" + name + "/stop?timeout=" + std::to_string(grace / 1s), slow));
  return {};
}

Result<void> PodmanApi::remove(const std::string& name) {
  auto removed = call("DELETE", "/containers/" + name + "?force=true&timeout=0&v=true", slow);
  if (removed || removed.error().code == Code::not_found) return {};
  return fail(std::move(removed).error());
}

Result<std::vector<std::string>> PodmanApi::logs(const std::string& name, size_t lines) {
  TRY(auto frames,
      call("GET", "/containers/" + name + "/logs?stdout=true&stderr=true&timestamps=true&tail=" + std::to_string(lines),
           quick));
  return lines_of_frames(frames);
}

Result<ContainerUsage> PodmanApi::usage(const std::string& name) {
  TRY(auto answer, get("/containers/stats?stream=false&containers=" + name));
  const JsonArray& all = list_of(at(answer, "Stats"));
  if (all.empty()) return fail(Code::not_found, "podman has no figures of it", name);
  const Json& one = all.front();
  return ContainerUsage{.cpu = std::chrono::nanoseconds(number_of(at(one, "CPUNano"))),
                        .memory = Bytes(number_of(at(one, "MemUsage"))),
                        .processes = number_of(at(one, "PIDs"))};
}

std::vector<std::string> lines_of_frames(std::string_view frames) {
  constexpr size_t head = 8;
  std::string text;
  while (frames.size() >= head) {
    size_t length = 0;
    for (size_t i = 4; i < head; ++i) length = length << 8 | static_cast<unsigned char>(frames[i]);
    frames.remove_prefix(head);
    const std::string_view piece = frames.substr(0, length);
    text.append(piece);
    if (!piece.ends_with('\n')) text.push_back('\n');
    frames.remove_prefix(piece.size());
  }
  std::vector<std::string> lines;
  size_t begin = 0;
  for (size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

}  // namespace barrio::adapters
