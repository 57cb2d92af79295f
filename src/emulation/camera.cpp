#include "emulation/camera.h"

#include <algorithm>
#include <chrono>

#include "base/log.h"
#include "base/text.h"

namespace barrio::emulation {

namespace {

constexpr Duration lookup_period = 2s;
constexpr Duration lookup_timeout = 1s;
constexpr Duration avoid_after_failure = 2s;
constexpr int attempts_most = 2;

int64_t wall_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string text_of(const JsonObject& object, std::string_view key) {
  const Json* found = object.if_contains(key);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
}

JsonObject object_of(std::string_view body) {
  auto json = parse_json(body);
  return json && json->is_object() ? json->get_object() : JsonObject();
}

/// Rows of the first output with two dimensions: one per box found.
int64_t count_found(std::string_view body) {
  const JsonObject answer = object_of(body);
  const Json* outputs = answer.if_contains("outputs");
  if (outputs == nullptr || !outputs->is_array()) return 0;
  for (const Json& output : outputs->get_array()) {
    const Json* shape = output.is_object() ? output.get_object().if_contains("shape") : nullptr;
    if (shape == nullptr || !shape->is_array() || shape->get_array().size() != 2) continue;
    if (shape->get_array()[0].is_int64()) return shape->get_array()[0].get_int64();
  }
  return 0;
}

}  // namespace

TokenSource::TokenSource(net::Reactor& reactor, net::Client& client, std::vector<net::SocketAddress> members,
                         std::string id, std::string secret)
    : reactor_(reactor),
      client_(client),
      members_(std::move(members)),
      id_(std::move(id)),
      secret_(std::move(secret)) {}

void TokenSource::renew() {
  net::Request request{.method = "POST",
                       .target = "/oauth2/token",
                       .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                       .body = "grant_type=client_credentials&client_id=" + id_ + "&client_secret=" + secret_,
                       .peer_ip = {}};
  client_.fetch(members_[member_], std::move(request), reactor_.fresh_now() + 3s,
                [this](Result<net::Response> answer) { reactor_.call_after(take(answer), [this] { renew(); }); });
}

Duration TokenSource::take(const Result<net::Response>& answer) {
  if (!answer || answer->status != 200) {
    member_ = (member_ + 1) % members_.size();
    log_warning("no new token",
                {{"client", id_}, {"error", answer ? std::to_string(answer->status) : answer.error().text()}});
    return 1s;
  }
  const JsonObject body = object_of(answer->body);
  token_ = text_of(body, "access_token");
  const Json* life = body.if_contains("expires_in");
  const int64_t seconds = life != nullptr && life->is_int64() ? life->get_int64() : 60;
  return std::chrono::seconds(std::max<int64_t>(1, seconds / 2));
}

Camera::Camera(net::Reactor& reactor, net::Client& client, std::vector<net::SocketAddress> members, CameraConfig config,
               const std::vector<std::string>& pictures)
    : reactor_(reactor),
      client_(client),
      config_(std::move(config)),
      pictures_(pictures),
      tokens_(reactor, client, std::move(members), config_.client_id, config_.client_secret) {
  line_.camera = config_.name;
}

Result<void> Camera::start() {
  for (const CameraEntry& entry : config_.entries) {
    TRY(auto address, net::SocketAddress::parse(entry.address));
    entries_.push_back({entry.site, address, {}});
  }
  // Cameras filming the same street are not filming the same second of it.
  next_picture_ = static_cast<size_t>(config_.offset / 1ms) % pictures_.size();
  next_tick_ = reactor_.fresh_now() + config_.offset;
  tokens_.start();
  reactor_.call_at(next_tick_, [this] { tick(); });
  reactor_.call_after(config_.offset / 2 + 200ms, [this] { look_up_later(); });
  return {};
}

CameraLine Camera::take_line() {
  CameraLine line = std::move(line_);
  line_ = CameraLine{};
  line_.camera = config_.name;
  line.entry = best_.empty() ? "" : best_.front();
  return line;
}

void Camera::tick() {
  next_tick_ += config_.interval;
  reactor_.call_at(next_tick_, [this] { tick(); });
  next_picture_ = (next_picture_ + 1) % pictures_.size();
  if (tokens_.token().empty()) return;
  if (pending_) {
    ++line_.skipped;
    return;
  }
  pending_ = std::make_unique<Pending>();
  pending_->started = reactor_.fresh_now();
  pending_->shot.sent_ms = wall_ms();
  dispatch();
}

Camera::Entry* Camera::find(const std::string& site) {
  auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.site == site; });
  return found == entries_.end() ? nullptr : &*found;
}

