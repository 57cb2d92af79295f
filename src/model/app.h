#pragma once
// What a tenant deploys: a model, a container or a program, with its objective and its policy.

#include <map>
#include <optional>
#include <vector>

#include "model/container.h"
#include "model/cors.h"
#include "model/network.h"
#include "model/program.h"
#include "model/tenant.h"

namespace barrio {

/// `percentile` per cent of requests are answered within `latency`, from the device's first byte to the answer.
struct Objective {
  Duration latency;
  double percentile = 99;
  Result<void> check() const;
};
BARRIO_DESCRIBE(Objective, (), (latency, percentile))

/// Where data may be processed and stored. A site is permitted when it matches every list that is not empty; a policy
/// with all lists empty is not accepted (refused by default). decide/residency is the only reader.
struct Policy {
  std::vector<Jurisdiction> jurisdictions;
  std::vector<SiteId> sites;
  std::vector<OperatorId> operators;
  /// Its logs may be read from anywhere; else only from within its jurisdictions, as the core network knows the reader.
  std::optional<bool> logs_may_leave = {};
  Result<void> check() const;
};
BARRIO_DESCRIBE(Policy, (), (jurisdictions, sites, operators, logs_may_leave))

/// What one replica needs on its site.
struct Resources {
  Watts power;  // with what its accelerators may draw
  Bytes memory;
  double cores = 1;
  std::string accelerator;  // a model name of the network file ("L4"); empty: CPU only
  int accelerators = 0;
  std::optional<std::string> slice = {};        // of each accelerator: a MIG profile ("1g.10gb"); none: all of it
  std::optional<Watts> accelerator_power = {};  // what each of them draws; none: not checked against its cap
  std::optional<Bytes> storage = {};
  static constexpr std::string_view defaulted[] = {"cores", "accelerator", "accelerators"};
  Result<void> check() const;
};
BARRIO_DESCRIBE(Resources, (), (power, memory, cores, accelerator, accelerators, slice, accelerator_power, storage))

/// profile: an emulated device, for tests; only where control and site are configured to run it (emulated_models).
/// pipeline: no model of its own; its steps' models are run one after the other (PipelineSpec). none: the app
/// brings its own server. oip, openai: a model server that the site's operator runs (Triton, vLLM ...), which the
/// site's engine knows by the name of the app's accelerator; its address is nobody else's.
enum class Backend { none, opencv, onnx, profile, pipeline, oip, openai };
BARRIO_DESCRIBE_ENUM(Backend, none, opencv, onnx, profile, pipeline, oip, openai)

/// The model to run: a detector built into a backend (`builtin: people`), or a file (`file: model.onnx`, relative to
/// the app file), which the CLI uploads and replaces by its `sha256`.
struct ModelSource {
  Backend backend = Backend::onnx;
  std::string builtin;
  std::string file;
  std::string sha256;  // 64 hex digits
  static constexpr std::string_view defaulted[] = {"builtin", "file", "sha256"};
  bool is_at_server() const { return backend == Backend::oip || backend == Backend::openai; }
  /// Exactly one of builtin, file, sha256... (file and sha256 together name an uploaded file); none of them for a
  /// pipeline, a model server's model, and where there is no model.
  Result<void> check() const;
};
BARRIO_DESCRIBE(ModelSource, (), (backend, builtin, file, sha256))

/// A tensor of a pipeline: one of its inputs (`image`), or an output of one of its steps (`detect.boxes`).
class TensorName {
 public:
  /// Errors: invalid.
  static Result<TensorName> parse(std::string_view text);
  std::string str() const { return step.empty() ? tensor : step + "." + tensor; }

