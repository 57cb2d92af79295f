#include "adapters/model_process/model_process_backend.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "adapters/model_process/isolated_model.h"

namespace barrio::adapters {

namespace {

constexpr int64_t largest_file = (int64_t{2} << 30) - 1;  // of a protobuf message

Result<OwnedDescriptor> open_model(const std::string& path) {
  // Not to wait for whoever may write to a pipe of that name.
  OwnedDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return fail(Code::not_found, std::string("cannot read the model file: ") + std::strerror(errno), path);
  struct stat status{};
  if (fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return fail(Code::invalid, "is not a file", path);
  if (status.st_size > largest_file) return fail(Code::invalid, "the model file has more than 2 GiB", path);
  return file;
}

}  // namespace

ModelProcessBackend::ModelProcessBackend(ModelProcessConfig config)
    : config_(std::move(config)), keeper_(std::make_shared<Keeper>()) {}

ModelProcessBackend::~ModelProcessBackend() = default;

Result<std::unique_ptr<ports::Model>> ModelProcessBackend::load(const ports::LoadSpec& spec) {
  if (spec.content) return fail(Code::unsupported, "a model process reads a file", spec.path);
  OwnedDescriptor file;
  if (!spec.path.empty()) {
    TRY(file, open_model(spec.path));
  }
  auto model = std::make_unique<IsolatedModel>(keeper_, config_, spec, std::move(file));
  TRY_DO(model->load());
  return model;
}

}  // namespace barrio::adapters
