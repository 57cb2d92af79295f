#include <doctest/doctest.h>

#include "adapters/libav/video_file.h"

namespace barrio::adapters::video_file_test {

TEST_CASE("the street video becomes JPEG pictures, as many as asked for") {
  auto pictures = sample_video("/usr/share/doc/opencv-doc/examples/data/vtest.avi",
                               {.every = 5, .width = 320, .height = 240, .most = 4});
  REQUIRE_MESSAGE(pictures.has_value(), (pictures ? "" : pictures.error().text()));
  REQUIRE(pictures->size() == 4);
  for (const auto& jpeg : *pictures) {
    CHECK(jpeg.size() > 2000);
    CHECK(jpeg.substr(0, 2) == "\xff\xd8");
    CHECK(jpeg.substr(jpeg.size() - 2) == "\xff\xd9");
  }
  CHECK((*pictures)[0] != (*pictures)[3]);
}

TEST_CASE("a file that is not there is named in the error") {
  auto pictures = sample_video("/nowhere/street.avi", {});
  REQUIRE(!pictures.has_value());
  CHECK(pictures.error().code == Code::not_found);
  CHECK(pictures.error().where == "/nowhere/street.avi");
}

}  // namespace barrio::adapters::video_file_test
