#pragma once
// One replica in the engine: its models and pipelines, the streams that look at video, and the protocols before them
// behind one address, which show nothing of other replicas. What is shared is the engine beneath: its devices, one
// scheduler for each. `barrio engine` by hand is an engine with one of these. Lives on the loop.
//
//   start    listens at once, and loads; requests are answered once their models are ready
//   leave    takes nothing new, answers what it has, unloads

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/front_door.h"
#include "engine/grpc_front.h"
#include "engine/openai_front.h"
#include "engine/pipeline.h"
#include "engine/replica_view.h"
#include "engine/repository_front.h"
#include "engine/rest_front.h"
#include "engine/streams_front.h"
#include "model/snapshot.h"
#include "ports/generation_backend.h"
#include "ports/video.h"

namespace barrio::engine {

struct InitialModel {
  std::string name;  // in paths and metrics
  LoadParameters parameters;
};

struct InitialPipeline {
  std::string name;
  PipelineSpec spec;  // its steps' models are among the models, as engine/pipeline.h names them
};

/// Streams of video for one app (engine/streams.h).
struct InitialStreams {
  std::string app;  // a model or pipeline
  StreamSpec spec;
  StreamHooks hooks = {};
};

/// Made on the engine's loop; answers OpenAI's API and generate.
using MakeGeneration = std::function<std::unique_ptr<ports::GenerationBackend>(net::Reactor&)>;

struct ReplicaOptions {
  std::string listen;  // "unix:/path" or "127.0.0.1:8000"
  std::vector<InitialModel> models = {};
  std::vector<InitialPipeline> pipelines = {};
  std::optional<InitialStreams> streams = {};
  RepositoryRights repository = RepositoryRights::show;
  MakeGeneration generation = {};  // none: there are no such paths
  ChargeTokens charge = {};        // for what it generates
  std::string scope = {};          // of its models in the engine; empty: the engine is its alone
  std::string tenant = {};         // that is charged for its requests; empty: as they say
  RestLimits rest = {};
};

/// The pipeline, and a model for each of its steps, `like` this one.
void add_pipeline(const InitialPipeline& pipeline, const LoadParameters& like, ReplicaOptions& options);

/// Reads the sources of so many streams. None: only frames that are posted are taken.
using MakeDecoder = std::function<std::unique_ptr<ports::VideoDecoder>(net::Reactor&, size_t streams)>;

class HostedReplica {
 public:
  HostedReplica(net::Reactor& reactor, Engine& engine, Registry& registry, ReplicaOptions options,
                const MakeDecoder& make_decoder);
  ~HostedReplica();
  HostedReplica(const HostedReplica&) = delete;
  HostedReplica& operator=(const HostedReplica&) = delete;

  /// Listens and loads. `failed` is called once for what cannot be loaded or served, possibly before this returns.
  Result<net::SocketAddress> start(std::function<void(const Error&)> failed);
  /// Every model is loaded, every pipeline fits its models, and a server of text models has answered once.
  bool ready() const;
  /// Stops accepting; what came is still answered.
  void drain();
  /// Everything that came is answered.
  bool idle() const;
  /// After drain(): waits until it is idle, `grace` at most, then ends what is open and unloads. `gone` is called last,
  /// on a later turn: then this may be destroyed.
  void leave(Duration grace, std::function<void()> gone);

 private:
  void load(const InitialModel& model);
  void check_pipelines();
  void leave_out_paths(std::string& text) const;
  void give_up(const std::string& what, const std::string& name, Error error);
  void unload_when_idle(Time until);
  void unload_all();
  void unloaded();

  net::Reactor& reactor_;
  Engine& engine_;
  ReplicaOptions options_;
  ReplicaView view_;
  Pipelines pipelines_;
  std::unique_ptr<ports::VideoDecoder> decoder_;
  std::optional<Streams> streams_;
  WorkQueue codec_;  // its own: another's large JSON does not hold up this one's
  std::unique_ptr<ports::GenerationBackend> generation_;
  GrpcFront grpc_;
  RepositoryFront repository_;
  std::optional<OpenAiFront> openai_;
  RestFront rest_;
  std::optional<StreamsFront> streams_front_;
  std::function<void(const Error&)> failed_;  // none: it was called
  std::function<void()> gone_;                // none: it does not leave
  net::TimerId timer_ = 0;
  size_t loading_ = 0;
  size_t unloading_ = 0;
  mutable bool server_seen_ = false;
  std::optional<FrontDoor> door_;  // last: its end closes exchanges, which still need the rest
};

}  // namespace barrio::engine
