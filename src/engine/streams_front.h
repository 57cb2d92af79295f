#pragma once
// Streams over HTTP, beside the models of the same engine (docs/video.md):
//
//   POST   /v2/streams                {"url": ..., "model": ..., "rate": ..., "track_rate": ..., "max_age": "250ms"}:
//   201 GET    /v2/streams                all of them GET    /v2/streams/ID             its state and counts DELETE
//   /v2/streams/ID             204 POST   /v2/streams/ID/frames      a JPEG, where it has no url: 202 GET
//   /v2/streams/ID/results     ?after=N&wait_ms=MS: results after number N, at once if there are any, else the next
//                                     one, or none after that time. With Accept: text/event-stream: each as an event.
//
// Errors are the Open Inference Protocol's object. A listener that reads too slowly loses events, not newer ones.

#include <memory>
#include <string>

#include "engine/front.h"
#include "engine/streams.h"

namespace barrio::engine {

class StreamsFront final : public Front {
 public:
  /// `streams` outlives this, and this the server.
  StreamsFront(net::Reactor& reactor, Streams& streams) : reactor_(reactor), streams_(streams) {}

  bool takes(const net::RequestHead& head) const override;
  void on_head(net::Exchange& exchange) override;
  void on_body(net::Exchange& exchange, std::string_view piece) override;
  void on_end(net::Exchange& exchange) override;
  void on_writable(net::Exchange& exchange) override;
  void on_closed(net::Exchange& exchange, bool aborted) override;

 private:
  struct Call;

  void one_stream(net::Exchange& exchange, const std::string& id);
  void start(net::Exchange& exchange, const std::string& body);
  void results(net::Exchange& exchange, const std::string& id);
  void wait_for_results(net::Exchange& exchange, const std::string& id, int64_t after, Duration most);
  void send_events(net::Exchange& exchange, const std::string& id, int64_t after);
  void keep_alive(net::Exchange& exchange);
  void stop_waiting(Call& call);

  net::Reactor& reactor_;
  Streams& streams_;
};

}  // namespace barrio::engine
