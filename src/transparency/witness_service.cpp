#include "transparency/witness_service.h"

#include <algorithm>

#include "base/log.h"

namespace barrio::transparency {

namespace {

net::Response plain(int status, std::string body, const char* type = "text/plain; charset=utf-8") {
  return {.status = status, .headers = {{"Content-Type", type}}, .body = std::move(body)};
}

/// Takes a name out of a set at the scope's end, also when the fiber is unwound.
class Entered {
 public:
  Entered(std::set<std::string>& names, const std::string& name) : names_(names), name_(name) {
    entered_ = names_.insert(name_).second;
  }
  ~Entered() {
    if (entered_) names_.erase(name_);
  }
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;
  bool entered() const { return entered_; }

 private:
  std::set<std::string>& names_;
  const std::string name_;
  bool entered_ = false;
};

}  // namespace

Result<void> WitnessService::add_log(const decide::NoteVerifier& log) {
  for (const auto& known : logs_) {
    if (known == log) return {};
    if (known.name() == log.name()) return fail(Code::conflict, "has another key than before", log.name());
  }
  if (logs_.size() == most_logs)
    return fail(Code::exhausted, "this witness has all the logs that it takes", log.name());
  logs_.push_back(log);
  return {};
}

net::Response WitnessService::add_checkpoint(std::string_view body) {
  const auto request = decide::parse_add_checkpoint(body);
  if (!request) return plain(400, request.error().text() + "\n");
  const auto checkpoint = decide::parse_checkpoint(request->checkpoint.text);
  if (!checkpoint) return plain(400, checkpoint.error().text() + "\n");
  const Entered entered(at_work_, checkpoint->origin);
  if (!entered.entered()) return plain(503, "another checkpoint of this log is being looked at\n");
  return cosign(*request, checkpoint->origin);
}

net::Response WitnessService::cosign(const decide::AddCheckpoint& request, const std::string& origin) {
  std::optional<decide::Checkpoint> seen;
  const bool known = std::ranges::any_of(logs_, [&](const auto& log) { return log.name() == origin; });
  if (known) {  // else nothing of it is looked up: names that strangers make up must cost nothing
    auto text = memory_.load(origin);
    auto last = text && *text ? decide::parse_checkpoint(**text) : Result<decide::Checkpoint>(decide::Checkpoint{});
    if (!text || !last) {
      log_error("the witness cannot read what it has seen", {{"log", origin}});
      return plain(500, "this witness cannot read what it has seen\n");
    }
    if (*text) seen = std::move(*last);
  }
  const auto verdict = decide::witness(request, logs_, seen);
  if (verdict.status == 409) return plain(409, std::to_string(verdict.size) + "\n", "text/x.tlog.size");
  if (!verdict.accepted) return plain(verdict.status, verdict.why + "\n");
  if (verdict.accepted != seen) {
    const auto kept = memory_.save(origin, verdict.accepted->text());
    if (!kept) {
      log_error("the witness cannot keep what it has seen", {{"log", origin}, {"why", kept.error().text()}});
      return plain(500, "this witness cannot keep what it has seen\n");
    }
  }
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(runtime_.wall().time_since_epoch());
  return plain(200, key_.sign(request.checkpoint.text, static_cast<uint64_t>(seconds.count())).line());
}

}  // namespace barrio::transparency
