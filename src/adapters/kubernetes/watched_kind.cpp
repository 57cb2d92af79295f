#include "adapters/kubernetes/watched_kind.h"

#include "base/json_read.h"
#include "base/log.h"

namespace barrio::adapters::kubernetes {

namespace {

using json_read::at;
using json_read::list_of;
using json_read::number_of;
using json_read::text_of;

constexpr int64_t gone = 410;

std::string place_of(const Json& object) {
  return text_of(at(object, "metadata", "resourceVersion"));
}

}  // namespace

WatchedKind::WatchedKind(KubernetesApi& api, std::string path, std::string selector, WatchedKindEvents events,
                         Limits limits)
    : api_(api),
      path_(std::move(path)),
      selector_("labelSelector=" + net::percent_encode(selector)),
      events_(std::move(events)),
      limits_(limits) {}

void WatchedKind::run() {
  ports::Runtime& runtime = api_.runtime();
  decide::RestartDelay delay(limits_.retry);
  while (!runtime.stopping()) {
    const Time since = runtime.now();
    auto done = place_.empty() ? list() : watch();
    if (runtime.stopping()) return;
    const std::string fault = done ? std::string() : done.error().text();
    if (!fault.empty() && fault_.empty())
      log_warning("the cluster is not heard from; the last that it said stands", {{"of", path_}, {"why", fault}});
    if (fault.empty() && !fault_.empty() && known_) log_info("the cluster is heard from", {{"of", path_}});
    fault_ = fault;
    // A list is watched from at once; a watch that a server ends as soon as it began is not asked for in a loop.
    const Duration ran = runtime.now() - since;
    if (!done || (watched_ && ran < limits_.retry.first)) runtime.sleep_for(delay.after_running(ran, runtime.rng()));
  }
}

Result<void> WatchedKind::list() {
  watched_ = false;
  TRY(const auto all, list_pages());
  known_ = true;
  events_.listed(all);
  return {};
}

Result<std::vector<Json>> WatchedKind::list_pages() {
  std::vector<Json> all;
  std::string next;
  for (size_t page = 0; page < limits_.most_pages; ++page) {
    std::string target = path_ + "?" + selector_ + "&limit=" + std::to_string(limits_.page);
    if (!next.empty()) target += "&continue=" + net::percent_encode(next);
    TRY(const Json answer, api_.get(target));
    for (const Json& object : list_of(at(answer, "items"))) all.push_back(object);
    next = text_of(at(answer, "metadata", "continue"));
    if (!next.empty()) continue;
    place_ = place_of(answer);
    if (place_.empty()) return fail(Code::unavailable, "the list has no resourceVersion", path_);
    return all;
  }
  return fail(Code::exhausted, "more than " + std::to_string(limits_.page * limits_.most_pages) + " objects", path_);
}

Result<void> WatchedKind::watch() {
  watched_ = true;
  line_.clear();
  const std::string target = path_ + "?" + selector_ +
                             "&watch=true&allowWatchBookmarks=true&resourceVersion=" + net::percent_encode(place_) +
                             "&timeoutSeconds=" + std::to_string(limits_.watch / 1s);
  auto ended = api_.watch(target, limits_.watch + 10s, [this](std::string_view piece) { return take(piece); });
  // What was seen before the connection was cut, or before 410, has been taken.
  if (!ended && ended.error().code == Code::not_found) place_.clear();
  if (place_.empty()) return {};
  return ended;
}

/// Lines of JSON. False: the watch is of no more use.
bool WatchedKind::take(std::string_view piece) {
  while (true) {
    const size_t end = piece.find('\n');
    line_.append(piece.substr(0, end));
    if (line_.size() > limits_.longest_event) {
      log_warning("an event of the cluster is too long; all is listed again", {{"of", path_}});
      place_.clear();
      return false;
    }
    if (end == std::string_view::npos) return true;
    piece.remove_prefix(end + 1);
    const bool good = line_.empty() || take_line(line_);
    line_.clear();
    if (!good) return false;
  }
}

bool WatchedKind::take_line(std::string_view line) {
  const auto event = parse_json(line);
  if (!event) {
    log_warning("an event of the cluster is no JSON; all is listed again",
                {{"of", path_}, {"why", event.error().text()}});
    place_.clear();
    return false;
  }
  const std::string type = text_of(at(*event, "type"));
  const Json& object = at(*event, "object");
  if (type == "ERROR") {
    if (number_of(at(object, "code")) != gone)
      log_warning("the cluster ends a watch", {{"of", path_}, {"why", text_of(at(object, "message"))}});
    place_.clear();
    return false;
  }
  if (type == "ADDED" || type == "MODIFIED") events_.changed(object);
  if (type == "DELETED") events_.removed(object);
  if (std::string place = place_of(object); !place.empty()) place_ = std::move(place);
  return true;
}

}  // namespace barrio::adapters::kubernetes
