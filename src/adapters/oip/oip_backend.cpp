#include "adapters/oip/oip_backend.h"

#include <algorithm>

#include "adapters/oip/remote.h"
#include "net/reactor.h"
#include "ports/batch.h"
#include "ports/tensor.h"

namespace barrio::adapters {

namespace {

using oip::OipSettings;
using oip::Remote;
using oip::Until;

class OipModel final : public ports::Model {
 public:
  OipModel(const OipSettings& settings, std::unique_ptr<Remote> remote, ports::ModelInfo info)
      : timeout_(settings.timeout), grace_(settings.grace), remote_(std::move(remote)), info_(std::move(info)) {}

  const ports::ModelInfo& info() const override { return info_; }

  std::vector<Result<ports::Outputs>> run(std::span<const ports::InferenceRequest> batch) override {
    Answers answers(batch.size());
    const std::vector<size_t> good = ports::check_batch(info_, batch, answers);
    const Time now = net::read_clock();
    for (const ports::Joined& group : ports::join(info_, batch, good, static_cast<int64_t>(info_.max_batch)))
      run_group(batch, group, now, answers);
    return answers;
  }

 private:
  using Answers = std::vector<Result<ports::Outputs>>;

  void run_group(std::span<const ports::InferenceRequest> batch, const ports::Joined& group, Time now,
                 Answers& answers) {
    if (group.members.size() > 1) {
      auto together = remote_->infer(group.request, until_last_of(batch, group.members, now));
      if (!together && !together.error().of_request) {
        for (const size_t member : group.members) answers[member] = fail(together.error().error);
        return;
      }
      auto parts = together ? ports::split(*together, group.rows) : std::nullopt;
      for (size_t i = 0; parts && i < group.members.size(); ++i) answers[group.members[i]] = std::move((*parts)[i]);
      if (parts) return;
    }
    for (const size_t member : group.members) {
      auto alone = remote_->infer(batch[member], until_last_of(batch, {&member, 1}, now));
      answers[member] = alone ? Result<ports::Outputs>(std::move(*alone)) : fail(std::move(alone).error().error);
    }
  }

  /// A run that is late for the first of a batch may be in time for the others.
  Until until_last_of(std::span<const ports::InferenceRequest> batch, std::span<const size_t> members, Time now) const {
    Time last{};
    for (const size_t member : members) last = std::max(last, batch[member].deadline.value_or(now + timeout_));
    return {last, last + grace_};
  }

  Duration timeout_;
  Duration grace_;
  std::unique_ptr<Remote> remote_;
  ports::ModelInfo info_;
};

}  // namespace

Result<std::unique_ptr<ports::Model>> OipBackend::load(const ports::LoadSpec& spec) {
  if (!spec.path.empty())
    return fail(Code::unsupported, "the oip backend asks another server; it runs no file", spec.path);
  auto settings = OipSettings::parse(spec);
  if (!settings) return fail(std::move(settings).error().within("oip"));
  auto remote = settings->url.grpc ? oip::make_grpc_remote(*settings) : oip::make_rest_remote(*settings);
  auto info = remote->describe(net::read_clock() + settings->timeout);
  if (!info) return fail(std::move(info).error().error);
  info->name = spec.name;
  const size_t theirs = info->max_batch;
  info->max_batch = 1;
  if (ports::may_join(*info)) {
    const size_t wanted = settings->max_batch > 0 ? settings->max_batch : std::max<size_t>(theirs, 1);
    info->max_batch = theirs > 0 ? std::min(wanted, theirs) : wanted;
  }
  return std::make_unique<OipModel>(*settings, std::move(remote), std::move(*info));
}

}  // namespace barrio::adapters
