#include "cli/deploy.h"

#include <filesystem>

#include "base/crypto.h"
#include "cli/files.h"
#include "cli/program_folder.h"
#include "cli/release_watch.h"
#include "cli/table.h"
#include "cli/view.h"
#include "model/app.h"

namespace barrio::cli {

namespace {

/// `source` has a file and its hash: a model, a container or a program.
template <class Source>
Result<void> upload(ControlClient& control, Source& source, const std::string& where, const std::string& app_file,
                    const DeploySteps& steps) {
  if (source.file.empty()) return {};
  const bool absolute = source.file.front() == '/';
  const std::string path = absolute ? source.file : folder_of(app_file) + "/" + source.file;
  auto content = std::filesystem::is_directory(path) && where == "program" ? pack_folder(path) : read_file(path);
  if (!content) return fail(std::move(content).error().within(app_file + ": " + where + ".file"));
  source.sha256 = sha256_hex(*content);
  const size_t slash = source.file.rfind('/');
  if (slash != std::string::npos) source.file = source.file.substr(slash + 1);
  steps.say("uploading " + path + " (" + std::to_string(content->size()) + " bytes)");
  return control.put_blob(source.sha256, std::move(*content));
}

Result<void> upload_files(ControlClient& control, AppSpec& spec, const std::string& app_file,
                          const DeploySteps& steps) {
  if (spec.container) return upload(control, *spec.container, "container", app_file, steps);
  if (spec.program) return upload(control, *spec.program, "program", app_file, steps);
  TRY_DO(upload(control, spec.model, "model", app_file, steps));
  if (!spec.pipeline) return {};
  for (size_t i = 0; i < spec.pipeline->steps.size(); ++i) {
    const std::string where = "pipeline.steps[" + std::to_string(i) + "].model";
    TRY_DO(upload(control, spec.pipeline->steps[i].model, where, app_file, steps));
  }
  return {};
}

}  // namespace

Result<Json> deploy_app(ControlClient& control, const std::string& file, const DeploySteps& steps) {
  TRY(auto text, read_file(file));
  TRY(auto spec, from_yaml<AppSpec>(text, file));
  TRY_DO(upload_files(control, spec, file, steps));
  TRY(auto accepted, control.put("/apps/" + spec.name.str(), to_json(spec)));
  steps.say("accepted " + spec.name.str() + ", generation " + text_at(accepted, "app.generation"));
  if (!steps.wait) return control.get("/apps/" + spec.name.str() + "/explain");
  return wait_until_ready(control, spec.name.str(), steps);
}

Result<Json> wait_until_ready(ControlClient& control, const std::string& name, const DeploySteps& steps) {
  constexpr Duration step = 250ms;
  ReleaseWatch watch(name);
  for (Duration waited{}; waited < steps.within; waited += step) {
    TRY(auto explanation, control.get("/apps/" + name + "/explain"));
    if (const auto line = watch.read(explanation)) steps.say(*line);
    if (watch.is_done()) return explanation;
    if (auto failure = watch.failure()) return fail(std::move(*failure));
    // Placement follows within a step of control; a few seconds without one is a refusal.
    if (watch.placed() == 0 && waited > 5s) return fail(Code::conflict, "no site takes it: " + watch.refusal(), name);
    if (!steps.pause(step)) return fail(Code::cancelled, "interrupted while waiting", name);
    // Of a first release, some sites are enough; a later one is told apart from what serves by its end only.
    if (watch.is_first() && watch.ready() > 0 && waited > steps.within / 2) return explanation;
  }
  return fail(watch.given_up());
}

std::string decisions_table(const JsonArray& decisions) {
  Table table({"SITE", "CITY", "PLACED", "NETWORK MS", "WHY", "NEAREST THAT WOULD WORK"});
  for (const Json& decision : decisions) {
    const bool placed = true_at(decision, "placed");
    const Json& network = member(decision, "network_ms");
    std::string why =
        placed ? text_at(decision, "detail") : text_at(decision, "reason") + ": " + text_at(decision, "detail");
    table.add({text_at(decision, "site"), text_at(decision, "city"), placed ? text_at(decision, "phase") : "no",
               network.is_number() ? one_decimal(network.to_number<double>()) : "", why, text_at(decision, "nearest")});
  }
  return table.text();
}

std::string explain_table(const Json& explanation) {
  std::string out = text_at(explanation, "app") + ": " + text_at(explanation, "policy") + ", " +
                    text_at(explanation, "objective") + "\n" + text_at(explanation, "demand") + "\n";
  if (!text_at(explanation, "missing.reason").empty())
    out += text_at(explanation, "missing.detail") + "; nearest: " + text_at(explanation, "missing.nearest") + "\n";
  return out + decisions_table(items(explanation, "decisions"));
}

}  // namespace barrio::cli