void Camera::dispatch() {
  const Time now = reactor_.now();
  for (const std::string& site : best_) {
    if (const Entry* entry = find(site); entry != nullptr && entry->avoid_until <= now) return send(site);
  }
  if (!pending_->looked_up) {
    pending_->looked_up = true;
    return look_up([this] { dispatch(); });
  }
  Shot& shot = pending_->shot;
  // All have failed lately: one of them is asked rather than nobody, unless this picture has been there.
  for (const std::string& site : best_) {
    if (site != shot.entry && find(site) != nullptr) return send(site);
  }
  if (!refusal_.reason.empty()) {
    shot.reason = refusal_.reason;
    shot.detail = refusal_.detail;
    shot.nearest = refusal_.nearest;
  } else if (shot.detail.empty()) {
    shot.detail = "no gateway says where it may go";
  }
  finish(refusal_.reason.empty() ? Outcome::lost : Outcome::refused);
}

std::string Camera::body() const {
  const std::string& jpeg = pictures_[next_picture_];
  JsonObject input{{"name", "image"}, {"shape", JsonArray{1}}, {"datatype", "BYTES"}};
  input["parameters"] = JsonObject{{"binary_data_size", static_cast<int64_t>(jpeg.size() + 4)}};
  JsonObject head{{"inputs", JsonArray{std::move(input)}}};
  head["parameters"] = JsonObject{{"binary_data_output", false}, {"stream", config_.name}};
  std::string text = print_json(head);
  const auto size = static_cast<uint32_t>(jpeg.size());
  for (int shift = 0; shift < 32; shift += 8) text.push_back(static_cast<char>((size >> shift) & 0xff));
  return text + jpeg;
}

void Camera::send(const std::string& site) {
  ++pending_->attempts;
  pending_->shot.entry = site;
  pending_->shot.retried = pending_->attempts > 1;
  std::string content = body();
  const size_t binary = pictures_[next_picture_].size() + 4;
  net::Request request{.method = "POST",
                       .target = "/v2/models/" + config_.app + "/infer",
                       .headers = {{"Authorization", "Bearer " + tokens_.token()},
                                   {"Content-Type", "application/octet-stream"},
                                   {"Inference-Header-Content-Length", std::to_string(content.size() - binary)}},
                       .body = std::move(content),
                       .peer_ip = {}};
  const Time sent = reactor_.fresh_now();
  client_.fetch(find(site)->address, std::move(request), sent + 2 * config_.objective,
                [this, site, sent](Result<net::Response> answer) { answered(site, sent, std::move(answer)); });
}

void Camera::answered(const std::string& site, Time sent, Result<net::Response> answer) {
  Shot& shot = pending_->shot;
  shot.status = answer ? answer->status : 0;
  if (answer && answer->status == 200) return served(*answer, sent);
  if (answer)
    refused(*answer);
  else
    shot.detail = answer.error().text();
  const bool gone = !answer || shot.status == 502 || (shot.status == 503 && shot.reason == "unavailable");
  if (!gone) return finish(shot.status == 504 ? Outcome::late : Outcome::refused);
  if (Entry* entry = find(site); entry != nullptr) entry->avoid_until = reactor_.now() + avoid_after_failure;
  if (pending_->attempts < attempts_most) return dispatch();
  finish(answer ? Outcome::refused : Outcome::lost);
}

