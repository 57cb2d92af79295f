#pragma once
// The usual policies (engine_policies.h) in real time: a server that takes what engine_load.h sends, and runs it at a
// server of the Open Inference Protocol as the policy says, one batch at a time. It does less for a request than the
// engine: nothing is checked or counted, and the answer is empty.

#include <memory>
#include <string>
#include <vector>

#include "engine_policies.h"
#include "net/server.h"
#include "net/worker_pool.h"
#include "ports/inference_backend.h"

namespace barrio::bench {

class PolicyServer {
 public:
  /// What is so old is thrown away with 503, long after its deadline: else a policy without limits would not come to
  /// an end.
  static constexpr Duration oldest = 1s;

  /// `models`: one for each of the scenario's. Lives on the loop.
  PolicyServer(net::Reactor& reactor, const Scenario& scenario, const MakePolicy& make,
               std::vector<std::unique_ptr<ports::Model>> models);

  Result<net::SocketAddress> listen(const net::SocketAddress& address) { return server_.listen(address); }

 private:
  struct Waiting {
    Job job;
    ports::InferenceRequest request;
    std::optional<net::Responder> answer;  // none: answered
  };

  void take(net::Request request, net::Responder answer);
  void tell(uint32_t job, int status);
  void give_up();
  void run_next();
  void run(const Step& step, Time now);

  net::Reactor& reactor_;
  Scenario scenario_;
  std::unique_ptr<Policy> policy_;
  std::vector<std::unique_ptr<ports::Model>> models_;
  std::vector<Waiting> jobs_;  // all that ever came: a bench is short
  bool busy_ = false;
  net::TimerId timer_ = 0;
  net::MessageServer server_;
  net::WorkerPool device_;  // last: its end waits for the run in progress
};

}  // namespace barrio::bench
