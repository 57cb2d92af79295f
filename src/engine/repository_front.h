#pragma once
// Triton's model repository and statistics extensions over REST.
//
//   POST /v2/repository/index                               {"ready": true}
//   POST /v2/repository/models/NAME/load, .../unload        {"parameters": {...}} (engine/repository_answers.h)
//   GET  /v2/models/stats, /v2/models/NAME[/versions/V]/stats
//
// Errors are the protocol's object, {"error": ...}. Lives on the loop.

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "engine/front.h"
#include "engine/repository_answers.h"

namespace barrio::engine {

struct RepositoryFrontConfig {
  RepositoryRights rights = RepositoryRights::show;
  std::function<WallTime()> wall = {};  // for last_inference; none: it is 0
  size_t body_bytes = 64 * 1024;        // over it: 413
};

class RepositoryFront final : public Front {
 public:
  RepositoryFront(net::Reactor& reactor, ModelRepository& repository, RepositoryFrontConfig config);
  ~RepositoryFront();

  bool takes(const net::RequestHead& head) const override;
  void on_head(net::Exchange& exchange) override;
  void on_body(net::Exchange& exchange, std::string_view piece) override;
  void on_end(net::Exchange& exchange) override;
  void on_writable(net::Exchange&) override {}
  void on_closed(net::Exchange& exchange, bool aborted) override;

  /// No request is open.
  bool idle() const { return calls_.empty(); }

 private:
  struct Call;
  using CallPtr = std::shared_ptr<Call>;

  Result<void> act(const CallPtr& call);
  Result<void> change(const CallPtr& call, std::string_view rest);
  Result<void> statistics(const CallPtr& call, std::string_view path);
  static void answer(Call& call, int status, std::string_view body);
  static void answer(Call& call, const Error& error);

  net::Reactor& reactor_;
  ModelRepository& repository_;
  RepositoryFrontConfig config_;
  std::unordered_map<net::Exchange*, CallPtr> calls_;
};

}  // namespace barrio::engine
