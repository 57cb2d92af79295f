#include <doctest/doctest.h>

#include <algorithm>
#include <regex>
#include <string>
#include <vector>

#include "console_assets/console_assets.h"

namespace barrio::console::console_assets_test {
namespace {

std::vector<std::string> files_named_by(std::string_view page) {
  static const std::regex reference(R"re((?:href|src)="(assets/[^"]+)")re");
  const std::string text(page);
  std::vector<std::string> names;
  for (std::sregex_iterator it(text.begin(), text.end(), reference), end; it != end; ++it)
    names.push_back("/" + it->str(1));
  return names;
}

TEST_CASE("the root is a whole HTML page") {
  const Asset* page = find_asset("/");
  REQUIRE(page != nullptr);
  CHECK(page == find_asset("/index.html"));
  CHECK(page->content_type == "text/html; charset=utf-8");
  CHECK(page->bytes.starts_with("<!doctype html>"));
  CHECK(page->bytes.ends_with("</html>\n"));
}

TEST_CASE("every file that the page names is embedded") {
  for (const std::string& name : files_named_by(find_asset("/")->bytes)) {
    INFO(name);
    const Asset* asset = find_asset(name);
    REQUIRE(asset != nullptr);
    CHECK_FALSE(asset->bytes.empty());
  }
}

TEST_CASE("the page has no inline script or style, so that a strict content policy holds") {
  const std::string_view page = find_asset("/")->bytes;
  CHECK(page.find("<style") == std::string_view::npos);
  CHECK(page.find(" style=") == std::string_view::npos);
  for (size_t at = page.find("<script"); at != std::string_view::npos; at = page.find("<script", at + 1)) {
    CHECK(page.substr(at, page.find('>', at) - at).find("src=\"assets/") != std::string_view::npos);
  }
}

TEST_CASE("paths are unique, sorted and typed") {
  const auto assets = console_assets();
  CHECK(std::ranges::adjacent_find(assets, std::ranges::greater_equal{}, &Asset::path) == assets.end());
  for (const Asset& asset : assets) {
    CHECK(asset.path.starts_with('/'));
    CHECK(asset.content_type.find('/') != std::string_view::npos);
  }
}

TEST_CASE("no other path finds a file") {
  CHECK(find_asset("") == nullptr);
  CHECK(find_asset("/assets") == nullptr);
  CHECK(find_asset("/assets/") == nullptr);
  CHECK(find_asset("/../index.html") == nullptr);
}

}  // namespace
}  // namespace barrio::console::console_assets_test
