#pragma once
// ports::VideoDecoder over libavformat and libavcodec: RTSP (over TCP, else UDP) and what HTTP servers send: MJPEG as
// multipart/x-mixed-replace, MPEG-TS, raw H.264. Each open stream has a thread of a pool of its own, which reads all
// the time, so that nothing waits in a socket, and makes a picture only when one is wanted.
//
// A playlist or a redirection to something else is not followed: only the formats and protocols named here are opened.

#include <memory>
#include <vector>

#include "net/reactor.h"
#include "net/worker_pool.h"
#include "ports/video.h"

namespace barrio::adapters {

struct LibavConfig {
  size_t streams = 8;        // that are open at a time: threads
  bool allow_files = false;  // tests read file: URLs; a tenant's URL never may
};

class LibavDecoder final : public ports::VideoDecoder {
 public:
  LibavDecoder(net::Reactor& reactor, LibavConfig config);
  /// Waits for its threads, which give up within a tenth of a second (a name server's answer may take longer).
  ~LibavDecoder() override;
  Result<std::unique_ptr<ports::Video>> open(const ports::VideoRequest& request,
                                             ports::VideoListener& listener) override;

 private:
  struct Shared;
  class Handle;

  net::Reactor& reactor_;
  LibavConfig config_;
  std::vector<std::shared_ptr<Shared>> busy_;  // by worker; null: free
  net::WorkerPool pool_;                       // last: its end waits for work that uses the rest
};

}  // namespace barrio::adapters
