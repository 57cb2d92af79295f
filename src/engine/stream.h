#pragma once
// One stream of video that a model looks at: asks for the newest frame at its rate, submits it with the deadline that
// its age leaves, tracks what was found, and hands out results. One frame at a time; a source that breaks off is opened
// again, later each time. Lives on the loop.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "base/rng.h"
#include "decide/tracking/tracker.h"
#include "engine/inference_service.h"
#include "net/reactor.h"
#include "ports/video.h"

namespace barrio::engine {

struct StreamOptions {
  std::string id;
  std::string model;
  std::string url;  // empty: frames are posted
  double rate = 5;  // analysed frames a second, at most
  std::optional<double> track_rate;
  Duration max_age = 500ms;
};

enum class StreamState { opening, running, waiting };
BARRIO_DESCRIBE_ENUM(StreamState, opening, running, waiting)

struct ResultBox {
  int64_t id = 0;
  double x = 0;  // pixels of the frame
  double y = 0;
  double width = 0;
  double height = 0;
  double score = 0;
};
BARRIO_DESCRIBE(ResultBox, (), (id, x, y, width, height, score))

/// What was seen at one time. Between analysed frames: where the boxes should be.
struct StreamResult {
  int64_t number = 0;  // of the result in its stream, from 1
  int64_t frame = 0;   // that was analysed last
  bool analysed = true;
  int64_t time_ms = 0;  // since 1970: when the frame was taken, or that the tracked boxes are for
  double age_ms = 0;    // from then to now
  std::vector<ResultBox> boxes;
  Json outputs;  // of a model that finds no boxes: as in the Open Inference Protocol; else null
};
BARRIO_DESCRIBE(StreamResult, (), (number, frame, analysed, time_ms, age_ms, boxes, outputs))

struct StreamCounts {
  int64_t analysed = 0;
  int64_t tracked = 0;
  int64_t too_old = 0;   // frames that were over their age before they were submitted
  int64_t refused = 0;   // by the engine, mostly since they would have been too old when answered
  int64_t failed = 0;    // the model failed
  int64_t replaced = 0;  // posted frames that a newer one replaced
  int64_t opened = 0;    // how often its source was opened
};
BARRIO_DESCRIBE(StreamCounts, (), (analysed, tracked, too_old, refused, failed, replaced, opened))

/// Counters of one app, over all its streams.
struct StreamMetrics {
  StreamMetrics(Registry& registry, const std::string& app);
  Counter& analysed;
  Counter& too_old;
  Counter& refused;
  Counter& failed;
  Counter& replaced;
  Counter& opened;
  Histogram& age;
};

/// What its app is told, and is asked. Each may be empty.
struct StreamHooks {
  std::function<void(Duration run)> analysed = {};  // a frame was looked at, in a run of so long
  std::function<bool()> rests = {};                 // true: no frame may be looked at now
};

class Stream final : private ports::VideoListener {
 public:
  using Publish = std::function<void(const StreamResult&)>;
  /// `decoder` may be null where the frames are posted. All outlive this.
  Stream(net::Reactor& reactor, InferenceService& service, ports::VideoDecoder* decoder, StreamMetrics& metrics,
         const StreamHooks& hooks, StreamOptions options, uint64_t seed, Publish publish);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// A frame that was posted; one that still waits is replaced. Returns its number.
  uint64_t push(std::string jpeg);

  const StreamOptions& options() const { return options_; }
  StreamState state() const { return state_; }
  const std::string& trouble() const { return trouble_; }  // why it waits, or the last frame failed; empty: none
  const StreamCounts& counts() const { return counts_; }

 private:
  void on_frame(ports::VideoFrame frame) override;
  void on_end(Error error) override;
  void open();
  void broke_off(const Error& error);
  void next_frame();
  void analyse(ports::VideoFrame frame);
  void served(Time taken, uint64_t number, Served served);
  void not_again_at_once(std::string why);
  void publish(StreamResult result, Time taken);
  void track_later();
  Duration interval() const { return from_ms(1000 / options_.rate); }

  net::Reactor& reactor_;
  InferenceService& service_;
  ports::VideoDecoder* decoder_;
  StreamMetrics& metrics_;
  const StreamHooks& hooks_;
  StreamOptions options_;
  Rng rng_;
  Publish publish_;

  StreamState state_ = StreamState::opening;
  std::string trouble_;
  StreamCounts counts_;
  std::unique_ptr<ports::Video> video_;
  Duration back_off_{};
  Time opened_{};
  net::TimerId open_timer_ = 0;
  net::TimerId frame_timer_ = 0;
  net::TimerId track_timer_ = 0;

  std::optional<ports::VideoFrame> posted_;  // the newest that waits
  uint64_t posted_number_ = 0;
  Time next_due_{};
  std::optional<uint64_t> running_;  // the submission
  decide::Tracker tracker_;
  bool tracks_ = false;  // a frame was analysed, and its model finds boxes
  int64_t last_frame_ = 0;
  int64_t last_result_ = 0;
};

/// As a log or a status shows it: without a user's name and password, and without the query, which may carry a key.
std::string public_url(const std::string& url);

/// Boxes in the outputs of a detector: `boxes` FP32 [n,4] (x, y, width, height), else the first output of that kind,
/// with `scores` FP32 [n] where there are any. None: it finds no boxes.
std::optional<std::vector<decide::Detected>> boxes_in(const ports::Outputs& outputs);

}  // namespace barrio::engine
