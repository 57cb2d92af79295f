#include "cli/container_story.h"

#include <algorithm>

#include "cli/deploy.h"
#include "cli/view.h"

namespace barrio::cli {

namespace {

class ContainerScene {
 public:
  ContainerScene(World& world, const PodmanService& podman, Verdicts& verdicts, Session& session, ControlClient control)
      : world_(world), podman_(podman), verdicts_(verdicts), session_(session), control_(std::move(control)) {}

  void play() {
    verdicts_.begin("6. A container at two sites, rolled forward and back");
    if (!deploy("1")) return;
    if (!find_gateways()) return;
    expect_answers("1");
    if (!deploy("2")) return;
    expect_answers("2");
    auto back = control_.post("/apps/hello/rollback", JsonObject{{"generation", 0}});
    auto done = back ? wait_until_ready(control_, "hello", steps()) : Result<Json>(fail(back.error()));
    verdicts_.expect("barrio app rollback hello", done.has_value(), done ? "" : done.error().text());
    if (done) expect_answers("1");
    verdicts_.expect("no request to it was lost meanwhile", lost_ == 0 && asked_ > 0,
                     std::to_string(asked_) + " asked, " + std::to_string(lost_) + " lost");
    auto removed = control_.remove("/apps/hello");
    verdicts_.expect("it is deleted", removed.has_value(), removed ? "" : removed.error().text());
  }

 private:
  DeploySteps steps() {
    return {.within = 90s,
            .say = [this](const std::string& line) { world_.screen().say("  " + line); },
            .pause =
                [this](Duration duration) {
                  for (const auto& [site, gateway] : gateways_) static_cast<void>(ask(gateway));
                  return world_.pause(duration);
                }};
  }

  bool deploy(const std::string& version) {
    auto deployed = deploy_app(control_, podman_.app_file(version), steps());
    verdicts_.expect("version " + version + " of a signed image is rolled out", deployed.has_value(),
                     deployed ? "" : deployed.error().text());
    return deployed.has_value();
  }

  bool find_gateways() {
    auto explanation = control_.get("/apps/hello/explain");
    auto sites = control_.get("/sites");
    std::string where;
    for (const Json& decision : explanation ? items(*explanation, "decisions") : JsonArray()) {
      if (text_at(decision, "phase") != "ready" || !sites) continue;
      for (const Json& site : items(*sites, "sites")) {
        if (text_at(site, "id") != text_at(decision, "site")) continue;
        gateways_[text_at(site, "id")] = text_at(site, "gateway");
        where += text_at(site, "id") + " ";
      }
    }
    verdicts_.expect("it runs at two sites", gateways_.size() == 2, where);
    return gateways_.size() == 2;
  }

  Result<std::string> ask(const std::string& gateway) {
    TRY(auto token, control_.token());
    TRY(auto address, net::SocketAddress::parse(gateway));
    auto answer =
        session_.http.call(address, {.target = "/apps/hello/", .headers = {{"Authorization", "Bearer " + token}}}, 5s);
    ++asked_;
    lost_ += answer && answer->status == 200 ? 0 : 1;
    TRY_DO(answer);
    return answer->body;
  }

  void expect_answers(const std::string& version) {
    const std::string wanted = "hello from version " + version + "\n";
    std::string found;
    bool right = true;
    for (const auto& [site, gateway] : gateways_) {
      auto answer = ask(gateway);
      const std::string text = answer ? *answer : answer.error().text();
      right = right && text == wanted;
      found += site + ": " + text.substr(0, text.find('\n')) + "; ";
    }
    verdicts_.expect("the gateways of both answer with version " + version, right, found);
  }

  World& world_;
  const PodmanService& podman_;
  Verdicts& verdicts_;
  Session& session_;
  ControlClient control_;
  std::map<std::string, std::string> gateways_;
  int asked_ = 0;
  int lost_ = 0;
};

}  // namespace

void play_containers(World& world, const PodmanService& podman, Verdicts& verdicts) {
  Session session = world.operator_session();
  session.global.as = world.plan().demo.apps.front().tenant.str();
  auto control = session.control(Speaker::tenant);
  if (!control) return verdicts.expect("a tenant deploys a container", false, control.error().text());
  ContainerScene(world, podman, verdicts, session, std::move(*control)).play();
}

}  // namespace barrio::cli
