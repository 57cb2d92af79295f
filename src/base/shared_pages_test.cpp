#include "base/shared_pages.h"

#include <doctest/doctest.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <string>

namespace barrio::shared_pages_test {

namespace {

constexpr size_t page = 4096;

std::string read_place(std::optional<FilePlace> place, size_t size) {
  REQUIRE(place);
  std::string text(size, '?');
  CHECK(pread(place->fd, text.data(), size, static_cast<off_t>(place->offset)) == static_cast<ssize_t>(size));
  return text;
}

void skipped() {
  MESSAGE("SKIPPED: this system puts files of memory into large pages");
}

}  // namespace

TEST_CASE("what is written into a block stands in the file") {
  const auto pages = std::make_shared<SharedPages>(2 * page);
  const auto first = pages->take(2 * page);
  const auto second = pages->take(5);
  REQUIRE(first);
  REQUIRE(second);
  if (!first->place()) return skipped();
  std::memset(first->data(), 'a', 2 * page);
  std::memcpy(second->data(), "hello", 5);
  CHECK(first->bytes() == std::string(2 * page, 'a'));
  CHECK(read_place(first->place(), 2 * page) == first->bytes());
  CHECK(read_place(second->place(), 5) == "hello");
}

TEST_CASE("without a file a block is memory like any other") {
  const auto pages = std::make_shared<SharedPages>(page, false);
  const auto block = pages->take(3);
  std::memcpy(block->data(), "abc", 3);
  CHECK(block->bytes() == "abc");
  CHECK(!block->place());
}

TEST_CASE("a block outlives its pages' owner") {
  auto pages = std::make_shared<SharedPages>(page);
  const auto block = pages->take(1);
  pages.reset();
  block->data()[0] = 'x';
  CHECK(read_place(block->place(), 1) == "x");
}

TEST_CASE("what is on its way stays as it was when its block is gone and its place used again") {
  const auto pages = std::make_shared<SharedPages>(page);
  int pair[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  auto block = pages->take(page);
  if (!block->place()) return skipped();
  std::memset(block->data(), 'a', page);
  const FilePlace place = *block->place();
  auto offset = static_cast<off_t>(place.offset);
  REQUIRE(sendfile(pair[0], place.fd, &offset, page) == static_cast<ssize_t>(page));
  block.reset();
  block = pages->take(page);
  CHECK(block->place()->offset == place.offset);
  CHECK(block->bytes() == std::string(page, '\0'));
  std::memset(block->data(), 'b', page);
  std::string got(page, '?');
  CHECK(recv(pair[1], got.data(), page, MSG_WAITALL) == static_cast<ssize_t>(page));
  CHECK(got == std::string(page, 'a'));
  close(pair[0]);
  close(pair[1]);
}

}  // namespace barrio::shared_pages_test
