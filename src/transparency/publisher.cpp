#include "transparency/publisher.h"

#include "base/log.h"
#include "base/text.h"

namespace barrio::transparency {

/// Outlives the fibers that ask, and the one that waits for them.
struct Publisher::Round {
  std::unique_ptr<ports::Signal> changed;
  size_t open = 0;
  std::vector<decide::NoteSignature> signatures;
};

Publisher::Publisher(ports::Runtime& runtime, ports::LogPublication& log, decide::NoteSigner key,
                     PublisherConfig config, Call call)
    : runtime_(runtime), log_(log), key_(std::move(key)), config_(config), call_(std::move(call)) {}

void Publisher::set_witnesses(std::vector<WitnessAddress> witnesses) {
  witnesses_ = std::move(witnesses);
  if (witnesses_.size() > most_witnesses) witnesses_.erase(witnesses_.begin() + most_witnesses, witnesses_.end());
}

void Publisher::loop(const std::function<bool()>& ours) {
  bool failing = false;
  while (!runtime_.stopping()) {
    if (ours()) {
      const auto done = publish();
      if (!done && !failing) log_error("cannot publish the log", {{"why", done.error().text()}});
      if (done && failing) log_info("the log is published again", {});
      failing = !done;
    }
    runtime_.sleep_for(config_.period);
  }
}

Result<void> Publisher::publish() {
  TRY(const auto head, log_.head());
  const bool news = head.size != published_;
  const bool wants_more = cosigned_ < witnesses_.size() && runtime_.now() >= next_try_;
  if (!news && !wants_more) return {};
  const decide::Checkpoint checkpoint{key_.name(), head.size, head.root};
  decide::Note note{checkpoint.text(), {key_.sign(checkpoint.text())}};
  const auto cosigned = cosignatures(note, head.size);
  next_try_ = runtime_.now() + config_.ask_again;
  if (cosigned.size() < config_.required) {
    return fail(Code::unavailable, "cosigned by " + std::to_string(cosigned.size()) + " witnesses of the " +
                                       std::to_string(config_.required) + " that are required");
  }
  if (!news && cosigned.size() <= cosigned_) return {};
  for (const auto& signature : cosigned) note.signatures.push_back(signature);
  TRY_DO(log_.publish(note.str()));
  published_ = head.size;
  cosigned_ = cosigned.size();
  return {};
}

std::vector<decide::NoteSignature> Publisher::cosignatures(const decide::Note& note, uint64_t size) {
  const auto round = std::make_shared<Round>();
  round->changed = runtime_.make_signal();
  for (const WitnessAddress& witness : witnesses_) {
    ++round->open;
    runtime_.spawn("witness " + witness.key.name(), [this, round, witness, note, size] {
      auto signature = ask(witness, note, size);
      --round->open;
      if (signature) round->signatures.push_back(std::move(*signature));
      round->changed->notify();
    });
  }
  const Time latest = runtime_.now() + config_.witness_timeout;
  while (round->open > 0 && runtime_.now() < latest && !runtime_.stopping()) round->changed->wait_until(latest);
  return round->signatures;
}

/// Twice where the witness has seen another size than we thought.
Result<decide::NoteSignature> Publisher::ask(const WitnessAddress& witness, const decide::Note& note, uint64_t size) {
  uint64_t& known = known_sizes_[witness.key.str()];
  const Time deadline = runtime_.now() + config_.witness_timeout;
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (known > size) return fail(Code::conflict, "has seen more leaves than there are", witness.key.name());
    const uint64_t old_size = known;
    TRY(auto proof, log_.consistency(old_size, size));
    const decide::AddCheckpoint request{old_size, std::move(proof), note};
    TRY(const auto answer, call_(witness.address,
                                 {.method = "POST",
                                  .target = witness.prefix + "/add-checkpoint",
                                  .headers = {{"Content-Type", "text/plain; charset=utf-8"}},
                                  .body = request.str(),
                                  .peer_ip = {}},
                                 deadline));
    if (answer.status == 409) {
      const auto seen = parse_uint(trim(answer.body));
      if (!seen) return fail(Code::invalid, "says no size with its 409", witness.key.name());
      known = *seen;
      continue;
    }
    if (answer.status != 200)
      return fail(Code::unavailable, "HTTP " + std::to_string(answer.status), witness.key.name());
    TRY(const auto signatures, decide::parse_signature_lines(answer.body));
    for (const auto& signature : signatures) {
      if (!witness.key.verify({note.text, {signature}})) continue;
      known = size;
      return signature;
    }
    return fail(Code::denied, "answers with a signature that is not its own", witness.key.name());
  }
  return fail(Code::conflict, "has seen another size twice", witness.key.name());
}

}  // namespace barrio::transparency
