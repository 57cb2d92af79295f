#include "engine/streams.h"

#include <fmt/format.h>

#include <algorithm>

namespace barrio::engine {

namespace {

bool takes_pictures(const ports::ModelInfo& model) {
  return model.inputs.size() == 1 && model.inputs.front().datatype == ports::DataType::BYTES;
}

}  // namespace

Streams::Streams(net::Reactor& reactor, InferenceService& service, ports::VideoDecoder* decoder, Registry& registry,
                 Config config)
    : reactor_(reactor),
      service_(service),
      decoder_(decoder),
      config_(std::move(config)),
      metrics_(registry, config_.app),
      open_(registry.gauge("barrio_engine_streams", "Streams of video that are open.", {{"app", config_.app}})) {}

Result<StreamOptions> Streams::options_for(const StreamStart& start) const {
  const StreamSpec& spec = config_.spec;
  StreamOptions options{.id = {},
                        .model = start.model.value_or(config_.app),
                        .url = start.url.value_or(""),
                        .rate = start.rate.value_or(spec.rate),
                        .track_rate = start.track_rate ? start.track_rate : spec.track_rate,
                        .max_age = start.max_age.value_or(spec.max_age)};
  if (start.url && std::ranges::find(spec.sources, *start.url) == spec.sources.end()) {
    return fail(Code::denied, "is not among the sources that the app names (stream.sources)", "url");
  }
  if (!(options.rate >= 0.01 && options.rate <= spec.rate)) {
    return fail(Code::invalid, fmt::format("must be from 0.01 to the app's stream.rate, {}", spec.rate), "rate");
  }
  if (options.track_rate && !(*options.track_rate >= options.rate && *options.track_rate <= 60)) {
    if (start.track_rate) return fail(Code::invalid, "must be from rate to 60", "track_rate");
    options.track_rate.reset();
  }
  if (options.max_age < 10ms || options.max_age > spec.max_age) {
    return fail(Code::invalid, "must be from 10ms to the app's stream.max_age, " + to_string(spec.max_age), "max_age");
  }
  const ports::ModelInfo* model = service_.find(options.model, {});
  if (model == nullptr) return fail(Code::not_found, "there is no model '" + options.model + "' here", "model");
  if (!takes_pictures(*model)) {
    return fail(Code::invalid, "'" + options.model + "' does not take one picture (BYTES)", "model");
  }
  return options;
}

Result<StreamStatus> Streams::start(const StreamStart& start) {
  TRY(auto options, options_for(start));
  const auto most = static_cast<size_t>(config_.spec.most);
  if (streams_.size() >= most) {
    return fail(Code::exhausted,
                std::to_string(most) + " streams are open, the most that the app allows (stream.most)");
  }
  options.id = "s" + std::to_string(++last_stream_);
  auto entry = std::make_shared<Entry>();
  entry->stream = std::make_unique<Stream>(reactor_, service_, decoder_, metrics_, config_.hooks, options,
                                           mix(config_.seed, last_stream_),
                                           [this, raw = entry.get()](const auto& result) { publish(*raw, result); });
  streams_[options.id] = entry;
  open_.set(static_cast<double>(streams_.size()));
  return status_of(*entry);
}

Result<void> Streams::stop(std::string_view id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return fail(Code::not_found, "there is no such stream", std::string(id));
  const auto entry = found->second;
  streams_.erase(found);
  open_.set(static_cast<double>(streams_.size()));
  entry->stream.reset();
  const auto listeners = std::move(entry->listeners);
  for (const auto& [number, listener] : listeners) listener(0, "");
  return {};
}

void Streams::stop_all() {
  while (!streams_.empty()) (void)stop(std::string(streams_.begin()->first));
}

Result<const Streams::Entry*> Streams::entry(std::string_view id) const {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return fail(Code::not_found, "there is no such stream", std::string(id));
  return found->second.get();
}

Result<uint64_t> Streams::push(std::string_view id, std::string jpeg) {
  TRY(const Entry* found, entry(id));
  if (!found->stream->options().url.empty())
    return fail(Code::invalid, "reads its source; frames are posted to streams without a url", std::string(id));
  if (!jpeg.starts_with("\xff\xd8\xff")) return fail(Code::invalid, "is not a JPEG", "body");
  return found->stream->push(std::move(jpeg));
}

StreamStatus Streams::status_of(const Entry& entry) {
  const Stream& stream = *entry.stream;
  const StreamOptions& options = stream.options();
  return {.id = options.id,
          .model = options.model,
          .source = public_url(options.url),
          .rate = options.rate,
          .track_rate = options.track_rate,
          .max_age = options.max_age,
          .state = stream.state(),
          .trouble = stream.trouble(),
          .last_result = entry.results.empty() ? 0 : entry.results.back().number,
          .counts = stream.counts()};
}

std::vector<StreamStatus> Streams::list() const {
  std::vector<StreamStatus> all;
  for (const auto& [id, entry] : streams_) all.push_back(status_of(*entry));
  return all;
}

Result<StreamStatus> Streams::status(std::string_view id) const {
  TRY(const Entry* found, entry(id));
  return status_of(*found);
}

Result<std::vector<std::string>> Streams::results(std::string_view id, int64_t after) const {
  TRY(const Entry* found, entry(id));
  std::vector<std::string> texts;
  for (const Kept& kept : found->results) {
    if (kept.number > after) texts.push_back(kept.json);
  }
  return texts;
}

Result<uint64_t> Streams::listen(std::string_view id, Listener listener) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return fail(Code::not_found, "there is no such stream", std::string(id));
  auto& listeners = found->second->listeners;
  if (listeners.size() >= most_listeners) {
    return fail(Code::exhausted, std::to_string(most_listeners) + " listen to this stream already", std::string(id));
  }
  listeners[++last_listener_] = std::move(listener);
  return last_listener_;
}

void Streams::stop_listening(uint64_t listener) {
  for (const auto& [id, entry] : streams_) {
    if (entry->listeners.erase(listener) > 0) return;
  }
}

size_t Streams::listeners(std::string_view id) const {
  const auto found = entry(id);
  return found ? (*found)->listeners.size() : 0;
}

void Streams::publish(Entry& entry, const StreamResult& result) {
  std::string json = print_json(to_json(result));
  // Who hears of it may stop listening, itself or another.
  std::vector<uint64_t> numbers;
  for (const auto& [number, listener] : entry.listeners) numbers.push_back(number);
  for (const uint64_t number : numbers) {
    const auto found = entry.listeners.find(number);
    if (found == entry.listeners.end()) continue;
    const Listener listener = found->second;
    listener(result.number, json);
  }
  entry.results.push_back({result.number, std::move(json)});
  if (entry.results.size() > kept_results) entry.results.pop_front();
}

}  // namespace barrio::engine
