#pragma once
// Publishes a log: once a second, when it has grown, signs a checkpoint of what is durable, asks the witnesses to
// cosign it, and makes it the one that is served. Lives on its runtime's loop, in a fiber.

#include <functional>
#include <map>
#include <memory>

#include "decide/proof/witness.h"
#include "net/address.h"
#include "net/http.h"
#include "ports/runtime.h"
#include "ports/transparency_log.h"

namespace barrio::transparency {

/// Somebody who may cosign: where POST PREFIX/add-checkpoint goes.
struct WitnessAddress {
  decide::NoteVerifier key;
  net::SocketAddress address;
  std::string prefix;
};

struct PublisherConfig {
  Duration period = 1s;
  Duration witness_timeout = 700ms;  // a slower witness is not waited for
  Duration ask_again = 10s;          // who has not cosigned the last checkpoint
  size_t required = 0;               // cosignatures; with fewer, the checkpoint before stays the published one
};

class Publisher {
 public:
  static constexpr size_t most_witnesses = 16;
  /// Parks until answered.
  using Call = std::function<Result<net::Response>(const net::SocketAddress&, net::Request, Time deadline)>;

  Publisher(ports::Runtime& runtime, ports::LogPublication& log, decide::NoteSigner key, PublisherConfig config,
            Call call);
  /// Those beyond most_witnesses are not asked.
  void set_witnesses(std::vector<WitnessAddress> witnesses);
  /// Until the runtime stops, or `ours` says that another process of the site does it.
  void loop(const std::function<bool()>& ours);
  /// One round. Errors: unavailable, also when too few cosigned.
  Result<void> publish();
  const decide::NoteVerifier& verifier() const { return key_.verifier(); }

 private:
  struct Round;
  std::vector<decide::NoteSignature> cosignatures(const decide::Note& note, uint64_t size);
  Result<decide::NoteSignature> ask(const WitnessAddress& witness, const decide::Note& note, uint64_t size);

  ports::Runtime& runtime_;
  ports::LogPublication& log_;
  const decide::NoteSigner key_;
  const PublisherConfig config_;
  const Call call_;
  std::vector<WitnessAddress> witnesses_;
  std::map<std::string, uint64_t> known_sizes_;  // that each witness has seen last
  std::optional<uint64_t> published_;            // size of the last one
  size_t cosigned_ = 0;                          // by so many
  Time next_try_{};
};

}  // namespace barrio::transparency
