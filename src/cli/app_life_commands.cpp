// What an app does now and did before: logs and usage, as its sites' gateways tell them, and its releases.

#include <fmt/format.h>
#include <poll.h>

#include <cstdio>
#include <map>

#include "cli/actions.h"
#include "cli/deploy.h"
#include "cli/log_tail.h"
#include "cli/table.h"
#include "cli/view.h"

namespace barrio::cli {

namespace {

constexpr Duration follow_period = 1s;

bool wait_for(Duration duration) {
  ::poll(nullptr, 0, static_cast<int>(duration / 1ms));
  return true;
}

/// The gateways of the sites that have a replica of an app.
class AppSites {
 public:
  AppSites(Session& session, ControlClient& control, std::string app)
      : session_(session), control_(control), app_(std::move(app)) {}

  /// Errors: not_found, conflict (it runs nowhere, or not at this site).
  Result<void> find(const std::string& only) {
    TRY(token_, control_.token());
    TRY(auto explanation, control_.get("/apps/" + app_ + "/explain"));
    std::string wanted;
    if (!only.empty()) {
      TRY(auto site, control_.get("/sites/" + only));
      wanted = text_at(site, "id");
    }
    TRY(auto sites, control_.get("/sites"));
    for (const Json& decision : items(explanation, "decisions")) {
      const std::string id = text_at(decision, "site");
      const bool here = !text_at(decision, "phase").empty() && (wanted.empty() || wanted == id);
      for (const Json& site : items(sites, "sites")) {
        if (here && text_at(site, "id") == id && !text_at(site, "gateway").empty())
          gateways_[id] = text_at(site, "gateway");
      }
    }
    if (!gateways_.empty()) return {};
    return fail(Code::conflict, "has no replica" + (wanted.empty() ? " anywhere" : " at " + wanted), app_);
  }

  /// By site. A site that does not answer is left out, with its reason on the standard error; errors: of all of them.
  Result<std::map<std::string, Json>> ask(size_t lines) {
    std::map<std::string, Json> answers;
    Error last{Code::unavailable, "no site answers", app_};
    for (const auto& [site, gateway] : gateways_) {
      auto answer = ask_one(gateway, lines);
      if (answer) {
        answers[site] = std::move(*answer);
        continue;
      }
      last = std::move(answer).error().within("site " + site);
      if (gateways_.size() > 1) std::fprintf(stderr, "%s\n", last.text().c_str());
    }
    if (answers.empty()) return fail(last);
    return answers;
  }

 private:
  Result<Json> ask_one(const std::string& gateway, size_t lines) {
    TRY(auto address, net::SocketAddress::parse(gateway));
    net::Request request{.target = "/barrio/v1/replicas?app=" + app_ + "&lines=" + std::to_string(lines),
                         .headers = {{"Authorization", "Bearer " + token_}}};
    TRY(auto answer, session_.http.call(address, std::move(request), 20s));
    if (answer.status != 200) return fail(problem(answer));
    return parse_json(answer.body);
  }

  Session& session_;
  ControlClient& control_;
  std::string app_;
  std::string token_;
  std::map<std::string, std::string> gateways_;
};

std::string log_text(const std::map<std::string, Json>& answers, std::map<std::string, LogTail>& tails) {
  std::string out;
  for (const auto& [site, answer] : answers) {
    for (const Json& replica : items(answer, "replicas")) {
      std::vector<std::string> lines;
      for (const Json& line : items(replica, "lines")) lines.push_back(text_at(line, ""));
      for (const std::string& line : tails[text_at(replica, "id")].news(std::move(lines)))
        out += site + "  " + line + "\n";
    }
  }
  return out;
}

Json all_of(const std::map<std::string, Json>& answers) {
  JsonArray sites;
  for (const auto& [site, answer] : answers) sites.push_back(answer);
  return JsonObject{{"sites", std::move(sites)}};
}

}  // namespace

Result<void> show_logs(Session& session, const AppLogsCommand& command) {
  TRY(auto control, session.control(Speaker::tenant));
  AppSites sites(session, control, command.app);
  TRY_DO(sites.find(command.site));
  std::map<std::string, LogTail> tails;
  do {
    TRY(auto answers, sites.ask(static_cast<size_t>(command.lines)));
    session.print(all_of(answers), log_text(answers, tails));
    std::fflush(stdout);
  } while (command.follow && wait_for(follow_period));
  return {};
}

Result<void> show_app_top(Session& session, const AppTopCommand& command) {
  TRY(auto control, session.control(Speaker::tenant));
  AppSites sites(session, control, command.app);
  TRY_DO(sites.find(""));
  TRY(auto answers, sites.ask(0));
  Table table({"SITE", "REPLICA", "RELEASE", "PHASE", "CORES", "MEMORY", "PROCESSES", "RESTARTS", "DETAIL"});
  for (const auto& [site, answer] : answers) {
    for (const Json& replica : items(answer, "replicas")) {
      const Json& cores = member(replica, "cores");
      table.add({site, text_at(replica, "id"), text_at(replica, "generation"), text_at(replica, "phase"),
                 cores.is_number() ? fmt::format("{:.2f}", cores.to_number<double>()) : "", text_at(replica, "memory"),
                 text_at(replica, "processes"), text_at(replica, "restarts"), text_at(replica, "detail")});
    }
  }
  session.print(all_of(answers), table.text());
  return {};
}

Result<void> list_releases(Session& session, const AppReleasesCommand& command) {
  TRY(auto control, session.control(Speaker::tenant));
  TRY(auto answer, control.get("/apps/" + command.app + "/releases"));
  Table table({"RELEASE", "STATE", "AT", "RUNS", "DETAIL"});
  for (const Json& release : items(answer, "releases")) {
    table.add({text_at(release, "generation"), text_at(release, "state"), text_at(release, "at"),
               text_at(release, "runs"), text_at(release, "detail")});
  }
  session.print(answer, table.text());
  return {};
}

Result<void> roll_back(Session& session, const AppRollbackCommand& command) {
  TRY(auto control, session.control(Speaker::tenant));
  TRY(auto accepted, control.post("/apps/" + command.app + "/rollback", JsonObject{{"generation", command.to}}));
  const DeploySteps steps{.wait = !command.no_wait,
                          .say = [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); },
                          .pause = wait_for};
  steps.say("accepted " + command.app + ", generation " + text_at(accepted, "app.generation"));
  if (!steps.wait) return {};
  TRY(auto explanation, wait_until_ready(control, command.app, steps));
  session.print(explanation, explain_table(explanation));
  return {};
}

}  // namespace barrio::cli
