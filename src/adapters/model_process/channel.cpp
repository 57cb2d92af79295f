#include "adapters/model_process/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "net/reactor.h"

namespace barrio::adapters {

namespace {

constexpr size_t most_head_bytes = 1u << 20;
constexpr size_t alignment = 64;
constexpr size_t kept_bytes = 16u << 20;  // of each half, by trim()
constexpr size_t most_descriptors = 2;

tl::unexpected<Error> failed(Code code, const std::string& doing) {
  return fail(code, doing + ": " + std::strerror(errno));
}

size_t body_start(size_t head_bytes) {
  return (head_bytes + alignment - 1) / alignment * alignment;
}

timespec to_timespec(Duration duration) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(duration);
  return {seconds.count(), (duration - seconds).count()};
}

char* map_shared(int fd, size_t bytes) {
  void* mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  return mapped == MAP_FAILED ? nullptr : static_cast<char*>(mapped);
}

/// One packet with its descriptors, which are closed on exec. Errors: unavailable, invalid.
Result<Note> receive_with_descriptors(int socket, std::vector<OwnedDescriptor>& descriptors) {
  Note note{};
  iovec bytes{&note, sizeof(note)};
  alignas(cmsghdr) char control[CMSG_SPACE(most_descriptors * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  const ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  if (got < 0) return failed(Code::unavailable, "cannot read the first order");
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    for (size_t at = 0; at + CMSG_LEN(sizeof(int)) <= part->cmsg_len; at += sizeof(int)) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + at, sizeof(fd));
      descriptors.emplace_back(fd);
    }
  }
  if (got != sizeof(note)) return fail(Code::invalid, "the first order is not one");
  return note;
}

Result<void> send_note(int socket, const Note& note, const std::vector<int>& descriptors) {
  iovec bytes{const_cast<Note*>(&note), sizeof(note)};
  alignas(cmsghdr) char control[CMSG_SPACE(most_descriptors * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
    cmsghdr* part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    std::memcpy(CMSG_DATA(part), descriptors.data(), descriptors.size() * sizeof(int));
  }
  if (sendmsg(socket, &message, MSG_NOSIGNAL) != sizeof(note)) return failed(Code::unavailable, "cannot send");
  return {};
}

Result<void> wait_readable(int socket, std::optional<Time> until) {
  while (true) {
    pollfd watched{socket, POLLIN, 0};
    timespec left{};
    if (until) left = to_timespec(std::max(Duration::zero(), *until - net::read_clock()));
    const int ready = ppoll(&watched, 1, until ? &left : nullptr, nullptr);
    if (ready > 0) return {};
    if (ready == 0) return fail(Code::timed_out, "no answer in time");
    if (errno != EINTR) return failed(Code::unavailable, "cannot wait");
  }
}

}  // namespace

Channel::Channel(OwnedDescriptor socket, OwnedDescriptor memory, char* mapped, size_t half_bytes, bool owner)
    : socket_(std::move(socket)), memory_(std::move(memory)), mapped_(mapped), half_bytes_(half_bytes), owner_(owner) {}

Channel::Channel(Channel&& other) noexcept
    : socket_(std::move(other.socket_)),
      memory_(std::move(other.memory_)),
      mapped_(std::exchange(other.mapped_, nullptr)),
      half_bytes_(other.half_bytes_),
      owner_(other.owner_),
      touched_(other.touched_),
      first_(other.first_) {}

Channel::~Channel() {
  if (mapped_ != nullptr) munmap(mapped_, 2 * half_bytes_);
}