  std::string step;  // empty: an input of the pipeline
  std::string tensor;
};

/// One model of a pipeline, and where its inputs come from.
struct PipelineStep {
  std::string name;  // a label; its outputs are called `name.output`
  ModelSource model;
  std::map<std::string, TensorName>
      inputs;                          // by the model's own names; those not named: the pipeline's input so called
  std::optional<TensorName> for_each;  // one run for each of its elements (first dimension)...
  int most = 16;                       // ... for so many at most, the first ones
  static constexpr std::string_view defaulted[] = {"most"};
  Result<void> check() const;
};
BARRIO_DESCRIBE(PipelineStep, (), (name, model, inputs, for_each, most))

/// What runs for one request: the steps, in their order, under the request's one deadline.
struct PipelineSpec {
  std::vector<PipelineStep> steps;            // 1 to max_steps
  std::map<std::string, TensorName> outputs;  // by the names that the answer gives them; empty: those of the last step
  static constexpr size_t max_steps = 8;
  static constexpr int max_elements = 64;
  /// Every tensor is an input of the pipeline or comes from an earlier step.
  Result<void> check() const;
};
BARRIO_DESCRIBE(PipelineSpec, (), (steps, outputs))
BARRIO_JSON_APART(PipelineSpec)

/// The models that run for an app: its own, or those of its steps.
std::vector<ModelSource> models_of(const ModelSource& model, const std::optional<PipelineSpec>& pipeline);

/// How an app takes video: from the cameras that it names, and frames that are posted.
struct StreamSpec {
  double rate = 5;                   // frames that are analysed, a second and stream
  std::optional<double> track_rate;  // results a second: those between analysed frames are tracked; none: only `rate`
  Duration max_age = 500ms;          // from the camera to the answer; older frames are dropped
  std::vector<std::string> sources;  // the URLs that may be opened, exactly: rtsp, rtsps, http, https
  int most = 4;                      // streams at a time, on one replica
  static constexpr std::string_view defaulted[] = {"rate", "max_age", "most"};
  Result<void> check() const;
};
BARRIO_DESCRIBE(StreamSpec, (), (rate, track_rate, max_age, sources, most))

/// A place where users are, with its relative weight; placement with a limited number of replicas minimises the
/// weighted network time from these places.
struct DemandPlace {
  std::string name;
  LatLon location;
  double weight = 1;
  std::optional<double> requests_per_second = {};  // at the busiest hour; then it is the weight
  static constexpr std::string_view defaulted[] = {"weight"};
  double share() const { return requests_per_second.value_or(weight); }
  Result<void> check() const;
  bool operator==(const DemandPlace&) const = default;
};
BARRIO_DESCRIBE(DemandPlace, (), (name, location, weight, requests_per_second))

/// What one request costs a replica; placement counts the wait for a replica that serves others with it.
struct RequestWork {
  Duration device_time;                          // mean
  std::optional<Duration> device_time_p99 = {};  // none: as long as the mean
  int concurrency = 1;                           // requests that a replica runs at the same time
  std::optional<Watts> power = {};               // while one runs, on top of what the replica draws idle
  static constexpr std::string_view defaulted[] = {"concurrency"};
  Result<void> check() const;
};
BARRIO_DESCRIBE(RequestWork, (), (device_time, device_time_p99, concurrency, power))

/// How many replicas of an app may stand in one failure domain.
struct Spread {
  int most_per_domain = 1;
  Result<void> check() const;
};
BARRIO_DESCRIBE(Spread, (), (most_per_domain))

/// Who may ask an app: `token` (its tenant, with a token or an API key) or `public` (everybody).
class AppAccess {
 public:
  static Result<AppAccess> parse(std::string_view text);
  std::string str() const { return is_public_ ? "public" : "token"; }
  bool is_public() const { return is_public_; }

 private:
  bool is_public_ = false;
};

/// What one gateway lets through to one app, on top of its tenant's quota.
struct AppLimits {
  std::optional<double> requests_per_second;
  std::optional<int64_t> burst;     // none: one second's requests
  std::optional<Bytes> body_bytes;  // of one request
  int64_t burst_or_default() const;
  Result<void> check() const;
};
BARRIO_DESCRIBE(AppLimits, (), (requests_per_second, burst, body_bytes))

/// How a new release replaces the one before: at so many sites at a time, and no further once it fails at one.
struct RolloutSpec {
  int at_once = 1;
  Duration ready_within = 120s;  // at each site
  static constexpr std::string_view defaulted[] = {"at_once", "ready_within"};
  Result<void> check() const;
};
BARRIO_DESCRIBE(RolloutSpec, (), (at_once, ready_within))

/// The number of replicas follows what is asked: at least AppSpec::replicas (none: one), and so many that each has no
/// more to do than placement gives a replica (RequestWork), at most `most`.
struct ScaleSpec {
  std::optional<int> most;       // none: every permitted site
  std::optional<Duration> idle;  // after so long without a request there is no replica at all; none: never
  Duration warm_up = 30s;        // from the first request after that to a replica that answers
  static constexpr std::string_view defaulted[] = {"warm_up"};
  Result<void> check() const;
};
BARRIO_DESCRIBE(ScaleSpec, (), (most, idle, warm_up))

/// Of the one that is there. Null: neither.
const ServerSpec* server_in(const std::optional<ContainerSpec>& container, const std::optional<ProgramSpec>& program);

struct AppSpec {
  AppName name;
  ModelSource model = {Backend::none, "", "", ""};
  Objective objective;
  Policy policy;
  Resources resources;
  std::optional<int> replicas;  // at least; none: one on every permitted active site where it fits
  std::vector<DemandPlace> demand;
  std::optional<AppAccess> access;  // none: token
  std::optional<AppLimits> limits;
  std::optional<PipelineSpec> pipeline;    // with model.backend: pipeline
  std::optional<StreamSpec> stream;        // none: takes no video
  std::optional<ContainerSpec> container;  // instead of a model
  std::optional<ProgramSpec> program;      // instead of both
  std::optional<RolloutSpec> rollout;      // none: one site at a time
  std::optional<RequestWork> work = {};
  std::optional<Spread> spread = {};
  std::optional<ScaleSpec> scale = {};  // none: always so many as `replicas` says; needs `work`
  std::optional<CorsSpec> cors = {};    // none: what browsers ask before they let a page call is the app's business
  static constexpr std::string_view defaulted[] = {"model"};
  bool is_public() const { return access && access->is_public(); }
  /// Of its container or its program. Null: it is neither.
  const ServerSpec* server() const { return server_in(container, program); }
  Result<void> check() const;
};
BARRIO_DESCRIBE(AppSpec, (),
                (name, model, objective, policy, resources, replicas, demand, access, limits, pipeline, stream,
                 container, program, rollout, work, spread, scale, cors))
BARRIO_JSON_APART(AppSpec)

struct App {
  TenantId tenant;
  AppSpec spec;
  int64_t generation = 0;  // grows with every accepted change
  AppKey key() const { return {tenant, spec.name}; }
};
BARRIO_DESCRIBE(App, (), (tenant, spec, generation))
BARRIO_JSON_APART(App)

}  // namespace barrio
