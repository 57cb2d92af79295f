#include "engine/stream.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "api/oip/message.h"
#include "base/log.h"
#include "net/side_loop.h"
#include "ports/tensor.h"

namespace barrio::engine {

namespace {

constexpr Duration first_back_off = 250ms;
constexpr Duration longest_back_off = 10s;
constexpr Duration healthy_after = 10s;  // having run for so long, the back-off starts anew
constexpr Duration unseen = 1s;
constexpr size_t most_boxes = 256;

std::vector<float> floats_of(const ports::Tensor& tensor) {
  std::vector<float> values(tensor.data.size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), tensor.data.data(), values.size() * sizeof(float));
  return values;
}

bool is_list_of_boxes(const ports::Tensor& tensor) {
  return tensor.type == ports::DataType::FP32 && tensor.shape.size() == 2 && tensor.shape[1] == 4 &&
         ports::check_size(tensor);
}

/// Null where JSON cannot carry them.
Json outputs_json(const std::string& model, ports::Outputs outputs) {
  const auto message = api::print_infer_response({model, "", std::move(outputs)}, {});
  if (!message) return nullptr;
  auto json = parse_json(message->body);
  if (!json || !json->is_object()) return nullptr;
  const Json* found = json->get_object().if_contains("outputs");
  return found != nullptr ? *found : Json(nullptr);
}

ResultBox to_result(const decide::TrackedBox& box) {
  return {static_cast<int64_t>(box.id), box.box.x, box.box.y, box.box.width, box.box.height, box.score};
}

Counter& frames(Registry& registry, const std::string& app, const char* outcome) {
  return registry.counter("barrio_engine_frames_total",
                          "Frames of video by outcome; analysed ones are what is metered.",
                          {{"app", app}, {"outcome", outcome}});
}

}  // namespace

std::string public_url(const std::string& url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string::npos) return url.substr(0, url.find('?'));
  const size_t begin = scheme + 3;
  const size_t end = std::min(url.find('/', begin), url.size());
  // Up to the last @: a password may hold one that was not escaped.
  const std::string authority = url.substr(begin, end - begin);
  const size_t at = authority.rfind('@');
  const std::string host = at == std::string::npos ? authority : authority.substr(at + 1);
  const std::string rest = host + url.substr(end);
  return url.substr(0, begin) + rest.substr(0, rest.find('?'));
}

std::optional<std::vector<decide::Detected>> boxes_in(const ports::Outputs& outputs) {
  const ports::Tensor* boxes = nullptr;
  const ports::Tensor* scores = nullptr;
  for (const ports::Tensor& output : outputs) {
    if (is_list_of_boxes(output) && (boxes == nullptr || output.name == "boxes")) boxes = &output;
    if (output.name == "scores" && output.type == ports::DataType::FP32 && ports::check_size(output)) scores = &output;
  }
  if (boxes == nullptr) return std::nullopt;
  const auto values = floats_of(*boxes);
  const auto marks = scores != nullptr ? floats_of(*scores) : std::vector<float>();
  std::vector<decide::Detected> found;
  for (size_t i = 0; i * 4 + 3 < values.size() && found.size() < most_boxes; ++i) {
    const float* box = &values[i * 4];
    // A model may say anything; NaN would stick in the tracks.
    if (!std::all_of(box, box + 4, [](float value) { return std::isfinite(value); })) continue;
    const float score = i < marks.size() && std::isfinite(marks[i]) ? marks[i] : 0;
    found.push_back({{box[0], box[1], box[2], box[3]}, score});
  }
  return found;
}

StreamMetrics::StreamMetrics(Registry& registry, const std::string& app)
    : analysed(frames(registry, app, "analysed")),
      too_old(frames(registry, app, "too_old")),
      refused(frames(registry, app, "refused")),
      failed(frames(registry, app, "failed")),
      replaced(frames(registry, app, "replaced")),
      opened(registry.counter("barrio_engine_streams_opened_total", "Sources of video opened, again included.",
                              {{"app", app}})),
      age(registry.histogram("barrio_engine_frame_age_seconds", "From the camera to the answer, of analysed frames.",
                             {{"app", app}})) {}

Stream::Stream(net::Reactor& reactor, InferenceService& service, ports::VideoDecoder* decoder, StreamMetrics& metrics,
               const StreamHooks& hooks, StreamOptions options, uint64_t seed, Publish publish)
    : reactor_(reactor),
      service_(service),
      decoder_(decoder),
      metrics_(metrics),
      hooks_(hooks),
      options_(std::move(options)),
      rng_(seed),
      publish_(std::move(publish)),
      back_off_(first_back_off),
      tracker_({.unseen = std::max(unseen, 2 * interval()), .boxes = most_boxes}) {
  if (options_.url.empty()) {
    state_ = StreamState::running;
  } else {
    // Not from here: the listener may hear of it at once.
    open_timer_ = reactor_.call_after(Duration::zero(), [this] { open(); });
  }
  if (options_.track_rate) track_later();
}

Stream::~Stream() {
  reactor_.cancel(open_timer_);
  reactor_.cancel(frame_timer_);
  reactor_.cancel(track_timer_);
  if (running_) service_.cancel(*running_);
}

void Stream::open() {
  open_timer_ = 0;
  state_ = StreamState::opening;
  ++counts_.opened;
  metrics_.opened.add();
  opened_ = reactor_.now();
  auto video = decoder_ == nullptr
                   ? Result<std::unique_ptr<ports::Video>>(fail(Code::unsupported, "this engine reads no video"))
                   : decoder_->open({.url = options_.url, .max_age = options_.max_age}, *this);
  if (!video) return broke_off(video.error());
  video_ = std::move(*video);
  next_frame();
}

