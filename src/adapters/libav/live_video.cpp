#include "adapters/libav/live_video.h"

#include <algorithm>
#include <string_view>

#include "adapters/libav/live_reader.h"

namespace barrio::adapters {

/// One stream, between the loop and its thread. What has no atomic is the loop's.
struct LibavDecoder::Shared {
  libav::ReaderRequest request;
  libav::ReaderControl control;
  ports::VideoListener* listener = nullptr;  // null: closed
  Error ending{Code::cancelled, ""};         // the thread's until it is done
};

/// The loop's end of it.
class LibavDecoder::Handle final : public ports::Video {
 public:
  explicit Handle(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  ~Handle() override {
    shared_->listener = nullptr;
    shared_->control.stop = true;
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  void want() override { shared_->control.wanted = true; }
  ports::VideoCounts counts() const override {
    return {.decoded = shared_->control.decoded, .too_old = shared_->control.too_old};
  }

 private:
  std::shared_ptr<Shared> shared_;
};

namespace {

bool is_allowed(std::string_view url, bool files) {
  constexpr std::string_view schemes[] = {"rtsp://", "rtsps://", "http://", "https://"};
  return std::ranges::any_of(schemes, [&](std::string_view scheme) { return url.starts_with(scheme); }) ||
         (files && url.starts_with("file:"));
}

}  // namespace

LibavDecoder::LibavDecoder(net::Reactor& reactor, LibavConfig config)
    : reactor_(reactor), config_(config), busy_(config.streams), pool_(reactor, config.streams) {}

LibavDecoder::~LibavDecoder() {
  for (const auto& shared : busy_) {
    if (shared) shared->control.stop = true;
  }
}

Result<std::unique_ptr<ports::Video>> LibavDecoder::open(const ports::VideoRequest& request,
                                                         ports::VideoListener& listener) {
  if (!is_allowed(request.url, config_.allow_files))
    return fail(Code::invalid, "must be an rtsp, rtsps, http or https URL", "url");
  const auto free = std::ranges::find(busy_, nullptr);
  if (free == busy_.end())
    return fail(Code::exhausted,
                std::to_string(busy_.size()) + " streams are being read, as many as there are threads");
  const auto shared = std::make_shared<Shared>();
  shared->request = {request, config_.allow_files};
  shared->listener = &listener;
  *free = shared;
  const auto worker = static_cast<size_t>(free - busy_.begin());
  const auto deliver = [this, shared](ports::VideoFrame frame) {
    reactor_.post([shared, frame = std::move(frame)]() mutable {
      if (shared->listener != nullptr) shared->listener->on_frame(std::move(frame));
    });
  };
  pool_.run(
      worker,
      [shared, deliver] { shared->ending = libav::LiveReader(shared->request, shared->control, deliver).run(); },
      [this, shared, worker](net::WorkDone) {
        busy_[worker].reset();
        auto* const told = std::exchange(shared->listener, nullptr);
        if (told != nullptr) told->on_end(shared->ending);
      });
  return std::make_unique<Handle>(shared);
}

}  // namespace barrio::adapters