Result<Channel> Channel::make(OwnedDescriptor socket, size_t half_bytes) {
  OwnedDescriptor memory(memfd_create("barrio-tensors", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory) return failed(Code::exhausted, "cannot make shared memory");
  if (ftruncate(memory.get(), static_cast<off_t>(2 * half_bytes)) != 0 ||
      fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return failed(Code::exhausted, "cannot size shared memory");
  char* mapped = map_shared(memory.get(), 2 * half_bytes);
  if (mapped == nullptr) return failed(Code::exhausted, "cannot map shared memory");
  return Channel(std::move(socket), std::move(memory), mapped, half_bytes, true);
}

Result<Channel> Channel::join(OwnedDescriptor socket, OwnedDescriptor& model_file) {
  std::vector<OwnedDescriptor> descriptors;
  TRY(const Note first, receive_with_descriptors(socket.get(), descriptors));
  if (descriptors.empty()) return fail(Code::invalid, "the first order came without memory");
  struct stat status{};
  if (fstat(descriptors[0].get(), &status) != 0 || status.st_size <= 0)
    return failed(Code::invalid, "cannot size the shared memory");
  const auto half_bytes = static_cast<size_t>(status.st_size) / 2;
  char* mapped = map_shared(descriptors[0].get(), 2 * half_bytes);
  if (mapped == nullptr) return failed(Code::exhausted, "cannot map the shared memory");
  if (descriptors.size() > 1) model_file = std::move(descriptors[1]);
  Channel channel(std::move(socket), OwnedDescriptor(), mapped, half_bytes, false);
  channel.first_ = first;
  return channel;
}

Result<Note> Channel::place(Kind kind, const Message& message) {
  const size_t start = body_start(message.head.size());
  const size_t body_bytes = message.body_bytes();
  if (message.head.size() > most_head_bytes || body_bytes > half_bytes_ || start > half_bytes_ - body_bytes) {
    return fail(Code::exhausted, "the tensors have " + std::to_string(start + body_bytes) + " bytes, more than the " +
                                     std::to_string(half_bytes_) + " that a model process takes at once");
  }
  char* at = mapped_ + (owner_ ? 0 : half_bytes_);
  message.head.copy(at, message.head.size());
  at += start;
  for (std::string_view body : message.bodies) {
    if (!body.empty()) std::memcpy(at, body.data(), body.size());
    at += body.size();
  }
  touched_ = std::max(touched_, start + body_bytes);
  return Note{kind, static_cast<uint32_t>(message.head.size()), body_bytes};
}

Result<void> Channel::send(Kind kind, const Message& message) {
  TRY(const Note note, place(kind, message));
  return send_note(socket_.get(), note, {});
}

Result<void> Channel::send_first(Kind kind, const Message& message, int model_file) {
  TRY(const Note note, place(kind, message));
  std::vector<int> descriptors = {memory_.get()};
  if (model_file >= 0) descriptors.push_back(model_file);
  return send_note(socket_.get(), note, descriptors);
}

Result<Received> Channel::receive(std::optional<Time> until) {
  if (first_) return read(*std::exchange(first_, std::nullopt));
  if (until) TRY_DO(wait_readable(socket_.get(), until));
  Note note{};
  // Without room for descriptors: those that a stranger may send are closed by the kernel.
  ssize_t got = -1;
  do got = recv(socket_.get(), &note, sizeof(note), MSG_TRUNC);
  while (got < 0 && errno == EINTR);
  if (got == 0 || (got < 0 && errno == ECONNRESET)) return fail(Code::unavailable, "the other side is gone");
  if (got < 0) return failed(Code::unavailable, "cannot receive");
  if (got != sizeof(note)) return fail(Code::invalid, "sent a packet of " + std::to_string(got) + " bytes");
  touched_ = std::max(touched_, half_bytes_ < note.body_bytes ? half_bytes_ : static_cast<size_t>(note.body_bytes));
  return read(note);
}

Result<Received> Channel::read(const Note& note) const {
  const size_t start = body_start(note.head_bytes);
  if (note.head_bytes > most_head_bytes || note.body_bytes > half_bytes_ || start > half_bytes_ - note.body_bytes)
    return fail(Code::invalid, "says that its message is longer than the memory it lies in");
  const char* at = mapped_ + (owner_ ? half_bytes_ : 0);
  return Received{note.kind, std::string(at, note.head_bytes), std::string_view(at + start, note.body_bytes)};
}

void Channel::trim() {
  if (touched_ <= kept_bytes || !owner_) return;
  for (size_t start : {kept_bytes, half_bytes_ + kept_bytes}) {
    fallocate(memory_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(start),
              static_cast<off_t>(half_bytes_ - kept_bytes));
  }
  touched_ = 0;
}

}  // namespace barrio::adapters
