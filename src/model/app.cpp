#include "model/app.h"

#include <algorithm>
#include <cmath>

namespace barrio {

namespace {

/// Of an app with a server of its own, which is called `kind` in the app file.
Result<void> check_beside_server(const AppSpec& app, const char* kind) {
  if (app.model.backend != Backend::none) return fail(Code::invalid, "cannot stand together with a model", kind);
  if (app.pipeline || app.stream)
    return fail(Code::invalid, std::string("is for models, this app is a ") + kind,
                app.pipeline ? "pipeline" : "stream");
  if (app.resources.accelerators > 0)
    return fail(Code::invalid, std::string("must be 0: a ") + kind + " gets no accelerators", "resources.accelerators");
  return {};
}

/// Of an app with a model, or with those of its pipeline's steps.
Result<void> check_models(const AppSpec& app) {
  if (!app.pipeline && app.model.backend == Backend::none)
    return fail(Code::invalid, "is missing: an app is a model, a pipeline, a container or a program", "model");
  if (app.pipeline && app.model.backend != Backend::pipeline)
    return fail(Code::invalid, "must be pipeline, since pipeline names its steps", "model.backend");
  if (!app.pipeline && app.model.backend == Backend::pipeline)
    return fail(Code::invalid, "is missing: model.backend is pipeline", "pipeline");
  if (app.stream && app.model.backend == Backend::openai)
    return fail(Code::invalid, "is for models that look at pictures, not for those of OpenAI's API", "stream");
  const auto models = models_of(app.model, app.pipeline);
  if (app.resources.accelerator.empty() && std::ranges::any_of(models, &ModelSource::is_at_server))
    return fail(Code::invalid, "is missing: it names the sites' model server, as an accelerator of the network",
                "resources.accelerator");
  return {};
}

}  // namespace

Result<void> Objective::check() const {
  if (latency < 1ms || latency > 60s) return fail(Code::invalid, "must be from 1ms to 60s", "latency");
  if (!(percentile >= 50 && percentile <= 99.99)) {
    return fail(Code::invalid, "must be from 50 to 99.99 (per cent of requests)", "percentile");
  }
  return {};
}

Result<void> Policy::check() const {
  if (!jurisdictions.empty() || !sites.empty() || !operators.empty()) return {};
  return fail(Code::invalid, "permits nothing: name at least one of jurisdictions, sites or operators");
}

Result<void> Resources::check() const {
  if (power.count() <= 0 || power > Watts(1'000'000)) {
    return fail(Code::invalid, "must be more than 0W and at most 1MW", "power");
  }
  if (memory.count() <= 0) return fail(Code::invalid, "must be more than 0B", "memory");
  // Below one thousandth, room could not be counted (decide/placement).
  if (!(cores >= 0.001 && cores <= 4096)) return fail(Code::invalid, "must be from 0.001 to 4096", "cores");
  if (accelerators < 0 || accelerators > 1024) return fail(Code::invalid, "must be from 0 to 1024", "accelerators");
  if (accelerator.empty() && accelerators > 0) {
    return fail(Code::invalid, "must name the accelerators' model, like L4", "accelerator");
  }
  if (!accelerator.empty() && accelerators == 0) {
    return fail(Code::invalid, "must be at least 1, since accelerator names a model", "accelerators");
  }
  if (slice && accelerators == 0) {
    return fail(Code::invalid, "is one of an accelerator: name its model in accelerator", "slice");
  }
  return {};
}

Result<void> DemandPlace::check() const {
  if (!(share() > 0 && share() <= 1e9)) {
    return fail(Code::invalid, "must be more than 0 and at most 1000000000",
                requests_per_second ? "requests_per_second" : "weight");
  }
  return {};
}

Result<void> RequestWork::check() const {
  if (device_time <= 0ns || device_time > 1h) return fail(Code::invalid, "must be from 1ns to 1h", "device_time");
  if (device_time_p99 && (*device_time_p99 < device_time || *device_time_p99 > 1h)) {
    return fail(Code::invalid, "must be from device_time, " + to_string(device_time) + ", to 1h", "device_time_p99");
  }
  if (concurrency < 1 || concurrency > 1024) return fail(Code::invalid, "must be from 1 to 1024", "concurrency");
  return {};
}

Result<void> Spread::check() const {
  if (most_per_domain >= 1) return {};
  return fail(Code::invalid, "must be at least 1", "most_per_domain");
}

Result<void> ModelSource::check() const {
  if (!sha256.empty() && !is_sha256(sha256)) {
    return fail(Code::invalid, "must be 64 hexadecimal digits in lower case", "sha256");
  }
  const bool is_file = !file.empty() || !sha256.empty();
  if (backend == Backend::pipeline || backend == Backend::none || is_at_server()) {
    if (builtin.empty() && !is_file) return {};
    return fail(Code::invalid,
                backend == Backend::none ? "needs a backend beside builtin, file or sha256, like onnx"
                : is_at_server()
                    ? "of a site's model server has no builtin, file or sha256: resources.accelerator names it"
                    : "of a pipeline has no builtin, file or sha256: its steps have");
  }
  if (builtin.empty() && !is_file) return fail(Code::invalid, "must name one of builtin, file or sha256");
  if (!builtin.empty() && is_file) {
    return fail(Code::invalid, "cannot stand together with file or sha256", "builtin");
  }
  return {};
}

Result<AppAccess> AppAccess::parse(std::string_view text) {
  AppAccess access;
  if (text != "token" && text != "public") {
    return fail(Code::invalid, "'" + std::string(text.substr(0, 80)) + "' must be token or public");
  }
  access.is_public_ = text == "public";
  return access;
}

int64_t AppLimits::burst_or_default() const {
  return burst.value_or(std::max<int64_t>(1, std::llround(requests_per_second.value_or(1))));
}

Result<void> AppLimits::check() const {
  if (requests_per_second) TRY_DO(check_rate(*requests_per_second));
  if (burst && !requests_per_second) return fail(Code::invalid, "needs requests_per_second beside it", "burst");
  if (burst) TRY_DO(check_burst(*burst));
  if (body_bytes && body_bytes->count() < 0) return fail(Code::invalid, "must be at least 0B", "body_bytes");
  return {};
}

Result<void> RolloutSpec::check() const {
  if (at_once < 1 || at_once > static_cast<int>(max_sites))
    return fail(Code::invalid, "must be from 1 to " + std::to_string(max_sites), "at_once");
  if (ready_within < 1s || ready_within > 3600s) return fail(Code::invalid, "must be from 1s to 1h", "ready_within");
  return {};
}

Result<void> ScaleSpec::check() const {
  if (most && (*most < 1 || *most > static_cast<int>(max_sites)))
    return fail(Code::invalid, "must be from 1 to " + std::to_string(max_sites), "most");
  if (idle && (*idle < 1s || *idle > 24h * 7)) return fail(Code::invalid, "must be from 1s to 7 days", "idle");
  if (warm_up <= Duration::zero() || warm_up > 1h)
    return fail(Code::invalid, "must be more than 0s, and 1h at most", "warm_up");
  return {};
}

const ServerSpec* server_in(const std::optional<ContainerSpec>& container, const std::optional<ProgramSpec>& program) {
  if (container) return &*container;
  return program ? &*program : nullptr;
}

Result<void> AppSpec::check() const {
  if (replicas && (*replicas < 1 || *replicas > static_cast<int>(max_sites))) {
    return fail(Code::invalid, "must be from 1 to " + std::to_string(max_sites), "replicas");
  }
  if (scale && !work)
    return fail(Code::invalid, "is missing: scale counts replicas by the time that a request takes", "work");
  if (scale && scale->most && *scale->most < replicas.value_or(1))
    return fail(Code::invalid, "must be at least replicas, " + std::to_string(replicas.value_or(1)), "scale.most");
  if (demand.size() > 1000) return fail(Code::invalid, "must be at most 1000 places", "demand");
  if (container && program) return fail(Code::invalid, "cannot stand together with a container", "program");
  if (server() != nullptr) return check_beside_server(*this, container ? "container" : "program");
  return check_models(*this);
}

BARRIO_JSON_HERE(PipelineSpec)
BARRIO_JSON_HERE(AppSpec)
BARRIO_JSON_HERE(App)

}  // namespace barrio