void Stream::on_end(Error error) {
  broke_off(error);
}

void Stream::broke_off(const Error& error) {
  video_.reset();
  reactor_.cancel(std::exchange(frame_timer_, 0));
  if (state_ == StreamState::running && reactor_.now() - opened_ >= healthy_after) back_off_ = first_back_off;
  state_ = StreamState::waiting;
  trouble_ = error.what;
  // Many cameras behind one switch come back at the same time.
  const Duration wait = from_ms(to_ms(back_off_) * (0.5 + 0.5 * rng_.unit()));
  log_warning("video broke off", {{"stream", options_.id}, {"source", public_url(options_.url)}, {"why", error.what}});
  back_off_ = std::min(back_off_ * 2, longest_back_off);
  open_timer_ = reactor_.call_after(wait, [this] { open(); });
}

/// Asks for the newest frame, not before it is due.
void Stream::next_frame() {
  if (running_ || frame_timer_ != 0) return;
  const Time now = reactor_.fresh_now();
  if (now < next_due_) {
    frame_timer_ = reactor_.call_at(next_due_, [this] {
      frame_timer_ = 0;
      next_frame();
    });
    return;
  }
  if (posted_) {
    analyse(std::move(*std::exchange(posted_, std::nullopt)));
  } else if (video_) {
    video_->want();
  }
}

void Stream::on_frame(ports::VideoFrame frame) {
  state_ = StreamState::running;
  analyse(std::move(frame));
}

uint64_t Stream::push(std::string jpeg) {
  if (posted_) {
    ++counts_.replaced;
    metrics_.replaced.add();
  }
  posted_ = ports::VideoFrame{.jpeg = std::move(jpeg), .taken = reactor_.fresh_now(), .number = ++posted_number_};
  next_frame();
  return posted_number_;
}

void Stream::analyse(ports::VideoFrame frame) {
  const Time now = reactor_.fresh_now();
  if (now - frame.taken > options_.max_age) {
    ++counts_.too_old;
    metrics_.too_old.add();
    return next_frame();
  }
  if (hooks_.rests && hooks_.rests()) {
    ++counts_.refused;
    metrics_.refused.add();
    return not_again_at_once("the tenant has spent what it may this month");
  }
  // At a steady pace, but no burst after a frame that came late.
  next_due_ = (now - next_due_ > interval() ? now : next_due_) + interval();
  const ports::ModelInfo* model = service_.find(options_.model, {});
  ports::Tensor image{.name = "image", .type = ports::DataType::BYTES, .shape = {1}, .data = {}};
  if (model != nullptr && model->inputs.size() == 1) image.name = model->inputs.front().name;
  image.data = ports::pack_bytes(frame.jpeg);
  Submission submission;
  submission.model = options_.model;
  submission.arrived = frame.taken;
  submission.deadline = frame.taken + options_.max_age;
  submission.request = {{std::move(image)}, options_.id, submission.deadline};
  running_ = 0;  // the answer may come before the number
  const uint64_t id = service_.submit(std::move(submission), [this, taken = frame.taken, number = frame.number](
                                                                 Served s) { served(taken, number, std::move(s)); });
  if (running_ == uint64_t{0}) running_ = id;
}

void Stream::served(Time taken, uint64_t number, Served served) {
  running_.reset();
  if (served.error || served.declined) {
    ++(served.error ? counts_.failed : counts_.refused);
    (served.error ? metrics_.failed : metrics_.refused).add();
    return not_again_at_once(served.error ? served.error->text() : served.declined->what);
  }
  trouble_.clear();
  ++counts_.analysed;
  metrics_.analysed.add();
  metrics_.age.observe(reactor_.fresh_now() - taken);
  if (hooks_.analysed) hooks_.analysed(served.times.run);
  StreamResult result;
  result.frame = last_frame_ = static_cast<int64_t>(number);
  const auto found = boxes_in(served.outputs);
  tracks_ = found.has_value();
  if (found) {
    tracker_.update(*found, taken);
    for (const auto& box : tracker_.at(taken)) {
      if (box.detected) result.boxes.push_back(to_result(box));
    }
  } else {
    result.outputs = outputs_json(options_.model, std::move(served.outputs));
  }
  // Who hears of it may end this stream only later, from the loop.
  publish(std::move(result), taken);
  next_frame();
}

/// What refuses every frame at once must not be asked in a loop.
void Stream::not_again_at_once(std::string why) {
  trouble_ = std::move(why);
  next_due_ = std::max(next_due_, reactor_.fresh_now() + std::min(interval(), Duration(100ms)));
  next_frame();
}

void Stream::publish(StreamResult result, Time taken) {
  result.number = ++last_result_;
  result.age_ms = to_ms(reactor_.fresh_now() - taken);
  result.time_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(taken.time_since_epoch() + net::calendar_offset()).count();
  publish_(result);
}

void Stream::track_later() {
  track_timer_ = reactor_.call_after(from_ms(1000 / *options_.track_rate), [this] {
    track_later();
    const Time now = reactor_.fresh_now();
    const auto boxes = tracker_.at(now);
    if (!tracks_ || boxes.empty()) return;
    StreamResult result;
    result.frame = last_frame_;
    result.analysed = false;
    for (const auto& box : boxes) result.boxes.push_back(to_result(box));
    ++counts_.tracked;
    publish(std::move(result), now);
  });
}

}  // namespace barrio::engine
