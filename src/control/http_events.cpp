// GET /barrio/v1/events: server-sent events (WHATWG HTML, section 9.2), from the present on or behind Last-Event-ID.

#include <fmt/format.h>

#include "base/text.h"
#include "control/http_answer.h"
#include "control/http_api.h"

namespace barrio::control {

namespace {

std::string url_of(const Member& member) {
  return (member.address.find("://") == std::string::npos ? "http://" : "") + member.address;
}

}  // namespace

net::Response HttpApi::events(const Call& call) {
  const Leadership& leadership = control_.leadership();
  if (!leadership.leads()) {
    if (!leadership.leader()) return answer(api::problem(503, "no member of control leads"));
    // Only the leader hears of sites; what goes on for hours is not passed through this member.
    net::Response elsewhere = answer(api::problem(307, "the leading member tells"));
    elsewhere.headers.emplace_back("Location", url_of(*leadership.leader()) + call.request.target);
    return elsewhere;
  }
  Watch watch{.after = control_.events().last(), .viewer = call.tenant, .expires = call.who.expires};
  if (const auto last = net::find_header(call.request.headers, "Last-Event-ID")) {
    const auto id = parse_uint(*last);
    if (!id || *id > INT64_MAX) return answer(Error{Code::invalid, "must be the id of an event", "Last-Event-ID"});
    watch.after = static_cast<int64_t>(*id);
  }
  net::Response response;
  response.headers = {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}};
  response.body = ":\n\n" + next_events(watch, Time::min());  // at once, so that who watches knows that it does
  *call.watch = watch;
  return response;
}

bool HttpApi::may_go_on(const Watch& watch) const {
  return control_.leadership().leads() && control_.wall() < watch.expires;
}

std::string HttpApi::next_events(Watch& watch, Time until) {
  control_.events().wait(watch.after, until);
  const EventLog::Some some = control_.events().after(watch.after, watch.viewer);
  std::string text;
  if (some.missed) text += "event: missed\ndata: {}\n\n";
  for (const Event& event : some.events)
    text += fmt::format("id: {}\nevent: {}\ndata: {}\n\n", event.id, event.kind, print_json(to_json(event)));
  watch.after = some.last;
  return text;
}

}  // namespace barrio::control
