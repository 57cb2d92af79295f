#include "adapters/profile/profile_backend.h"

#include <unistd.h>

#include <csignal>

#include "adapters/profile/profile_plan.h"
#include "base/check.h"
#include "ports/tensor.h"

namespace barrio::adapters {

namespace {

class ProfileModel final : public ports::Model {
 public:
  ProfileModel(const std::string& name, const ProfileSettings& settings, DeviceClock& clock)
      : settings_(settings), plan_(settings), clock_(clock) {
    info_.name = name;
    info_.platform = "barrio_profile";
    info_.inputs = {{"x", ports::DataType::UINT8, {-1}}};
    info_.outputs = {{"y", ports::DataType::UINT8, {-1}}};
    info_.max_batch = settings.max_batch;
  }

  const ports::ModelInfo& info() const override { return info_; }

  std::vector<Result<ports::Outputs>> run(std::span<const ports::InferenceRequest> batch) override {
    CHECK(batch.size() <= settings_.max_batch);
    const Time began = clock_.now();
    const ProfileRun run = plan_.next(batch.size());
    clock_.wait_until(began + run.takes, settings_.spin);
    if (run.end == ProfileRun::End::dies) kill(getpid(), SIGKILL);
    std::vector<Result<ports::Outputs>> answers;
    answers.reserve(batch.size());
    for (const auto& request : batch) answers.push_back(answer(request, run.end));
    return answers;
  }

 private:
  Result<ports::Outputs> answer(const ports::InferenceRequest& request, ProfileRun::End end) const {
    TRY_DO(ports::check_inputs(info_, request));
    if (end == ProfileRun::End::fails) return fail(Code::unavailable, "the emulated device failed this run");
    ports::Tensor output{"y", ports::DataType::UINT8, {}, request.inputs.front().data};
    if (settings_.output > 0) output.data.resize(settings_.output);
    output.shape = {static_cast<int64_t>(output.data.size())};
    ports::Outputs outputs;
    outputs.push_back(std::move(output));
    return outputs;
  }

  ProfileSettings settings_;
  ProfilePlan plan_;
  DeviceClock& clock_;
  ports::ModelInfo info_;
};

}  // namespace

Result<std::unique_ptr<ports::Model>> ProfileBackend::load(const ports::LoadSpec& spec) {
  if (!spec.path.empty())
    return fail(Code::unsupported, "the profile backend emulates models; it runs no file", spec.path);
  auto settings = ProfileSettings::parse(spec.builtin);
  if (!settings) return fail(std::move(settings).error().within("profile"));
  clock_.wait_until(clock_.now() + settings->load, Duration::zero());
  if (settings->load_fails > 0) return fail(Code::invalid, "the emulated device cannot load it (load_fails is set)");
  return std::make_unique<ProfileModel>(spec.name, *settings, clock_);
}

}  // namespace barrio::adapters
