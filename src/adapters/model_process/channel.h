#pragma once
// How a model process and its owner hand messages over: the bytes lie in memory that both map, the owner's in its first
// half and the process's in its second; a packet on a socket pair says that they are there. The memory is a memfd that
// nobody can shrink or grow, so that reading it never faults. What lies in the other's half may change while it is
// read: it is copied once, and only the copy is looked at.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapters/model_process/message.h"
#include "base/owned_descriptor.h"
#include "base/time.h"

namespace barrio::adapters {

enum class Kind : uint32_t { load = 1, loaded, refused, run, answers };

/// The packet on the socket.
struct Note {
  Kind kind;
  uint32_t head_bytes;
  uint64_t body_bytes;
};

/// What was received, without its bodies.
struct Received {
  Kind kind{};
  std::string head;         // our own copy
  std::string_view bodies;  // in the other's half: copy, then look
};

class Channel {
 public:
  /// The owner's end, over new memory of `half_bytes` each way. Errors: exhausted.
  static Result<Channel> make(OwnedDescriptor socket, size_t half_bytes);
  /// The process's end: waits for the owner's first packet, maps the memory that comes with it, and leaves that packet
  /// to receive(). `model_file` takes the descriptor that came with it, if one did.
  static Result<Channel> join(OwnedDescriptor socket, OwnedDescriptor& model_file);
  ~Channel();
  Channel(Channel&& other) noexcept;
  Channel& operator=(Channel&&) = delete;

  int socket() const { return socket_.get(); }
  size_t half_bytes() const { return half_bytes_; }
  /// Room for a message. Errors: exhausted (it does not fit), unavailable (the other is gone).
  Result<void> send(Kind kind, const Message& message);
  /// As the first packet, with the memory and `model_file` (-1: none).
  Result<void> send_first(Kind kind, const Message& message, int model_file);
  /// Waits until then; for ever, without. Errors: timed_out, unavailable (the other is gone), invalid (nonsense).
  Result<Received> receive(std::optional<Time> until);
  /// Gives what a large message took back to the system. Nothing of either half may still be needed.
  void trim();

 private:
  Channel(OwnedDescriptor socket, OwnedDescriptor memory, char* mapped, size_t half_bytes, bool owner);
  Result<Note> place(Kind kind, const Message& message);
  Result<Received> read(const Note& note) const;

  OwnedDescriptor socket_;
  OwnedDescriptor memory_;  // the owner's only
  char* mapped_;
  size_t half_bytes_;
  bool owner_;
  size_t touched_ = 0;  // the most bytes of one half that messages have used since trim()
  std::optional<Note> first_;
};

}  // namespace barrio::adapters