void Camera::served(const net::Response& response, Time sent) {
  Shot& shot = pending_->shot;
  const auto timing = parse_server_timing(net::find_header(response.headers, "Server-Timing").value_or(""));
  const double last_try_ms = to_ms(reactor_.now() - sent);
  shot.gateway_ms = timing.gateway_ms;
  shot.queue_ms = timing.queue_ms;
  shot.compute_ms = timing.compute_ms;
  shot.network_ms = std::max(0.0, last_try_ms - timing.gateway_ms - timing.queue_ms - timing.compute_ms);
  shot.served_by = net::find_header(response.headers, "Barrio-Served-By").value_or("");
  shot.processed_in = net::find_header(response.headers, "Barrio-Processed-In").value_or("");
  shot.found = count_found(response.body);
  shot.reason.clear();
  shot.detail.clear();
  finish(reactor_.now() - pending_->started <= config_.objective ? Outcome::answered : Outcome::late);
}

void Camera::refused(const net::Response& response) {
  const JsonObject problem = object_of(response.body);
  Shot& shot = pending_->shot;
  shot.reason = text_of(problem, "reason");
  shot.detail = text_of(problem, "detail");
  shot.nearest = text_of(problem, "nearest");
  if (shot.detail.empty()) shot.detail = "HTTP " + std::to_string(response.status);
}

void Camera::finish(Outcome outcome) {
  pending_->shot.outcome = outcome;
  pending_->shot.total_ms = to_ms(reactor_.now() - pending_->started);
  line_.shots.push_back(std::move(pending_->shot));
  pending_.reset();
}

void Camera::look_up_later() {
  reactor_.call_after(lookup_period, [this] { look_up_later(); });
  if (!tokens_.token().empty()) look_up([] {});
}

std::vector<std::string> Camera::lookup_order() {
  std::vector<std::string> order = best_;
  for (const Entry& entry : entries_) {
    if (std::find(order.begin(), order.end(), entry.site) == order.end()) order.push_back(entry.site);
  }
  const Time now = reactor_.now();
  std::stable_partition(order.begin(), order.end(), [&](const std::string& site) {
    const Entry* entry = find(site);
    return entry != nullptr && entry->avoid_until <= now;
  });
  return order;
}

void Camera::look_up(std::function<void()> then) {
  ask(std::make_shared<std::vector<std::string>>(lookup_order()), 0, std::move(then));
}

void Camera::ask(std::shared_ptr<std::vector<std::string>> sites, size_t index, std::function<void()> then) {
  while (index < sites->size() && find((*sites)[index]) == nullptr) ++index;
  if (index == sites->size()) return then();
  net::Request request{.method = "GET",
                       .target = "/barrio/v1/discovery?app=" + config_.app,
                       .headers = {{"Authorization", "Bearer " + tokens_.token()}},
                       .body = {},
                       .peer_ip = {}};
  client_.fetch(find((*sites)[index])->address, std::move(request), reactor_.fresh_now() + lookup_timeout,
                [this, sites, index, then = std::move(then)](Result<net::Response> answer) mutable {
                  if (answer && answer->status == 200 && learn(*answer)) return then();
                  ask(std::move(sites), index + 1, std::move(then));
                });
}

bool Camera::learn(const net::Response& response) {
  const JsonObject body = object_of(response.body);
  const Json* entries = body.if_contains("entries");
  if (entries == nullptr || !entries->is_array()) return false;
  best_.clear();
  for (const Json& entry : entries->get_array()) {
    if (entry.is_object()) best_.push_back(text_of(entry.get_object(), "site"));
  }
  refusal_ = Shot{};
  if (const Json* refusal = body.if_contains("refusal"); refusal != nullptr && refusal->is_object()) {
    refusal_.reason = text_of(refusal->get_object(), "reason");
    refusal_.detail = text_of(refusal->get_object(), "detail");
    refusal_.nearest = text_of(refusal->get_object(), "nearest");
  }
  return true;
}

}  // namespace barrio::emulation
