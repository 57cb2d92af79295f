#pragma once
// One exchange as a fiber sees it: its body to be pulled, its answer to be written, both with back-pressure. It
// outlives the exchange: when the client goes, whoever waits here is told. Lives on the service's loop.

#include <memory>
#include <string>

#include "api/s3/sigv4.h"
#include "net/server.h"
#include "ports/object_store.h"
#include "ports/runtime.h"

namespace barrio::objects {

/// A request's head, kept.
struct KeptHead {
  std::string method;
  std::string target;
  std::string path;
  std::string query;
  net::OwnedHeaders headers;
  std::optional<uint64_t> length;
  bool has_body = false;
  /// Views of this.
  api::s3::RequestView view() const;
};

/// Who is told of an answer, before any of it leaves.
class AnswerWatch {
 public:
  virtual ~AnswerWatch() = default;
  virtual void on_answer(int status) = 0;
  virtual void on_sent(size_t bytes) = 0;  // the next ones of its body
};

class Conversation {
 public:
  /// Read ahead of the fiber; over it the client is made to wait.
  static constexpr size_t most_ahead = 2 * 1024 * 1024;

  Conversation(ports::Runtime& runtime, net::Exchange& exchange);
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  KeptHead& head() { return head_; }
  const KeptHead& head() const { return head_; }
  bool is_gone() const { return exchange_ == nullptr; }
  bool has_begun() const { return begun_; }
  /// Null: nobody is told any more.
  void watch(AnswerWatch* watch) { watch_ = watch; }
  /// Bytes of the body, so far.
  int64_t received() const { return received_; }
  const net::TlsInfo* tls() const { return exchange_ == nullptr ? nullptr : exchange_->tls(); }

  /// What has come of the body; empty: it has ended. `spare`: memory that may be used again for what comes next.
  /// Errors: cancelled (the client is gone, or the service stops).
  Result<std::string> read(std::string spare = {});
  void begin(int status, const net::OwnedHeaders& headers, std::optional<uint64_t> length);
  Result<void> write(std::string_view piece);
  Result<void> write(const ports::ReadBytes& bytes);
  void end();
  void reply(int status, const net::OwnedHeaders& headers, std::string_view body);
  /// The answer that began cannot be finished.
  void abort();

  // From the exchange.
  void on_body(std::string_view piece);
  void on_end();
  void on_writable();
  void on_closed();

 private:
  void resume();
  Result<void> wait_until_writable();
  void tell_answer(int status);
  void tell_sent(size_t bytes);

  ports::Runtime& runtime_;
  net::Exchange* exchange_;
  AnswerWatch* watch_ = nullptr;
  int64_t received_ = 0;
  std::unique_ptr<ports::Signal> changed_;
  KeptHead head_;
  std::string ahead_;
  bool paused_ = false;
  bool ended_ = false;
  bool writable_ = true;
  bool begun_ = false;
};

}  // namespace barrio::objects
