#pragma once
// A replica's endpoint: one model behind the Open Inference Protocol v2 over REST, on a reactor, with one Model
// instance per worker thread. A request waits in a bounded queue on the loop; what cannot make its deadline is answered
// 503 at once.
//
//   GET  /v2, /v2/health/live, /v2/health/ready, /v2/models/NAME[/versions/1][/ready], /metrics
//   POST /v2/models/NAME[/versions/1]/infer
//
// Request field:  Barrio-Deadline-Ms: 120.5        what is left of its time
// Answer fields:  Server-Timing: queue;dur=1.234, compute;dur=30.100        milliseconds
//                 Barrio-Load: waiting=2           requests in the queue, without those that run
// Live as soon as it listens; ready when every worker has loaded its model.

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "engine/admission.h"
#include "net/server.h"
#include "net/worker_pool.h"
#include "ports/inference_backend.h"

namespace barrio::engine {

struct EngineConfig {
  ports::LoadSpec model;  // its name is the NAME in the paths
  size_t workers = 1;
  size_t queue = 32;  // requests waiting; over it: 503
  net::ServerLimits limits = {};
};

class EngineServer {
 public:
  /// Starts to load at once. `on_failed` is called on the loop, once, if a worker cannot load the model.
  EngineServer(net::Reactor& reactor, ports::InferenceBackend& backend, EngineConfig config, Registry& registry,
               std::function<void(Error)> on_failed);
  ~EngineServer();
  EngineServer(const EngineServer&) = delete;
  EngineServer& operator=(const EngineServer&) = delete;

  Result<net::SocketAddress> listen(const net::SocketAddress& address);
  bool ready() const { return loaded_ == pool_.workers(); }
  bool idle() const { return running_ == 0 && queue_.empty(); }
  /// Stops accepting; what waits is still answered.
  void drain() { server_.drain(); }

 private:
  struct Job;
  struct Metrics;

  void load(size_t worker);
  void handle(net::Request request, net::Responder respond);
  void handle_model(const net::Request& request, std::string_view rest, net::Responder& respond);
  void enqueue(net::Request request, net::Responder respond);
  void dispatch();
  void start(size_t worker, std::shared_ptr<Job> job);
  void refuse(Job& job, std::string_view why, Duration waited);
  void answer(Job& job, net::Response response, Duration waited, Duration computed);
  Load load_now() const;

  net::Reactor& reactor_;
  ports::InferenceBackend& backend_;
  EngineConfig config_;
  Registry& registry_;
  std::unique_ptr<Metrics> metrics_;
  std::function<void(Error)> on_failed_;
  ports::ModelInfo info_;
  ServiceTime service_;
  std::deque<std::shared_ptr<Job>> queue_;
  std::vector<bool> free_;  // by worker
  size_t loaded_ = 0;
  size_t running_ = 0;
  bool failed_ = false;
  std::vector<std::unique_ptr<ports::Model>> models_;  // each touched by its worker's thread only
  net::MessageServer server_;
  net::WorkerPool pool_;  // last: its end waits for work that uses the rest
};

}  // namespace barrio::engine
