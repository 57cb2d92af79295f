#include "engine/model_loader.h"

#include <algorithm>

#include "net/reactor.h"
#include "ports/tensor.h"

namespace barrio::engine {

namespace {

constexpr size_t max_warm_bytes = 16u << 20;
constexpr Duration most_measuring = 500ms;
constexpr int runs_of_a_size = 4;

/// A request of zeros; none: see warm().
std::optional<ports::InferenceRequest> zeros(const ports::ModelInfo& model) {
  ports::InferenceRequest request;
  for (const ports::TensorSpec& spec : model.inputs) {
    if (spec.datatype == ports::DataType::BYTES) return std::nullopt;
    ports::Tensor tensor{spec.name, spec.datatype, spec.shape, {}};
    for (int64_t& dimension : tensor.shape) dimension = dimension < 0 ? 1 : dimension;
    const auto count = ports::element_count(tensor.shape);
    if (!count || *count * ports::element_size(spec.datatype) > max_warm_bytes) return std::nullopt;
    tensor.data.assign(*count * ports::element_size(spec.datatype), '\0');
    request.inputs.push_back(std::move(tensor));
  }
  return request;
}

/// Whether every request has the size of zeros(): no dimension is free, but the first where it counts requests.
bool has_one_size(const ports::ModelInfo& model) {
  return std::ranges::all_of(model.inputs, [&](const ports::TensorSpec& spec) {
    const auto free = std::ranges::count_if(spec.shape, [](int64_t dimension) { return dimension < 0; });
    const bool counts_requests = model.max_batch > 1 && !spec.shape.empty() && spec.shape.front() < 0;
    return free == (counts_requests ? 1 : 0);
  });
}

/// The slowest run; none: one failed.
std::optional<Duration> slowest(ports::Model& model, std::span<const ports::InferenceRequest> batch) {
  Duration most{1};
  for (int i = 0; i < runs_of_a_size; ++i) {
    const Time begin = net::read_clock();
    const auto answers = model.run(batch);
    most = std::max(most, net::read_clock() - begin);
    if (!std::ranges::all_of(answers, [](const auto& answer) { return answer.has_value(); })) return std::nullopt;
  }
  return most;
}

struct Point {
  size_t batch;
  Duration took;
};

/// The line through the two points next to `batch`.
Duration on_line(std::span<const Point> points, size_t batch) {
  if (points.size() == 1)
    return points[0].took * static_cast<Duration::rep>(batch) / static_cast<Duration::rep>(points[0].batch);
  size_t high = 1;
  while (high + 1 < points.size() && points[high].batch < batch) ++high;
  const Point& a = points[high - 1];
  const Point& b = points[high];
  const double slope = std::max(0.0, static_cast<double>((b.took - a.took).count()) /
                                         (static_cast<double>(b.batch) - static_cast<double>(a.batch)));
  const double ahead = slope * (static_cast<double>(batch) - static_cast<double>(a.batch));
  return std::max(Duration(1), a.took + Duration(static_cast<Duration::rep>(ahead)));
}

}  // namespace

void warm(ports::Model& model) {
  const auto request = zeros(model.info());
  // A model may well refuse zeros; that is no fault.
  if (request) (void)ports::run_alone(model, *request);
}

std::optional<decide::Profile> measure(ports::Model& model, size_t most_batch) {
  const auto request = zeros(model.info());
  if (!request || !has_one_size(model.info())) return std::nullopt;
  const size_t most =
      std::clamp<size_t>(std::min(most_batch, model.info().max_batch), 1, decide::Profile::largest_batch);
  std::vector<Point> points;
  const Time begin = net::read_clock();
  for (size_t batch = 1;; batch = std::min(batch * 2, most)) {
    const std::vector<ports::InferenceRequest> requests(batch, *request);
    const auto took = slowest(model, requests);
    if (!took) return std::nullopt;
    points.push_back({batch, *took});
    if (batch == most || net::read_clock() - begin > most_measuring) break;
  }
  std::vector<Duration> times;
  for (size_t batch = 1; batch <= most; ++batch) times.push_back(on_line(points, batch));
  auto profile = decide::Profile::table(std::move(times));
  if (!profile) return std::nullopt;
  return std::move(*profile);
}

struct ModelLoader::Progress {
  LoadJob job;
  std::function<void(Result<LoadedModel>)> done;
  LoadedModel loaded = {};
  std::optional<Error> error = {};
  size_t left = 0;

  void over() {
    if (--left > 0) return;
    if (error) return done(fail(std::move(*error)));
    done(std::move(loaded));
  }
};

void ModelLoader::load(const LoadJob& job, std::function<void(Result<LoadedModel>)> done) {
  auto progress = std::make_shared<Progress>(Progress{.job = job, .done = std::move(done), .left = job.instances});
  progress->loaded.instances.resize(job.instances);
  for (size_t i = 0; i < job.instances; ++i) {
    // One that is shared by the threads: each writes its own, and `over` reads them on the loop.
    struct One {
      std::unique_ptr<ports::Model> model;
      std::optional<decide::Profile> measured;
      std::optional<Error> error;
    };
    const auto one = std::make_shared<One>();
    const bool queued = queue_.run(
        [one, job, first = i == 0] {
          auto model = job.backend->load(job.spec);
          if (!model) {
            one->error = std::move(model).error();
            return;
          }
          warm(**model);
          if (first) one->measured = measure(**model, job.most_batch);
          one->model = std::move(*model);
        },
        [one, progress, i] {
          if (one->error && !progress->error) progress->error = std::move(one->error);
          if (one->measured) progress->loaded.measured = std::move(one->measured);
          progress->loaded.instances[i] = std::move(one->model);
          progress->over();
        });
    if (queued) continue;
    if (!progress->error) progress->error = Error{Code::exhausted, "too many models wait to be loaded"};
    progress->over();
  }
}

void ModelLoader::free(Instances instances, std::function<void()> done) {
  const auto held = std::make_shared<Instances>(std::move(instances));
  // Where there is no room, the loop frees them itself: late is better than never.
  if (!queue_.run([held] { held->clear(); }, done)) done();
}

}  // namespace barrio::engine
