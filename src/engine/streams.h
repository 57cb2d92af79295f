#pragma once
// The streams of one app on one replica: started and ended by its callers, each with the last results for those who ask
// later and listeners for those who stay. Lives on the loop.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/stream.h"
#include "model/app.h"

namespace barrio::engine {

/// What a caller asks for. What it leaves out is the app's.
struct StreamStart {
  std::optional<std::string> url = {};    // none: frames are posted
  std::optional<std::string> model = {};  // none: the app's own
  std::optional<double> rate = {};        // at most the app's
  std::optional<double> track_rate = {};
  std::optional<Duration> max_age = {};  // at most the app's
};
BARRIO_DESCRIBE(StreamStart, (), (url, model, rate, track_rate, max_age))

struct StreamStatus {
  std::string id;
  std::string model;
  std::string source;  // without user, password and query; empty: frames are posted
  double rate = 0;
  std::optional<double> track_rate;
  Duration max_age{};
  StreamState state = StreamState::opening;
  std::string trouble;
  int64_t last_result = 0;
  StreamCounts counts;
};
BARRIO_DESCRIBE(StreamStatus, (), (id, model, source, rate, track_rate, max_age, state, trouble, last_result, counts))

class Streams {
 public:
  struct Config {
    std::string app;  // its model, and in metrics
    StreamSpec spec;
    StreamHooks hooks = {};
    uint64_t seed = 1;
  };
  /// The last results of each stream that are kept for those who ask by number.
  static constexpr size_t kept_results = 64;
  static constexpr size_t most_listeners = 32;  // of one stream

  /// `decoder` may be null: then only posted frames are taken. All outlive this.
  Streams(net::Reactor& reactor, InferenceService& service, ports::VideoDecoder* decoder, Registry& registry,
          Config config);

  /// Errors: denied (a URL that the app does not name), invalid (names the field), not_found (the model), exhausted.
  Result<StreamStatus> start(const StreamStart& start);
  /// Its listeners hear that it is over. Errors: not_found.
  Result<void> stop(std::string_view id);
  void stop_all();
  /// Errors: not_found, invalid (not a JPEG; frames of this stream are not posted).
  Result<uint64_t> push(std::string_view id, std::string jpeg);
  std::vector<StreamStatus> list() const;
  Result<StreamStatus> status(std::string_view id) const;

  /// JSON of the results after this number that are still kept, oldest first. Errors: not_found.
  Result<std::vector<std::string>> results(std::string_view id, int64_t after) const;
  /// Hears each result as it comes, with its number, and an empty text when the stream is over. Must not call back into
  /// this but to stop listening. Errors: not_found, exhausted.
  using Listener = std::function<void(int64_t number, const std::string& json)>;
  Result<uint64_t> listen(std::string_view id, Listener listener);
  /// An unknown number is fine.
  void stop_listening(uint64_t listener);
  size_t listeners(std::string_view id) const;

 private:
  struct Kept {
    int64_t number;
    std::string json;
  };
  struct Entry {
    std::unique_ptr<Stream> stream;
    std::deque<Kept> results;
    std::map<uint64_t, Listener> listeners;
  };
  Result<StreamOptions> options_for(const StreamStart& start) const;
  void publish(Entry& entry, const StreamResult& result);
  static StreamStatus status_of(const Entry& entry);
  Result<const Entry*> entry(std::string_view id) const;

  net::Reactor& reactor_;
  InferenceService& service_;
  ports::VideoDecoder* decoder_;
  Config config_;
  StreamMetrics metrics_;
  Gauge& open_;
  uint64_t last_stream_ = 0;
  uint64_t last_listener_ = 0;
  std::map<std::string, std::shared_ptr<Entry>, std::less<>> streams_;
};

}  // namespace barrio::engine
